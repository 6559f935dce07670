//! This process stopped as its command is: for a shell with job control, which sees only this one.
//!
//! Who is stopped sees nothing of what goes on: the command may be continued by a process of its
//! own, and others that it has started may wait for an answer. So a child looks meanwhile, and
//! continues this process when there is something to do.

use std::fs;
use std::os::fd::BorrowedFd;
use std::process;
use std::thread;
use std::time::Duration;

use callgate_kernel::parts::{self, Fork};
use callgate_kernel::{Tid, notify};

use callgate_kernel::parts::steer;

/// How long the stop lasts at least, so that whoever waits for it gets to see it.
const SEEN: Duration = Duration::from_millis(50);
/// How often the child looks.
const PAUSE: Duration = Duration::from_millis(10);

/// What the child looks at.
pub(super) enum Sign<'a> {
    /// Calls that arrive at a listener.
    Calls(BorrowedFd<'a>),
    /// Traced threads that stop, of which this process's pending signals tell.
    Children,
}

/// Stops this process until somebody continues it or the command, or there is something to do.
/// Returns the child, whose signal is nobody's affair.
///
/// Where there can be no child it is not stopped: to be seen as running is the lesser evil.
pub(super) fn stop_with(command: Tid, sign: &Sign<'_>) -> Option<Tid> {
    let this = Tid::new(process::id())?;
    // SAFETY: this process has one thread (`Enforcer::start`), and the child looks at files.
    match unsafe { parts::fork() }.ok()? {
        Fork::Child => {
            steer::end_with_parent();
            look(this, command, sign)
        }
        Fork::Parent(child) => {
            steer::stop_here();
            // It may have ended.
            let _ = parts::kill(child);
            let _ = steer::wait_for_child(child);
            Some(child)
        }
    }
}

/// Looks until it is ended.
fn look(this: Tid, command: Tid, sign: &Sign<'_>) -> ! {
    while !is_stopped(this) {
        thread::sleep(PAUSE);
    }
    thread::sleep(SEEN);
    loop {
        let something = match sign {
            Sign::Calls(listener) => {
                let now = notify::wait(*listener, None, Some(Duration::ZERO));
                now.is_ok_and(|ready| ready.call || ready.ended)
            }
            Sign::Children => has_child_signal(this),
        };
        if is_stopped(this) && (something || !is_stopped(command)) {
            // It is there as long as this child is.
            let _ = steer::send(this, libc::SIGCONT);
        }
        thread::sleep(PAUSE);
    }
}

/// Whether a process is stopped, by a signal or a tracer.
fn is_stopped(process: Tid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name before it may hold anything, a bracket too.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('T' | 't'))
}

/// Whether a process that holds its signals back has yet to hear of a child.
fn has_child_signal(process: Tid) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    let pending = pending.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    pending.is_some_and(|bits| bits & 1 << (libc::SIGCHLD - 1) != 0)
}
