//! What a profile means to those who read it.
//!
//! Each reader was read in its source, in the version of Debian 12, and containers that it starts
//! are compared with what is said here (`conformance/readings`):
//!
//! - runc 1.1.5, `libcontainer/seccomp`: with libseccomp, and a stub of its own for unknown
//!   syscalls;
//! - crun 1.8.1, `src/libcrun/seccomp.c`: with libseccomp alone;
//! - Docker 20.10.24, `profiles/seccomp`, and Podman 4.3.1 with containers/common 0.50.1,
//!   `pkg/seccomp`: both pick rules and architectures, and hand the rest to a runtime, which is
//!   runc here.

use std::fmt;
use std::str::FromStr;

use callgate_syscalls::Action;

use crate::check::is_permissive;

/// Whose reading of a profile is meant.
///
/// | | [`Runc`](Self::Runc) | [`Crun`](Self::Crun) | [`Docker`](Self::Docker) | [`Kernel`](Self::Kernel) |
/// |---|---|---|---|---|
/// | conditions of a rule, two of them on one argument | any is enough | any of the first six is enough | as runc | all must hold |
/// | a rule whose action is the default | is skipped | is skipped | is skipped | counts if it refuses |
/// | syscalls that get `ENOSYS` instead of a refusal | numbers above the largest that is named | none | as runc | newer than the newest that is named |
/// | `includes` and `excludes`: capabilities, architectures | unknown, so every rule applies | as runc | as text: `CAP_BPF`, `amd64` | by meaning, in any spelling |
/// | `archMap` | unknown | unknown | known | known |
/// | `width` beside a condition, an addition of ours | unknown: all bits are compared | as runc | as runc | known |
/// | a rule with conditions, on `socketcall` and `ipc` | the conditions but that on the first argument | as runc | as runc | an allowing rule opens nothing, a refusing one closes the call |
///
/// In all of them rules have no order in the file's sense; which of several that hold decides is
/// libseccomp's order (`callgate-order`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "readers have to look at each")]
pub enum Reading {
    /// runc 1.1.5.
    Runc,
    /// crun 1.8.1.
    Crun,
    /// Docker 20.10 and Podman 4.3, in front of runc.
    Docker,
    /// What the file says, against what the kernel does with it: no runtime reads like this.
    Kernel,
}

/// How `includes` and `excludes` name capabilities and architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Circumstances {
    /// They are not known: every rule applies.
    Unknown,
    /// By the very words that the engine uses.
    Text,
    /// In any spelling.
    Meaning,
}

/// The conditions of a rule that crun has room for.
const CRUN_CONDITIONS_MAX: usize = 6;

impl Reading {
    /// Every reading.
    pub const ALL: [Self; 4] = [Self::Runc, Self::Crun, Self::Docker, Self::Kernel];

    /// Its word on command lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Docker => "docker",
            Self::Kernel => "kernel",
        }
    }

    /// Whether rules go to libseccomp as they are.
    pub(crate) const fn is_runtime(self) -> bool {
        !matches!(self, Self::Kernel)
    }

    /// Whether a rule is skipped because of its action.
    pub(crate) fn skips(self, action: Action, default: Action) -> bool {
        action == default && (self.is_runtime() || is_permissive(default))
    }

    pub(crate) const fn circumstances(self) -> Circumstances {
        match self {
            Self::Runc | Self::Crun => Circumstances::Unknown,
            Self::Docker => Circumstances::Text,
            Self::Kernel => Circumstances::Meaning,
        }
    }

    /// Whether `archMap` is known.
    pub(crate) const fn knows_arch_map(self) -> bool {
        matches!(self, Self::Docker | Self::Kernel)
    }

    /// Whether the `width` of a condition is known.
    pub(crate) const fn knows_width(self) -> bool {
        !self.is_runtime()
    }

    /// How many conditions of a rule are read.
    pub(crate) const fn conditions_max(self) -> usize {
        match self {
            Self::Crun => CRUN_CONDITIONS_MAX,
            Self::Runc | Self::Docker | Self::Kernel => usize::MAX,
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is not the name of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReading;

impl fmt::Display for UnknownReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected `runc`, `crun`, `docker` or `kernel`")
    }
}

impl std::error::Error for UnknownReading {}

impl FromStr for Reading {
    type Err = UnknownReading;

    fn from_str(text: &str) -> Result<Self, UnknownReading> {
        Self::ALL.into_iter().find(|reading| reading.as_str() == text).ok_or(UnknownReading)
    }
}
