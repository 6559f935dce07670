//! The forms by name.

use std::fmt;

/// A form in which policies for filters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Callgate's own language, `*.gate`.
    Gate,
    /// The profiles of Docker and Podman.
    Docker,
    /// OCI's `linux.seccomp`, alone or in a `config.json`.
    Oci,
    /// `SeccompProfile`, the resource of the Kubernetes Security Profiles Operator.
    Spo,
    /// A systemd unit, with its drop-ins.
    Systemd,
    /// Minijail's `.policy`.
    Minijail,
    /// The language of kafel.
    Kafel,
    /// The configuration of nsjail in protobuf's text form.
    Nsjail,
    /// The JSON of the crate seccompiler, which Firecracker uses.
    Seccompiler,
    /// The lines of a firejail profile.
    Firejail,
    /// The lists of LXC, of version 1 or 2.
    Lxc,
    /// The profiles that snapd generates.
    Snapd,
    /// The pseudo code that libseccomp prints.
    Pfc,
}

impl Dialect {
    /// Every form.
    pub const ALL: [Self; 13] = [
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
    ];

    /// The name, as the command line takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Docker => "docker",
            Self::Oci => "oci",
            Self::Spo => "spo",
            Self::Systemd => "systemd",
            Self::Minijail => "minijail",
            Self::Kafel => "kafel",
            Self::Nsjail => "nsjail",
            Self::Seccompiler => "seccompiler",
            Self::Firejail => "firejail",
            Self::Lxc => "lxc",
            Self::Snapd => "snapd",
            Self::Pfc => "pfc",
        }
    }

    /// What a text in this form is, for messages: `a systemd unit`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Gate => "a policy in callgate's language",
            Self::Docker => "a profile of Docker or Podman",
            Self::Oci => "an OCI profile",
            Self::Spo => "a SeccompProfile of the Security Profiles Operator",
            Self::Systemd => "a systemd unit",
            Self::Minijail => "a minijail policy",
            Self::Kafel => "a kafel policy",
            Self::Nsjail => "an nsjail configuration",
            Self::Seccompiler => "a filter of seccompiler (Firecracker)",
            Self::Firejail => "a firejail profile",
            Self::Lxc => "a seccomp list of LXC",
            Self::Snapd => "a seccomp profile of snapd",
            Self::Pfc => "libseccomp's pseudo filter code",
        }
    }

    /// Looks a form up by its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
