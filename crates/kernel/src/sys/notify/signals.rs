//! Requests that a signal must not cut short.

use std::mem::MaybeUninit;
use std::ptr;

use callgate_syscalls::Errno;
use libc::c_int;

use crate::sys::errno;

/// The signals that a thread holds back, as they were.
///
/// When dropped, they come through again.
pub(crate) struct Mask(libc::sigset_t);

/// Holds all signals of this thread back, in so far as the kernel does that.
pub(crate) fn hold() -> Result<Mask, Errno> {
    let mut all = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the pointer is to a sigset_t to be written.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: zeroed at first, and written.
    let mut before = unsafe { all.assume_init() };
    let all = before;
    // SAFETY: both pointers are to live sets.
    let result: c_int =
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
    if result == 0 { Ok(Mask(before)) } else { Err(errno(result)) }
}

impl Drop for Mask {
    fn drop(&mut self) {
        // SAFETY: the pointer is to a live set; the old one is not asked for.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut());
        }
    }
}
