//! What a program can see of its start. It runs before the runtime: nothing here allocates, prints or may panic.

use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use callgate_syscalls::Errno;
use libc::c_long;

use super::checked;

/// The descriptors that every program expects to be open.
const STANDARD: [RawFd; 3] = [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO];

/// Whether SIGPIPE is ignored.
pub(crate) fn ignores_sigpipe() -> Result<bool, Errno> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: no new action is given, and the pointer for the old one is to a sigaction to be written.
    let result = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr()) };
    checked(c_long::from(result))?;
    // SAFETY: all zeroes are a sigaction, and the call wrote one.
    let action = unsafe { action.assume_init() };
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

/// Opens an empty pipe, which is closed on exec, in the place of each standard descriptor that is closed. Where the kernel
/// refuses, they stay closed.
///
/// It never names the number that it wants: the kernel gives out the lowest that is free, so that no descriptor of
/// anybody else can be replaced.
pub(crate) fn fill_standard_descriptors() {
    if !STANDARD.into_iter().any(is_closed) {
        return;
    }
    let Some([reader, writer]) = pipe() else { return };
    fill_with(&reader);
    // Reading is at the end only when nobody can write; its number may be one of the three.
    drop(writer);
    fill_with(&reader);
    keep_if_standard(reader);
}

/// Copies a descriptor until the copies are none of the three.
fn fill_with(descriptor: &OwnedFd) {
    while duplicate(descriptor).is_some_and(keep_if_standard) {}
}

/// Whether it is one of the three, which stay open; all else is closed.
fn keep_if_standard(descriptor: OwnedFd) -> bool {
    let standard = STANDARD.contains(&descriptor.as_raw_fd());
    if standard {
        mem::forget(descriptor);
    }
    standard
}

fn is_closed(number: RawFd) -> bool {
    // SAFETY: the request takes a number, and is an error for descriptors that are not open.
    unsafe { libc::fcntl(number, libc::F_GETFD) == -1 }
}

fn duplicate(descriptor: &OwnedFd) -> Option<OwnedFd> {
    // SAFETY: the request takes numbers.
    let copy = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 0) };
    // SAFETY: a result that is no error is a descriptor that the kernel has just opened for the caller alone.
    (copy != -1).then(|| unsafe { OwnedFd::from_raw_fd(copy) })
}

fn pipe() -> Option<[OwnedFd; 2]> {
    let mut ends = [0; 2];
    // SAFETY: the pointer is to two ints to be written.
    let result = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) };
    // SAFETY: without an error the kernel has just opened each of the two for the caller alone.
    (result != -1).then(|| ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) }))
}
