//! Which findings are meant, and how they are written.

use callgate_lint::Finding;
use callgate_rules::Severity;
use clap::ValueEnum;

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
        let page = callgate_lint::page(&text.to_ascii_uppercase());
        let page = page.ok_or("no finding has this code: `callgate lint --codes` lists them")?;
        Ok(Self::Code(page.code))
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
