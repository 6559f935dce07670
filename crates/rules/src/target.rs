//! What rules are lowered for.

use callgate_syscalls::{Arch, KernelVersion};

use crate::CapSet;

/// What rules are lowered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The machine's own architecture, for filters that name none.
    pub native: Arch,
    /// The architectures instead of those that the filter names.
    pub arches: Option<Vec<Arch>>,
    /// The kernel; where it is not known, one that is as new as any.
    pub kernel: Option<KernelVersion>,
    /// The capabilities that the program can have.
    pub caps: CapSet,
}

impl Target {
    /// A machine of that architecture with some kernel, and a program with
    /// [`CapSet::DOCKER_DEFAULT`].
    #[must_use]
    pub const fn new(native: Arch) -> Self {
        Self { native, arches: None, kernel: None, caps: CapSet::DOCKER_DEFAULT }
    }
}
