//! Errors and warnings as diagnostics, with the edit that mends them where there is one.

use callgate_rules::{Code, Diagnostic};

use crate::error::Message;
use crate::json::PlacedFault;
use crate::{ArchName, Error, Place, Warning, WarningKind};

impl Error {
    /// The error with its code and places.
    ///
    /// ```
    /// use callgate_formats::Profile;
    /// use callgate_rules::Source;
    ///
    /// let source = Source::new("p.json", r#"{"defaultAction": "SCMP_ACT_ALOW"}"#)?;
    /// let diagnostic = Profile::read(source.clone()).unwrap_err().diagnostic();
    /// assert_eq!(diagnostic.code.as_str(), "E0203");
    /// assert_eq!(source.slice(diagnostic.primary_span().unwrap()), Some("\"SCMP_ACT_ALOW\""));
    /// assert_eq!(diagnostic.helps[0].edit.as_ref().unwrap().replacement, "\"SCMP_ACT_ALLOW\"");
    /// # Ok::<(), callgate_rules::SourceError>(())
    /// ```
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.code(), Message(self).to_string());
        let diagnostic = match self.place() {
            Some(place) => at(diagnostic, place),
            None => diagnostic,
        };
        let replacement = match self {
            Self::Format(PlacedFault { replacement, .. }) => {
                replacement.as_deref().map(str::to_owned)
            }
            Self::UnknownSyscall { near, .. } => near.map(|near| format!("\"{near}\"")),
            _ => None,
        };
        with_edit(diagnostic, self.place(), replacement)
    }

    /// The code of the diagnostic.
    const fn code(&self) -> Code {
        Code::new(match self {
            Self::Unreadable { .. } => "E0200",
            Self::TooLong { .. } => "E0201",
            Self::NotUtf8 { .. } => "E0202",
            Self::Format(_) => "E0203",
            Self::NoSeccomp { .. } => "E0204",
            Self::Invalid { .. } => "E0205",
            Self::UnknownSyscall { .. } => "E0206",
            Self::Conflict { .. } => "E0207",
            Self::TooManyRules { .. } => "E0208",
            Self::MixedEndianness { .. } => "E0209",
            Self::NotExpressible(_) => "E0211",
            Self::Policy(_) => "E0212",
            Self::OutOfMemory => "E0213",
        })
    }
}

impl Warning {
    /// The warning with its code and place.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::warning(self.kind.code(), self.kind.to_string());
        let replacement = match &self.kind {
            WarningKind::UnknownSyscall { near, .. } => near.map(|near| format!("\"{near}\"")),
            WarningKind::NumberAsText { value } => Some(value.to_string()),
            WarningKind::ArchSpelling { arch } => Some(format!("\"{}\"", ArchName(*arch))),
            _ => None,
        };
        with_edit(at(diagnostic, &self.place), Some(&self.place), replacement)
    }
}

impl WarningKind {
    /// The code of the diagnostic.
    const fn code(&self) -> Code {
        Code::new(match self {
            Self::UnknownField => "E0220",
            Self::KeyCase => "E0227",
            Self::KeySpelling { .. } => "E0233",
            Self::NumberAsText { .. } => "E0234",
            Self::ArchSpelling { .. } => "E0235",
            Self::ValueTwoMissing => "E0236",
            Self::ArgumentUnused { .. } => "E0237",
            Self::ErrnoUnused => "E0221",
            Self::ValueTwoUnused => "E0222",
            Self::ValueOutsideMask => "E0223",
            Self::UnknownSyscall { .. } => "E0224",
            Self::Truncated { .. } => "E0225",
            Self::Readings { .. } => "E0226",
            Self::Overruled { .. } => "E0228",
            Self::HighBits { .. } => "E0229",
            Self::Multiplexed { .. } => "E0230",
            Self::Omitted { .. } => "E0231",
            Self::EqualsDefault => "E0232",
            Self::NamesNothing => "E0238",
            Self::WidthSkipped { .. } => "E0239",
        })
    }
}

/// Labels the place with its path.
fn at(diagnostic: Diagnostic, place: &Place) -> Diagnostic {
    diagnostic.primary(place.span, place.path.clone())
}

fn with_edit(
    diagnostic: Diagnostic,
    place: Option<&Place>,
    replacement: Option<String>,
) -> Diagnostic {
    match (place, replacement) {
        (Some(place), Some(text)) => diagnostic.help_with_edit("write", place.span, text),
        _ => diagnostic,
    }
}
