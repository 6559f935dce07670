//! SIGSYS as a filter's TRAP raises it.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use callgate_syscalls::Errno;
use libc::{c_int, c_long, c_void, siginfo_t};

use super::checked;

/// What the last SIGSYS carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trap {
    /// The filter's data.
    pub(crate) data: c_int,
    /// The address after the syscall instruction.
    pub(crate) address: usize,
}

/// `si_errno` of the last SIGSYS, [`NONE`] before the first.
static DATA: AtomicI32 = AtomicI32::new(NONE);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);

/// No data of a filter: those have 16 bits.
const NONE: c_int = -1;

/// Takes the trap since the last time this was asked.
pub(crate) fn take() -> Option<Trap> {
    match DATA.swap(NONE, Ordering::Relaxed) {
        NONE => None,
        data => Some(Trap { data, address: ADDRESS.load(Ordering::Relaxed) }),
    }
}

/// Lets SIGSYS be recorded for [`take`] from now on.
pub(crate) fn record() -> Result<(), Errno> {
    // SAFETY: all zeroes are a sigaction: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    let handler: extern "C" fn(c_int, *const siginfo_t, *const c_void) = on_sigsys;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the action is alive and its handler has the type that SA_SIGINFO asks for, touches only atomics, and lives
    // as long as the program; the old action is not asked for.
    let result = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, ptr::null_mut()) };
    checked(c_long::from(result)).map(drop)
}

extern "C" fn on_sigsys(_signal: c_int, info: *const siginfo_t, _context: *const c_void) {
    // SAFETY: the kernel passes the siginfo_t of this signal, alive during the handler.
    let info = unsafe { &*info };
    // SAFETY: of SIGSYS, si_call_addr lies where other signals have si_addr: the first word of the union.
    let address = unsafe { info.si_addr() };
    ADDRESS.store(address.addr(), Ordering::Relaxed);
    DATA.store(info.si_errno, Ordering::Relaxed);
}
