//! Values: numbers, constants, and unions of them.

use callgate_rules::{Code, Diagnostic, Span, Term, Value};
use callgate_syscalls::{Arch, Name};

use super::Reader;
use crate::syntax::{Node, SyntaxKind};
use crate::{known, tree};

/// Where a value is compared, for looking up what it may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared<'a> {
    /// The first call of the statement, where it has a name.
    pub(super) call: Option<Name>,
    /// The argument.
    pub(super) argument: &'a str,
    /// The architectures of the statement; empty where they are not known.
    pub(super) arches: &'a [Arch],
}

/// A value with what matters of how it was written.
#[derive(Clone, Debug)]
pub(super) struct WrittenValue {
    pub(super) value: Value,
    /// Whether it is `NULL` or 0.
    pub(super) is_null: bool,
    pub(super) span: Span,
}

/// A number as people write it.
pub(crate) fn number(text: &str) -> Option<u64> {
    let (radix, digits) = match text.get(..2) {
        Some("0x" | "0X") => (16, &text[2..]),
        Some("0o" | "0O") => (8, &text[2..]),
        Some("0b" | "0B") => (2, &text[2..]),
        _ => (10, text),
    };
    // `_` stands between digits.
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let digits = digits.replace('_', "");
    // `0644` is octal in C and decimal elsewhere, so it is neither here.
    if radix == 10 && digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    // A sign is a token of its own.
    digits.starts_with(|c: char| c.is_ascii_hexdigit()).then_some(())?;
    u64::from_str_radix(&digits, radix).ok()
}

impl Reader<'_, '_> {
    /// A value; none where it is wrong, which was reported.
    pub(super) fn value(&mut self, node: &Node, place: Compared<'_>) -> Option<WrittenValue> {
        let span = self.span_of(node);
        let mut value: Option<Value> = None;
        let mut is_null = true;
        for term in tree::children(node, SyntaxKind::Term) {
            let term = self.term(&term, place)?;
            is_null &= matches!(term, Term::Number(0));
            let term = match term {
                Term::Number(number) => Value::number(number),
                Term::Constant(constant) => Value::from(constant),
            };
            value = Some(match value {
                Some(value) => value | term,
                None => term,
            });
        }
        value.map(|value| WrittenValue { value, is_null, span })
    }

    fn term(&mut self, node: &Node, place: Compared<'_>) -> Option<Term> {
        let tokens: Vec<_> = tree::tokens(node).collect();
        let token = tokens.last()?;
        let span = self.span(token.text_range().into());
        if token.kind() == SyntaxKind::Number {
            let Some(magnitude) = number(token.text()) else {
                self.bad_number(token.text(), span);
                return None;
            };
            let magnitude = i128::from(magnitude);
            return Some(Term::Number(if tokens.len() > 1 { -magnitude } else { magnitude }));
        }
        if token.text() == known::NULL {
            return Some(Term::Number(0));
        }
        self.constant(token.text(), span, place)
    }

    fn bad_number(&mut self, text: &str, span: Span) {
        let octal = text.strip_prefix('0').filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        if let Some(digits) = octal {
            let message = format!("`{text}` could be octal or decimal");
            let octal = format!("0o{}", digits.trim_start_matches('0'));
            let diagnostic = Diagnostic::error(Code::new("E0365"), message)
                .primary(span, "a number does not begin with 0")
                .help_with_edit("octal numbers begin with `0o`", span, octal)
                .help_with_edit("or take the 0 away", span, digits.trim_start_matches('0'));
            return self.report(diagnostic);
        }
        let message = format!("`{text}` is not a number of 64 bits");
        let label = "write 17, 0x11, 0o21 or 0b10001, with `_` between digits if you like";
        self.error("E0365", message, span, label);
    }

