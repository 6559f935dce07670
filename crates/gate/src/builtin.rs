//! The policies that come with callgate, as texts that users can print, edit and load.

use std::fmt;

use callgate_rules::Source;

use crate::{Refused, Written, nothing, read};

/// An embedded policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a line.
    pub summary: &'static str,
    /// Its text.
    pub text: &'static str,
}

const ALL: &[Builtin] = &[
    Builtin {
        name: "container",
        summary: "what container engines allow by default: ordinary programs, nothing that reconfigures the machine",
        text: include_str!("builtin/container.gate"),
    },
    Builtin {
        name: "qemu",
        summary: "what QEMU needs to run a guest with disks and user networking; no new processes, ids or namespaces",
        text: include_str!("builtin/qemu.gate"),
    },
];

/// No embedded policy has that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBuiltin {
    name: String,
}

/// Every embedded policy.
#[must_use]
pub const fn builtins() -> &'static [Builtin] {
    ALL
}

/// The embedded policy of that name.
///
/// ```
/// use callgate_rules::Target;
/// use callgate_syscalls::Arch;
///
/// let container = callgate_gate::builtin("container")?.read()?;
/// let policy = container.lower(&Target::new(Arch::X86_64))?.policy;
/// assert!(policy.arch(Arch::X32).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`UnknownBuiltin`].
pub fn builtin(name: &str) -> Result<Builtin, UnknownBuiltin> {
    let found = ALL.iter().find(|builtin| builtin.name == name).copied();
    found.ok_or_else(|| UnknownBuiltin { name: name.to_owned() })
}

impl Builtin {
    /// What places in the text call it: `NAME.gate`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.gate", self.name)
    }

    /// The policy, not yet for any machine.
    ///
    /// # Errors
    /// [`Refused`], which tests rule out for the texts of this crate.
    pub fn read(&self) -> Result<Written, Refused> {
        read(Source::new(self.file_name(), self.text)?, &mut nothing)
    }
}

impl fmt::Display for UnknownBuiltin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = ALL.iter().map(|builtin| builtin.name).collect();
        write!(f, "no embedded profile is called {:?}; there are: {}", self.name, names.join(", "))
    }
}

impl std::error::Error for UnknownBuiltin {}
