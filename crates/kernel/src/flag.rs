//! The flags of `SECCOMP_SET_MODE_FILTER`.
//!
//! References: seccomp(2), `include/uapi/linux/seccomp.h`.

use std::fmt;

use callgate_syscalls::KernelVersion;
use libc::c_ulong;

/// A flag that the kernel knows for the load of a filter.
///
/// Callers of [`load`](crate::load()) never combine flags by hand: [`Scope`](crate::Scope) and
/// [`Options`](crate::Options) can only express what the kernel takes. The enumeration serves
/// probes and error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Flag {
    /// Attach to every thread of the process at once.
    Tsync,
    /// Log what the filter does not allow.
    Log,
    /// Do not force speculation mitigations on the threads.
    SpecAllow,
    /// Return a listener for the filter's notifications.
    NewListener,
    /// Report a failed [`Flag::Tsync`] as `ESRCH` and not as a thread id.
    TsyncEsrch,
    /// Once a notification is received, let only fatal signals interrupt the call that waits for
    /// its answer.
    WaitKillableRecv,
}

impl Flag {
    /// Every flag, by ascending bit.
    pub const ALL: [Self; 6] = [
        Self::Tsync,
        Self::Log,
        Self::SpecAllow,
        Self::NewListener,
        Self::TsyncEsrch,
        Self::WaitKillableRecv,
    ];

    /// The kernel's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tsync => "SECCOMP_FILTER_FLAG_TSYNC",
            Self::Log => "SECCOMP_FILTER_FLAG_LOG",
            Self::SpecAllow => "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
            Self::NewListener => "SECCOMP_FILTER_FLAG_NEW_LISTENER",
            Self::TsyncEsrch => "SECCOMP_FILTER_FLAG_TSYNC_ESRCH",
            Self::WaitKillableRecv => "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
        }
    }

    /// The first kernel release that takes the flag.
    #[must_use]
    pub const fn since(self) -> KernelVersion {
        match self {
            Self::Tsync => KernelVersion::new(3, 17),
            Self::Log => KernelVersion::new(4, 14),
            Self::SpecAllow => KernelVersion::new(4, 17),
            Self::NewListener => KernelVersion::new(5, 0),
            Self::TsyncEsrch => KernelVersion::new(5, 7),
            Self::WaitKillableRecv => KernelVersion::new(5, 19),
        }
    }

    /// The bit.
    #[doc(hidden)]
    #[must_use]
    pub const fn bit(self) -> c_ulong {
        match self {
            Self::Tsync => libc::SECCOMP_FILTER_FLAG_TSYNC,
            Self::Log => libc::SECCOMP_FILTER_FLAG_LOG,
            Self::SpecAllow => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
            Self::NewListener => libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            Self::TsyncEsrch => libc::SECCOMP_FILTER_FLAG_TSYNC_ESRCH,
            Self::WaitKillableRecv => libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
        }
    }

    /// The bits with which the kernel can be asked for this flag alone: its own, and those it
    /// refuses to be without.
    #[doc(hidden)]
    #[must_use]
    pub const fn probe_bits(self) -> c_ulong {
        match self {
            Self::WaitKillableRecv => self.bit() | Self::NewListener.bit(),
            _ => self.bit(),
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of flags as one load passes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(c_ulong);

impl Flags {
    /// The set with one flag more.
    pub(crate) const fn with(self, flag: Flag) -> Self {
        Self(self.0 | flag.bit())
    }

    /// The word for the kernel.
    pub(crate) const fn bits(self) -> c_ulong {
        self.0
    }

    /// Whether a flag is in the set.
    pub(crate) const fn contains(self, flag: Flag) -> bool {
        self.0 & flag.bit() != 0
    }

    /// The flags, by ascending bit.
    pub(crate) fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL.into_iter().filter(move |&flag| self.contains(flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_the_low_six_bits_in_order() {
        for (index, flag) in Flag::ALL.into_iter().enumerate() {
            assert_eq!(flag.bit(), 1 << index, "{flag}");
        }
    }

    #[test]
    fn a_set_gives_back_its_flags() {
        let flags = Flags::default().with(Flag::NewListener).with(Flag::Tsync);
        assert_eq!(flags.iter().collect::<Vec<_>>(), [Flag::Tsync, Flag::NewListener]);
        assert_eq!(flags.bits(), 0b1001);
    }
}
