//! Filters on top of each other, and what the kernel does with their results.
//!
//! Every filter of a chain runs on each call, newest first, and the action with the lowest signed
//! value wins. What the winner's word then means depends on nothing but the word, except for two
//! calls that no filter can stop.
//!
//! References: `kernel/seccomp.c` (`seccomp_run_filters`, `__seccomp_filter`), seccomp(2).

use std::fmt;

use callgate_syscalls::{Action, ActionKind, Arch, Endian, Errno, KernelVersion, SeccompData};

use crate::{Hardening, Program, path_len};

/// The filters of a process, from the oldest to the newest.
///
/// # Examples
/// ```
/// use callgate_bpf::{Instruction, Program, Stack};
/// use callgate_syscalls::{Action, Arch, Endian, SeccompData, SyscallNr};
///
/// let always = |action: Action| Program::new([Instruction::new(0x06, action.raw())]);
/// let stack = Stack::new([always(Action::ALLOW)?, always(Action::trap(7))?]);
/// let call = SeccompData::new(Arch::X86_64, SyscallNr::new(0));
/// let decision = stack.run(&call, Endian::Little);
/// assert_eq!(decision.action, Action::trap(7));
/// assert_eq!(decision.filter, Some(1));
/// # Ok::<(), callgate_bpf::CheckError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stack(Vec<Program>);

/// The result of a stack of filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The word of the filter that won, ALLOW if none returned anything lower.
    pub action: Action,
    /// The index of that filter, 0 being the oldest. None where all allow.
    pub filter: Option<usize>,
}

/// The kernel's answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The process dies by SIGSYS: KILL_PROCESS, or an action that the kernel does not know.
    KillProcess,
    /// The thread dies by SIGSYS.
    KillThread,
    /// The call is skipped and SIGSYS sent with that `si_errno`.
    Trap(u16),
    /// The call is skipped and returns that errno, at most 4095; 0 is a fake success.
    Errno(Errno),
    /// The call waits for the listener.
    UserNotify,
    /// The call waits for the tracer, which gets that message.
    Trace(u16),
    /// The call is executed and logged.
    Log,
    /// The call is executed.
    Allow,
}

impl Stack {
    /// A stack of filters from the oldest to the newest.
    #[must_use]
    pub fn new(oldest_first: impl Into<Vec<Program>>) -> Self {
        Self(oldest_first.into())
    }

    /// Puts a newer filter on top.
    pub fn push(&mut self, newest: Program) {
        self.0.push(newest);
    }

    /// The filters from the oldest to the newest.
    #[must_use]
    pub fn programs(&self) -> &[Program] {
        &self.0
    }

    /// The decision of all filters: the lowest action as a signed number, the newest filter's word
    /// among equals.
    #[must_use]
    pub fn run(&self, call: &SeccompData, endian: Endian) -> Decision {
        let mut decision = Decision { action: Action::ALLOW, filter: None };
        for (index, program) in self.0.iter().enumerate().rev() {
            let action = program.run(call, endian);
            if action.precedence() < decision.action.precedence() {
                decision = Decision { action, filter: Some(index) };
            }
        }
        decision
    }

    /// The answer of a kernel of that version to a call under these filters.
    #[must_use]
    pub fn outcome(&self, call: &SeccompData, endian: Endian, kernel: KernelVersion) -> Outcome {
        match is_exempt(call, kernel) {
            true => Outcome::Allow,
            false => Outcome::of(self.run(call, endian).action),
        }
    }

    /// The share of [`PATH_LEN_MAX`](crate::PATH_LEN_MAX) that the stack takes.
    #[must_use]
    pub fn path_len(&self, hardening: Hardening) -> usize {
        path_len(&self.0, hardening)
    }
}

/// Whether a kernel of that version executes the call whatever the filters say.
///
/// These are x86_64's `uretprobe` (335) from Linux 6.14 and `uprobe` (336) from 6.18; the first was
/// also brought to 6.12.14, which [`KernelVersion`] can't tell from 6.12.
#[must_use]
pub fn is_exempt(call: &SeccompData, kernel: KernelVersion) -> bool {
    const URETPROBE: u32 = 335;
    const UPROBE: u32 = 336;
    call.arch == Arch::X86_64.token()
        && match call.nr.raw() {
            URETPROBE => kernel >= KernelVersion::new(6, 14),
            UPROBE => kernel >= KernelVersion::new(6, 18),
            _ => false,
        }
}

impl Outcome {
    /// The kernel's answer for a winning word.
    #[must_use]
    pub fn of(action: Action) -> Self {
        let normal = action.normalised();
        match normal.kind() {
            ActionKind::KillThread => Self::KillThread,
            ActionKind::Trap => Self::Trap(normal.data()),
            ActionKind::Errno => Self::Errno(Errno::new(normal.data())),
            ActionKind::UserNotify => Self::UserNotify,
            ActionKind::Trace => Self::Trace(normal.data()),
            ActionKind::Log => Self::Log,
            ActionKind::Allow => Self::Allow,
            _ => Self::KillProcess,
        }
    }

