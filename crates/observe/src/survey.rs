//! What this kernel and this environment allow, found out by trying.
//!
//! Every question is put in a forked child, so that a sandbox that kills the asker kills only that,
//! and what has to be attached to see it work is attached to nobody else. Nothing stays behind: no
//! filter, process, file or core dump. (A kernel that audits does note that somebody listened to
//! its records.)
//!
//! An answer is what this process would get. Inside a sandbox that is the sandbox's word, not the
//! kernel's; where the two can be told apart, the answer is [`Finding::Unknown`].
//!
//! References: `Documentation/userspace-api/seccomp_filter.rst`, seccomp(2), seccomp_unotify(2).

mod cost;
mod learning;
mod machine;
mod notify;
mod seccomp;

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use callgate_bpf::{Instruction, Program};
use callgate_syscalls::{Action, Errno};
use libc::c_int;

use callgate_kernel::child::{self, Ending, Signal};
use callgate_kernel::parts as disposable;
use callgate_kernel::parts::Reason;
use callgate_kernel::parts::Shared;
use callgate_kernel::parts::errno;
use callgate_kernel::{Error, Options, Scope, load};

pub use cost::{CallTimes, SpeculationFeature, call_times, speculation_before_and_after};
pub use learning::{
    audit_enabled, audit_records_readable, dump_filters, load_bpf_tracepoint, open_perf_tracepoint,
    trace_child,
};
pub use machine::{UprobeCall, exempt_from_filters, ia32_calls, x32_calls};
pub use notify::{NotifyFeature, notify_feature};
pub use seccomp::{
    accepts, action, filter_mode, flag, load_filter, load_filter_privileged, new_user_namespace,
    seccomp_syscall,
};

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// It is there, or it works.
    Yes,
    /// It is not there, or it does not work, for this reason.
    No(Errno),
    /// It can't be found out.
    Unknown(Obstacle),
}

/// What stood between a question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The call that asks failed with an errno that says nothing about the question: mostly another
    /// sandbox's.
    Refused(Errno),
    /// The child that asked was killed.
    Killed(Signal),
    /// The child exited before it had an answer, or there is no such question on this machine.
    NoAnswer,
    /// The question could not be put.
    NotAsked(Error),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(errno) => write!(f, "the call that asks is refused: {}", Reason(*errno)),
            Self::Killed(Signal::SYS) => f.write_str("the call that asks is killed by a filter"),
            Self::Killed(signal) => write!(f, "the process that asks is killed by {signal}"),
            Self::NoAnswer => f.write_str("there was no answer"),
            Self::NotAsked(error) => error.fmt(f),
        }
    }
}

/// How long an answer may take.
const SECONDS_MAX: u32 = 10;

/// Added to the number of a fault's signal, the exit code of the child that it happened to.
const FAULT_CODE: u8 = 128;

/// Asks in a child. Errnos in `no` are an answer, others are not.
fn ask(no: &[c_int], question: impl FnOnce() -> Result<(), Errno>) -> Finding {
    match measure(|| question().map(|()| 0)) {
        Ok(_) => Finding::Yes,
        Err(Obstacle::Refused(reason)) if no.contains(&reason.raw().into()) => Finding::No(reason),
        Err(obstacle) => Finding::Unknown(obstacle),
    }
}

/// Finds out a number in a child.
fn measure(question: impl FnOnce() -> Result<u64, Errno>) -> Result<u64, Obstacle> {
    let report = Shared::<Report>::new()
        .map_err(|errno| Obstacle::NotAsked(Error::Kernel { call: "mmap", errno }))?;
    let in_child = || {
        disposable::alarm(SECONDS_MAX);
        // Both are for quiet only: a machine that refuses them has the same answers.
        let _ = crate::sys::quiet::no_core_dump();
        let _ = crate::sys::quiet::exit_on_faults(FAULT_CODE);
        report.value().write(question());
        0
    };
    // SAFETY: the questions are those of this module and its children, which are private to it:
    // they make syscalls, read files and allocate, and share with this process only the report,
    // which is atomic. What they may wait for without end, such as a lock of another thread, the
    // alarm ends.
    let ending = unsafe { child::run_forked(in_child) };
    report.value().read(ending.map_err(Obstacle::NotAsked)?)
}

