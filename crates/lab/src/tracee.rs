//! A child that its parent traces.

use libc::{c_int, pid_t};

use super::{Child, Ending, Subject, ending, said};
use crate::sys::{self as lab, trace};

pub use crate::sys::trace::Registers;

/// The options of a tracer (`PTRACE_O_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a word of the kernel's")]
pub struct TraceOptions(pub usize);

impl TraceOptions {
    /// The tracee dies with the tracer.
    pub const EXIT_KILL: Self = Self(libc::PTRACE_O_EXITKILL as usize);
    /// Stop where a filter answers TRACE; the stops at system calls can be told from signals.
    pub const SECCOMP: Self =
        Self((libc::PTRACE_O_TRACESECCOMP | libc::PTRACE_O_TRACESYSGOOD) as usize);
    /// Suspend the tracee's filters.
    pub const SUSPEND_SECCOMP: Self = Self(1 << 21);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Why a tracee stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the stops that these options ask for")]
pub enum Stop {
    /// A filter answered TRACE, with that data.
    Seccomp(u64),
    /// It enters or leaves a system call.
    Syscall,
    /// It is about to receive a signal.
    Signal(i32),
    /// It has ended.
    Ended(Ending),
}

/// A traced child.
#[derive(Debug)]
pub struct Tracee {
    child: Child,
}

impl Tracee {
    /// Forks a child that waits for its tracer's options and then runs the closure.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn start(
        subject: Subject,
        options: TraceOptions,
        body: impl FnOnce(Subject) -> u8,
    ) -> Result<Self, String> {
        let child = subject.fork(|subject| {
            let stopped = trace::trace_me().is_ok()
                && subject.call(libc::SYS_getpid, &[]).is_ok_and(|pid| raise_stop(subject, pid));
            if stopped { body(subject) } else { u8::MAX }
        })?;
        let mut tracee = Self { child };
        match tracee.wait()? {
            Stop::Signal(libc::SIGSTOP) => {}
            stop => return Err(format!("a tracee began with {stop:?}")),
        }
        tracee.set_options(options)?;
        Ok(tracee)
    }

    /// Waits for the next stop.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn wait(&mut self) -> Result<Stop, String> {
        let status = lab::wait_status(self.pid(), true).map_err(said)?.unwrap_or_default();
        if let Some(ending) = ending(status) {
            self.child.ended = Some(ending);
            return Ok(Stop::Ended(ending));
        }
        self.stop(status)
    }

    fn stop(&self, status: c_int) -> Result<Stop, String> {
        const SYSCALL_GOOD: c_int = libc::SIGTRAP | 0x80;
        match (status >> 16, libc::WSTOPSIG(status)) {
            (libc::PTRACE_EVENT_SECCOMP, _) => {
                trace::message(self.pid()).map(Stop::Seccomp).map_err(said)
            }
            (0, SYSCALL_GOOD) => Ok(Stop::Syscall),
            (_, signal) => Ok(Stop::Signal(signal)),
        }
    }

    /// Lets it go on, until something happens.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn resume(&self) -> Result<(), String> {
        trace::resume(self.pid(), false, 0).map_err(said)
    }

    /// Lets it go on, at most until it enters or leaves a system call.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn resume_to_syscall(&self) -> Result<(), String> {
        trace::resume(self.pid(), true, 0).map_err(said)
    }

    /// Sets the options.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn set_options(&self, options: TraceOptions) -> Result<(), String> {
        trace::set_options(self.pid(), options.0).map_err(said)
    }

    /// The registers of the call it stands at.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn registers(&self) -> Result<Registers, String> {
        trace::registers(self.pid()).map_err(said)
    }

    /// Changes the registers of the call it stands at.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn set_registers(&self, registers: Registers) -> Result<(), String> {
        trace::set_registers(self.pid(), registers).map_err(said)
    }

    /// Writes a word to its memory.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn write_word(&self, address: usize, word: usize) -> Result<(), String> {
        trace::write_word(self.pid(), address, word).map_err(said)
    }

    /// The process.
    #[must_use]
    pub fn child(&self) -> &Child {
        &self.child
    }

    fn pid(&self) -> pid_t {
        self.child.pid
    }
}

/// Attaches to a child, which is not traced yet.
///
/// # Errors
/// The kernel's errno.
pub fn seize(child: &Child, options: TraceOptions) -> Result<(), callgate_syscalls::Errno> {
    trace::seize(child.pid, options.0)
}

fn raise_stop(subject: Subject, pid: i64) -> bool {
    let stop = u64::from(libc::SIGSTOP.unsigned_abs());
    subject.call(libc::SYS_kill, &[pid.unsigned_abs(), stop]).is_ok()
}
