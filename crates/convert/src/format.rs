//! The forms by name.

use std::fmt;

use crate::gate::Gate;
use crate::kafel::{Kafel, Nsjail};
use crate::lxc::Lxc;
use crate::minijail::Minijail;
use crate::oci::Oci;
use crate::printer::Printer;
use crate::seccompiler::Seccompiler;

/// A form in which filters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Callgate's own language, `*.gate`.
    Gate,
    /// A profile of Docker or Podman.
    Docker,
    /// OCI's `linux.seccomp`, which Kubernetes' `localhostProfile` is too.
    Oci,
    /// Minijail's `.policy`.
    Minijail,
    /// The language of kafel.
    Kafel,
    /// The configuration of nsjail in protobuf's text form.
    Nsjail,
    /// The JSON of the crate seccompiler, which Firecracker uses.
    Seccompiler,
    /// A list of LXC, of version 2.
    Lxc,
}

impl Format {
    /// Every form.
    pub const ALL: [Self; 8] = [
        Self::Gate,
        Self::Docker,
        Self::Oci,
        Self::Minijail,
        Self::Kafel,
        Self::Nsjail,
        Self::Seccompiler,
        Self::Lxc,
    ];

    /// Every form in which rules can be read.
    pub const RULES: [Self; 8] = [
        Self::Gate,
        Self::Docker,
        Self::Oci,
        Self::Minijail,
        Self::Kafel,
        Self::Nsjail,
        Self::Seccompiler,
        Self::Lxc,
    ];

    /// The name, as the command line takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Docker => "docker",
            Self::Oci => "oci",
            Self::Minijail => "minijail",
            Self::Kafel => "kafel",
            Self::Nsjail => "nsjail",
            Self::Seccompiler => "seccompiler",
            Self::Lxc => "lxc",
        }
    }

    /// What a text in this form is, for messages.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Gate => "a policy in callgate's language",
            Self::Docker => "a profile of Docker or Podman",
            Self::Oci => "an OCI profile",
            Self::Minijail => "a minijail policy",
            Self::Kafel => "a kafel policy",
            Self::Nsjail => "an nsjail configuration",
            Self::Seccompiler => "a filter of seccompiler (Firecracker)",
            Self::Lxc => "a seccomp list of LXC",
        }
    }

    /// Looks a form up by its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    pub(crate) fn printer(self) -> &'static dyn Printer {
        match self {
            Self::Gate => &Gate,
            Self::Docker | Self::Oci => &Oci,
            Self::Minijail => &Minijail,
            Self::Kafel => &Kafel,
            Self::Nsjail => &Nsjail,
            Self::Seccompiler => &Seccompiler,
            Self::Lxc => &Lxc,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
