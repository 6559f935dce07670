//! What keeps a child that may fail from leaving anything behind.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};

use callgate_syscalls::Errno;
use libc::{c_int, c_long, c_ulong};

use crate::sys::checked;

/// Has the kernel write no core dump of this process, however it ends.
pub fn no_core_dump() -> Result<(), Errno> {
    let unused: c_ulong = 0;
    // SAFETY: this option reads no memory.
    let result = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, unused, unused, unused, unused) };
    checked(c_long::from(result)).map(drop)
}

static FAULT_CODE: AtomicU8 = AtomicU8::new(0);

/// Turns faults, which the kernel would log if nobody handled them, into an exit code: `code` plus
/// the signal's number.
pub fn exit_on_faults(code: u8) -> Result<(), Errno> {
    FAULT_CODE.store(code, Ordering::Relaxed);
    // SAFETY: all zeroes are a sigaction: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    let handler: extern "C" fn(c_int) = on_fault;
    action.sa_sigaction = handler as usize;
    for signal in [libc::SIGSEGV, libc::SIGILL, libc::SIGBUS] {
        // SAFETY: the action is alive and its handler has the type of one without SA_SIGINFO, only
        // exits, and lives as long as the program; the old action is not asked for.
        let result = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
        checked(c_long::from(result))?;
    }
    Ok(())
}

extern "C" fn on_fault(signal: c_int) {
    let code = FAULT_CODE.load(Ordering::Relaxed);
    crate::sys::process::exit_now(code.wrapping_add(u8::try_from(signal).unwrap_or(0)))
}
