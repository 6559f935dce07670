//! The descriptor on which calls arrive.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use callgate_kernel::notify::{self, Format};
use callgate_kernel::running_kernel;
use callgate_syscalls::{Errno, KernelVersion};

use crate::error::errno;
use crate::state::Examined;
use crate::{Aside, Delivery, Error, Id, Left, Notification, Pollable};

/// The listener of a filter: where the calls arrive that the filter hands over.
///
/// Any number of threads may receive from one listener; each call goes to one of them. One thread
/// at a time waits in the kernel, the others behind it, because the kernel would wake them all for
/// each call.
///
/// When the last descriptor of a listener is closed, waiting calls and all later ones fail with
/// `ENOSYS`.
#[derive(Debug)]
pub struct Listener {
    descriptor: OwnedFd,
    format: Format,
    /// Held while receiving.
    turn: Mutex<()>,
    ends_unasked: bool,
    wake_up: WakeUp,
}

/// The kernel's way to wake supervisor and caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeUp {
    /// On the processor of the one who wakes: each waits for the other anyway.
    Synchronous,
    /// On any processor: the kernel is older than 6.6.
    Anywhere,
}

/// An event of a listener.
#[derive(Debug)]
pub enum Event<'l> {
    /// A call, to be answered.
    Call(Notification<'l>),
    /// A call that ended before it was received.
    Gone,
    /// A signal was handled by this thread.
    Interrupted,
    /// No process is under the filter any more, so no call will come: the supervisor can go.
    ///
    /// Before Linux 6.11, a process that has ended is under its filters until its parent has waited
    /// for it. A supervisor that is this parent has to do that while it serves the listener:
    /// [`Child::wait_aside`](callgate_kernel::child::Child::wait_aside) is one way.
    Ended,
}

impl Listener {
    /// Takes the descriptor that the load of a filter returned, here or in another process.
    ///
    /// Where the kernel knows it, synchronous wake-up is switched on.
    ///
    /// # Errors
    /// [`Error::Unsupported`], [`Error::UnknownFormat`], [`Error::NotAListener`].
    pub fn new(descriptor: OwnedFd) -> Result<Self, Error> {
        let format = Format::of_kernel().map_err(|errno| Error::Unsupported { errno })?;
        let format = format.ok_or(Error::UnknownFormat)?;
        require_listener(descriptor.as_fd())?;
        let wake_up = match notify::wake_synchronously(descriptor.as_fd()) {
            Ok(()) => WakeUp::Synchronous,
            Err(_) => WakeUp::Anywhere,
        };
        // Older kernels let a receiver wait for ever when the last process under the filter has
        // ended. Releases lie both ways; to take a new kernel for an old one costs a call of
        // poll(2).
        let ends_unasked = running_kernel().is_ok_and(|kernel| kernel >= KernelVersion::new(6, 11));
        Ok(Self { descriptor, format, turn: Mutex::new(()), ends_unasked, wake_up })
    }

    /// Whether the listener ends when the last process under the filter ends (Linux 6.11), and not
    /// only when that was waited for: see [`Event::Ended`].
    #[must_use]
    pub const fn ends_unasked(&self) -> bool {
        self.ends_unasked
    }

    /// The way in which supervisor and caller wake each other.
    #[must_use]
    pub const fn wake_up(&self) -> WakeUp {
        self.wake_up
    }

