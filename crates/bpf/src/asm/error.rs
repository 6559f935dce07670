//! Mistakes in a text, with their places.

use std::fmt;

use crate::{CheckError, Program, Unsupported};

/// Why a text is not a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsmError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The mistake.
    pub kind: AsmErrorKind,
}

/// A mistake in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AsmErrorKind {
    /// Something else should stand there.
    Expected {
        /// What should.
        expected: &'static str,
        /// What does; empty at the end of the line.
        found: String,
    },
    /// No instruction has that name.
    UnknownInstruction(String),
    /// No constant has that name.
    UnknownConstant(String),
    /// No syscall of the arch has that name.
    UnknownSyscall(String),
    /// No errno has that name, or architectures number it differently.
    UnknownErrno(String),
    /// A number above what the place holds.
    TooLarge {
        /// The number as written.
        number: String,
        /// The largest that fits.
        max: u32,
    },
    /// A constant that seccomp accepts in no program.
    Unsupported(Unsupported),
    /// Two places have that label.
    DuplicateLabel(String),
    /// No place has that label.
    UndefinedLabel(String),
    /// A jump to a label above it.
    BackwardJump(String),
    /// A conditional jump over more than 255 instructions.
    JumpTooLong {
        /// The label it leads to.
        label: String,
        /// How many instructions it would skip.
        distance: u32,
    },
    /// A field in braces that the instruction does not ignore.
    FieldInUse(&'static str),
    /// More than [`Program::LEN_MAX`] instructions.
    TooLong,
    /// The kernel would reject the program.
    Rejected(CheckError),
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.kind)
    }
}

impl fmt::Display for AsmErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected { expected, found } if found.is_empty() => {
                write!(f, "expected {expected}, found the end of the line")
            }
            Self::Expected { expected, found } => write!(f, "expected {expected}, found `{found}`"),
            Self::UnknownInstruction(name) => write!(
                f,
                "unknown instruction `{name}`: use ld ldx st stx add sub mul div and or xor lsh rsh neg \
                 ja jeq jne jgt jge jlt jle jset ret tax txa"
            ),
            Self::UnknownConstant(name) => write!(
                f,
                "unknown constant `{name}`: use a number, ALLOW, LOG, TRACE(n), USER_NOTIF, ERRNO(n), TRAP(n), \
                 KILL_THREAD, KILL_PROCESS, AUDIT_ARCH_..., or a syscall as x86_64:openat"
            ),
            Self::UnknownSyscall(name) => {
                write!(f, "unknown syscall `{name}`: use arch:name, or the number")
            }
            Self::UnknownErrno(name) => write!(
                f,
                "errno `{name}` is unknown or differs between architectures: use arch:name, or the number"
            ),
            Self::TooLarge { number, max } => {
                write!(f, "{number} does not fit here: the largest is {max:#x}")
            }
            Self::DuplicateLabel(name) => write!(f, "label `{name}` is defined a second time"),
            Self::UndefinedLabel(name) => write!(f, "label `{name}` is not defined anywhere"),
            Self::BackwardJump(name) => {
                write!(f, "label `{name}` is not below: filters only jump forward")
            }
            Self::JumpTooLong { label, distance } => write!(
                f,
                "label `{label}` is {distance} instructions ahead, a conditional jump skips at most 255: \
                 jump to a `ja {label}` nearby"
            ),
            Self::FieldInUse(field) => {
                write!(f, "the instruction uses its field {field}: give it as the operand")
            }
            Self::TooLong => {
                write!(f, "more than {} instructions: split the filter in two", Program::LEN_MAX)
            }
            Self::Unsupported(reason) => reason.fmt(f),
            Self::Rejected(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AsmError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            AsmErrorKind::Rejected(error) => Some(error),
            AsmErrorKind::Unsupported(reason) => Some(reason),
            _ => None,
        }
    }
}
