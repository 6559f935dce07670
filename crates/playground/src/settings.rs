//! What a filter does not say: the machine, and what is asked of it.

use callgate_syscalls::{Arch, KernelVersion};
use serde::Deserialize;

/// The machine that filters are read for, and what is asked beside the filter. Empty words stand
/// for what is usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The machine's architecture; x86_64.
    pub arch: String,
    /// Its kernel, as `6.1`.
    pub kernel: String,
    /// Whose reading of a container profile is meant; that of whoever such files are written for.
    pub reading: String,
    /// Which thread's policy is meant, where a text has several; the first.
    pub thread: String,
    /// A syscall by its name: what becomes of it is said in words.
    pub call: String,
}

/// The kernel where nothing else is said: the longterm one of Debian 12.
const KERNEL: KernelVersion = KernelVersion::new(6, 1);

impl Settings {
    pub(crate) fn arch(&self) -> Arch {
        self.arch.parse().unwrap_or(Arch::X86_64)
    }

    pub(crate) fn kernel(&self) -> KernelVersion {
        self.kernel.parse().unwrap_or(KERNEL)
    }
}
