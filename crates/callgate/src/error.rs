//! Why a filter could not be built or loaded.

use std::fmt;

use callgate_rules::Mistake;

/// Why a filter could not be built or loaded. Whatever the reason, no filter was installed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// This machine's architecture has no seccomp filters that callgate knows; name the
    /// architectures to build for.
    NativeUnknown,
    /// A rule cannot be resolved on an architecture of the filter.
    Rule(Mistake),
    /// A word names no syscall, family or block; the text says what may be meant.
    UnknownWord(String),
    /// The parts do not make a policy.
    Policy(callgate_policy::Error),
    /// The policy could not be compiled.
    Compile(callgate_compiler::Error),
    /// The program was not proved equal to the policy.
    Proof(callgate_prover::Error),
    /// The text is no policy; shown with `FILE:LINE:COLUMN` of each error.
    Text(Box<callgate_gate::Refused>),
    /// No embedded policy has that name.
    UnknownBuiltin(callgate_gate::UnknownBuiltin),
    /// The profile could not be read.
    Profile(callgate_formats::Error),
    /// The kernel did not take the filter.
    Kernel(callgate_kernel::Error),
    /// There can be no supervisor.
    Supervise(callgate_supervise::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NativeUnknown => f.write_str(
                "this machine's architecture is unknown; name the filter's architectures with `arches`",
            ),
            Self::Rule(mistake) => write!(f, "{mistake}"),
            Self::UnknownWord(text) => f.write_str(text),
            Self::Policy(error) => write!(f, "{error}"),
            Self::Compile(error) => write!(f, "{error}"),
            Self::Proof(error) => write!(f, "{error}"),
            Self::Text(refused) => write!(f, "{refused}"),
            Self::UnknownBuiltin(error) => write!(f, "{error}"),
            Self::Profile(error) => write!(f, "{error}"),
            Self::Kernel(error) => write!(f, "{error}"),
            Self::Supervise(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The inner error is this one's text; its own source comes next.
        match self {
            Self::Policy(error) => error.source(),
            Self::Compile(error) => error.source(),
            Self::Proof(error) => error.source(),
            Self::Profile(error) => error.source(),
            Self::Kernel(error) => error.source(),
            Self::Supervise(error) => error.source(),
            Self::NativeUnknown
            | Self::Rule(_)
            | Self::UnknownWord(_)
            | Self::Text(_)
            | Self::UnknownBuiltin(_) => None,
        }
    }
}

macro_rules! error_from {
    ($($variant:ident($inner:ty))*) => {$(
        impl From<$inner> for Error {
            fn from(error: $inner) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

impl From<callgate_build::Error> for Error {
    fn from(error: callgate_build::Error) -> Self {
        use callgate_build::Error::{Compile, OutOfMemory, Proof};
        match error {
            Compile(error) => Self::Compile(error),
            Proof(error) => Self::Proof(error),
            OutOfMemory => Self::Compile(callgate_compiler::Error::OutOfMemory),
        }
    }
}

impl From<callgate_gate::Refused> for Error {
    fn from(refused: callgate_gate::Refused) -> Self {
        Self::Text(Box::new(refused))
    }
}

error_from! {
    Policy(callgate_policy::Error)
    Compile(callgate_compiler::Error)
    Proof(callgate_prover::Error)
    UnknownBuiltin(callgate_gate::UnknownBuiltin)
    Profile(callgate_formats::Error)
    Kernel(callgate_kernel::Error)
    Supervise(callgate_supervise::Error)
}
