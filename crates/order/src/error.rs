//! Why a rule can't be taken.

use std::fmt;

use callgate_syscalls::Arch;

use crate::Number;

/// Why a rule can't be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever hands errors on has to hand on all")]
pub enum Error {
    /// Syscalls have arguments 0 to 5.
    ArgumentIndex {
        /// The index.
        index: u32,
    },
    /// Two comparisons of one rule are about the same argument.
    ArgumentRepeated {
        /// The index.
        index: u32,
    },
    /// Not a comparison operator.
    Operator {
        /// The value.
        operator: u32,
    },
    /// The number means nothing on an architecture.
    Untranslatable {
        /// The number.
        number: Number,
        /// The architecture.
        arch: Arch,
    },
    /// An exact rule for a syscall that the architecture does not have.
    NotOnArch {
        /// The number.
        number: Number,
        /// The architecture.
        arch: Arch,
    },
    /// An exact rule with comparisons, for a call that the architecture also makes through
    /// `socketcall` or `ipc`.
    Multiplexed {
        /// The architecture.
        arch: Arch,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArgumentIndex { index } => {
                write!(f, "no argument {index}: syscalls have arguments 0 to 5")
            }
            Self::ArgumentRepeated { index } => {
                write!(f, "argument {index} is compared twice; add two rules or one mask")
            }
            Self::Operator { operator } => write!(f, "no operator {operator}; known are 1 to 7"),
            Self::Untranslatable { number, arch } => {
                write!(f, "syscall number {number} means nothing on {arch}")
            }
            Self::NotOnArch { number, arch } => write!(f, "{arch} has no syscall for {number}"),
            Self::Multiplexed { arch } => write!(
                f,
                "{arch} also makes this call through another one, whose arguments can't be compared exactly"
            ),
        }
    }
}

impl std::error::Error for Error {}
