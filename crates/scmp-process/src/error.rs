//! Why something could not be done for a process.

use std::fmt;

use callgate_scmp::code;
use callgate_syscalls::Errno;

/// Why a filter was not loaded, or nothing is known about this machine.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// This machine's architecture is not one of those that have a table.
    ForeignMachine,
    /// What the context says.
    Context(callgate_scmp::Error),
    /// What the kernel says, as it is to be returned.
    Kernel(Errno),
}

impl Error {
    /// The errno value that libseccomp documents for this failure.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            Self::ForeignMachine => code::EFAULT,
            Self::Context(error) => error.errno(),
            Self::Kernel(errno) => *errno,
        }
    }
}

impl From<callgate_scmp::Error> for Error {
    fn from(error: callgate_scmp::Error) -> Self {
        Self::Context(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignMachine => f.write_str("no syscall table for this machine"),
            Self::Context(error) => error.fmt(f),
            Self::Kernel(errno) => {
                write!(f, "the kernel refuses the filter: errno {}", errno.raw())
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Context(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_number() {
        for (error, expected) in [
            (Error::ForeignMachine, code::EFAULT),
            (callgate_scmp::Error::ExactOnSeveral.into(), code::EOPNOTSUPP),
            (Error::Kernel(code::ECANCELED), code::ECANCELED),
        ] {
            assert_eq!(error.errno(), expected, "{error}");
        }
    }
}
