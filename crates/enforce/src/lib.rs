//! Enforcing a filter from outside, so that each of its refusals can be seen.
//!
//! The command runs under a program that hands over what the filter would not allow. For each of
//! these calls [`Enforcer::wait`] returns a [`Refused`], and [`Enforcer::answer`] does to it what
//! the filter would have done: errno, signal, death. What the filter allows costs nothing more than
//! under the filter itself, as the kernel is not asked anything else about it.
//!
//! The command is a child. What signals this process gets, it gets, and
//! [`Enforcer::leave_with`] ends this process as it ended: for whoever has started this process it
//! is as if it were the command.
//!
//! Where there can be no listener, because the kernel has none or the program or the filter wants
//! one of its own, [`Enforcer::watch`] traces the command, which loads the filter as it is. Each
//! call then stops twice, which is slow. Where the program wants one when it runs already,
//! [`Enforcer::take_over`] traces it from then on.
//!
//! Who enforces is not under the filter. If it is killed, a child that it has for this ends each
//! process that makes a call which the filter would have refused. If that is killed too, such calls
//! fail with `ENOSYS`, whatever the filter says. They never are made.
//!
//! References: seccomp_unotify(2).
#![cfg(target_os = "linux")]

mod again;
mod answer;
mod caller;
mod desk;
mod ending;
mod guard;
mod halt;
mod hand;
mod mark;
mod open;
mod own;
mod rival;
mod scan;
mod takeover;
mod thread;
mod trap;
mod watch;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use callgate_bpf::{Program, Stack};
use callgate_kernel::child::Ending;
use callgate_kernel::notify::{self, Format};
use callgate_kernel::parts::signals::Held;
use callgate_kernel::parts::{Passing, begin, errno, require_single_thread};
use callgate_kernel::{Command, Error, Interruption, Options, Supervised, Tid};
use callgate_syscalls::{Errno, SeccompData};

pub use answer::{Answered, Instead};
pub use caller::{FRAMES_MAX, Frame, Symbols};
use desk::Desk;
pub use ending::Side;
use guard::Guarded;
pub use mark::MARK;
pub use takeover::{Obstacle, Takeover};
pub use thread::{Mapping, Thread};
pub use watch::Last;
use watch::Watch;

/// A command whose filter is enforced from here.
#[derive(Debug)]
pub struct Enforcer {
    means: Means,
    command: Tid,
    signals: OwnedFd,
    passing: Passing,
    ending: Option<Ending>,
    /// Whether no process is under the filter any more.
    over: bool,
    /// Closed with the last process that enforces.
    guarded: Option<Guarded>,
}

/// How refused calls come to be seen.
#[derive(Debug)]
enum Means {
    /// They are handed over and answered.
    Desk(Desk),
    /// The filter refuses them, after a look.
    Watch(Watch),
}

/// A call that the filter would not have allowed, which waits for its answer.
#[derive(Debug)]
#[must_use = "a call that is not answered waits for ever"]
pub struct Refused {
    id: u64,
    /// The thread; `None` where it is in a pid namespace that can't be seen from here.
    pub thread: Option<Tid>,
    /// The call, as the filter saw it.
    pub call: SeccompData,
}

/// What happens to a command.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever enforces has to look at each")]
pub enum Event {
    /// A call was refused.
    Refused(Refused),
    /// Of a command that is traced a thread asks to trace another that is, or to be traced, which
    /// fails with `EPERM`: a thread has one tracer. Nothing has to be answered.
    Tracing(Tid),
    /// The command itself has ended; what it has started may run on. Comes once.
    Ended(Ending),
    /// Nothing is under the filter any more.
    Over,
}

impl Enforcer {
    /// Starts a command under a program that hands calls over instead of refusing them.
    ///
    /// From then on, this process's signals are the command's. It may have one thread only.
    ///
    /// # Errors
    /// As [`Command::spawn_supervised`]; [`Error::Kernel`] before Linux 5.5, which has no
    /// listeners that could let a call go on.
    pub fn start(command: &Command, program: &Program, options: &Options) -> Result<Self, Error> {
        let format = Format::of_kernel().map_err(|errno| kernel("notifications", errno))?;
        let format = format.ok_or_else(|| kernel("notifications", errno(libc::EINVAL)))?;
        // Before the start: what comes meanwhile is the command's, too.
        let held = Held::all()?;
        let interruption = Interruption::fewest();
        let started = command.spawn_supervised_holding(program, options, interruption, &held)?;
        let Supervised { child, listener, .. } = started;
        let signals = held.redirect().map_err(|errno| kernel("signalfd", errno))?;
        // Not every kernel can, and it is only faster.
        let _ = notify::wake_synchronously(listener.as_fd());
        let mut desk = Desk::new(listener, format);
        let guarded = guard::start(&mut desk).map_err(|errno| kernel("fork", errno))?;
        let means = Means::Desk(desk);
        let command = child.id();
        Ok(Self::new(means, command, signals, Some(guarded)))
    }

