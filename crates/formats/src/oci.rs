//! The OCI runtime specification's `linux.seccomp`, field by field, to read and to write.
//!
//! These types hold what a file says and nothing more; what it means is
//! [`Profile::resolve`](crate::Profile::resolve)'s business.
//!
//! References: runtime-spec, `config-linux.md`, section Seccomp.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::json::{Fault, Node};
use crate::read::Unknown;
use crate::scalar::{ActionName, ArchName, ArgIndex, Flag, OperatorName, WidthName};
use crate::typed;

/// An OCI `config.json`, as far as seccomp goes. Everything else in it is skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Config {
    /// The Linux part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linux: Option<Linux>,
}

/// The Linux part of a [`Config`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Linux {
    /// The seccomp profile, where the container has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<Seccomp>,
}

/// A seccomp profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seccomp {
    /// What happens to calls that no rule decides.
    pub default_action: ActionName,
    /// The errno value or trace message of the default action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u64>,
    /// Architectures beside the machine's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<ArchName>,
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

/// A rule: what happens to calls of some syscalls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Syscall {
    /// The names of the syscalls.
    pub names: Vec<String>,
    /// What happens to them.
    pub action: ActionName,
    /// The errno value or trace message of the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u64>,
    /// Conditions on the arguments; how several on one argument combine is a matter of the
    /// [`Reading`](crate::Reading).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Arg>,
}

/// A condition on one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// Which argument.
    pub index: ArgIndex,
    /// The value compared with; for [`OperatorName::MaskedEq`] the mask.
    pub value: u64,
    /// For [`OperatorName::MaskedEq`] the value compared with; otherwise unused.
    pub value_two: u64,
    /// How they are compared.
    pub op: OperatorName,
    /// How many low bits are compared, where the file says so. Callgate's own addition: container
    /// runtimes skip the key and compare all bits of the architecture's word.
    pub width: Option<WidthName>,
}

impl Arg {
    /// Reads a condition from a file.
    ///
    /// # Errors
    /// Values that the format does not have there, and unknown fields.
    pub fn read(node: Node<'_>) -> Result<Self, Fault> {
        let mut object = node.object("an argument condition object")?;
        // Whoever reads conditions of its own has no place for remarks.
        let arg = typed::arg(&mut object, &mut Unknown::default())?;
        object.finish(typed::ARG)?;
        Ok(arg)
    }
}

impl Serialize for Arg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("index", &self.index)?;
        map.serialize_entry("value", &self.value)?;
        // Readers warn of a masked comparison without it, also where it is 0.
        if self.op == OperatorName::MaskedEq || self.value_two != 0 {
            map.serialize_entry("valueTwo", &self.value_two)?;
        }
        map.serialize_entry("op", &self.op)?;
        if let Some(width) = &self.width {
            map.serialize_entry("width", width)?;
        }
        map.end()
    }
}
