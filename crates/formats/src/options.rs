//! What a profile leaves to whoever runs it.

use callgate_syscalls::{Action, Arch, KernelVersion};

use crate::{CapSet, Reading};

/// What a profile leaves to whoever runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The machine's architecture: `includes.arches`, `excludes.arches` and `archMap` are about it.
    pub native: Arch,
    /// The architectures that the policy is for.
    pub arches: Arches,
    /// The capabilities that the program can have.
    pub caps: CapSet,
    /// The kernel that the program will run on.
    pub kernel: KernelVersion,
    /// Whose reading is meant; by default that of whoever such files are written for:
    /// [`Reading::Docker`] for the files of engines, [`Reading::Runc`] for OCI's, and
    /// [`Reading::Kernel`] for the embedded profiles.
    pub reading: Option<Reading>,
    /// What happens to syscalls that the profile's author could not know.
    pub unknown: UnknownSyscalls,
    /// What happens to calls of architectures outside the policy.
    pub foreign: Action,
}

impl Options {
    /// The usual choices on a machine: the profile's architectures, [`CapSet::DOCKER_DEFAULT`], the
    /// reading of whoever such files are written for, and libseccomp's `KILL_THREAD` for foreign
    /// architectures.
    #[must_use]
    pub const fn new(native: Arch, kernel: KernelVersion) -> Self {
        Self {
            native,
            arches: Arches::FromProfile,
            caps: CapSet::DOCKER_DEFAULT,
            kernel,
            reading: None,
            unknown: UnknownSyscalls::Infer,
            foreign: Action::KILL_THREAD,
        }
    }
}

/// The architectures that a policy is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arches {
    /// The machine's own, and those that the profile adds to it.
    FromProfile,
    /// These, whatever the profile says.
    Exactly(Vec<Arch>),
}

/// What happens to syscalls that the profile's author could not know.
///
/// A profile that refuses what it does not list would answer `EPERM` to a syscall that did not
/// exist when it was written, and a C library that tries the new one first takes that for an answer
/// instead of falling back. So newer ones get `ENOSYS`. This applies to profiles whose default
/// refuses, and not with `ENOSYS` already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSyscalls {
    /// What the profile names tells, as the [`Reading`] has it.
    Infer,
    /// They get the default action like every other that no rule decides.
    Off,
    /// The author knew this kernel.
    Baseline(KernelVersion),
}
