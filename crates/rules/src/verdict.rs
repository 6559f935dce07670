//! What a rule does with a call.

use std::fmt;

use callgate_syscalls::{Action, ActionKind, Arch, Errno};

/// What a rule does with a call: an [`Action`] whose errno value may be named, since architectures
/// number names differently.
///
/// ```
/// use callgate_rules::{ErrnoSpec, Verdict};
/// use callgate_syscalls::{Action, Arch};
///
/// let enosys = Verdict::Errno(ErrnoSpec::named("ENOSYS").unwrap());
/// assert_eq!(enosys.on(Arch::X86_64), Action::errno(38).unwrap());
/// assert_eq!(enosys.on(Arch::Mips), Action::errno(89).unwrap());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Execute the call.
    Allow,
    /// Execute and log the call.
    Log,
    /// Fail with an errno value; 0 makes the call a successful no-op.
    Errno(ErrnoSpec),
    /// Send SIGSYS with this in `si_errno`.
    Trap(u16),
    /// Hand the call to a tracer with this as the message.
    Trace(ErrnoSpec),
    /// Hand the call to the listener.
    Notify,
    /// Kill the process.
    Kill,
    /// Kill the thread.
    KillThread,
    /// Exactly this word. [`Verdict::from`] an action makes one only of words that no other verdict
    /// stands for.
    Word(Action),
}

/// An errno value, or another number that may be given as one, by number or by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrnoSpec {
    /// The value, the same on every architecture.
    Number(u16),
    /// A name, and its value on most architectures.
    Named(&'static str, u16),
}

impl Verdict {
    /// The action on an architecture. An errno value above 4,095, which the kernel would clamp,
    /// becomes 4,095.
    #[must_use]
    pub fn on(self, arch: Arch) -> Action {
        match self {
            Self::Allow => Action::ALLOW,
            Self::Log => Action::LOG,
            Self::Errno(errno) => {
                Action::from_raw(ERRNO | u32::from(errno.on(arch).min(ErrnoSpec::MAX)))
            }
            Self::Trap(data) => Action::trap(data),
            Self::Trace(message) => Action::trace(message.on(arch)),
            Self::Notify => Action::USER_NOTIFY,
            Self::Kill => Action::KILL_PROCESS,
            Self::KillThread => Action::KILL_THREAD,
            Self::Word(action) => action,
        }
    }
}

impl From<Action> for Verdict {
    fn from(action: Action) -> Self {
        let number = ErrnoSpec::Number(action.data());
        let verdict = match action.kind() {
            ActionKind::Allow => Self::Allow,
            ActionKind::Log => Self::Log,
            ActionKind::Errno => Self::Errno(number),
            ActionKind::Trap => Self::Trap(action.data()),
            ActionKind::Trace => Self::Trace(number),
            ActionKind::UserNotify => Self::Notify,
            ActionKind::KillProcess => Self::Kill,
            ActionKind::KillThread => Self::KillThread,
            _ => Self::Word(action),
        };
        // A number stands for the same word on every architecture.
        if verdict.on(Arch::X86_64) == action { verdict } else { Self::Word(action) }
    }
}

/// `SECCOMP_RET_ERRNO` without its data.
const ERRNO: u32 = 0x0005_0000;

impl ErrnoSpec {
    /// The largest value that the kernel returns as an error (`MAX_ERRNO`).
    pub const MAX: u16 = 4095;

    /// `EPERM`.
    pub const EPERM: Self = Self::Number(1);

    /// `ENOSYS`.
    pub const ENOSYS: Self = Self::Named("ENOSYS", 38);

    /// The value of a name, such as `EPERM`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let errno = Errno::from_name(name, Arch::X86_64)?;
        Some(Self::Named(errno.name(Arch::X86_64)?, errno.raw()))
    }

    /// The value of a name, or of digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::named(text).or_else(|| text.parse().ok().map(Self::Number))
    }

    /// The value on an architecture: MIPS, PA-RISC and others number names in their own way.
    #[must_use]
    pub fn on(self, arch: Arch) -> u16 {
        match self {
            Self::Number(number) => number,
            Self::Named(name, usual) => Errno::from_name(name, arch).map_or(usual, Errno::raw),
        }
    }
}

