//! The profile file of Docker and Podman: OCI's rules, and what the engine decides when it starts a
//! container.
//!
//! Before a runtime sees such a file, the engine picks the rules whose `includes` and `excludes`
//! fit the container's capabilities, the machine and its kernel, and the architectures from
//! `archMap`.
//!
//! References: moby `profiles/seccomp`, containers/common `pkg/seccomp`.

use callgate_rules::{CapSet, Capability, Source};
use callgate_syscalls::{Arch, KernelVersion};
use serde::Serialize;

use crate::json::{Document, PlacedFault};
use crate::oci;
use crate::read::{Form, Unknown};
use crate::reading::Circumstances as Compared;
use crate::scalar::{ActionName, ArchName, DockerArch, Flag, MinKernel};
use crate::spelled::Spelled;
use crate::typed;

/// A profile file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seccomp {
    /// What happens to calls that no rule decides.
    pub default_action: ActionName,
    /// The errno value or trace message of the default action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u64>,
    /// Podman: the same by name (`EPERM`) or as digits; wins over the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_errno: Option<String>,
    /// Architectures beside the machine's own. Not together with `archMap`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<ArchName>,
    /// Which architectures go with which machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arch_map: Vec<ArchMapEntry>,
    /// Flags for seccomp(2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
    /// The socket that the runtime sends the listener to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener_path: Option<String>,
    /// Data that the runtime sends with the listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener_metadata: Option<String>,
    /// The rules.
    pub syscalls: Vec<Syscall>,
}

/// A machine and the other architectures that its programs may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchMapEntry {
    /// The machine's architecture.
    pub architecture: ArchName,
    /// The others.
    pub sub_architectures: Vec<ArchName>,
}

/// A rule and when it is part of the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Syscall {
    /// The name of the syscall, in old files. Not together with `names`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The names of the syscalls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// What happens to them.
    pub action: ActionName,
    /// The errno value or trace message of the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u64>,
    /// Podman: the same by name (`EPERM`) or as digits; wins over the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<String>,
    /// Conditions on the arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<oci::Arg>,
    /// A remark for readers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The rule is left out unless all of this is so.
    #[serde(skip_serializing_if = "Filter::is_empty")]
    pub includes: Filter,
    /// The rule is left out if any of this is so.
    #[serde(skip_serializing_if = "Filter::is_empty")]
    pub excludes: Filter,
}

/// Circumstances that a rule depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// Capabilities of the container's bounding set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Spelled<Capability>>,
    /// The machine's architecture.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arches: Vec<Spelled<DockerArch>>,
    /// The kernel is this one or newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_kernel: Option<MinKernel>,
}

impl Seccomp {
    /// Reads a file as it is written, without checking whether its parts fit together. Unknown
    /// fields are skipped.
    ///
    /// # Errors
    /// Text that is not JSON, and values that the format does not have there.
    pub fn read(source: Source) -> Result<Self, PlacedFault> {
        let document = Document::parse(source)?;
        let mut unknown = Unknown::default();
        let seccomp = typed::seccomp(document.root(), Form::Docker, &mut unknown);
        seccomp.map_err(|fault| document.placed(fault))
    }
}

/// What the engine knows about a container when it picks the rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub(crate) caps: CapSet,
    pub(crate) arch: Arch,
    pub(crate) kernel: KernelVersion,
    /// How capabilities and architectures are compared.
    pub(crate) compared: Compared,
}

impl Circumstances {
    fn has_cap(self, cap: &Spelled<Capability>) -> bool {
        self.caps.contains(cap.value) && (self.compared == Compared::Meaning || cap.is_canonical())
    }

    fn is_arch(self, arch: &Spelled<DockerArch>) -> bool {
        arch.value.0 == self.arch && (self.compared == Compared::Meaning || arch.is_canonical())
    }
}

impl Filter {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether all that the filter names is so: the test of `includes`.
    pub(crate) fn all(&self, at: Circumstances) -> bool {
        at.compared == Compared::Unknown
            || (self.arches.is_empty() || self.arches.iter().any(|arch| at.is_arch(arch)))
                && self.caps.iter().all(|cap| at.has_cap(cap))
                && self.min_kernel.is_none_or(|kernel| kernel.0 <= at.kernel)
    }

    /// Whether anything that the filter names is so: the test of `excludes`.
    pub(crate) fn any(&self, at: Circumstances) -> bool {
        at.compared != Compared::Unknown
            && (self.arches.iter().any(|arch| at.is_arch(arch))
                || self.caps.iter().any(|cap| at.has_cap(cap))
                || self.min_kernel.is_some_and(|kernel| kernel.0 <= at.kernel))
    }
}

impl From<oci::Seccomp> for Seccomp {
    /// The same profile, with nothing left to the engine.
    fn from(oci: oci::Seccomp) -> Self {
        Self {
            default_action: oci.default_action,
            default_errno_ret: oci.default_errno_ret,
            default_errno: None,
            architectures: oci.architectures,
            arch_map: Vec::new(),
            flags: oci.flags,
            listener_path: oci.listener_path,
            listener_metadata: oci.listener_metadata,
            syscalls: oci.syscalls.into_iter().map(Syscall::from).collect(),
        }
    }
}

impl From<oci::Syscall> for Syscall {
    fn from(oci: oci::Syscall) -> Self {
        Self {
            name: String::new(),
            names: Some(oci.names),
            action: oci.action,
            errno_ret: oci.errno_ret,
            errno: None,
            args: oci.args,
            comment: String::new(),
            includes: Filter::default(),
            excludes: Filter::default(),
        }
    }
}
