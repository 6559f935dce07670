//! The recorder that sees results: every thread is traced and stops in front of each call and
//! behind it.
//!
//! Four times as slow as notifications, and there for what they can't do: results, commands that
//! have a listener of their own, and kernels before 5.5.
//!
//! References: ptrace(2).

use std::collections::HashMap;

use callgate_bpf::Stack;
use callgate_kernel::child::Ending;
use callgate_kernel::parts::{begin, errno};
use callgate_kernel::{Command, Error, Options, Tid};
use callgate_syscalls::{Arch, Errno, SeccompData, names};

use super::thread::Threads;
use super::{Event, Going, Observer, Recorded, Recorder};
use crate::sys::steer::{self, AtCall, Stand};
use crate::sys::stopping::Stopping;

/// Records by ptrace(2).
///
/// A command under it can't be traced by others, nor trace its own children.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ptrace(());

impl Ptrace {
    /// Records every call.
    #[must_use]
    pub const fn everything() -> Self {
        Self(())
    }
}

impl Recorder for Ptrace {
    fn record(&self, command: &Command, observer: &mut dyn Observer) -> Result<Recorded, Error> {
        let none = Stack::new(Vec::new());
        let exec = || command.exec_under(&none, &Options::default());
        // SAFETY: the command was laid out before, and where there are no filters to be loaded, what
        // is left are syscalls.
        let (child, held) = unsafe { begin::start(exec) }?;
        let mut stopping = Stopping::of_traced(child)?;
        drop(held);
        let mut session = Session {
            command: child,
            threads: Threads::default(),
            waiting: HashMap::new(),
            begun: Begun::No,
            ending: None,
        };
        let going = session.run(observer, &mut stopping)?;
        if going == Going::End {
            stopping.end_descendants();
            session.ending = None;
        }
        if let Begun::Failed(errno) = session.begun {
            return Err(Error::Kernel { call: "execve", errno });
        }
        let Session { threads, ending, .. } = session;
        let (privileged, interrupted) = (threads.privileged(), stopping.was_interrupted());
        Ok(Recorded { ending, privileged, interrupted, ..Recorded::default() })
    }

    fn name(&self) -> &'static str {
        "ptrace"
    }
}

struct Session {
    command: Tid,
    threads: Threads,
    /// Calls of which the end is not seen yet, with the names of their threads.
    waiting: HashMap<Tid, (SeccompData, String)>,
    begun: Begun,
    ending: Option<Ending>,
}

/// Whether the command has been executed: before, its calls are our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    No,
    Executing,
    Yes,
    Failed(Errno),
}

impl Session {
    /// Until nothing is left to record, or the observer ends it.
    fn run(
        &mut self,
        observer: &mut dyn Observer,
        stopping: &mut Stopping,
    ) -> Result<Going, Error> {
        loop {
            match steer::wait_for_any() {
                Ok(Some((thread, Stand::AtSignal(signal)))) => {
                    gone_or(stopping.deliver(thread, signal))?;
                }
                Ok(Some((thread, stand))) => {
                    self.look_at(thread, stand, observer)?;
                    if self.ending.is_some() {
                        stopping.command_ended();
                    }
                }
                Ok(None) => {}
                Err(reason) if reason == errno(libc::EINTR) => {}
                Err(reason) if reason == errno(libc::ECHILD) => break,
                Err(errno) => return Err(Error::Kernel { call: "waitpid", errno }),
            }
            if stopping.ticked() && observer.tick(stopping.signals()) == Going::End {
                return Ok(Going::End);
            }
        }
        Ok(Going::On)
    }

    fn look_at(
        &mut self,
        thread: Tid,
        stand: Stand,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let done = match stand {
            Stand::Ended(status) => {
                self.tell(thread, None, observer);
                if thread == self.command {
                    self.ending = Some(Ending::of_status(status));
                }
                Ok(())
            }
            Stand::AtCall => steer::at_call(thread)
                .map(|at| self.call(thread, at, observer))
                .and_then(|()| steer::go_to_call(thread)),
            Stand::AtExec => {
                self.begun = Begun::Yes;
                steer::go_to_call(thread)
            }
            Stand::AtEvent => steer::go_to_call(thread),
            // Told apart before.
            Stand::AtSignal(_) => Ok(()),
            Stand::WithAll => steer::listen(thread),
        };
        gone_or(done)
    }

    fn call(&mut self, thread: Tid, at: AtCall, observer: &mut dyn Observer) {
        match at {
            AtCall::Entry(call) => {
                if self.begun == Begun::No && executes(&call) {
                    self.begun = Begun::Executing;
                }
                if self.begun != Begun::No {
                    let name = self.threads.name(Some(thread), &call).to_owned();
                    let name = if self.begun == Begun::Yes { name } else { String::new() };
                    self.waiting.insert(thread, (call, name));
                }
            }
            AtCall::Exit(result) => {
                if self.begun == Begun::Executing && thread == self.command {
                    let number =
                        u16::try_from(-result).ok().filter(|errno| *errno > 0).map(Errno::new);
                    self.begun = number.map_or(Begun::Yes, Begun::Failed);
                }
                self.tell(thread, Some(result), observer);
            }
            AtCall::Unknown => {}
        }
    }

    /// Tells of the call that a thread has made.
    fn tell(&mut self, thread: Tid, result: Option<i64>, observer: &mut dyn Observer) {
        if let Some((call, name)) = self.waiting.remove(&thread) {
            let (count, is_late) = (1, false);
            observer.event(&Event { call: &call, thread: &name, result, count, is_late });
        }
    }
}

/// What was asked of a thread, unless it was killed meanwhile, which is told next.
fn gone_or(done: Result<(), Errno>) -> Result<(), Error> {
    match done {
        Ok(()) => Ok(()),
        Err(reason) if reason == errno(libc::ESRCH) => Ok(()),
        Err(errno) => Err(Error::Kernel { call: "ptrace", errno }),
    }
}

fn executes(call: &SeccompData) -> bool {
    let syscall = Arch::of_call(call.arch, call.nr).and_then(|arch| arch.syscall_at(call.nr));
    syscall.is_some_and(|syscall| matches!(syscall.name, names::EXECVE | names::EXECVEAT))
}