    /// Waits for the next call.
    ///
    /// # Errors
    /// [`Error::Kernel`] for what the kernel should not say.
    pub fn receive(&self) -> Result<Event<'_>, Error> {
        let _turn = self.turn();
        if !self.ends_unasked {
            match notify::wait(self.as_fd(), None, None) {
                Ok(ready) if ready.call => {}
                Ok(_) => return Ok(Event::Ended),
                Err(reason) if reason == errno(libc::EINTR) => return Ok(Event::Interrupted),
                Err(errno) => return Err(Error::Kernel { call: "poll", errno }),
            }
        }
        self.take_next()
    }

    /// Waits for the next call, unless another descriptor has something to be read or is closed at
    /// its other side: then `None`. That is how a thread that waits can be told to end.
    ///
    /// # Errors
    /// [`Error::Kernel`] for what the kernel should not say.
    pub fn receive_unless(&self, other: BorrowedFd<'_>) -> Result<Option<Event<'_>>, Error> {
        let _turn = self.turn();
        match notify::wait(self.as_fd(), Some(other), None) {
            Ok(ready) if ready.other => Ok(None),
            Ok(ready) if ready.call => self.take_next().map(Some),
            Ok(_) => Ok(Some(Event::Ended)),
            Err(reason) if reason == errno(libc::EINTR) => Ok(Some(Event::Interrupted)),
            Err(errno) => Err(Error::Kernel { call: "poll", errno }),
        }
    }

    /// The calls, one after the other, until the listener has ended. Calls that are gone and
    /// signals are passed over; an error is the last item.
    pub fn calls(&self) -> Calls<'_> {
        Calls { listener: Some(self) }
    }

    /// A call that was received before and left waiting ([`Notification::leave`]). A number that is
    /// none, or none any more, is a call that is gone.
    pub const fn left(&self, id: Id) -> Left<'_> {
        Left::new(self, id)
    }

    /// Takes up a call of this listener that was set aside ([`Notification::set_aside`]).
    pub const fn take_up(&self, aside: Aside) -> Notification<'_, Examined> {
        aside.taken_up(self)
    }

    /// The same listener for an event loop, where nothing may wait.
    #[must_use]
    pub fn into_pollable(self) -> Pollable {
        Pollable::new(self)
    }

    /// Receives, waiting if there is nothing.
    pub(crate) fn take_next(&self) -> Result<Event<'_>, Error> {
        match self.format.receive(self.as_fd()) {
            Ok(notification) => Ok(Event::Call(Notification::new(self, &notification))),
            Err(reason) if reason == errno(libc::EINTR) => Ok(Event::Interrupted),
            Err(reason) if reason == errno(libc::ENOENT) => self.gone_or_ended(),
            Err(errno) => Err(Error::Kernel { call: "receiving a notification", errno }),
        }
    }

    fn gone_or_ended(&self) -> Result<Event<'_>, Error> {
        const NOW: std::time::Duration = std::time::Duration::ZERO;
        match notify::wait(self.as_fd(), None, Some(NOW)) {
            Ok(ready) if ready.ended => Ok(Event::Ended),
            _ => Ok(Event::Gone),
        }
    }

    /// Answers a call, trying again where a signal came before anything was done.
    pub(crate) fn send(&self, response: notify::Response) -> Result<Delivery, Error> {
        loop {
            let Err(reason) = self.format.respond(self.as_fd(), response) else {
                return Ok(Delivery::Delivered);
            };
            match i32::from(reason.raw()) {
                libc::ENOENT => return Ok(Delivery::Gone),
                libc::EINPROGRESS => return Err(Error::AnsweredElsewhere),
                libc::EINTR => {}
                _ => return Err(Error::Kernel { call: "answering a notification", errno: reason }),
            }
        }
    }

    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        // It guards no data: a panic leaves nothing half done.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> Self {
        listener.descriptor
    }
}

/// Asks for a notification that there is not: only a listener knows the question.
fn require_listener(descriptor: BorrowedFd<'_>) -> Result<(), Error> {
    match notify::id_valid(descriptor, 0) {
        Ok(()) => Ok(()),
        Err(reason) if reason == errno(libc::ENOENT) => Ok(()),
        Err(errno) => Err(Error::NotAListener { errno }),
    }
}

/// The calls of a listener; made by [`Listener::calls`].
#[derive(Debug)]
pub struct Calls<'l> {
    listener: Option<&'l Listener>,
}

impl<'l> Iterator for Calls<'l> {
    type Item = Result<Notification<'l>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.listener?.receive() {
                Ok(Event::Call(call)) => return Some(Ok(call)),
                Ok(Event::Gone | Event::Interrupted) => {}
                Ok(Event::Ended) => self.listener = None,
                Err(error) => {
                    self.listener = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Whether a call still waits.
pub(crate) fn waits(listener: &Listener, id: u64) -> Result<bool, Error> {
    let no = |reason: Errno| reason == errno(libc::ENOENT);
    match notify::id_valid(listener.as_fd(), id) {
        Ok(()) => Ok(true),
        Err(reason) if no(reason) => Ok(false),
        Err(errno) => Err(Error::Kernel { call: "asking for a notification", errno }),
    }
}
