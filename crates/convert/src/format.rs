//! The forms by name.

use std::fmt;

use callgate_dialects::Dialect;

use crate::c::C;
use crate::firejail::Firejail;
use crate::gate::Gate;
use crate::kafel::{Kafel, Nsjail};
use crate::libseccomp::Libseccomp;
use crate::lxc::Lxc;
use crate::minijail::Minijail;
use crate::oci::Oci;
use crate::pfc::Pfc;
use crate::printer::Printer;
use crate::rust::Rust;
use crate::seccompiler::Seccompiler;
use crate::snapd::Snapd;
use crate::spo::Spo;
use crate::systemd::Systemd;

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
    /// `SeccompProfile`, the resource of the Kubernetes Security Profiles Operator.
    Spo,
    /// A drop-in for a unit of systemd.
    Systemd,
    /// Minijail's `.policy`.
    Minijail,
    /// The language of kafel.
    Kafel,
    /// The configuration of nsjail in protobuf's text form.
    Nsjail,
    /// The JSON of the crate seccompiler, which Firecracker uses.
    Seccompiler,
    /// Lines of a firejail profile.
    Firejail,
    /// A list of LXC, of version 2.
    Lxc,
    /// A profile as snapd generates them.
    Snapd,
    /// The pseudo code that libseccomp prints.
    Pfc,
    /// The proved program as an array of C.
    C,
    /// Calls of libseccomp's functions in C.
    Libseccomp,
    /// Calls of the crate `callgate`.
    Rust,
}

impl Format {
    /// Every form.
    pub const ALL: [Self; 16] = [
        Self::Gate,
        Self::Docker,
        Self::Oci,
        Self::Spo,
        Self::Systemd,
        Self::Minijail,
        Self::Kafel,
        Self::Nsjail,
        Self::Seccompiler,
        Self::Firejail,
        Self::Lxc,
        Self::Snapd,
        Self::Pfc,
        Self::C,
        Self::Libseccomp,
        Self::Rust,
    ];

    /// The same form as it is read; none for source code, which is compiled.
    #[must_use]
    pub const fn dialect(self) -> Option<Dialect> {
        Some(match self {
            Self::Gate => Dialect::Gate,
            Self::Docker => Dialect::Docker,
            Self::Oci => Dialect::Oci,
            Self::Spo => Dialect::Spo,
            Self::Systemd => Dialect::Systemd,
            Self::Minijail => Dialect::Minijail,
            Self::Kafel => Dialect::Kafel,
            Self::Nsjail => Dialect::Nsjail,
            Self::Seccompiler => Dialect::Seccompiler,
            Self::Firejail => Dialect::Firejail,
            Self::Lxc => Dialect::Lxc,
            Self::Snapd => Dialect::Snapd,
            Self::Pfc => Dialect::Pfc,
            Self::C | Self::Libseccomp | Self::Rust => return None,
        })
    }

    /// The name, as the command line takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.dialect(), self) {
            (Some(dialect), _) => dialect.name(),
            (None, Self::Libseccomp) => "libseccomp",
            (None, Self::Rust) => "rust",
            (None, _) => "c",
        }
    }

    /// What a text in this form is, for messages.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match (self.dialect(), self) {
            (Some(dialect), _) => dialect.title(),
            (None, Self::Libseccomp) => "C that calls libseccomp",
            (None, Self::Rust) => "Rust that calls callgate",
            (None, _) => "an array of C with the proved program",
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
            Self::Firejail => &Firejail,
            Self::Lxc => &Lxc,
            Self::Spo => &Spo,
            Self::Systemd => &Systemd,
            Self::Snapd => &Snapd,
            Self::Pfc => &Pfc,
            Self::C => &C,
            Self::Libseccomp => &Libseccomp,
            Self::Rust => &Rust,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
