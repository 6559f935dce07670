//! Which findings are meant, and how they are written.

use callgate_lint::{Finding, Page};
use callgate_rules::Severity;
use clap::ValueEnum;

/// Codes of the language's own that may be warnings; lint shows these, too.
const OF_TEXTS: [&str; 2] = ["E0342", "E0371"];

/// The page of each code that a finding may have, sorted by code.
pub(super) fn pages() -> impl Iterator<Item = Page> {
    let texts = callgate_gate::codes().filter(|(code, ..)| OF_TEXTS.contains(code));
    let severity = Severity::Warning;
    let texts = texts.map(move |(code, title, text)| Page {
        code,
        title,
        severity,
        text,
        seen: None,
        mend: None,
    });
    texts.chain(callgate_lint::pages())
}

/// The page of a code.
pub(super) fn page(code: &str) -> Option<Page> {
    let code = code.to_ascii_uppercase();
    pages().find(|page| page.code == code)
}

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading
    #[default]
    Text,
    /// A list of objects
    Json,
    /// SARIF 2.1.0, for code hosts
    Sarif,
}

/// Findings of a code, or of a severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Those of a code.
    Code(&'static str),
    /// Those of a severity.
    Severity(Severity),
}

impl Class {
    /// Reads a code or a severity.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "error" => return Ok(Self::Severity(Severity::Error)),
            "warning" => return Ok(Self::Severity(Severity::Warning)),
            "note" => return Ok(Self::Severity(Severity::Note)),
            _ => {}
        }
        let page =
            page(text).ok_or("no finding has this code: `callgate lint --codes` lists them")?;
        Ok(Self::Code(page.code))
    }

    /// Reads what may be left out: no error, of which a filter has to be mended.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_allowed(text: &str) -> Result<Self, String> {
        match Self::parse(text)? {
            Self::Severity(Severity::Error) => {
                Err("errors are left out by their codes alone, each for a reason".to_owned())
            }
            class => Ok(class),
        }
    }

    /// Whether a finding is one of these.
    #[must_use]
    pub fn has(self, finding: &Finding) -> bool {
        match self {
            Self::Code(code) => finding.code.as_str() == code,
            Self::Severity(severity) => finding.severity == severity,
        }
    }
}
