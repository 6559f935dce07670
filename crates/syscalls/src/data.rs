//! `struct seccomp_data`: what a filter sees of a call.
//!
//! References: `include/uapi/linux/seccomp.h`, seccomp(2).

use crate::{Arch, ArchToken, Name, SyscallNr};

/// One call: the 64 bytes that a filter can read. Nothing else influences a filter's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeccompData {
    /// The syscall number; not range-checked by the kernel before the filter runs.
    pub nr: SyscallNr,
    /// The audit token of the ABI through which the call came.
    pub arch: ArchToken,
    /// The address after the syscall instruction.
    pub instruction_pointer: u64,
    /// The six argument registers. 32-bit calls may carry garbage in the high halves (`int 0x80`
    /// from 64-bit code).
    pub args: [u64; 6],
}

impl Default for SeccompData {
    /// All bytes zero: the call number 0 of no architecture, which filters treat as foreign. For the
    /// rest of a literal, as in `SeccompData { nr, arch, ..SeccompData::default() }`.
    fn default() -> Self {
        Self {
            nr: SyscallNr::new(0),
            arch: ArchToken::new(0),
            instruction_pointer: 0,
            args: [0; 6],
        }
    }
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

    /// The name of the syscall, where the architecture that made the call has one of that number.
    #[must_use]
    pub fn name(&self) -> Option<Name> {
        Some(Arch::of_call(self.arch, self.nr)?.syscall_at(self.nr)?.name)
    }
}
