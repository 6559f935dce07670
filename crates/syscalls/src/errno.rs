//! Names of errno values, which MIPS, PA-RISC and PowerPC number differently.
//!
//! References: errno(3), `include/uapi/asm-generic/errno.h`, `arch/*/include/uapi/asm/errno.h`.

use crate::Arch;
use crate::generated::errnos;
use crate::table::word;

/// An errno value as an architecture numbers it.
///
/// # Examples
/// ```
/// use callgate_syscalls::{Arch, Errno};
///
/// assert_eq!(Errno::from_name("ENOSYS", Arch::X86_64), Some(Errno::new(38)));
/// assert_eq!(Errno::new(89).name(Arch::Mips), Some("ENOSYS"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(u16);

impl Errno {
    /// Wraps a raw value.
    #[must_use]
    pub const fn new(raw: u16) -> Self {
        Self(raw)
    }

    /// The raw value.
    #[must_use]
    pub const fn raw(self) -> u16 {
        self.0
    }

    /// The value's usual name on an architecture, where it has one (`EAGAIN`, not `EWOULDBLOCK`).
    #[must_use]
    pub fn name(self, arch: Arch) -> Option<&'static str> {
        let (_, index) = errnos::family(arch).iter().find(|(value, _)| *value == self.0)?;
        Some(text(*index))
    }

    /// The value of a name on an architecture, second names such as `EWOULDBLOCK` included.
    #[must_use]
    pub fn from_name(name: &str, arch: Arch) -> Option<Self> {
        let (value, _) = errnos::family(arch).iter().find(|(_, index)| text(*index) == name)?;
        Some(Self(*value))
    }
}

fn text(index: u16) -> &'static str {
    word(errnos::ERRNO_TEXT, &errnos::ERRNO_STARTS, index)
}
