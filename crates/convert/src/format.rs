//! The forms by name.

use std::fmt;

use callgate_dialects::Dialect;

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

    /// The same form as it is read.
    const fn dialect(self) -> Dialect {
        match self {
            Self::Gate => Dialect::Gate,
            Self::Docker => Dialect::Docker,
            Self::Oci => Dialect::Oci,
            Self::Minijail => Dialect::Minijail,
            Self::Kafel => Dialect::Kafel,
            Self::Nsjail => Dialect::Nsjail,
            Self::Seccompiler => Dialect::Seccompiler,
            Self::Lxc => Dialect::Lxc,
        }
    }

    /// The name, as the command line takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.dialect().name()
    }

    /// What a text in this form is, for messages.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.dialect().title()
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
