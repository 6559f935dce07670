//! The attributes of a context.
//!
//! References: seccomp_attr_set(3).

use std::fmt;

use callgate_syscalls::Action;

use crate::Error;

/// An attribute of a context (`SCMP_FLTATR_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Attribute {
    /// The action where no rule holds; fixed when the context is made.
    ActDefault,
    /// The action for calls of architectures that the context does not have.
    ActBadArch,
    /// Whether loading sets `PR_SET_NO_NEW_PRIVS`.
    CtlNnp,
    /// Whether loading puts the filter on all threads.
    CtlTsync,
    /// Whether rules may be made for number -1.
    ApiTskip,
    /// Whether the kernel logs what the filter refuses.
    CtlLog,
    /// Whether loading leaves speculative store bypass enabled.
    CtlSsb,
    /// How syscalls are arranged: 1 by priority, 2 as a binary tree.
    CtlOptimize,
    /// Whether errors of the kernel are returned as they are.
    ApiSysRawRc,
    /// Whether a call that waits for its notification can be interrupted by fatal signals only.
    CtlWaitKill,
}

impl Attribute {
    const NAMES: [(Self, &'static str); 10] = [
        (Self::ActDefault, "ACT_DEFAULT"),
        (Self::ActBadArch, "ACT_BADARCH"),
        (Self::CtlNnp, "CTL_NNP"),
        (Self::CtlTsync, "CTL_TSYNC"),
        (Self::ApiTskip, "API_TSKIP"),
        (Self::CtlLog, "CTL_LOG"),
        (Self::CtlSsb, "CTL_SSB"),
        (Self::CtlOptimize, "CTL_OPTIMIZE"),
        (Self::ApiSysRawRc, "API_SYSRAWRC"),
        (Self::CtlWaitKill, "CTL_WAITKILL"),
    ];

    /// The attribute with that value in libseccomp's header.
    ///
    /// # Errors
    /// [`Error::UnknownAttribute`] outside 1 to 10.
    pub fn from_raw(raw: u32) -> Result<Self, Error> {
        let index = usize::try_from(raw).ok().and_then(|raw| raw.checked_sub(1));
        let found = index.and_then(|index| Self::NAMES.get(index));
        found.map(|&(attribute, _)| attribute).ok_or(Error::UnknownAttribute { attribute: raw })
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(attribute, _)| attribute == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

/// How syscalls are arranged in the PFC text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrangement {
    ByPriority,
    BinaryTree,
}

/// The values of all attributes.
#[derive(Clone, Debug)]
pub(crate) struct Attributes {
    pub(crate) default: Action,
    pub(crate) bad_arch: Action,
    pub(crate) no_new_privs: bool,
    pub(crate) tsync: bool,
    pub(crate) tskip: bool,
    pub(crate) log: bool,
    pub(crate) ssb: bool,
    pub(crate) arrangement: Arrangement,
    pub(crate) raw_errors: bool,
    pub(crate) wait_killable: bool,
}

impl Attributes {
    pub(crate) const fn new(default: Action) -> Self {
        Self {
            default,
            bad_arch: Action::KILL_THREAD,
            no_new_privs: true,
            tsync: false,
            tskip: false,
            log: false,
            ssb: false,
            arrangement: Arrangement::ByPriority,
            raw_errors: false,
            wait_killable: false,
        }
    }

    /// The value as callers read it.
    pub(crate) fn value(&self, attribute: Attribute) -> u32 {
        match attribute {
            Attribute::ActDefault => self.default.raw(),
            Attribute::ActBadArch => self.bad_arch.raw(),
            Attribute::CtlNnp => self.no_new_privs.into(),
            Attribute::CtlTsync => self.tsync.into(),
            Attribute::ApiTskip => self.tskip.into(),
            Attribute::CtlLog => self.log.into(),
            Attribute::CtlSsb => self.ssb.into(),
            Attribute::CtlOptimize => match self.arrangement {
                Arrangement::ByPriority => 1,
                Arrangement::BinaryTree => 2,
            },
            Attribute::ApiSysRawRc => self.raw_errors.into(),
            Attribute::CtlWaitKill => self.wait_killable.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_one_to_ten() {
        for raw in 1..=10 {
            let attribute = Attribute::from_raw(raw).unwrap();
            assert!(!attribute.to_string().is_empty());
        }
        for attribute in [0, 11, u32::MAX] {
            let unknown = Err(Error::UnknownAttribute { attribute });
            assert_eq!(Attribute::from_raw(attribute), unknown);
        }
        assert_eq!(Attribute::from_raw(8), Ok(Attribute::CtlOptimize));
    }
}
