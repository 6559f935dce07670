//! What a profile leaves to whoever runs it.

use std::fmt;
use std::str::FromStr;

use callgate_syscalls::{Action, Arch, KernelVersion};

use crate::CapSet;

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
    /// How several conditions on one argument combine.
    pub args_semantics: ArgsSemantics,
    /// What happens to syscalls that the profile's author could not know.
    pub unknown: UnknownSyscalls,
    /// What happens to calls of architectures outside the policy.
    pub foreign: Action,
}

impl Options {
    /// The choices of Docker and runc on a machine: the profile's architectures, [`CapSet::DOCKER_DEFAULT`],
    /// [`ArgsSemantics::Runc`], an inferred baseline, and libseccomp's `KILL_THREAD` for foreign architectures.
    #[must_use]
    pub const fn new(native: Arch, kernel: KernelVersion) -> Self {
        Self {
            native,
            arches: Arches::FromProfile,
            caps: CapSet::DOCKER_DEFAULT,
            kernel,
            args_semantics: ArgsSemantics::Runc,
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

/// How several conditions on one argument combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgsSemantics {
    /// As runc does it: if a rule has two conditions on one argument, each condition of the rule, also on other
    /// arguments, becomes a rule of its own, so that **any** of them is enough. Otherwise all must hold.
    Runc,
    /// All must hold, always: what the text suggests.
    All,
}

impl ArgsSemantics {
    /// The other reading.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Runc => Self::All,
            Self::All => Self::Runc,
        }
    }
}

impl fmt::Display for ArgsSemantics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Runc => "runc",
            Self::All => "all",
        })
    }
}

/// The text is not the name of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownArgsSemantics;

impl fmt::Display for UnknownArgsSemantics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected `runc` or `all`")
    }
}

impl std::error::Error for UnknownArgsSemantics {}

impl FromStr for ArgsSemantics {
    type Err = UnknownArgsSemantics;

    fn from_str(text: &str) -> Result<Self, UnknownArgsSemantics> {
        match text {
            "runc" => Ok(Self::Runc),
            "all" => Ok(Self::All),
            _ => Err(UnknownArgsSemantics),
        }
    }
}

/// What happens to syscalls that the profile's author could not know.
///
/// A profile that refuses what it does not list would answer `EPERM` to a syscall that did not exist when it was written,
/// and a C library that tries the new one first takes that for an answer instead of falling back. So newer ones get
/// `ENOSYS`. This applies to profiles whose default refuses, and not with `ENOSYS` already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSyscalls {
    /// The newest syscall that the profile names tells which kernel the author knew.
    Infer,
    /// They get the default action like every other that no rule decides.
    Off,
    /// The author knew this kernel.
    Baseline(KernelVersion),
}
