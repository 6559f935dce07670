//! The recorder that needs no permission: each call waits until it was seen, and goes on.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use callgate_bpf::{Instruction, Program};
use callgate_kernel::child::Ending;
use callgate_kernel::notify::{self, Format, Notification, Response};
use callgate_kernel::parts::errno;
use callgate_kernel::parts::signals::Held;
use callgate_kernel::{Command, Error, Interruption, Options, Supervised, Tid, running_kernel};
use callgate_syscalls::{Action, ArchToken, Errno, KernelVersion, SeccompData, SyscallNr};

use super::thread::Threads;
use super::{Event, Going, Observer, Recorded, Recorder};
use crate::sys::steer;
use crate::sys::stopping::Stopping;

/// Records by user notification (seccomp_unotify(2)).
///
/// A command under it can't load a filter with a listener of its own, as the kernel has one for
/// each process.
#[derive(Clone, Debug)]
pub struct Notify {
    program: Program,
}

impl Notify {
    /// Records every call.
    ///
    /// # Errors
    /// None that is known: the program is one return.
    pub fn everything() -> Result<Self, callgate_bpf::CheckError> {
        const RETURN: u16 = 0x06;
        let hand_over = Instruction::new(RETURN, Action::USER_NOTIFY.raw());
        Ok(Self { program: Program::new(vec![hand_over])? })
    }

    /// Records what a filter hands over. What it allows is not seen, and costs nothing.
    #[must_use]
    pub const fn handed_over_by(program: Program) -> Self {
        Self { program }
    }
}

impl Recorder for Notify {
    fn record(&self, command: &Command, observer: &mut dyn Observer) -> Result<Recorded, Error> {
        let unsupported = |errno| Error::Kernel { call: "asking for notifications", errno };
        let format = Format::of_kernel().map_err(unsupported)?;
        let format = format.ok_or_else(|| unsupported(errno(libc::EINVAL)))?;
        let options = Options::default();
        let held = Held::all()?;
        let interruption = Interruption::fewest();
        let supervised =
            command.spawn_supervised_holding(&self.program, &options, interruption, &held)?;
        let Supervised { child, listener, .. } = supervised;
        // Older kernels do it in their own way.
        let _ = notify::wake_synchronously(listener.as_fd());
        let mut stopping = Stopping::of(child.id())?;
        stopping.notice_children()?;
        drop(held);
        let mut session = Session {
            command: child.id(),
            ending: None,
            listener,
            format,
            ends_unasked: running_kernel().is_ok_and(|k| k >= KernelVersion::new(6, 11)),
            threads: Threads::default(),
            begun: false,
        };
        let going = session.run(observer, &mut stopping)?;
        let Session { listener, threads, ending, .. } = session;
        let ending = match going {
            Going::On => Some(ending.map_or_else(|| child.wait(), Ok)?),
            Going::End => {
                stopping.end_descendants();
                drop(listener);
                None
            }
        };
        let (privileged, interrupted) = (threads.privileged(), stopping.was_interrupted());
        Ok(Recorded { ending, privileged, interrupted, ..Recorded::default() })
    }

    fn name(&self) -> &'static str {
        "notify"
    }
}

struct Session {
    command: Tid,
    /// How the command has ended, once it was waited for.
    ending: Option<Ending>,
    listener: OwnedFd,
    format: Format,
    /// Since Linux 6.11 a wait for calls ends with the last process. Before, one has to look, and
    /// that process is under the filter until its parent has waited for it.
    ends_unasked: bool,
    threads: Threads,
    /// Whether the command has been executed; before, the thread has this program's name.
    begun: bool,
}

/// What there is to do next.
enum Next {
    Call(Notification),
    Look,
    Ended,
}

impl Session {
    /// Until nothing is left to record, or the observer ends it.
    fn run(
        &mut self,
        observer: &mut dyn Observer,
        stopping: &mut Stopping,
    ) -> Result<Going, Error> {
        loop {
            if stopping.child_ended() {
                self.wait_for_children(stopping)?;
            }
            match self.next()? {
                Next::Call(call) => self.take(&call, observer)?,
                Next::Ended => return Ok(Going::On),
                Next::Look => {}
            }
            if stopping.ticked() && observer.tick(stopping.signals()) == Going::End {
                return Ok(Going::End);
            }
        }
    }

    /// Waits for the children that have ended: the command, and orphans of it.
    fn wait_for_children(&mut self, stopping: &mut Stopping) -> Result<(), Error> {
        let failed = |errno| Error::Kernel { call: "waitpid", errno };
        while let Some((child, status)) = steer::next_ended().map_err(failed)? {
            if child == self.command {
                self.ending = Some(Ending::of_status(status));
                stopping.command_ended();
            }
        }
        Ok(())
    }

    fn next(&self) -> Result<Next, Error> {
        if !self.ends_unasked {
            match notify::wait(self.listener.as_fd(), None, None) {
                Ok(ready) if ready.call => {}
                Ok(_) => return Ok(Next::Ended),
                Err(reason) if reason == errno(libc::EINTR) => return Ok(Next::Look),
                Err(errno) => return Err(Error::Kernel { call: "poll", errno }),
            }
        }
        match self.format.receive(self.listener.as_fd()) {
            Ok(call) => Ok(Next::Call(call)),
            Err(reason) if reason == errno(libc::EINTR) => Ok(Next::Look),
            Err(reason) if reason == errno(libc::ENOENT) => Ok(self.gone_or_ended()),
            Err(errno) => Err(Error::Kernel { call: "receiving a notification", errno }),
        }
    }

    /// A call that a signal ended before anybody saw it was not made: it comes again, or never.
    fn gone_or_ended(&self) -> Next {
        match notify::wait(self.listener.as_fd(), None, Some(Duration::ZERO)) {
            Ok(ready) if ready.ended => Next::Ended,
            _ => Next::Look,
        }
    }

    /// The name is asked for while the thread waits; all else is done when it goes on.
    fn take(&mut self, raw: &Notification, observer: &mut dyn Observer) -> Result<(), Error> {
        let call = SeccompData {
            nr: SyscallNr::new(u32::from_ne_bytes(raw.data.nr.to_ne_bytes())),
            arch: ArchToken::new(raw.data.arch),
            instruction_pointer: raw.data.instruction_pointer,
            args: raw.data.args,
        };
        let thread = self.threads.name(Tid::new(raw.pid), &call);
        let thread = if self.begun { thread } else { "" };
        self.begun = true;
        go_on(self.format, &self.listener, raw.id)?;
        observer.event(&Event { call: &call, thread, result: None, count: 1, is_late: false });
        Ok(())
    }
}

/// Lets a call go on. One that has ended meanwhile needs no answer.
fn go_on(format: Format, listener: &OwnedFd, id: u64) -> Result<(), Error> {
    const CONTINUE: u32 = 1;
    let response = Response { id, val: 0, error: 0, flags: CONTINUE };
    loop {
        let gone = |reason: Errno| reason == errno(libc::ENOENT);
        match format.respond(listener.as_fd(), response) {
            Ok(()) => return Ok(()),
            Err(reason) if gone(reason) => return Ok(()),
            Err(reason) if reason == errno(libc::EINTR) => {}
            Err(errno) => return Err(Error::Kernel { call: "answering a notification", errno }),
        }
    }
}
