//! Where something was found.

use callgate_rules::Span;

/// Where a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingPlace {
    /// In a text.
    Text(Span),
    /// At an instruction of a filter, both counted from 0, the oldest filter first.
    Instruction {
        /// The filter.
        filter: usize,
        /// The instruction.
        instruction: usize,
    },
}
