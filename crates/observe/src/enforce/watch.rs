//! The other way to see what a filter refuses: the filter is loaded as it is, and each call looked at
//! before it gets there.
//!
//! A tracer stops a thread on its way into a call before the filters are asked. So what they will
//! say can be told, and then happens by itself.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use callgate_bpf::Stack;
use callgate_kernel::parts::{Fork, errno, errno_of, exit_now, fork};
use callgate_kernel::{Error, Tid, notify};
use callgate_syscalls::{ActionKind, Endian, Errno};

use super::desk::Reached;
use super::ending::ending;
use super::{Enforcer, Event, Means, Refused, kernel};
use crate::sys::steer::{self, Stand};
use crate::sys::trace;

/// The filters of a traced command.
#[derive(Debug)]
pub(super) struct Watch {
    filters: Stack,
    /// Whether the command has executed its program: before, its calls are our own.
    begun: bool,
    /// Whether the command has stopped, and this process has not yet.
    stops: bool,
}

/// Starts a process that waits until it is traced, and then is replaced.
pub(crate) fn start(exec: impl FnOnce() -> Error) -> Result<Tid, Error> {
    let (mut here, mut there) =
        UnixStream::pair().map_err(|error| kernel("socketpair", errno_of(&error)))?;
    // SAFETY: this process has one thread (`Enforcer::start`), and the child uses nothing of it but
    // what executes, which is meant for processes of one thread.
    match unsafe { fork() }.map_err(|errno| kernel("fork", errno))? {
        Fork::Child => {
            // Without a word from the parent, which has gone, nothing is run.
            let code = match there.read_exact(&mut [0]) {
                Ok(()) => {
                    let error = exec();
                    let _ = writeln!(io::stderr(), "callgate: {error}");
                    error.exit_code()
                }
                Err(_) => 126,
            };
            exit_now(code)
        }
        Fork::Parent(child) => {
            let traced = steer::seize_following(child).and_then(|()| trace::interrupt(child));
            traced.map_err(|errno| kernel("ptrace", errno))?;
            here.write_all(&[1]).map_err(|error| kernel("write", errno_of(&error)))?;
            Ok(child)
        }
    }
}

impl Watch {
    pub(super) const fn new(filters: Stack) -> Self {
        Self { filters, begun: false, stops: false }
    }

    /// Lets the filter have a call.
    pub(super) fn let_go(refused: &Refused) -> Result<Reached, Errno> {
        let thread = refused.thread.ok_or(errno(libc::ESRCH))?;
        match steer::go_to_call(thread) {
            Ok(()) => Ok(Reached::Yes),
            Err(reason) if reason == errno(libc::ESRCH) => Ok(Reached::Gone),
            Err(reason) => Err(reason),
        }
    }

    /// The call in front of which a thread stands, if the filters do not allow it.
    fn refused(&self, thread: Tid) -> Result<Option<Refused>, Errno> {
        let Some(call) = steer::call(thread)? else { return Ok(None) };
        let action = self.filters.run(&call, Endian::native()).action;
        let is_refused = self.begun && action.kind() != ActionKind::Allow;
        Ok(is_refused.then_some(Refused { id: 0, thread: Some(thread), call }))
    }
}

impl Enforcer {
    /// Looks at the next thread that has stopped; what is to be told of it, if anything.
    pub(super) fn watched(&mut self) -> Result<Option<Event>, Error> {
        match steer::stand_of_any() {
            Ok(Some((thread, stand))) => self.look_at(thread, stand),
            Ok(None) if self.is_to_stop() => {
                // A thread may have stopped since, whose signal would be taken here.
                self.take_signals(None)?;
                match steer::stand_of_any() {
                    Ok(Some((thread, stand))) => self.look_at(thread, stand),
                    _ => self.stop_once().map(|()| None),
                }
            }
            Ok(None) => {
                let signal = notify::wait(self.signals.as_fd(), None, None);
                signal.map_err(|errno| kernel("poll", errno))?;
                self.take_signals(None).map(|()| None)
            }
            Err(reason) if reason == errno(libc::ECHILD) => Ok(Some(Event::Over)),
            Err(reason) => Err(kernel("waitpid", reason)),
        }
    }

    /// Whether this process is to stop as the command has, once nothing else is to be done.
    const fn is_to_stop(&self) -> bool {
        matches!(&self.means, Means::Watch(watch) if watch.stops)
    }

    fn stop_once(&mut self) -> Result<(), Error> {
        if let Means::Watch(watch) = &mut self.means {
            watch.stops = false;
        }
        self.stop()
    }

    fn look_at(&mut self, thread: Tid, stand: Stand) -> Result<Option<Event>, Error> {
        let is_command = thread == self.command;
        let Means::Watch(watch) = &mut self.means else { return Ok(None) };
        if is_command {
            watch.stops = stand == Stand::WithAll;
        }
        let gone = |reason: &Errno| *reason == errno(libc::ESRCH);
        let done = match stand {
            Stand::Ended(status) if is_command => {
                let how = ending(status);
                self.ending = Some(how);
                return Ok(Some(Event::Ended(how)));
            }
            Stand::Ended(_) => Ok(()),
            Stand::AtCall => match watch.refused(thread) {
                Ok(Some(refused)) => return Ok(Some(Event::Refused(refused))),
                Ok(None) => steer::go_to_call(thread),
                Err(reason) => Err(reason),
            },
            Stand::AtExec => {
                watch.begun = true;
                steer::go_to_call(thread)
            }
            Stand::AtEvent => steer::go_to_call(thread),
            Stand::AtSignal(signal) => steer::go_to_call_with(thread, signal),
            Stand::WithAll => steer::listen(thread),
        };
        match done {
            Ok(()) => Ok(None),
            // Killed meanwhile, which is told next.
            Err(reason) if gone(&reason) => Ok(None),
            Err(reason) => Err(kernel("ptrace", reason)),
        }
    }
}
