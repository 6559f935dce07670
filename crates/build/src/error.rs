//! Why there is no proved program.

use std::fmt;

use callgate_memory::OutOfMemory;

/// Why there is no proved program.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// No program of a length that a kernel accepts does what the policy says.
    Compile(callgate_compiler::Error),
    /// The program could not be proved to do what the policy says.
    Proof(callgate_prover::Error),
    /// There is no more memory.
    OutOfMemory,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compile(reason) => reason.fmt(f),
            Self::Proof(reason) => reason.fmt(f),
            Self::OutOfMemory => OutOfMemory.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Compile(reason) => Some(reason),
            Self::Proof(reason) => Some(reason),
            Self::OutOfMemory => Some(&OutOfMemory),
        }
    }
}

impl From<callgate_compiler::Error> for Error {
    fn from(error: callgate_compiler::Error) -> Self {
        use callgate_compiler::Error::{OutOfMemory, Rejected, TooLong};
        match error {
            OutOfMemory => Self::OutOfMemory,
            error @ (TooLong { .. } | Rejected { .. }) => Self::Compile(error),
        }
    }
}

impl From<callgate_prover::Error> for Error {
    fn from(error: callgate_prover::Error) -> Self {
        if error == callgate_prover::Error::OutOfMemory {
            return Self::OutOfMemory;
        }
        Self::Proof(error)
    }
}

impl From<OutOfMemory> for Error {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}
