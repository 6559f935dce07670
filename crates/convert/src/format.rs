//! The forms by name.

use std::fmt;

use crate::gate::Gate;
use crate::oci::Oci;
use crate::printer::Printer;

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
}

impl Format {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Gate, Self::Docker, Self::Oci];

    /// Every form in which rules can be read.
    pub const RULES: [Self; 3] = [Self::Gate, Self::Docker, Self::Oci];

    /// The name, as the command line takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Docker => "docker",
            Self::Oci => "oci",
        }
    }

    /// What a text in this form is, for messages.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Gate => "a policy in callgate's language",
            Self::Docker => "a profile of Docker or Podman",
            Self::Oci => "an OCI profile",
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
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
