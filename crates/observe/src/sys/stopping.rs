//! How a recording is ended: signals, a tick each second, and the processes that are left.
//!
//! One recording at a time: signals are a process's own.

use std::fs;
use std::ptr;

use callgate_kernel::parts::{Passing, checked, kill};
use callgate_kernel::{Error, Tid};
use callgate_syscalls::Errno;
use libc::{c_int, c_long, c_ulong};

use crate::sys::caught::{self, Caught};
use crate::sys::steer;

/// While it lives, signals are passed on to the command, if there is one, and interrupt what waits;
/// so does a timer each second. Orphans below this process become its children.
#[derive(Debug)]
pub(crate) struct Stopping {
    caught: Caught,
    /// How many signals have asked this process to end.
    asked: u32,
    /// Whether one of them has come, or the terminal has gone.
    interrupted: bool,
    /// Who gets signals.
    whom: Whom,
}

/// Signals by which users end what runs.
const ENDING: [c_int; 4] = [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP];

/// While it lives, signals by which users end what runs are noted, and end nothing: for what is done
/// between recordings, which would be lost.
#[derive(Debug)]
pub struct Between(Caught);

impl Between {
    /// Begins.
    ///
    /// # Errors
    /// [`Error::Kernel`].
    pub fn begin() -> Result<Self, Error> {
        // What is ignored here is so in what is started.
        let signals = ENDING.into_iter().filter(|signal| !caught::is_ignored(*signal));
        let refused = |errno| Error::Kernel { call: "sigaction", errno };
        Caught::begin(signals).map(Self).map_err(refused)
    }

    /// Whether one has come: nothing is to be started after it.
    #[must_use]
    pub fn was_interrupted(&self) -> bool {
        std::iter::from_fn(|| self.0.next()).any(|received| ENDING.contains(&received.signal))
    }
}

#[derive(Debug)]
enum Whom {
    Command(Passing),
    /// A command that is traced.
    Traced(Passing),
    /// This process: nobody else was started.
    Here,
}

impl Stopping {
    /// Begins, for a command that was started: what this process ignores is the command's to ignore.
    pub(crate) fn of(command: Tid) -> Result<Self, Error> {
        Self::begin(Whom::Command(Passing::to(command)), for_commands())
    }

    /// As [`of`](Self::of), for a command that is traced.
    pub(crate) fn of_traced(command: Tid) -> Result<Self, Error> {
        Self::begin(Whom::Traced(Passing::to(command)), for_commands())
    }

    /// Begins, for what runs already.
    pub(crate) fn of_others() -> Result<Self, Error> {
        let mut signals = vec![libc::SIGALRM, libc::SIGINT, libc::SIGTERM];
        // As nohup(1) has it, a terminal may go.
        signals.extend(Some(libc::SIGHUP).filter(|signal| !caught::is_ignored(*signal)));
        Self::begin(Whom::Here, signals)
    }

    fn begin(whom: Whom, signals: Vec<c_int>) -> Result<Self, Error> {
        let refused = |call| move |errno| Error::Kernel { call, errno };
        let caught = Caught::begin(signals).map_err(refused("sigaction"))?;
        adopt_orphans(true).map_err(refused("prctl"))?;
        set_timer(super::TICK_SECONDS).map_err(refused("setitimer"))?;
        Ok(Self { caught, asked: 0, interrupted: false, whom })
    }

    /// Whether a second has passed or a signal has come since the last question. Signals for the
    /// command are passed on.
    pub(crate) fn ticked(&mut self) -> bool {
        if !self.caught.any() {
            return false;
        }
        while let Some(received) = self.caught.next() {
            let hangs_up = received.signal == libc::SIGHUP;
            let mut asks = matches!(received.signal, libc::SIGINT | libc::SIGQUIT | libc::SIGTERM);
            match &mut self.whom {
                Whom::Command(passing) => passing.pass(&received),
                Whom::Traced(passing) => passing.pass_to_traced(&received),
                Whom::Here => asks |= hangs_up,
            }
            self.asked += u32::from(asks);
            self.interrupted |= asks || hangs_up;
        }
        true
    }