    /// Starts a command under filters and traces it: the kernel enforces, and what these filters
    /// refuse is seen on the way.
    ///
    /// `exec` is called in a process of its own, which it replaces by the command, under these
    /// filters or others.
    ///
    /// # Errors
    /// [`Error::SeveralThreads`]; [`Error::Kernel`] where the process can't be forked or traced. Why
    /// `exec` has returned is said by the process itself, which ends with [`Error::exit_code`].
    pub fn watch(filters: &Stack, exec: impl FnOnce() -> Error) -> Result<Self, Error> {
        require_single_thread()?;
        // SAFETY: this process has one thread, as the line above has found.
        let (command, held) = unsafe { begin::start(exec) }?;
        let signals = held.redirect().map_err(|errno| kernel("signalfd", errno))?;
        let means = Means::Watch(Watch::new(filters.clone()));
        Ok(Self::new(means, command, signals, None))
    }

    const fn new(means: Means, command: Tid, signals: OwnedFd, guarded: Option<Guarded>) -> Self {
        let passing = Passing::to(command);
        Self { means, command, signals, passing, ending: None, over: false, guarded }
    }

    /// Whether refused calls are seen by tracing the command.
    #[must_use]
    pub const fn watches(&self) -> bool {
        matches!(self.means, Means::Watch(_))
    }

    /// The command's process.
    #[must_use]
    pub const fn command(&self) -> Tid {
        self.command
    }

    /// Waits for what happens next.
    ///
    /// # Errors
    /// [`Error::Kernel`] for what the kernel should not say.
    pub fn wait(&mut self) -> Result<Event, Error> {
        loop {
            if let Means::Watch(_) = &self.means {
                if let Some(event) = self.watched()? {
                    return Ok(event);
                }
                continue;
            }
            if let Means::Desk(desk) = &mut self.means {
                if let Some(refused) = desk.next_waiting() {
                    return Ok(Event::Refused(refused));
                }
            }
            if self.ending.is_none() {
                if let Some(ending) = self.take_ending()? {
                    return Ok(Event::Ended(ending));
                }
            } else if self.over {
                return Ok(Event::Over);
            }
            self.look()?;
        }
    }

    /// Waits for a call, a signal, or the end of all; takes the calls.
    fn look(&mut self) -> Result<(), Error> {
        // A listener without callers is always ready. And the command, which was the last of them,
        // ends at any moment.
        const MOMENT: Duration = Duration::from_millis(10);
        let (first, second, time) = match self.over {
            true => (self.signals.as_fd(), None, Some(MOMENT)),
            false => (self.listener(), Some(self.signals.as_fd()), None),
        };
        let ready = match notify::wait(first, second, time) {
            Ok(ready) => ready,
            Err(reason) if reason == errno(libc::EINTR) => return Ok(()),
            Err(errno) => return Err(kernel("poll", errno)),
        };
        if self.over {
            return self.take_signals(None);
        }
        if ready.call {
            if let Means::Desk(desk) = &mut self.means {
                desk.receive().map_err(|errno| kernel("receiving a call", errno))?;
            }
        } else if ready.ended {
            self.over = true;
        }
        match ready.other {
            true => self.take_signals(None),
            false => Ok(()),
        }
    }

    /// Where something arrives that has to be looked at.
    fn listener(&self) -> BorrowedFd<'_> {
        match &self.means {
            Means::Desk(desk) => desk.listener(),
            Means::Watch(_) => self.signals.as_fd(),
        }
    }

    /// Whether a call still waits.
    fn waits(&self, refused: &Refused) -> bool {
        match &self.means {
            Means::Desk(desk) => desk.waits(refused),
            // It stands still until it is let go.
            Means::Watch(_) => true,
        }
    }
}

fn kernel(call: &'static str, errno: Errno) -> Error {
    Error::Kernel { call, errno }
}
