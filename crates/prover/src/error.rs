//! Why the prover has no answer.

use std::fmt;

use callgate_memory::OutOfMemory;
use callgate_syscalls::{Action, SeccompData};

use crate::budget::{Halt, Undecided};
use crate::compare::Difference;

/// Why the prover has no answer, or not the hoped-for one. None of these is ever a proof.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// No verdict within the limits.
    Undecided(Undecided),
    /// The allocator had no more memory.
    OutOfMemory,
    /// The two sides differ; each entry holds a call on which they do.
    Refuted(Vec<Difference>),
    /// The two meanings belong to different provers.
    ForeignMeaning,
    /// Policy and program disagree on a call although the diagrams did not say so: a bug of callgate.
    Disagreement {
        /// The call.
        call: SeccompData,
        /// What the diagrams say, or the left side's action.
        expected: Action,
        /// What the specification or the simulator says, or the right side's action.
        actual: Action,
    },
    /// The meaning has a gap or an overlap: a bug of callgate.
    Partition,
    /// The program is not made of the pieces that it is said to be made of.
    Pieces {
        /// What is wrong.
        reason: &'static str,
    },
    /// The meaning can't be written as a policy, or only as a very large one.
    NotExpressible {
        /// What stands in the way.
        reason: &'static str,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecided(undecided) => undecided.fmt(f),
            Self::OutOfMemory => OutOfMemory.fmt(f),
            Self::Refuted(differences) => match differences.first() {
                Some(first) => write!(f, "not equal: {first}"),
                None => f.write_str("not equal"),
            },
            Self::ForeignMeaning => f.write_str(
                "the meanings belong to different provers; make both with the one that compares them",
            ),
            Self::Disagreement { call, expected, actual } => write!(
                f,
                "bug in callgate: {expected} was expected but {actual} found for {call:?}; please report it"
            ),
            Self::Partition => f.write_str(
                "bug in callgate: the meaning does not cover each call once; please report it",
            ),
            Self::Pieces { reason } => write!(f, "not proved in pieces: {reason}"),
            Self::NotExpressible { reason } => {
                write!(f, "not expressible as a policy: {reason}; write a program instead")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Undecided(undecided) => Some(undecided),
            _ => None,
        }
    }
}

impl From<Undecided> for Error {
    fn from(undecided: Undecided) -> Self {
        Self::Undecided(undecided)
    }
}

impl From<OutOfMemory> for Error {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<Halt> for Error {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Undecided(undecided) => Self::Undecided(undecided),
            Halt::OutOfMemory => Self::OutOfMemory,
        }
    }
}
