//! The profiles that come with callgate, as files in Docker's form that users can print, edit and
//! load.

use crate::{Error, Profile, Reading};

/// An embedded profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a line.
    pub summary: &'static str,
    /// Its file, as [`Profile::parse`] reads it.
    pub json: &'static str,
}

const ALL: &[Builtin] = &[
    Builtin {
        name: "container",
        summary: "what container engines allow by default: ordinary programs, nothing that reconfigures the machine",
        json: include_str!("builtin/container.json"),
    },
    Builtin {
        name: "qemu",
        summary: "what QEMU needs to run a guest with disks and user networking; no new processes, ids or namespaces",
        json: include_str!("builtin/qemu.json"),
    },
];

/// Every embedded profile.
#[must_use]
pub const fn list() -> &'static [Builtin] {
    ALL
}

/// The embedded profile of that name. It is written for callgate, and so read as
/// [`Reading::Kernel`].
///
/// ```
/// let container = callgate_formats::builtin("container")?;
/// assert_eq!(container.form(), callgate_formats::Form::Docker);
/// # Ok::<(), callgate_formats::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownBuiltin`].
pub fn builtin(name: &str) -> Result<Profile, Error> {
    let found = ALL.iter().find(|builtin| builtin.name == name);
    let found = found.ok_or_else(|| Error::UnknownBuiltin { name: name.to_owned() })?;
    Profile::parse(found.json.as_bytes(), found.name)
        .map(|profile| profile.written_for(Reading::Kernel))
}
