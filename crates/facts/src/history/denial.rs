//! Denials: what users see when a filter refuses a call, and the remedy.

use callgate_syscalls::Name;

use super::{Confidence, syscalls, text};
use crate::generated::history as tables;

/// A refused call as users meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Denial(u16);

impl Denial {
    /// All that are known.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).take(tables::DENIALS.len()).map(Self)
    }

    /// Those of a syscall.
    pub fn of(syscall: Name) -> impl Iterator<Item = Self> {
        Self::all().filter(move |denial| denial.syscalls().contains(&syscall))
    }

    /// Its number, which never changes.
    #[must_use]
    pub fn number(self) -> u16 {
        self.row().0
    }

    /// What the user sees.
    #[must_use]
    pub fn symptom(self) -> &'static str {
        text(self.row().4[0])
    }

    /// The syscalls; none where it is about filters as such.
    #[must_use]
    pub fn syscalls(self) -> &'static [Name] {
        let (_, start, end, ..) = self.row();
        syscalls(start, end)
    }

    /// The call, with the argument that matters.
    #[must_use]
    pub fn call(self) -> &'static str {
        text(self.row().4[1])
    }

    /// Who makes it, from which version on.
    #[must_use]
    pub fn caller(self) -> &'static str {
        text(self.row().4[2])
    }

    /// What happens when the answer is `EPERM`.
    #[must_use]
    pub fn on_eperm(self) -> &'static str {
        text(self.row().4[3])
    }

    /// What happens when the answer is `ENOSYS`.
    #[must_use]
    pub fn on_enosys(self) -> &'static str {
        text(self.row().4[4])
    }

    /// What to change in the filter.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        text(self.row().4[5])
    }

    /// What the remedy opens.
    #[must_use]
    pub fn risk(self) -> &'static str {
        text(self.row().4[6])
    }

    /// How this is known.
    #[must_use]
    pub fn confidence(self) -> Confidence {
        self.row().3
    }

    /// Where this is known from: commits, issues; empty where it is generally known.
    #[must_use]
    pub fn source(self) -> &'static str {
        text(self.row().4[7])
    }

    fn row(self) -> (u16, u16, u16, Confidence, [u16; 8]) {
        tables::DENIALS[usize::from(self.0)]
    }
}
