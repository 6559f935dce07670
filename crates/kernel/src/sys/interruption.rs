//! Signals that interrupt the calls of children that try things out.

use std::mem::MaybeUninit;
use std::ptr;

use callgate_syscalls::Errno;
use libc::{c_int, c_long};

use super::checked;
use crate::Tid;

/// Lets SIGUSR1 interrupt calls of this process from now on: with or without the restart of those
/// that can be.
pub(crate) fn handle_interruptions(restart: bool) -> Result<(), Errno> {
    // SAFETY: all zeroes are a sigaction: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    let handler: extern "C" fn(c_int) = on_interruption;
    action.sa_sigaction = handler as usize;
    action.sa_flags = if restart { libc::SA_RESTART } else { 0 };
    // SAFETY: the action is alive and its handler has the type of one without SA_SIGINFO, does
    // nothing, and lives as long as the program; the old action is not asked for.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
    checked(c_long::from(result)).map(drop)
}

extern "C" fn on_interruption(_signal: c_int) {}

/// Sends a signal to a thread of a process.
pub fn signal(process: Tid, thread: Tid, signal: c_int) -> Result<(), Errno> {
    let [process, thread] = [process, thread].map(|id| c_long::from(id.as_pid()));
    // SAFETY: the call takes numbers.
    checked(unsafe { libc::syscall(libc::SYS_tgkill, process, thread, c_long::from(signal)) })
        .map(drop)
}

/// The id of the calling thread.
pub(crate) fn own_tid() -> Option<Tid> {
    // SAFETY: the call takes nothing.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) };
    libc::pid_t::try_from(tid).ok().and_then(Tid::from_kernel)
}
