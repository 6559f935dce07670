//! Why a function failed: a number for programs, a text for people.

use std::fmt::Display;

use callgate_syscalls::Errno;
use libc::c_int;

/// Why a function failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    errno: c_int,
    text: String,
}

impl Failure {
    pub(crate) fn new(errno: c_int, text: impl Display) -> Self {
        Self { errno, text: text.to_string() }
    }

    /// The text of a policy is wrong, or an argument.
    pub(crate) fn invalid(text: impl Display) -> Self {
        Self::new(libc::EINVAL, text)
    }

    /// What libseccomp can't do.
    pub(crate) fn unsupported(text: impl Display) -> Self {
        Self::new(libc::EOPNOTSUPP, text)
    }

    pub(crate) fn kernel(errno: Option<Errno>, text: impl Display) -> Self {
        let errno = errno.map_or(libc::EFAULT, |errno| c_int::from(errno.raw()));
        Self::new(errno, text)
    }

    /// What a C function returns.
    pub(crate) const fn code(&self) -> c_int {
        -self.errno
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl From<callgate::Error> for Failure {
    fn from(error: callgate::Error) -> Self {
        match &error {
            callgate::Error::Kernel(kernel) => Self::kernel(kernel.errno(), &error),
            _ => Self::invalid(&error),
        }
    }
}

impl From<callgate_kernel::Error> for Failure {
    fn from(error: callgate_kernel::Error) -> Self {
        Self::kernel(error.errno(), &error)
    }
}
