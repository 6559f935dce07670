//! Why a function failed, and the one place where that becomes a number.

use std::fmt;

use callgate_scmp::code;
use callgate_syscalls::Errno;
use libc::c_int;

/// Why a function failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Error {
    /// A pointer is NULL that must not be.
    Null,
    /// The pointer is no context: NULL, or released.
    NoContext,
    /// Another call is using the context.
    InUse,
    /// A panic happened in an earlier call on this context, or in this one.
    Panicked,
    /// This machine's architecture is not one of those that have a table.
    ForeignMachine,
    /// malloc(3) has no more.
    OutOfMemory,
    /// What the context says.
    Context(callgate_scmp::Error),
    /// What the kernel says, as it is to be returned.
    Kernel(Errno),
}

impl Error {
    /// What a C function returns.
    pub(crate) fn code(&self) -> c_int {
        let errno = match self {
            Self::Context(error) => return error.code(),
            Self::Null | Self::NoContext => code::EINVAL,
            Self::InUse | Self::Panicked | Self::ForeignMachine => code::EFAULT,
            Self::OutOfMemory => code::ENOMEM,
            Self::Kernel(errno) => *errno,
        };
        -c_int::from(errno.raw())
    }
}

impl From<callgate_scmp::Error> for Error {
    fn from(error: callgate_scmp::Error) -> Self {
        Self::Context(error)
    }
}

impl From<callgate_scmp_process::Error> for Error {
    fn from(error: callgate_scmp_process::Error) -> Self {
        match error {
            callgate_scmp_process::Error::Context(error) => Self::Context(error),
            callgate_scmp_process::Error::Kernel(errno) => Self::Kernel(errno),
            _ => Self::ForeignMachine,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("a pointer is NULL"),
            Self::NoContext => f.write_str("not a context: NULL, or released"),
            Self::InUse => f.write_str("another call is using the context"),
            Self::Panicked => f.write_str("the context is unusable after an internal error"),
            Self::ForeignMachine => f.write_str("no syscall table for this machine"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::Context(error) => error.fmt(f),
            Self::Kernel(errno) => write!(f, "errno {}", errno.raw()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_number() {
        for (error, expected) in [
            (Error::Null, -libc::EINVAL),
            (Error::NoContext, -libc::EINVAL),
            (Error::InUse, -libc::EFAULT),
            (Error::Panicked, -libc::EFAULT),
            (Error::ForeignMachine, -libc::EFAULT),
            (Error::OutOfMemory, -libc::ENOMEM),
            (callgate_scmp::Error::ExactOnSeveral.into(), -libc::EOPNOTSUPP),
            (callgate_scmp::Error::BufferTooSmall { len: 8 }.into(), -libc::ERANGE),
            (Error::Kernel(code::ECANCELED), -libc::ECANCELED),
        ] {
            assert_eq!(error.code(), expected, "{error}");
        }
    }
}