impl fmt::Display for ErrnoSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => match Errno::new(*number).name(Arch::X86_64) {
                // 1 to 34 are the same everywhere; what is above has no name that all share.
                Some(name) if *number <= 34 => f.write_str(name),
                _ => write!(f, "{number}"),
            },
            Self::Named(name, _) => f.write_str(name),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Log => f.write_str("log"),
            Self::Errno(errno) => write!(f, "errno {errno}"),
            Self::Trap(data) => write!(f, "trap {data}"),
            Self::Trace(ErrnoSpec::Number(message)) => write!(f, "trace {message}"),
            Self::Trace(message) => write!(f, "trace {message}"),
            Self::Notify => f.write_str("notify"),
            Self::Kill => f.write_str("kill"),
            Self::KillThread => f.write_str("kill-thread"),
            Self::Word(action) => write!(f, "word {:#x}", action.raw()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_is_its_action() {
        let one = ErrnoSpec::EPERM;
        for (verdict, kind, data, text) in [
            (Verdict::Allow, ActionKind::Allow, 0, "allow"),
            (Verdict::Log, ActionKind::Log, 0, "log"),
            (Verdict::Errno(one), ActionKind::Errno, 1, "errno EPERM"),
            (Verdict::Errno(ErrnoSpec::Number(4096)), ActionKind::Errno, 4095, "errno 4096"),
            (Verdict::Trap(7), ActionKind::Trap, 7, "trap 7"),
            (Verdict::Trace(one), ActionKind::Trace, 1, "trace 1"),
            (Verdict::Notify, ActionKind::UserNotify, 0, "notify"),
            (Verdict::Kill, ActionKind::KillProcess, 0, "kill"),
            (Verdict::KillThread, ActionKind::KillThread, 0, "kill-thread"),
        ] {
            let action = verdict.on(Arch::X86_64);
            assert_eq!((action.kind(), action.data()), (kind, data), "{verdict}");
            assert_eq!(verdict.to_string(), text);
            assert_eq!(Verdict::from(action).on(Arch::X86_64), action);
        }
    }

    #[test]
    fn every_action_has_a_verdict() {
        for word in [0x7fff_0001, 0x0005_1fff, 0x1234_0000, 0x8000_0001, 0x0005_0026] {
            let action = Action::from_raw(word);
            let verdict = Verdict::from(action);
            for arch in Arch::ALL {
                assert_eq!(verdict.on(arch), action, "{verdict}");
            }
        }
        assert_eq!(Verdict::from(Action::from_raw(0x1234_0000)).to_string(), "word 0x12340000");
    }

    #[test]
    fn names_digits_and_architectures() {
        let on = |text, arch| ErrnoSpec::parse(text).map(|errno| errno.on(arch));
        assert_eq!(on("EPERM", Arch::X86_64), Some(1));
        assert_eq!(on("ERANGE", Arch::Mips), Some(34));
        assert_eq!(on("ENOSYS", Arch::X86_64), Some(38));
        assert_eq!(on("ENOSYS", Arch::Mipsel64), Some(89));
        assert_eq!(on("ENOSYS", Arch::Parisc), Some(251));
        assert_eq!(on("EWOULDBLOCK", Arch::X86_64), Some(11));
        assert_eq!(on("38", Arch::Mips), Some(38));
        assert_eq!(on("EPREM", Arch::X86_64), None);
    }

    #[test]
    fn the_constants_are_what_their_names_say() {
        assert_eq!(ErrnoSpec::named("ENOSYS"), Some(ErrnoSpec::ENOSYS));
        assert_eq!(ErrnoSpec::parse("ENOSYS"), Some(ErrnoSpec::ENOSYS));
        assert_eq!(ErrnoSpec::EPERM.on(Arch::X86_64), 1);
        assert_eq!(ErrnoSpec::EPERM.to_string(), "EPERM");
        assert_eq!(ErrnoSpec::Number(38).to_string(), "38");
    }

    #[test]
    fn values_with_a_common_name_are_the_same_everywhere() {
        for number in 1..=34 {
            let names = Arch::ALL.map(|arch| Errno::new(number).name(arch));
            assert!(names.iter().all(|name| *name == names[0]), "{number}");
        }
    }
}
