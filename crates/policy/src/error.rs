//! Why a value cannot be part of a policy.

use std::fmt;

use callgate_memory::OutOfMemory;
use callgate_syscalls::{Arch, SyscallNr};

use crate::Condition;

/// Why a value cannot be part of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Syscalls have arguments 0 to 5.
    ArgumentIndex {
        /// The index asked for.
        index: usize,
    },
    /// The condition nests too deep.
    ConditionDepth {
        /// How deep it would nest.
        depth: u16,
    },
    /// The policy names no architecture, so it could only hold for foreign ones.
    NoArchitecture,
    /// The architecture was given twice.
    DuplicateArchitecture {
        /// The architecture.
        arch: Arch,
    },
    /// The number cannot occur on that architecture: x32's numbers begin at 0x4000_0000, and
    /// x86_64's end there.
    NumberOutsideArchitecture {
        /// The architecture.
        arch: Arch,
        /// The number.
        nr: SyscallNr,
    },
    /// There is no more memory.
    OutOfMemory,
}

impl From<OutOfMemory> for Error {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArgumentIndex { index } => {
                write!(f, "no argument {index}: syscalls have arguments 0 to 5")
            }
            Self::ConditionDepth { depth } => {
                write!(f, "condition nests {depth} deep; the limit is {}", Condition::DEPTH_MAX)
            }
            Self::NoArchitecture => f.write_str("a policy needs at least one architecture"),
            Self::DuplicateArchitecture { arch } => {
                write!(f, "architecture {arch} is given twice")
            }
            Self::NumberOutsideArchitecture { arch, nr } => write!(
                f,
                "syscall number {nr} cannot occur on {arch}: x32 numbers begin at 0x40000000 and x86_64 numbers end there"
            ),
            Self::OutOfMemory => OutOfMemory.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
