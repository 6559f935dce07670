//! The signals of a supervisor, read from a descriptor.
//!
//! References: signalfd(2).

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use callgate_kernel::Tid;
use callgate_kernel::parts::{checked, errno};
use callgate_syscalls::Errno;
use libc::{c_int, c_long, signalfd_siginfo};

/// A signal, and who sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) signal: c_int,
    /// The process that sent it; `None` for the kernel's own, such as those of a terminal.
    pub(crate) sender: Option<Tid>,
}

/// Holds all signals back from now on, and returns where they can be read. A program that is
/// started later would inherit that.
pub(crate) fn redirect() -> Result<OwnedFd, Errno> {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to a signal set to be written.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: the call above has made it a signal set.
    let all = unsafe { all.assume_init() };
    // SAFETY: the pointer is to a signal set, and nothing is asked for in return.
    let held = unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut()) };
    checked(c_long::from(held))?;
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the pointer is to a signal set.
    let descriptor = unsafe { libc::signalfd(-1, &raw const all, flags) };
    checked(c_long::from(descriptor))?;
    // SAFETY: the call has made the descriptor for its caller.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// The next signal, if there is one.
pub(crate) fn next(descriptor: BorrowedFd<'_>) -> Result<Option<Received>, Errno> {
    let mut info = MaybeUninit::<signalfd_siginfo>::zeroed();
    let size = size_of::<signalfd_siginfo>();
    // SAFETY: the pointer is to as many bytes, to be written.
    let read = unsafe { libc::read(descriptor.as_raw_fd(), info.as_mut_ptr().cast(), size) };
    match c_long::try_from(read).map_err(|_| errno(libc::EINVAL)).and_then(checked) {
        Ok(_) => {}
        Err(reason) if reason == errno(libc::EAGAIN) => return Ok(None),
        Err(reason) => return Err(reason),
    }
    // SAFETY: integers, zeroed at first, are a valid value whatever was written.
    let info = unsafe { info.assume_init() };
    let signal = c_int::try_from(info.ssi_signo).map_err(|_| errno(libc::EINVAL))?;
    let by_process = info.ssi_code <= 0;
    Ok(Some(Received { signal, sender: Tid::new(info.ssi_pid).filter(|_| by_process) }))
}
