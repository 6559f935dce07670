//! Trying things in a child: a filter can't be taken off again, so whoever wants to see one work
//! gives it a process of its own.
//!
//! A forked child has one thread, a copy of the caller. Locks that other threads held at that
//! moment stay held in the copy, so code that takes one may wait for ever: keep to what needs none,
//! and build programs before forking. (The memory allocator of the C libraries is safe to use.)
//! What memory the copy shares with its parent, or with the kernel, it must not touch as if it were
//! its own: nothing can check that, so that [`run_forked`] is unsafe.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sys::process::{self, Fork};
use crate::{Error, Tid};

#[cfg(feature = "test-support")]
mod absent;
mod aside;
mod ask;
#[cfg(feature = "test-support")]
mod outcome;
mod supervised;
#[cfg(feature = "test-support")]
mod target;
#[cfg(feature = "test-support")]
mod trial;

#[cfg(feature = "test-support")]
pub use absent::AbsentMemory;
pub use ask::{Answer, PASSED, Question, ask};
#[cfg(feature = "test-support")]
pub use outcome::{Call, Outcome, outcomes};
pub use supervised::start_supervised;
#[cfg(feature = "test-support")]
pub use target::{CALLS_MAX, Restart, Target, handle_interruptions, interrupt, own_tid};
#[cfg(feature = "test-support")]
pub use trial::{run, start};

/// The exit code of a child whose closure panicked, as that of every Rust program that panics.
pub const PANIC_CODE: u8 = 101;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited.
    Exited {
        /// The exit code.
        code: u8,
    },
    /// A signal killed it; that of a filter's kill is [`Signal::SYS`].
    Killed {
        /// The signal.
        signal: Signal,
    },
}

impl Ending {
    /// What the wait status of a process says that has ended; not part of the interface.
    #[doc(hidden)]
    #[must_use]
    pub fn of_status(status: i32) -> Self {
        match u8::try_from(libc::WEXITSTATUS(status)) {
            Ok(code) if libc::WIFEXITED(status) => Self::Exited { code },
            _ => Self::Killed { signal: Signal(libc::WTERMSIG(status)) },
        }
    }
}

/// The number of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

impl Signal {
    /// What a filter kills with, and what traps raise.
    pub const SYS: Self = Self(libc::SIGSYS);

    /// What strict mode kills with.
    pub const KILL: Self = Self(libc::SIGKILL);

    /// What [`outcomes`] ends a call with that does not return in time.
    #[cfg(feature = "test-support")]
    pub const ALARM: Self = Self(libc::SIGALRM);

    /// The signal of a fault that a child reported by an exit code, as `first_code` plus its
    /// number.
    #[doc(hidden)]
    #[must_use]
    pub fn of_fault(code: u8, first_code: u8) -> Option<Self> {
        code.checked_sub(first_code).filter(|&number| number > 0).map(|n| Self(n.into()))
    }

    /// The number as the kernel returned it.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_kernel(raw: i32) -> Self {
        Self(raw)
    }

    /// The raw number.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signal {}", self.0)
    }
}

/// A child that runs. One that is dropped runs on, and stays a zombie when it has ended.
#[derive(Debug)]
pub struct Child {
    process: Tid,
    aside: Option<aside::Waiter>,
}

impl Child {
    pub(crate) const fn new(process: Tid) -> Self {
        Self { process, aside: None }
    }

    /// Its process id, which is its own until it was waited for.
    #[must_use]
    pub const fn id(&self) -> Tid {
        self.process
    }

    /// Whether it has ended; it can still be waited for.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        process::has_ended(self.process)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`Error::Kernel`] where it can't be waited for: somebody else did, or SIGCHLD is ignored.
    pub fn wait(self) -> Result<Ending, Error> {
        match self.aside {
            Some(waiter) => waiter.ending(),
            None => wait_for(self.process),
        }
    }

    /// Has a thread wait for its end, from which [`Child::wait`] then takes it.
    ///
    /// For whoever serves a listener until nobody is under its filter. Before Linux 6.11 a process
    /// that has ended is under its filters until it was waited for: who does that only afterwards,
    /// does it never.
    ///
    /// # Errors
    /// [`Error::Kernel`] where there can be no other thread. The child then runs on.
    pub fn wait_aside(self) -> Result<Self, Error> {
        let aside = match self.aside {
            Some(waiter) => waiter,
            None => aside::Waiter::start(self.process)?,
        };
        Ok(Self { process: self.process, aside: Some(aside) })
    }

    /// Kills it with SIGKILL. It has to be waited for all the same.
    ///
    /// # Errors
    /// [`Error::Kernel`] where the caller may not.
    pub fn kill(&self) -> Result<(), Error> {
        match &self.aside {
            Some(waiter) => waiter.kill(),
            None => kill(self.process),
        }
    }
}

fn wait_for(process: Tid) -> Result<Ending, Error> {
    let status = process::wait(process.as_pid());
    Ok(Ending::of_status(status.map_err(|errno| Error::Kernel { call: "waitpid", errno })?))
}

fn kill(process: Tid) -> Result<(), Error> {
    process::kill(process).map_err(|errno| Error::Kernel { call: "kill", errno })
}

/// Starts a closure in a forked child and does not wait for its end. Otherwise as [`run_forked`].
///
/// # Safety
/// As [`run_forked`].
///
/// # Errors
/// [`Error::Kernel`] where the process can't be forked.
pub unsafe fn start_forked(closure: impl FnOnce() -> u8) -> Result<Child, Error> {
    // SAFETY: the closure is all that the child does besides leaving, and the caller answers for
    // it.
    let side = unsafe { process::fork() };
    match side.map_err(|errno| Error::Kernel { call: "fork", errno })? {
        Fork::Child => {
            let code = catch_unwind(AssertUnwindSafe(closure)).unwrap_or(PANIC_CODE);
            process::exit_now(code)
        }
        Fork::Parent(process) => Ok(Child::new(process)),
    }
}

/// Runs a closure in a forked child, waits for its end, and says how it ended: with the closure's
/// result as the exit code if nothing happens before. The child runs no destructors or exit
/// handlers of the caller.
///
/// A panic is [`PANIC_CODE`].
///
/// # Safety
/// The closure is only given what stays sound in a second process:
/// - It uses no value whose safety rests on this process alone having it, such as memory that is
///   mapped as shared without atomics, or the queues of io_uring(7).
/// - If the process has other threads, it calls nothing of C that is not safe after a fork of such
///   (signal-safety(7), and what the C library promises beyond: glibc and musl the memory
///   allocator).
///
/// # Errors
/// [`Error::Kernel`] where the process can't be forked or waited for.
///
/// # Examples
/// ```
/// use callgate_kernel::child::{self, Ending};
///
/// // SAFETY: the closure uses nothing of this process.
/// let ending = unsafe { child::run_forked(|| 7) };
/// assert_eq!(ending, Ok(Ending::Exited { code: 7 }));
/// ```
pub unsafe fn run_forked(closure: impl FnOnce() -> u8) -> Result<Ending, Error> {
    // SAFETY: the caller's duty is the same.
    unsafe { start_forked(closure) }?.wait()
}
