//! How a recording is ended: signals, a tick each second, and the processes that are left.
//!
//! One recording at a time: signals are a process's own.

use std::fs;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

use callgate_kernel::parts::{checked, kill};
use callgate_kernel::{Error, Tid};
use callgate_syscalls::Errno;
use libc::{c_int, c_long, c_ulong};

static TICKED: AtomicBool = AtomicBool::new(false);
static CHILD_ENDED: AtomicBool = AtomicBool::new(false);
static SIGNALS: AtomicU32 = AtomicU32::new(0);
/// The thread that waits. A signal may come to any.
static WAITING: AtomicI32 = AtomicI32::new(0);

/// While it lives, SIGINT and SIGTERM are counted and interrupt what waits, and so does a timer
/// each second; and orphans below this process become its children.
#[derive(Debug)]
pub(crate) struct Stopping(());

impl Stopping {
    /// Begins. Children that were started before have their own dispositions.
    pub(crate) fn begin() -> Result<Self, Error> {
        SIGNALS.store(0, Ordering::Relaxed);
        WAITING.store(own_thread(), Ordering::Relaxed);
        let count: extern "C" fn(c_int) = count_signal;
        let tick: extern "C" fn(c_int) = note_tick;
        let refused = |call| move |errno| Error::Kernel { call, errno };
        for signal in [libc::SIGINT, libc::SIGTERM] {
            handle(signal, count as usize).map_err(refused("sigaction"))?;
        }
        handle(libc::SIGALRM, tick as usize).map_err(refused("sigaction"))?;
        adopt_orphans(true).map_err(refused("prctl"))?;
        set_timer(super::TICK_SECONDS).map_err(refused("setitimer"))?;
        Ok(Self(()))
    }

    /// Whether a second has passed or a signal has come since the last question.
    pub(crate) fn ticked(&self) -> bool {
        // Mostly not: a load is cheaper than an exchange.
        TICKED.load(Ordering::Relaxed) && TICKED.swap(false, Ordering::Relaxed)
    }

    /// Interrupts what waits also at the end of a child.
    pub(crate) fn notice_children(&self) -> Result<(), Error> {
        let child: extern "C" fn(c_int) = note_child;
        let refused = |errno| Error::Kernel { call: "sigaction", errno };
        // One may have ended before.
        CHILD_ENDED.store(true, Ordering::Relaxed);
        handle(libc::SIGCHLD, child as usize).map_err(refused)
    }

    /// Whether a child may have ended since the last question.
    pub(crate) fn child_ended(&self) -> bool {
        CHILD_ENDED.load(Ordering::Relaxed) && CHILD_ENDED.swap(false, Ordering::Relaxed)
    }

    /// How many signals have asked this process to end.
    pub(crate) fn signals(&self) -> u32 {
        SIGNALS.load(Ordering::Relaxed)
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
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGALRM, libc::SIGCHLD] {
            let _ = handle(signal, libc::SIG_DFL);
        }
    }
}

extern "C" fn count_signal(_signal: c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
    note();
}

extern "C" fn note_tick(_signal: c_int) {
    note();
}

extern "C" fn note_child(_signal: c_int) {
    CHILD_ENDED.store(true, Ordering::Relaxed);
    hand_on(libc::SIGCHLD);
}

fn note() {
    TICKED.store(true, Ordering::Relaxed);
    hand_on(libc::SIGALRM);
}

/// Interrupts the thread that waits, if the signal has come to another.
fn hand_on(signal: c_int) {
    let waiting = WAITING.load(Ordering::Relaxed);
    if own_thread() == waiting {
        return;
    }
    // SAFETY: the call takes nothing.
    let process = unsafe { libc::getpid() };
    let numbers = [process, waiting, signal].map(c_long::from);
    // SAFETY: the call takes numbers, and may be made in a handler.
    unsafe { libc::syscall(libc::SYS_tgkill, numbers[0], numbers[1], numbers[2]) };
}

fn own_thread() -> i32 {
    // SAFETY: the call takes nothing.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    i32::try_from(thread).unwrap_or(0)
}

/// Without SA_RESTART: what waits is to look around.
fn handle(signal: c_int, handler: usize) -> Result<(), Errno> {
    // SAFETY: all zeroes are a sigaction: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = handler;
    // SAFETY: the action is alive, and its handler is SIG_DFL or one of the three functions above,
    // which have the type of one without SA_SIGINFO, store into atomics and live as long as the
    // program; the old action is not asked for.
    let result = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
    checked(c_long::from(result)).map(drop)
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