    fn constant(&mut self, name: &str, span: Span, place: Compared<'_>) -> Option<Term> {
        let Some(constant) = known::constant(name) else {
            self.report(unknown_constant(name, span, place));
            return None;
        };
        let missing = place.arches.iter().find(|arch| constant.on(**arch).is_none());
        if let Some(missing) = missing {
            let message = format!("{missing} has no constant `{name}`");
            let having: Vec<&str> = Arch::ALL
                .into_iter()
                .filter(|arch| constant.on(*arch).is_some())
                .map(Arch::name)
                .collect();
            let diagnostic = Diagnostic::error(Code::new("E0361"), message)
                .primary(span, "the statement applies there, too")
                .note(format!("{} have it", having.join(", ")))
                .help("put the statement into `on ARCH { }`, or write the number");
            self.report(diagnostic);
            return None;
        }
        if let Some(call) = place.call {
            if let Some(other) = known::stranger(call, place.argument, name) {
                let message = format!("`{name}` is no value of {call}'s `{}`", place.argument);
                let label = format!("it is one of {other}");
                let diagnostic =
                    Diagnostic::error(Code::new("E0362"), message).primary(span, label);
                let near = known::near_own(call, place.argument, name);
                let diagnostic = match near.first() {
                    Some(near) => {
                        diagnostic.help_with_edit(format!("did you mean `{near}`?"), span, *near)
                    }
                    None => diagnostic.help(format!(
                        "`callgate constants {call}.{}` lists the values; a number is never refused",
                        place.argument
                    )),
                };
                self.report(diagnostic);
                return None;
            }
        }
        Some(Term::Constant(constant))
    }
}

fn unknown_constant(name: &str, span: Span, place: Compared<'_>) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(Code::new("E0360"), format!("no constant is called `{name}`"));
    if let Some(number) = mask_of(name) {
        return diagnostic
            .primary(span, "a mask of the headers, not a value that an argument takes")
            .help_with_edit("write the number", span, number);
    }
    let near = known::near_constants(place.call, place.argument, name);
    match near.first() {
        Some(first) if first.ends_with(&format!("_{}", name.to_ascii_uppercase())) => diagnostic
            .primary(span, "constants have their names in C, without short forms")
            .help_with_edit(format!("write `{first}`"), span, *first),
        Some(first) => diagnostic.primary(span, "misspelt?").help_with_edit(
            format!("did you mean `{first}`?"),
            span,
            *first,
        ),
        None if descriptor(name).is_some() => diagnostic
            .primary(span, "not a constant of the kernel's headers")
            .help_with_edit("descriptors are numbers", span, descriptor(name).unwrap_or_default()),
        None => diagnostic
            .primary(span, "neither a number nor a constant of the kernel's headers")
            .help("write the number, with a comment that says what it is"),
    }
}

/// What headers call the bits of a field, or nothing, by name.
fn mask_of(name: &str) -> Option<&'static str> {
    match name {
        "O_ACCMODE" => Some("0x3"),
        "S_IFMT" => Some("0o170000"),
        "CSIGNAL" => Some("0xff"),
        "FUTEX_CMD_MASK" => Some("0xfffffe7f"),
        "MAP_TYPE" => Some("0xf"),
        "MAP_FILE" => Some("0"),
        _ => None,
    }
}

/// The number of a descriptor that C libraries have a name for.
fn descriptor(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().trim_end_matches("_fileno") {
        "stdin" => Some("0"),
        "stdout" => Some("1"),
        "stderr" => Some("2"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_four_bases_and_64_bits() {
        for (text, value) in [
            ("0", 0),
            ("1_000", 1_000),
            ("0xffff_ffff_ffff_ffff", u64::MAX),
            ("0o17", 15),
            ("0b101", 5),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for bad in [
            "",
            "0x",
            "0x_",
            "0x_f",
            "1_",
            "1__0",
            "12a",
            "0644",
            "00",
            "0o8",
            "0x1_0000_0000_0000_0000",
            "18446744073709551616",
        ] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