/// The errno of a failed load, for the parent: errors own no memory that a child could share.
fn errno_of_load(error: &Error) -> Errno {
    error.errno().unwrap_or(errno(libc::EPERM))
}

/// The filter that allows everything: its load, not its effect, is what is asked for.
fn allow_all() -> Result<Program, Errno> {
    constant(Action::ALLOW)
}

/// The filter that returns the same for all calls.
fn constant(action: Action) -> Result<Program, Errno> {
    let instructions = [Instruction::new(RETURN, action.raw())];
    Program::new(instructions).map_err(|_| errno(libc::EINVAL))
}

/// Attaches a filter to this child.
fn attach(program: &Program) -> Result<(), Errno> {
    let loaded = load(program, Scope::ThisThread, &Options::default());
    loaded.map_err(|error| errno_of_load(&error))
}

/// `BPF_RET | BPF_K`
const RETURN: u16 = 0x06;
/// `BPF_LD | BPF_W | BPF_ABS`
const LOAD: u16 = 0x20;
/// `BPF_JMP | BPF_JEQ | BPF_K`
const JUMP_IF_EQUAL: u16 = 0x15;

/// A child's answer, in memory that its parent shares.
#[derive(Default)]
struct Report {
    state: AtomicU32,
    value: AtomicU64,
}

const ANSWERED: u32 = 1;
const FAILED: u32 = 2;

impl Report {
    fn write(&self, answer: Result<u64, Errno>) {
        let (state, value) = match answer {
            Ok(value) => (ANSWERED, value),
            Err(errno) => (FAILED, errno.raw().into()),
        };
        self.value.store(value, Ordering::Release);
        self.state.store(state, Ordering::Release);
    }

    /// The answer; an ending that is none of ours explains why there is none.
    fn read(&self, ending: Ending) -> Result<u64, Obstacle> {
        let value = self.value.load(Ordering::Acquire);
        match (self.state.load(Ordering::Acquire), ending) {
            (ANSWERED, _) => Ok(value),
            (FAILED, _) => Err(Obstacle::Refused(errno(i32::try_from(value).unwrap_or(0)))),
            (_, Ending::Killed { signal }) => Err(Obstacle::Killed(signal)),
            (_, Ending::Exited { code }) => {
                Err(Signal::of_fault(code, FAULT_CODE).map_or(Obstacle::NoAnswer, Obstacle::Killed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_from_the_child_and_endings_explain_their_absence() {
        assert_eq!(measure(|| Ok(u64::MAX)), Ok(u64::MAX));
        let refused = errno(libc::EACCES);
        assert_eq!(measure(|| Err(refused)), Err(Obstacle::Refused(refused)));
        let exited = measure(|| callgate_kernel::parts::exit_now(7));
        assert_eq!(exited, Err(Obstacle::NoAnswer));
        let killed = measure(|| {
            let kill_all = constant(Action::KILL_PROCESS)?;
            attach(&kill_all).map(|()| std::os::unix::process::parent_id().into())
        });
        assert_eq!(killed, Err(Obstacle::Killed(Signal::SYS)));
    }

    #[test]
    fn only_the_listed_errnos_are_a_no() {
        let fails = || Err(errno(libc::EINVAL));
        assert_eq!(ask(&[libc::EINVAL], fails), Finding::No(errno(libc::EINVAL)));
        let unknown = Finding::Unknown(Obstacle::Refused(errno(libc::EINVAL)));
        assert_eq!(ask(&[libc::EPERM], fails), unknown);
        assert_eq!(ask(&[], || Ok(())), Finding::Yes);
    }
}
