//! Running a command under a filter whose listener stays here.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use callgate_bpf::Program;
use callgate_syscalls::Errno;

use super::Command;
use crate::child::Child;
use crate::flag::Flags;
use crate::load::listener_flags;
use crate::sys::process::{self, Disposition, Fork};
use crate::sys::ptrace::signals::Held;
use crate::sys::shared::{Shared, Slot};
use crate::{Error, Interruption, NoNewPrivs, Options, refusal, sys};

/// A command that runs under a filter whose listener is here.
#[derive(Debug)]
#[non_exhaustive]
pub struct Supervised {
    /// The command. It waits for answers as soon as it makes a call that the filter hands over.
    ///
    /// Before Linux 6.11 its listener does not end before it was waited for:
    /// [`Child::wait_aside`].
    pub child: Child,
    /// Where its calls, and those of all that it starts, arrive.
    pub listener: OwnedFd,
}

impl Command {
    /// Starts the command in a child under a filter, and returns the filter's listener.
    ///
    /// Parent and child share their table of descriptors until the command is executed. So the
    /// listener need not be handed over: no call is made for it that the filter could refuse, and
    /// the child keeps no copy. Even its execve(2) can be supervised.
    ///
    /// SIGPIPE gets its default effect in the child, unless [otherwise asked
    /// for](Command::ignoring_sigpipe); other signals and all descriptors are as for every command.
    /// A failure to execute is reported as [`Command::replace`] does, by message and exit code.
    ///
    /// # Errors
    /// [`Error::CommandFiltered`], or what [`load()`](crate::load()) says.
    ///
    /// # References
    /// clone(2), `CLONE_FILES`.
    pub fn spawn_supervised(
        &self,
        program: &Program,
        options: &Options,
        interruption: Interruption,
    ) -> Result<Supervised, Error> {
        self.spawn(program, options, interruption, None)
    }

    /// As [`Command::spawn_supervised`], by a process that holds signals back, which the command does
    /// not; not part of the interface.
    ///
    /// # Errors
    /// As there.
    #[doc(hidden)]
    pub fn spawn_supervised_holding(
        &self,
        program: &Program,
        options: &Options,
        interruption: Interruption,
        held: &Held,
    ) -> Result<Supervised, Error> {
        self.spawn(program, options, interruption, Some(held))
    }

    fn spawn(
        &self,
        program: &Program,
        options: &Options,
        interruption: Interruption,
        held: Option<&Held>,
    ) -> Result<Supervised, Error> {
        if let Some(action) = self.obstacle(program) {
            return Err(Error::CommandFiltered { action });
        }
        let flags = listener_flags(options, interruption);
        let report = Shared::<Report>::new();
        let report = report.map_err(|errno| Error::Kernel { call: "mmap", errno })?;
        // SAFETY: the child makes syscalls (`confine`), stores into the atomics of the report,
        // executes the command or exits. It allocates nothing, as `Command` was laid out before; it
        // closes no descriptor, as it puts the listener into the report without closing it, and
        // drops none.
        let side = unsafe { process::fork_sharing_descriptors() };
        match side.map_err(|errno| Error::Kernel { call: "clone", errno })? {
            Fork::Child => match self.confine(program, options, flags, held) {
                Ok(listener) => {
                    report.value().listener.put(listener);
                    self.replace()
                }
                Err((stage, errno)) => {
                    report.value().refuse(stage, errno);
                    process::exit_now(NOT_CONFINED)
                }
            },
            Fork::Parent(child) => report.value().wait_for(Child::new(child), flags),
        }
    }
}

/// The exit code of a child that the kernel refused something, as that of commands that could not
/// be tried.
const NOT_CONFINED: u8 = 125;

/// What the child did when it was refused something.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Stage {
    Signals = 1,
    NoNewPrivs,
    Load,
}

impl Command {
    /// Nothing but syscalls, as the child of such a fork may do.
    fn confine(
        &self,
        program: &Program,
        options: &Options,
        flags: Flags,
        held: Option<&Held>,
    ) -> Result<OwnedFd, (Stage, Errno)> {
        if let Some(held) = held {
            held.give_back();
        }
        process::set_sigpipe(Disposition::of_ignored(self.ignores_sigpipe))
            .map_err(|errno| (Stage::Signals, errno))?;
        if options.no_new_privs == NoNewPrivs::Set {
            sys::set_no_new_privs().map_err(|errno| (Stage::NoNewPrivs, errno))?;
        }
        sys::set_mode_filter_with_listener(flags.bits(), program.instructions())
            .map_err(|errno| (Stage::Load, errno))
    }
}

/// What the child tells its parent, in memory that both see.
#[derive(Default)]
struct Report {
    listener: Slot,
    stage: AtomicU32,
    errno: AtomicU32,
}

impl Report {
    fn refuse(&self, stage: Stage, errno: Errno) {
        self.errno.store(errno.raw().into(), Ordering::Release);
        self.stage.store(stage as u32, Ordering::Release);
    }

    /// Looks again and again: to wake its parent, the child would need a call, which the filter
    /// might refuse. It takes as long as the kernel takes for the load.
    fn wait_for(&self, child: Child, flags: Flags) -> Result<Supervised, Error> {
        const SHORTEST: Duration = Duration::from_micros(20);
        const LONGEST: Duration = Duration::from_millis(1);
        let mut pause = SHORTEST;
        loop {
            // Asked first: a child that has ended has said before whatever it had to say.
            let ended = process::has_ended(child.id());
            // SAFETY: the one who puts a listener here is the child of `spawn_supervised`, which
            // shares this process's table until it executes the command, after that.
            if let Some(listener) = unsafe { self.listener.take() } {
                return Ok(Supervised { child, listener });
            }
            if ended {
                let refusal = self.refusal(flags);
                child.wait()?;
                return Err(refusal);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST);
        }
    }

    fn refusal(&self, flags: Flags) -> Error {
        let errno = self.errno.load(Ordering::Acquire);
        let errno = Errno::new(u16::try_from(errno).unwrap_or(0));
        match self.stage.load(Ordering::Acquire) {
            stage if stage == Stage::Load as u32 => refusal::explain(errno, flags),
            stage if stage == Stage::NoNewPrivs as u32 => Error::NoNewPrivsRefused { errno },
            stage if stage == Stage::Signals as u32 => Error::Kernel { call: "sigaction", errno },
            _ => Error::Kernel { call: "starting a child, which was killed", errno },
        }
    }
}