    /// Lets a traced thread have a signal.
    pub(crate) fn deliver(&mut self, thread: Tid, signal: c_int) -> Result<(), Errno> {
        match &mut self.whom {
            Whom::Command(passing) | Whom::Traced(passing) => passing.deliver(thread, signal),
            Whom::Here => steer::go_to_call_with(thread, signal),
        }
    }

    /// The command has ended: its number may be another's.
    pub(crate) const fn command_ended(&mut self) {
        if let Whom::Command(passing) | Whom::Traced(passing) = &mut self.whom {
            passing.end();
        }
    }

    /// Whether a signal by which users end what runs has come until now. The command has ended.
    pub(crate) fn was_interrupted(&mut self) -> bool {
        self.command_ended();
        self.ticked();
        self.interrupted
    }

    /// Interrupts what waits also at the end of a child.
    pub(crate) fn notice_children(&mut self) -> Result<(), Error> {
        let refused = |errno| Error::Kernel { call: "sigaction", errno };
        self.caught.notice_children().map_err(refused)
    }

    /// Whether a child may have ended since the last question.
    pub(crate) fn child_ended(&self) -> bool {
        self.caught.child_ended()
    }

    /// How many signals have asked this process to end.
    pub(crate) const fn signals(&self) -> u32 {
        self.asked
    }

    /// The children of this process, among them the orphans of others.
    pub(crate) fn children(&self) -> Vec<Tid> {
        children()
    }

    /// Kills all processes below this one, and those that they start meanwhile.
    pub(crate) fn end_descendants(&self) {
        const ROUNDS_MAX: usize = 64;
        for _ in 0..ROUNDS_MAX {
            let children = children();
            if children.is_empty() {
                return;
            }
            for child in children {
                // Its own children become this process's, and fall in the next round.
                if kill(child).is_ok() {
                    let _ = callgate_kernel::parts::wait(child.as_pid());
                }
            }
        }
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        // What was possible a moment ago: there is nobody to be told.
        let _ = set_timer(0);
        let _ = adopt_orphans(false);
    }
}

/// All that can be passed on. Those that stop this process stop the command at its next call; those
/// of faults are this process's own.
fn for_commands() -> Vec<c_int> {
    let plain = [
        libc::SIGALRM,
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGABRT,
        libc::SIGPIPE,
        libc::SIGTERM,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGURG,
        libc::SIGIO,
        libc::SIGPWR,
        libc::SIGWINCH,
        libc::SIGXCPU,
        libc::SIGXFSZ,
    ];
    plain.into_iter().chain(libc::SIGRTMIN()..=libc::SIGRTMAX()).collect()
}

fn set_timer(seconds: u8) -> Result<(), Errno> {
    let time = libc::timeval { tv_sec: seconds.into(), tv_usec: 0 };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    let old = ptr::null_mut::<libc::itimerval>();
    // SAFETY: the timer is alive and only read; the old one is not asked for.
    let result = unsafe {
        libc::syscall(libc::SYS_setitimer, c_long::from(libc::ITIMER_REAL), &raw const timer, old)
    };
    checked(result).map(drop)
}

fn adopt_orphans(adopts: bool) -> Result<(), Errno> {
    let unused: c_ulong = 0;
    let adopts = c_ulong::from(adopts);
    // SAFETY: this option reads no memory.
    let result =
        unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, adopts, unused, unused, unused) };
    checked(c_long::from(result)).map(drop)
}

/// The children of all threads of this process.
fn children() -> Vec<Tid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let texts = threads.filter_map(|t| fs::read_to_string(t.path().join("children")).ok());
    let ids = texts.flat_map(|text| {
        text.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>()
    });
    ids.filter_map(Tid::new).collect()
}
