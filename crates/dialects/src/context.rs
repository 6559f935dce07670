//! What all readers do: sources and what is wrong with them, and the words that forms share.

use callgate_facts::Constant as Known;
use callgate_rules::{
    Answer, Applies, Arg, ArgTest, Code, Cond, Constant, Diagnostic, ErrnoSpec, Header, Origin,
    Relation, Rule, Rules, SourceId, Sources, Span, Subject, SubjectKind, Value, Verdict, arg,
    nearest,
};
use callgate_syscalls::{Name, SyscallNr};

use crate::piece::Piece;
use crate::{Dialect, Layer, Loader, Options, Part, Refused, Written};

/// The most files that a text is made of.
const FILES_MAX: usize = 64;

/// The most errors and warnings that are kept: one more tells nobody anything.
const KEPT_MAX: usize = 100;

/// A reading in progress.
pub(crate) struct Context<'l> {
    pub(crate) dialect: Dialect,
    pub(crate) options: Options,
    pub(crate) sources: Sources,
    pub(crate) load: &'l mut Loader<'l>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

/// The kinds of mistakes in these forms.
pub(crate) mod code {
    /// The text is not as the form wants it.
    pub(crate) const SYNTAX: &str = "E0401";
    /// A name is not known.
    pub(crate) const UNKNOWN: &str = "E0402";
    /// More than a form, or callgate, allows.
    pub(crate) const LIMIT: &str = "E0403";
    /// Another file cannot be read.
    pub(crate) const INCLUDE: &str = "E0404";
    /// Something that has no meaning as a filter.
    pub(crate) const MEANING: &str = "E0405";
    /// Something that is passed over.
    pub(crate) const PASSED_OVER: &str = "W0401";
    /// Something that hardly means what was meant.
    pub(crate) const DOUBTFUL: &str = "W0402";
}

impl<'l> Context<'l> {
    pub(crate) fn new(
        dialect: Dialect,
        options: Options,
        sources: Sources,
        load: &'l mut Loader<'l>,
    ) -> Self {
        Self { dialect, options, sources, load, errors: Vec::new(), warnings: Vec::new() }
    }

    /// The text that was given, and which source it is.
    pub(crate) fn text(&self) -> (String, SourceId) {
        let first = self.sources.iter().next();
        first.map(|source| (source.text().to_owned(), source.id())).unwrap_or_default()
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        if self.errors.len() < KEPT_MAX {
            self.errors.push(diagnostic);
        }
    }

    pub(crate) fn error(&mut self, code: &'static str, at: Piece<'_>, message: impl Into<String>) {
        self.report(Diagnostic::error(Code::new(code), message).primary(at.span(), ""));
    }

    pub(crate) fn warn(&mut self, code: &'static str, at: Piece<'_>, message: impl Into<String>) {
        if self.warnings.len() < KEPT_MAX {
            let warning = Diagnostic::warning(Code::new(code), message).primary(at.span(), "");
            self.warnings.push(warning);
        }
    }

    pub(crate) fn keep_warning(&mut self, warning: Diagnostic) {
        if self.warnings.len() < KEPT_MAX {
            self.warnings.push(warning);
        }
    }

    pub(crate) fn warn_at(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        if self.warnings.len() < KEPT_MAX {
            self.warnings.push(Diagnostic::warning(Code::new(code), message).primary(span, ""));
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Whether there are so many errors that reading on is pointless.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.len() >= KEPT_MAX
    }

    /// A syscall's name; an error with the nearest, where no architecture has it.
    pub(crate) fn name(&mut self, word: Piece<'_>) -> Option<Name> {
        let name = Name::parse(word.text);
        if name.is_none() && !self.is_full() {
            let message = format!("no architecture has a syscall {:?}", shortened(word.text));
            let error = Diagnostic::error(Code::new(code::UNKNOWN), message);
            let error = error.primary(word.span(), "");
            self.report(with_near(error, word, Name::all().map(Name::as_str)));
        }
        name
    }

    /// A syscall's name; a warning, where no architecture has it and the tool passes it over.
    pub(crate) fn name_if_known(&mut self, word: Piece<'_>) -> Option<Name> {
        let name = Name::parse(word.text);
        if name.is_none() && self.warnings.len() < KEPT_MAX {
            let message = format!(
                "no architecture has a syscall {:?}, so {} passes it over",
                shortened(word.text),
                self.dialect
            );
            let warning = Diagnostic::warning(Code::new(code::PASSED_OVER), message);
            let warning = warning.primary(word.span(), "");
            self.warnings.push(with_near(warning, word, Name::all().map(Name::as_str)));
        }
        name
    }

    /// Adds an included file.
    pub(crate) fn include(
        &mut self,
        path: Piece<'_>,
        including: &str,
    ) -> Option<(String, SourceId)> {
        if self.sources.iter().len() >= FILES_MAX {
            let message = format!("more than {FILES_MAX} files");
            self.error(code::LIMIT, path, message);
            return None;
        }
        match (self.load)(path.text, including) {
            Ok(source) => {
                let text = source.text().to_owned();
                Some((text, self.sources.add(source)))
            }
            Err(error) => {
                self.error(code::INCLUDE, path, format!("the file cannot be included: {error}"));
                None
            }
        }
    }

    /// Adds an included file, where it can be read.
    pub(crate) fn include_if_there(
        &mut self,
        path: Piece<'_>,
        including: SourceId,
    ) -> Option<(String, SourceId)> {
        let including = self.sources.iter().find(|source| source.id() == including);
        let including = including.map(|source| source.name().to_owned()).unwrap_or_default();
        if self.sources.iter().len() >= FILES_MAX {
            self.error(code::LIMIT, path, format!("more than {FILES_MAX} files"));
            return None;
        }
        let source = (self.load)(path.text, &including).ok()?;
        let text = source.text().to_owned();
        Some((text, self.sources.add(source)))
    }

    /// The result: the policies, unless there were errors.
    pub(crate) fn finish(self, parts: Vec<Part>) -> Result<Written, Refused> {
        let Self { dialect, sources, errors: diagnostics, warnings, .. } = self;
        match diagnostics.is_empty() {
            true => Ok(Written { dialect, sources, parts, warnings }),
            false => Err(Refused { sources, diagnostics }),
        }
    }
}

/// A mistake with the candidate that is near to what is written, as an edit.
pub(crate) fn with_near<'c>(
    diagnostic: Diagnostic,
    word: Piece<'_>,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Diagnostic {
    match nearest(word.text, candidates) {
        Some(near) => {
            diagnostic.help_with_edit(format!("did you mean `{near}`?"), word.span(), near)
        }
        None => diagnostic,
    }
}

