//! Filters that were looked at, with what was found.

use callgate_lint::Report;
use callgate_rules::Sources;

/// A filter, and what was found in it.
#[derive(Debug)]
pub struct Looked {
    /// What it is called.
    pub name: String,
    /// The texts that places are in.
    pub sources: Sources,
    /// What was found.
    pub report: Report,
}
