//! The audit token in `seccomp_data.arch`, and the byte order that goes with it.
//!
//! References: `include/uapi/linux/audit.h` (`AUDIT_ARCH_*`), seccomp(2).

use core::fmt;

/// The order in which an ABI stores a word's bytes, and so the halves of a 64-bit argument in
/// `seccomp_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endian {
    /// The low half of a 64-bit argument comes first.
    Little,
    /// The high half of a 64-bit argument comes first.
    Big,
}

impl Endian {
    /// The byte order of the machine this code was compiled for.
    #[must_use]
    pub const fn native() -> Self {
        if cfg!(target_endian = "big") { Self::Big } else { Self::Little }
    }
}

/// An audit architecture token (`AUDIT_ARCH_*`): the value a filter reads at offset 4 of
/// `seccomp_data`.
///
/// Any 32-bit value can be held: a filter must decide on tokens that nobody has assigned yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchToken(u32);

impl ArchToken {
    /// Wraps a raw token.
    #[must_use]
    pub const fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// The raw token.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ArchToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}
