//! Capabilities, which filters may depend on.
//!
//! References: capabilities(7), `include/uapi/linux/capability.h`.

use std::fmt;
use std::str::FromStr;

use crate::nearest;

/// The names without `CAP_`, in the order of their numbers.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

const PREFIX: &str = "CAP_";

/// A capability of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(u8);

impl Capability {
    /// Every capability, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).zip(NAMES).map(|(number, _)| Self(number))
    }

    /// The name without `CAP_`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// The capability of that name, in any case, with or without `CAP_`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix(PREFIX).unwrap_or(&upper);
        Self::all().find(|cap| cap.name() == name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.name())
    }
}

/// A set of capabilities: what a container's bounding set holds.
///
/// ```
/// use callgate_rules::{CapSet, Capability};
///
/// let caps: CapSet = "net_admin,CAP_SYS_PTRACE".parse()?;
/// assert_eq!(caps.to_string(), "CAP_NET_ADMIN,CAP_SYS_PTRACE");
/// assert!(!CapSet::DOCKER_DEFAULT.contains(Capability::parse("SYS_ADMIN").unwrap()));
/// # Ok::<(), callgate_rules::UnknownCapability>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CapSet(u64);

impl CapSet {
    /// No capability.
    pub const NONE: Self = Self(0);

    /// Every capability.
    pub const ALL: Self = Self((1 << NAMES.len()) - 1);

    /// What Docker gives a container unless told otherwise: CHOWN, DAC_OVERRIDE, FOWNER, FSETID,
    /// KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE,
    /// SETFCAP.
    pub const DOCKER_DEFAULT: Self = Self(0xa804_25fb);

    /// What Podman gives a container unless told otherwise (`default_capabilities` of
    /// containers.conf(5)): Docker's set without NET_RAW, MKNOD and AUDIT_WRITE.
    pub const PODMAN_DEFAULT: Self = Self(0x8004_05fb);

    /// Whether the capability is in the set.
    #[must_use]
    pub const fn contains(self, cap: Capability) -> bool {
        self.0 >> cap.0 & 1 == 1
    }

    /// The set with one capability more.
    #[must_use]
    pub const fn with(self, cap: Capability) -> Self {
        Self(self.0 | 1 << cap.0)
    }

    /// Whether the sets share a capability.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The capabilities of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The capabilities of this set that the other does not have.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the other set has every capability of this one.
    #[must_use]
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The capabilities in the set, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::all().filter(move |&cap| self.contains(cap))
    }
}

impl FromIterator<Capability> for CapSet {
    fn from_iter<I: IntoIterator<Item = Capability>>(caps: I) -> Self {
        caps.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for CapSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, cap) in self.iter().enumerate() {
            write!(f, "{}{cap}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// The text is not the name of a capability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCapability {
    text: String,
}

impl fmt::Display for UnknownCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown capability {:?}", self.text)?;
        let upper = self.text.to_ascii_uppercase();
        match nearest(upper.strip_prefix(PREFIX).unwrap_or(&upper), NAMES) {
            Some(near) => write!(f, ": did you mean {PREFIX}{near}?"),
            None => f.write_str("; capabilities(7) lists them, and ALL stands for all"),
        }
    }
}

impl std::error::Error for UnknownCapability {}

impl FromStr for CapSet {
    type Err = UnknownCapability;

    /// Parses names separated by commas, in any case, with or without `CAP_`; `ALL` is every
    /// capability, and the empty text none.
    ///
    /// # Errors
    /// [`UnknownCapability`] for the first name that is none.
    fn from_str(text: &str) -> Result<Self, UnknownCapability> {
        if text.is_empty() {
            return Ok(Self::NONE);
        }
        text.split(',').map(str::trim).try_fold(Self::NONE, |set, name| {
            if name.eq_ignore_ascii_case("ALL") {
                return Ok(Self::ALL);
            }
            let unknown = || UnknownCapability { text: name.to_owned() };
            Capability::parse(name).map(|cap| set.with(cap)).ok_or_else(unknown)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_default_is_fourteen_names() {
        let names = "CHOWN,DAC_OVERRIDE,FSETID,FOWNER,MKNOD,NET_RAW,SETGID,SETUID,SETFCAP,SETPCAP,\
                     NET_BIND_SERVICE,SYS_CHROOT,KILL,AUDIT_WRITE";
        assert_eq!(names.parse(), Ok(CapSet::DOCKER_DEFAULT));
        assert_eq!(CapSet::DOCKER_DEFAULT.iter().count(), 14);
    }

    #[test]
    fn podmans_default_is_eleven_names() {
        let names = "CHOWN,DAC_OVERRIDE,FOWNER,FSETID,KILL,NET_BIND_SERVICE,SETFCAP,SETGID,SETPCAP,\
                     SETUID,SYS_CHROOT";
        assert_eq!(names.parse(), Ok(CapSet::PODMAN_DEFAULT));
        assert_eq!(CapSet::PODMAN_DEFAULT.iter().count(), 11);
    }

    #[test]
    fn names_come_in_any_case_with_or_without_prefix() {
        for text in ["sys_admin", "CAP_SYS_ADMIN", "cap_sys_admin", " SYS_ADMIN "] {
            assert_eq!(text.parse::<CapSet>().unwrap().to_string(), "CAP_SYS_ADMIN");
        }
        assert_eq!("all".parse(), Ok(CapSet::ALL));
        assert_eq!("".parse(), Ok(CapSet::NONE));
        assert_eq!(CapSet::ALL.iter().count(), 41);
    }

    #[test]
    fn unknown_names_are_named_with_a_near_one() {
        let message = |text: &str| text.parse::<CapSet>().unwrap_err().to_string();
        assert_eq!(
            message("chown,SYS_ADMN"),
            "unknown capability \"SYS_ADMN\": did you mean CAP_SYS_ADMIN?"
        );
        assert_eq!(
            message("chown,"),
            "unknown capability \"\"; capabilities(7) lists them, and ALL stands for all"
        );
    }
}
