//! Descriptors by their numbers.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Takes a descriptor that was open when the process began and that nobody else in it knows; `None` if it is not open.
pub(crate) fn take(number: u32) -> Option<OwnedFd> {
    let number = RawFd::try_from(number).ok()?;
    // SAFETY: the request takes a number, and is an error for descriptors that are not open.
    let result = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    if result == -1 {
        return None;
    }
    // SAFETY: the descriptor is open, as was just seen. It is the service manager's for this process: the caller asks for each
    // number once, before the process has opened files itself.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}
