//! Why a policy could not be compiled.

use std::fmt;

use callgate_bpf::{CheckError, Program};
use callgate_memory::OutOfMemory;
use callgate_policy::{Arch, SyscallNr};

/// Why a policy could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever hands errors on has to hand on all")]
pub enum Error {
    /// The program would be longer than the kernel accepts.
    TooLong {
        /// How long it would be.
        len: usize,
        /// The syscalls whose argument tests need most instructions, the costliest first.
        costliest: Vec<Cost>,
    },
    /// The checker refused the program: a defect of the compiler, never of the policy.
    Rejected {
        /// What the checker said.
        reason: CheckError,
    },
    /// There is no more memory.
    OutOfMemory,
}

impl From<OutOfMemory> for Error {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// How much of a program one syscall needs for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The architecture.
    pub arch: Arch,
    /// The number.
    pub nr: SyscallNr,
    /// How many tests its conditions need.
    pub tests: usize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, costliest } => {
                write!(
                    f,
                    "the filter needs {len} instructions and the kernel accepts {}; most of them are for",
                    Program::LEN_MAX
                )?;
                for (index, Cost { arch, nr, tests }) in costliest.iter().enumerate() {
                    f.write_str(if index == 0 { " " } else { ", " })?;
                    match arch.syscall_at(*nr) {
                        Some(syscall) => write!(f, "{} on {arch} ({tests} tests)", syscall.name)?,
                        None => write!(f, "number {nr} on {arch} ({tests} tests)")?,
                    }
                }
                f.write_str("; give them fewer conditions")
            }
            Self::Rejected { reason } => {
                write!(f, "internal error: the compiled filter fails the checker: {reason}")
            }
            Self::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

impl std::error::Error for Error {}
