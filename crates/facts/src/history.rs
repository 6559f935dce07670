//! What is known of programs: which call they began to make when, and what users see when a filter
//! refuses one.

pub(crate) mod denial;
pub(crate) mod drift;
pub(crate) mod versions;

use callgate_syscalls::Name;

use crate::constant::word;
use crate::generated::history as tables;

/// How a fact about programs is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Confidence {
    /// Read in the program's own history, or seen by running it.
    Source,
    /// Read in somebody's report.
    Report,
    /// Generally known, and not verified.
    Known,
}

fn text(index: u16) -> &'static str {
    word(tables::WORD_TEXT, &tables::WORD_STARTS, index)
}

fn syscalls(start: u16, end: u16) -> &'static [Name] {
    &tables::SYSCALLS[usize::from(start)..usize::from(end)]
}
