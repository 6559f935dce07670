//! What a linter has found, as a report shows it.

/// A finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "whoever has findings fills it in")]
pub struct FindingRow {
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// The code, which has a page.
    pub code: String,
    /// What is found.
    pub message: String,
    /// Where: `FILE:LINE:COLUMN`, or an instruction.
    pub place: Option<String>,
    /// Calls that show it, and why it matters.
    pub notes: Vec<String>,
    /// What to do about it.
    pub helps: Vec<String>,
}
