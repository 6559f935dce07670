//! The 32-bit words that filters return.
//!
//! References: seccomp(2), `include/uapi/linux/seccomp.h` (`SECCOMP_RET_*`).

use core::fmt;

/// The word that a filter returns for a call: an action in the high 16 bits, its data in the low 16.
///
/// The word is kept whole, unknown actions included, because the kernel compares whole actions when
/// filters are stacked. Equality is equality of words; [`Action::normalised`] drops what the kernel
/// does not look at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(u32);

/// The kinds of action the kernel knows, without their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "readers have to look at each kind")]
pub enum ActionKind {
    /// Kill the whole process with SIGSYS (Linux 4.14).
    KillProcess,
    /// Kill the calling thread with SIGSYS.
    KillThread,
    /// Skip the call and send the thread SIGSYS; the data is `si_errno`.
    Trap,
    /// Skip the call and return the data as errno.
    Errno,
    /// Hand the call to the listener of this filter (Linux 5.0).
    UserNotify,
    /// Hand the call to the tracer; the data is the event message.
    Trace,
    /// Execute the call and log it (Linux 4.14).
    Log,
    /// Execute the call.
    Allow,
    /// An action this kernel interface does not define; the kernel kills the process.
    Unknown,
}

impl ActionKind {
    /// Whether the call is executed, whoever watches.
    #[must_use]
    pub const fn executes(self) -> bool {
        match self {
            Self::Allow | Self::Log => true,
            Self::KillProcess
            | Self::KillThread
            | Self::Trap
            | Self::Errno
            | Self::UserNotify
            | Self::Trace
            | Self::Unknown => false,
        }
    }

    /// Whether the call is executed, or can be if a listener or a tracer wants it.
    #[must_use]
    pub const fn may_execute(self) -> bool {
        match self {
            Self::Allow | Self::Log | Self::UserNotify | Self::Trace => true,
            Self::KillProcess | Self::KillThread | Self::Trap | Self::Errno | Self::Unknown => {
                false
            }
        }
    }
}

const ACTION_MASK: u32 = 0xffff_0000;
const ERRNO_MAX: u16 = 4095;

impl Action {
    /// Kill the process.
    pub const KILL_PROCESS: Self = Self(0x8000_0000);
    /// Kill the thread.
    pub const KILL_THREAD: Self = Self(0x0000_0000);
    /// Hand the call to the listener.
    pub const USER_NOTIFY: Self = Self(0x7fc0_0000);
    /// Execute and log the call.
    pub const LOG: Self = Self(0x7ffc_0000);
    /// Execute the call.
    pub const ALLOW: Self = Self(0x7fff_0000);

    /// Return `errno`; `None` above 4095, which the kernel would clamp. 0 makes the call a
    /// successful no-op.
    #[must_use]
    pub const fn errno(errno: u16) -> Option<Self> {
        if errno <= ERRNO_MAX { Some(Self(0x0005_0000 | errno as u32)) } else { None }
    }

    /// Send SIGSYS with `data` in `si_errno`.
    #[must_use]
    pub const fn trap(data: u16) -> Self {
        Self(0x0003_0000 | data as u32)
    }

    /// Hand the call to the tracer with `data` as the event message.
    #[must_use]
    pub const fn trace(data: u16) -> Self {
        Self(0x7ff0_0000 | data as u32)
    }