/// The subject that a word names.
pub(crate) fn subject(name: Name, word: Piece<'_>) -> Subject {
    Subject { kind: SubjectKind::Call(name), span: Some(word.span()) }
}

/// The subject of a number.
pub(crate) fn number_subject(nr: u32, word: Piece<'_>) -> Subject {
    Subject { kind: SubjectKind::Number(SyscallNr::new(nr)), span: Some(word.span()) }
}

/// The condition that an argument stands in a relation, with the place where it stands.
pub(crate) fn test(arg: Arg, relation: Relation, at: Piece<'_>) -> Cond {
    ArgTest { arg, relation, span: Some(at.span()) }.into()
}

/// A constant of the kernel's headers with its values.
pub(crate) fn constant(name: &str) -> Option<Value> {
    let known = Known::parse(name)?;
    let values = known.on_each().map(|(arch, value)| (arch, i128::from(value)));
    Some(Constant::from_values(known.name(), values.collect()).into())
}

/// A number as C writes it: decimal, `0x` hexadecimal, or octal with a leading 0.
pub(crate) fn c_number(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return unsigned(digits, 16);
    }
    match text.strip_prefix('0') {
        Some(digits) if !digits.is_empty() => unsigned(digits, 8),
        _ => unsigned(text, 10),
    }
}

/// Digits without a sign.
pub(crate) fn unsigned(digits: &str, radix: u32) -> Option<u64> {
    let is_digit = |character: char| character.is_digit(radix);
    (!digits.is_empty() && digits.chars().all(is_digit))
        .then(|| u64::from_str_radix(digits, radix).ok())
        .flatten()
}

/// An errno by name or number.
pub(crate) fn errno(text: &str) -> Option<ErrnoSpec> {
    match text {
        "EWOULDBLOCK" => ErrnoSpec::named("EAGAIN"),
        "EOPNOTSUPP" | "ENOTSUP" => ErrnoSpec::named(text).or(Some(ErrnoSpec::Number(95))),
        _ => ErrnoSpec::named(text),
    }
    .or_else(|| u16::try_from(c_number(text)?).ok().map(ErrnoSpec::Number))
}

/// The beginning of a long word, for messages.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A rule that stands in a text.
pub(crate) fn rule(
    subjects: Vec<Subject>,
    condition: Option<Cond>,
    verdict: Verdict,
    at: Piece<'_>,
) -> Rule {
    let origin = Origin::Text(at.span());
    Rule { subjects, condition, verdict, applies: Applies::default(), origin }
}

/// A filter with that default that refuses foreign architectures so.
pub(crate) fn rules(default: Answer, foreign: Verdict, rules: Vec<Rule>) -> Rules {
    let header = Header {
        default,
        foreign: Answer { verdict: foreign, origin: default.origin },
        ..Header::new(foreign)
    };
    Rules { header, rules }
}

/// An answer that stands in a text.
pub(crate) fn answer(verdict: Verdict, at: Piece<'_>) -> Answer {
    Answer { verdict, origin: Origin::Text(at.span()) }
}

/// The one policy of a text that is one filter.
pub(crate) fn single(layer: Layer) -> Vec<Part> {
    vec![Part { name: String::new(), layers: vec![layer] }]
}

/// An argument as filters see it: all bits of a machine word, without a sign.
pub(crate) fn register(index: usize) -> Arg {
    arg(index).all_bits().unsigned()
}
