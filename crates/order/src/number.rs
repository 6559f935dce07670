//! Syscall numbers as libseccomp's callers write them.

use std::fmt;

use callgate_syscalls::SyscallNr;

/// A syscall number of libseccomp's interface: a kernel's number, or a negative pseudo number for a
/// syscall that the architecture does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(i32);

impl Number {
    /// What name resolution answers for unknown names (`__NR_SCMP_ERROR`), and the number with
    /// which a tracer skips a call.
    pub const ERROR: Self = Self(-1);
    /// `__NR_SCMP_UNDEF`.
    pub const UNDEFINED: Self = Self(-2);
    /// The lowest of the numbers from -1 down that stand for no syscall.
    pub const RESERVED_LAST: Self = Self(-99);

    /// Wraps a raw number.
    #[must_use]
    pub const fn new(raw: i32) -> Self {
        Self(raw)
    }

    /// The raw number.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// The number as filters see it.
    #[must_use]
    pub const fn unsigned(self) -> SyscallNr {
        SyscallNr::new(u32::from_ne_bytes(self.0.to_ne_bytes()))
    }
}

impl From<SyscallNr> for Number {
    fn from(nr: SyscallNr) -> Self {
        Self(i32::from_ne_bytes(nr.raw().to_ne_bytes()))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
