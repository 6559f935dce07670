//! Waiting for a listener to have something, and for a second descriptor beside it.

use std::os::fd::{AsRawFd, BorrowedFd};

use callgate_syscalls::Errno;
use libc::{c_int, c_long, c_short, pollfd};

use crate::sys::checked;

/// What poll(2) says of one descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Events(c_short);

impl Events {
    pub(crate) const fn readable(self) -> bool {
        self.0 & libc::POLLIN != 0
    }

    pub(crate) const fn hung_up(self) -> bool {
        self.0 & libc::POLLHUP != 0
    }

    pub(crate) const fn any(self) -> bool {
        self.0 != 0
    }
}

/// Waits until one of two descriptors has something, or for so many milliseconds; for ever if
/// negative.
pub(crate) fn poll(
    listener: BorrowedFd<'_>,
    other: Option<BorrowedFd<'_>>,
    milliseconds: c_int,
) -> Result<(Events, Events), Errno> {
    // A negative descriptor is one that poll ignores.
    let fds = [listener.as_raw_fd(), other.map_or(-1, |other| other.as_raw_fd())];
    let mut fds = fds.map(|fd| pollfd { fd, events: libc::POLLIN, revents: 0 });
    // SAFETY: the pointer is to an array of two pollfds to be read and written.
    let result = unsafe { libc::poll(fds.as_mut_ptr(), 2, milliseconds) };
    checked(c_long::from(result))?;
    let [listener, other] = fds.map(|fd| Events(fd.revents));
    Ok((listener, other))
}