    /// Wraps a word as a filter returned it.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The word.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The low 16 bits.
    #[must_use]
    pub const fn data(self) -> u16 {
        let [_, _, high, low] = self.0.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// The kind of action the kernel takes it for.
    #[must_use]
    pub const fn kind(self) -> ActionKind {
        match self.0 & ACTION_MASK {
            0x8000_0000 => ActionKind::KillProcess,
            0x0000_0000 => ActionKind::KillThread,
            0x0003_0000 => ActionKind::Trap,
            0x0005_0000 => ActionKind::Errno,
            0x7fc0_0000 => ActionKind::UserNotify,
            0x7ff0_0000 => ActionKind::Trace,
            0x7ffc_0000 => ActionKind::Log,
            0x7fff_0000 => ActionKind::Allow,
            _ => ActionKind::Unknown,
        }
    }

    /// The same effect in its simplest word: errno clamped to 4095, data dropped where the kernel
    /// ignores it.
    ///
    /// Unknown actions keep their action bits, because those decide between stacked filters.
    #[must_use]
    pub const fn normalised(self) -> Self {
        match self.kind() {
            ActionKind::Errno if self.data() > ERRNO_MAX => Self(0x0005_0000 | ERRNO_MAX as u32),
            ActionKind::Errno | ActionKind::Trap | ActionKind::Trace => self,
            _ => Self(self.0 & ACTION_MASK),
        }
    }

    /// The kernel's precedence among stacked filters: the lower value wins. It compares actions
    /// without data, as signed numbers, so that the kill actions come first.
    #[must_use]
    pub const fn precedence(self) -> i32 {
        i32::from_ne_bytes((self.0 & ACTION_MASK).to_ne_bytes())
    }

    /// How much an action permits, by what the kernel does: more is a higher number.
    ///
    /// A call that fails with errno 0 has not failed as far as its caller can tell, so that is more
    /// than any other errno. The kernel kills the process on an action that it does not know.
    #[must_use]
    pub const fn freedom(self) -> (i32, bool) {
        match self.kind() {
            ActionKind::Unknown => (Self::KILL_PROCESS.precedence(), false),
            ActionKind::Errno => (self.precedence(), self.data() == 0),
            _ => (self.precedence(), false),
        }
    }
}

impl fmt::Display for Action {
    /// The kernel's name without `SECCOMP_RET_`, with the data where the kernel reads it:
    /// `ERRNO(1)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = self.data();
        match self.kind() {
            ActionKind::KillProcess => f.write_str("KILL_PROCESS"),
            ActionKind::KillThread => f.write_str("KILL_THREAD"),
            ActionKind::Trap => write!(f, "TRAP({data})"),
            ActionKind::Errno => write!(f, "ERRNO({data})"),
            ActionKind::UserNotify => f.write_str("USER_NOTIF"),
            ActionKind::Trace => write!(f, "TRACE({data})"),
            ActionKind::Log => f.write_str("LOG"),
            ActionKind::Allow => f.write_str("ALLOW"),
            ActionKind::Unknown => write!(f, "UNKNOWN({:#010x})", self.0),
        }
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Action({self}, {:#010x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_is_the_kernels_order() {
        let order = [
            Action::KILL_PROCESS,
            Action::KILL_THREAD,
            Action::trap(0),
            Action::errno(1).unwrap(),
            Action::USER_NOTIFY,
            Action::trace(0),
            Action::LOG,
            Action::ALLOW,
        ];
        assert!(order.windows(2).all(|pair| pair[0].precedence() < pair[1].precedence()));
    }

    #[test]
    fn errno_is_limited_to_what_the_kernel_returns() {
        assert_eq!(Action::errno(4094).map(Action::raw), Some(0x0005_0ffe));
        assert_eq!(Action::errno(4095).map(Action::raw), Some(0x0005_0fff));
        assert_eq!(Action::errno(4096), None);
    }

    #[test]
    fn normalising_keeps_what_the_kernel_reads() {
        for (raw, expected) in [
            (0x0005_1000, 0x0005_0fff),
            (0x0005_0fff, 0x0005_0fff),
            (0x0003_ffff, 0x0003_ffff),
            (0x7ff0_1234, 0x7ff0_1234),
            (0x7fff_0001, 0x7fff_0000),
            (0x7ffd_0001, 0x7ffd_0000),
            (0x0000_ffff, 0x0000_0000),
        ] {
            assert_eq!(Action::from_raw(raw).normalised().raw(), expected, "{raw:#x}");
        }
    }
}
