//! The number of a syscall, as the kernel shows it to filters.

use core::fmt;

/// The bit in the number of every x32 call (`__X32_SYSCALL_BIT`).
pub const X32_BIT: u32 = 0x4000_0000;

/// A syscall number as the kernel shows it to filters: any 32-bit value, x32's bit and MIPS's base
/// included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyscallNr(u32);

impl SyscallNr {
    /// Wraps a raw number.
    #[must_use]
    pub const fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// The raw number.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// Whether this number under x86_64's token is an x32 call: 0x4000_0000 and above, but not -1.
    #[must_use]
    pub const fn is_x32(self) -> bool {
        self.0 >= X32_BIT && self.0 != u32::MAX
    }
}

impl From<u32> for SyscallNr {
    fn from(raw: u32) -> Self {
        Self(raw)
    }
}

impl fmt::Display for SyscallNr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
