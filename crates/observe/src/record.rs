//! Recorders: every call that a command and all it starts make, one event each.
//!
//! [`Notify`] needs no permission and is the cheapest that needs none; [`Ptrace`] sees results, and
//! commands that have a listener of their own; [`Ebpf`] wants privileges, is the cheapest of all, and
//! sees what runs already. What none can see is what no filter sees: the
//! operations of io_uring, what the vDSO answers without a call, and processes that were there
//! before.

mod ebpf;
mod machine;
mod notify;
mod ptrace;
mod thread;

use callgate_kernel::child::Ending;
use callgate_kernel::{Command, Error};
use callgate_syscalls::SeccompData;

pub use ebpf::{Ebpf, EbpfError, Forbidden, Interest, Whom};
pub use machine::{libc_version, today};
pub use notify::Notify;
pub use ptrace::Ptrace;

pub use crate::sys::stopping::Between;

/// A call that was made.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Number, ABI and registers.
    pub call: &'a SeccompData,
    /// The name of the thread that makes it; empty where it is not known.
    pub thread: &'a str,
    /// What the kernel returned, negative for an error; `None` where the recorder does not wait for
    /// it.
    pub result: Option<i64>,
    /// How many calls like it this tells of: 1, but for recorders that count.
    pub count: u64,
    /// Whether it was made at some time since one like it was told of, and not now.
    pub is_late: bool,
}

/// What becomes of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Going {
    /// It goes on.
    On,
    /// It ends, and with it every process that is recorded.
    End,
}

/// Who is told of events.
pub trait Observer {
    /// A call. It may not have returned yet.
    fn event(&mut self, event: &Event<'_>);

    /// Asked once a second, and when a signal asks this process to end: `signals` says how many
    /// have so far.
    fn tick(&mut self, signals: u32) -> Going;
}

/// What is known at the end of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// How the command ended; `None` if it was ended.
    pub ending: Option<Ending>,
    /// Calls that were made and of which no event told. A recorder that lets calls wait loses none.
    pub lost: u64,
    /// Threads that were not followed: what they and their children called is not known.
    pub unfollowed: u64,
    /// Programs that were started and have a setuid or setgid bit, which had no effect.
    pub privileged: Vec<String>,
    /// Whether a signal came by which a user ends what runs: nothing is to be started after it.
    pub interrupted: bool,
}

/// A way to record.
pub trait Recorder {
    /// Runs a command until it and all it has started have ended, or the observer ends it.
    ///
    /// # Errors
    /// Why it can't be recorded; then the command has not been executed.
    fn record(&self, command: &Command, observer: &mut dyn Observer) -> Result<Recorded, Error>;

    /// The name that evidence gives it.
    fn name(&self) -> &'static str;
}
