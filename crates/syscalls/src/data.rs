//! `struct seccomp_data`: what a filter sees of a call.
//!
//! References: `include/uapi/linux/seccomp.h`, seccomp(2).

use core::fmt;

use crate::{Arch, ArchToken};

/// The bit in the number of every x32 call (`__X32_SYSCALL_BIT`).
pub const X32_BIT: u32 = 0x4000_0000;

/// A syscall number as the kernel shows it to filters: any 32-bit value, x32's bit and MIPS's base included.
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

/// One call: the 64 bytes that a filter can read. Nothing else influences a filter's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeccompData {
    /// The syscall number; not range-checked by the kernel before the filter runs.
    pub nr: SyscallNr,
    /// The audit token of the ABI through which the call came.
    pub arch: ArchToken,
    /// The address after the syscall instruction.
    pub instruction_pointer: u64,
    /// The six argument registers. 32-bit calls may carry garbage in the high halves (`int 0x80` from 64-bit code).
    pub args: [u64; 6],
}

impl SeccompData {
    /// A call of `arch` with the given number and all else zero.
    #[must_use]
    pub const fn new(arch: Arch, nr: SyscallNr) -> Self {
        Self { nr, arch: arch.token(), instruction_pointer: 0, args: [0; 6] }
    }

    /// The same call with these arguments.
    #[must_use]
    pub const fn with_args(mut self, args: [u64; 6]) -> Self {
        self.args = args;
        self
    }
}
