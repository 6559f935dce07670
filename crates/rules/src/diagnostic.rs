//! What is wrong or remarkable in a text, with the places that show it and the edit that mends it.
//!
//! A diagnostic is data: how it looks on a terminal or in an editor is for whoever prints it.

use std::fmt;

use crate::Span;

/// What is wrong or remarkable in a text.
///
/// ```
/// use callgate_rules::{Code, Diagnostic, Source};
///
/// let source = Source::new("a.gate", "allow sokcet")?;
/// let name = source.span(6..12);
/// let diagnostic = Diagnostic::error(Code::new("E0100"), "unknown syscall `sokcet`")
///     .primary(name, "no architecture has it")
///     .help_with_edit("did you mean `socket`?", name, "socket");
/// assert_eq!(diagnostic.to_string(), "error[E0100]: unknown syscall `sokcet`");
/// assert_eq!(source.place(diagnostic.primary_span().unwrap()), "a.gate:1:7");
/// # Ok::<(), callgate_rules::SourceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of thing this is, for looking up and for tools.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in a sentence without a full stop that names the thing.
    pub message: String,
    /// The places, the most important first.
    pub labels: Vec<Label>,
    /// What explains it.
    pub notes: Vec<String>,
    /// What can be done about it.
    pub helps: Vec<Help>,
}

/// The name of a kind of [`Diagnostic`]: a letter and four digits.
///
/// The first two digits say which crate gives it: `01` this one, `02` the readers of formats, `03`
/// the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

/// How bad a [`Diagnostic`] is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// There is no filter.
    Error,
    /// There is a filter, which hardly means what was meant.
    Warning,
    /// Something worth knowing.
    Note,
}

/// A place with what is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is to say about it; may be empty.
    pub text: String,
    /// Whether this is the place that is wrong.
    pub kind: LabelKind,
}

/// What a [`Label`] points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelKind {
    /// The place that is wrong.
    Primary,
    /// A place that has to do with it.
    Secondary,
}

/// Advice, where possible with the edit that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Help {
    /// The advice.
    pub message: String,
    /// The edit that does what it says.
    pub edit: Option<Edit>,
}

/// The replacement of a span by another text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// What stands there afterwards.
    pub replacement: String,
}

impl Code {
    /// Wraps a code.
    #[must_use]
    pub const fn new(code: &'static str) -> Self {
        Self(code)
    }

    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Diagnostic {
    /// A diagnostic without places.
    #[must_use]
    pub fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
        }
    }

    /// An error without places.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning without places.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// Adds the place that is wrong.
    #[must_use]
    pub fn primary(self, span: Span, text: impl Into<String>) -> Self {
        self.label(span, text, LabelKind::Primary)
    }

    /// Adds a place that has to do with it.
    #[must_use]
    pub fn secondary(self, span: Span, text: impl Into<String>) -> Self {
        self.label(span, text, LabelKind::Secondary)
    }

    /// Adds an explanation.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(Help { message: text.into(), edit: None });
        self
    }

    /// Adds advice with the edit that follows it.
    #[must_use]
    pub fn help_with_edit(
        mut self,
        text: impl Into<String>,
        span: Span,
        replacement: impl Into<String>,
    ) -> Self {
        let edit = Edit { span, replacement: replacement.into() };
        self.helps.push(Help { message: text.into(), edit: Some(edit) });
        self
    }

    /// The place that is wrong, where the diagnostic has one.
    #[must_use]
    pub fn primary_span(&self) -> Option<Span> {
        self.labels.iter().find(|label| label.kind == LabelKind::Primary).map(|label| label.span)
    }

    fn label(mut self, span: Span, text: impl Into<String>, kind: LabelKind) -> Self {
        self.labels.push(Label { span, text: text.into(), kind });
        self
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.code, self.message)
    }
}

impl std::error::Error for Diagnostic {}
