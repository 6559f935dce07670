//! Values that `|` joins to another value, and values without a bit to ask for.

use callgate_rules::{Code, Diagnostic, Term};

use super::super::Reader;
use super::super::value::{Compared, WrittenValue};
use super::{arch, named, overlap};
use crate::known;
use crate::syntax::{Node, Token};

impl Reader<'_, '_> {
    /// Refuses to join what are values of one field or list: together they are a third one.
    pub(super) fn no_joined(&mut self, written: &Node, place: Compared<'_>) -> Option<()> {
        let words = named(written);
        let words: Vec<&str> = words.iter().map(Token::text).collect();
        let Some([first, second]) =
            place.call.and_then(|call| known::joined(call, place.argument, &words, arch(place)))
        else {
            return Some(());
        };
        let text = written.text().to_string();
        let message = format!("`{}` is another value than the two", text.trim());
        let operand = operand(place);
        let help = format!("one of the two is `{operand} in {{{first}, {second}}}`");
        let label =
            format!("{first} and {second} are values, no flags: their bits make a third one");
        self.report(
            Diagnostic::error(Code::new("E0356"), message)
                .primary(self.span_of(written), label)
                .help(help),
        );
        None
    }

    /// Refuses a mask that is a value of which others have the bits as well.
    pub(super) fn no_value_as_mask(&mut self, mask: &Node, place: Compared<'_>) -> Option<()> {
        let overlap = overlap("has", mask, place).filter(|overlap| !overlap.others.is_empty());
        let Some(overlap) = overlap else { return Some(()) };
        let (text, argument) = (mask.text().to_string(), place.argument);
        let text = text.trim();
        let message = format!("`&` takes bits, and `{text}` has those of other values");
        let shown: Vec<&str> = overlap.others.iter().take(super::SHOWN_MAX).copied().collect();
        let help = match overlap.mask {
            Some(field) => format!("the bits of the value are `{argument} & {field:#x}`"),
            None => format!("compare the value: `{argument} == {text}`"),
        };
        self.report(
            Diagnostic::error(Code::new("E0356"), message)
                .primary(self.span_of(mask), format!("also in {}", shown.join(", ")))
                .help(help),
        );
        None
    }

    /// Refuses to ask for one of several bits where a name has none.
    pub(super) fn no_bitless(
        &mut self,
        (operator, written): (&str, &Node),
        value: &WrittenValue,
        place: Compared<'_>,
    ) -> Option<()> {
        let terms: Vec<&Term> = value.value.terms().collect();
        let is_zero = |term: &&&Term| match term {
            Term::Number(number) => *number == 0,
            Term::Constant(constant) => constant.on(arch(place)) == Some(0),
        };
        let asks = matches!(operator, "any" | "none") && terms.len() > 1;
        let Some(zero) = terms.iter().find(is_zero).filter(|_| asks) else { return Some(()) };
        let zero = match zero {
            Term::Number(number) => number.to_string(),
            Term::Constant(constant) => constant.name().to_owned(),
        };
        let (argument, operand) = (place.argument, operand(place));
        let help = match operator {
            "any" => format!("`{operand} == {zero} or {argument} any ...` with the others"),
            _ => format!("`{operand} != {zero} and {argument} none ...` with the others"),
        };
        let message = format!("`{zero}` is 0: it has no bit that `{operator}` could ask for");
        self.report(
            Diagnostic::error(Code::new("E0356"), message)
                .primary(self.span_of(written), "the answer would be that for the others alone")
                .help(help),
        );
        None
    }
}

/// The argument, without the flags that stand beside a value.
fn operand(place: Compared<'_>) -> String {
    let argument = place.argument;
    match place.call.map_or(0, |call| known::field(call, argument)) {
        0 => argument.to_owned(),
        field => format!("{argument} & {field:#x}"),
    }
}
