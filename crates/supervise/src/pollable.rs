//! Listeners for event loops.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use callgate_kernel::notify;

use crate::error::errno;
use crate::{Error, Event, Listener};

/// A listener that never makes its caller wait; for poll(2), epoll(7) and io_uring(7).
///
/// Its descriptor becomes readable when a call has come, and hangs up when the listener has ended.
/// Registered as edge-triggered, it must be asked until it has nothing.
///
/// The kernel's request waits even where the descriptor says that it must not. So this asks whether
/// there is a call and receives it without letting another thread of this process between; no other
/// process may receive from the same listener.
#[derive(Debug)]
pub struct Pollable(Listener);

/// The reason why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The listener has something.
    Listener,
    /// The other descriptor has something, the listener has not.
    Other,
    /// The time was up.
    Time,
    /// A signal was handled by this thread.
    Interrupted,
}

impl Pollable {
    pub(crate) const fn new(listener: Listener) -> Self {
        Self(listener)
    }

    /// The listener's event at this moment, if there is one.
    ///
    /// # Errors
    /// [`Error::Kernel`] for what the kernel should not say.
    pub fn try_next(&self) -> Result<Option<Event<'_>>, Error> {
        let _turn = self.0.turn();
        match notify::wait(self.as_fd(), None, Some(Duration::ZERO)) {
            Ok(ready) if ready.call => self.0.take_next().map(Some),
            Ok(ready) if ready.ended => Ok(Some(Event::Ended)),
            Ok(_) => Ok(None),
            Err(reason) if reason == errno(libc::EINTR) => Ok(Some(Event::Interrupted)),
            Err(errno) => Err(Error::Kernel { call: "poll", errno }),
        }
    }

    /// Waits until the listener has something, or another descriptor, or the time is up.
    ///
    /// # Errors
    /// [`Error::Kernel`] for what the kernel should not say.
    pub fn wait(
        &self,
        other: Option<BorrowedFd<'_>>,
        time: Option<Duration>,
    ) -> Result<Wake, Error> {
        match notify::wait(self.as_fd(), other, time) {
            Ok(ready) if ready.call || ready.ended => Ok(Wake::Listener),
            Ok(ready) if ready.other => Ok(Wake::Other),
            Ok(_) => Ok(Wake::Time),
            Err(reason) if reason == errno(libc::EINTR) => Ok(Wake::Interrupted),
            Err(errno) => Err(Error::Kernel { call: "poll", errno }),
        }
    }

    /// The listener, to answer calls that were set aside or left. What waits for calls must not be
    /// used meanwhile.
    #[must_use]
    pub const fn listener(&self) -> &Listener {
        &self.0
    }

    /// The same listener for threads that wait.
    #[must_use]
    pub fn into_listener(self) -> Listener {
        self.0
    }
}

impl AsFd for Pollable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Pollable {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
