//! What a filter knows of one syscall number.

use crate::rules::Rules;

/// One syscall number of one architecture: its rules and its priority.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) rules: Rules,
    /// What callers asked for; the shape of the rules adds to it.
    pub(crate) priority: u8,
    /// Whether a rule made this entry, and not a priority. The layout of the tree in the PFC text depends on it.
    pub(crate) made_by_rule: bool,
}

impl Entry {
    /// An entry that a priority makes: it says nothing about the syscall until it gets a rule.
    pub(crate) fn with_priority(priority: u8) -> Self {
        Self { priority, ..Self::default() }
    }
}
