//! Calls that were made, refused or not.

use crate::{Denial, Knowledge};

/// A call that was made. What was refused of it, if anything, is its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Made {
    /// The call.
    pub denial: Denial,
    /// Arguments that point to something, where the line shows that instead of the address.
    pub is_given: [bool; 6],
    /// Whether it is known to have succeeded.
    pub has_succeeded: bool,
}

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a line is one of these")]
pub enum Told {
    /// A call.
    Call(Box<Made>),
    /// Something else in a form that is known.
    Understood,
    /// Nothing: its form is none that is known.
    Nothing,
}

impl Made {
    pub(super) const fn new(denial: Denial) -> Self {
        Self { denial, is_given: [false; 6], has_succeeded: false }
    }

    /// The recorder by the word that evidence has for it.
    #[must_use]
    pub const fn recorder(&self) -> &'static str {
        match self.denial.knowledge {
            Knowledge::Tracer => "perf",
            other => other.name(),
        }
    }
}

impl From<Made> for Told {
    fn from(made: Made) -> Self {
        Self::Call(Box::new(made))
    }
}

impl From<super::Found> for Told {
    fn from(found: super::Found) -> Self {
        match found {
            super::Found::Denial(denial) => Made::new(*denial).into(),
            super::Found::Ended(_) | super::Found::Understood => Self::Understood,
            super::Found::Nothing => Self::Nothing,
        }
    }
}