    /// Whether the call is executed.
    #[must_use]
    pub const fn executes(self) -> bool {
        matches!(self, Self::Allow | Self::Log)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillProcess => f.write_str("the process is killed by SIGSYS"),
            Self::KillThread => f.write_str("the thread is killed by SIGSYS"),
            Self::Trap(data) => write!(f, "skipped, SIGSYS with si_errno {data}"),
            Self::Errno(errno) if errno.raw() == 0 => f.write_str("skipped, returns 0"),
            Self::Errno(errno) => write!(f, "skipped, fails with errno {}", errno.raw()),
            Self::UserNotify => f.write_str("waits for the listener"),
            Self::Trace(data) => write!(f, "waits for the tracer with message {data}"),
            Self::Log => f.write_str("executed and logged"),
            Self::Allow => f.write_str("executed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instruction;
    use callgate_syscalls::SyscallNr;

    const CALL: SeccompData = SeccompData::new(Arch::X86_64, SyscallNr::new(0));

    fn decide(oldest_first: &[u32]) -> Decision {
        let always = |&raw| Program::new([Instruction::new(0x06, raw)]).unwrap();
        Stack::new(oldest_first.iter().map(always).collect::<Vec<_>>()).run(&CALL, Endian::Little)
    }

    fn check(oldest_first: &[u32], action: u32, filter: Option<usize>) {
        let decision = Decision { action: Action::from_raw(action), filter };
        assert_eq!(decide(oldest_first), decision, "{oldest_first:x?}");
    }

    #[test]
    fn the_lowest_signed_action_wins() {
        check(&[], 0x7fff_0000, None);
        check(&[0x7fff_0000, 0x7fff_0001], 0x7fff_0000, None);
        check(&[0x0005_0001, 0x8000_0000, 0], 0x8000_0000, Some(1));
        check(&[0x0003_0001, 0x0005_0002], 0x0003_0001, Some(0));
        check(&[0x7ffc_0000, 0x7fff_0000], 0x7ffc_0000, Some(0));
    }

    #[test]
    fn the_newest_wins_ties_whatever_the_data() {
        check(&[0x0005_0001, 0x0005_0002], 0x0005_0002, Some(1));
        check(&[0x0005_0002, 0x0005_0001], 0x0005_0001, Some(1));
    }

    #[test]
    fn unknown_actions_take_part_with_their_number() {
        check(&[0x7ffc_0000, 0x7ffd_0000], 0x7ffc_0000, Some(0));
        check(&[0x0005_0001, 0x0006_0000], 0x0005_0001, Some(0));
        check(&[0x8000_0000, 0x8001_0000], 0x8000_0000, Some(0));
        check(&[0x0000_0000, 0xffff_0000], 0xffff_0000, Some(1));
    }

    #[test]
    fn outcomes_are_what_the_kernel_reads_of_a_word() {
        for (raw, outcome) in [
            (0x8000_0001, Outcome::KillProcess),
            (0x0000_0005, Outcome::KillThread),
            (0x0003_ffff, Outcome::Trap(0xffff)),
            (0x0005_0fff, Outcome::Errno(Errno::new(4095))),
            (0x0005_1000, Outcome::Errno(Errno::new(4095))),
            (0x7fc0_0001, Outcome::UserNotify),
            (0x7ff0_1234, Outcome::Trace(0x1234)),
            (0x7ffc_0001, Outcome::Log),
            (0x7fff_0001, Outcome::Allow),
            (0x7ffd_0000, Outcome::KillProcess),
            (0x0001_0000, Outcome::KillProcess),
        ] {
            assert_eq!(Outcome::of(Action::from_raw(raw)), outcome, "{raw:#x}");
        }
    }

    #[test]
    fn probe_calls_of_x86_64_escape_newer_kernels() {
        let kill = Stack::new([Program::new([Instruction::new(0x06, 0)]).unwrap()]);
        let outcome = |arch, nr, minor| {
            let call = SeccompData::new(arch, SyscallNr::new(nr));
            kill.outcome(&call, Endian::Little, KernelVersion::new(6, minor))
        };
        for (nr, first) in [(335, 14), (336, 18)] {
            assert_eq!(outcome(Arch::X86_64, nr, first - 1), Outcome::KillThread);
            assert_eq!(outcome(Arch::X86_64, nr, first), Outcome::Allow);
            assert_eq!(outcome(Arch::X86, nr, first), Outcome::KillThread);
        }
        assert_eq!(outcome(Arch::X86_64, 334, 18), Outcome::KillThread);
        assert_eq!(outcome(Arch::X86_64, 337, 18), Outcome::KillThread);
    }
}
