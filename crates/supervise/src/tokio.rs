//! Listeners for tasks of a tokio runtime.

use std::io;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::errno_of;
use crate::{Error, Event, Listener, Pollable};

/// A listener for tasks of a tokio runtime (feature `tokio`).
///
/// Answering is a short syscall and may be done in a task. What looks into the calling process,
/// gives it a descriptor or does something else for it may wait as long as that process likes: for
/// memory that another process of the same owner is to fill (userfaultfd(2), FUSE), or while it is
/// frozen. Set such calls [aside](crate::Notification::set_aside) for a thread that nobody else
/// needs, and answer them by their number when their time is up. `spawn_blocking` will not do: its
/// threads are all taken when enough processes let them wait.
///
/// # Examples
/// ```no_run
/// use callgate_supervise::{AsyncListener, Error, Event, Failure, Listener};
///
/// async fn deny_all(listener: Listener) -> Result<(), Error> {
///     let listener = AsyncListener::new(listener)?;
///     loop {
///         match listener.next().await? {
///             Event::Call(call) => drop(call.fail(Failure::EPERM)?),
///             Event::Gone | Event::Interrupted => {}
///             Event::Ended => return Ok(()),
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct AsyncListener(AsyncFd<Pollable>);

impl AsyncListener {
    /// Registers a listener with the runtime of the current task.
    ///
    /// # Errors
    /// [`Error::Kernel`] where the runtime can't take it.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O, as everything of tokio that waits for
    /// descriptors.
    pub fn new(listener: Listener) -> Result<Self, Error> {
        #[allow(
            deprecated,
            reason = "later versions have an unsafe function, for types whose descriptor may change; ours never does, and this crate has no unsafe code"
        )]
        let registered = AsyncFd::with_interest(listener.into_pollable(), Interest::READABLE);
        registered.map(Self).map_err(|error| Error::of_io("registering a listener", &error))
    }

    /// Waits for what the listener has next. Any number of tasks may do so; dropping the future
    /// loses nothing.
    ///
    /// # Errors
    /// [`Error::Kernel`] for what the kernel should not say.
    pub async fn next(&self) -> Result<Event<'_>, Error> {
        loop {
            let mut ready = self.0.readable().await.map_err(|error: io::Error| Error::Kernel {
                call: "waiting for a listener",
                errno: errno_of(&error),
            })?;
            match self.0.get_ref().try_next()? {
                Some(event) => return Ok(event),
                None => ready.clear_ready(),
            }
        }
    }

    /// The listener, to answer calls that were [set aside](crate::Notification::set_aside) or left,
    /// in any thread. What waits for calls must not be used meanwhile.
    #[must_use]
    pub fn listener(&self) -> &Listener {
        self.0.get_ref().listener()
    }

    /// The same listener outside of the runtime.
    #[must_use]
    pub fn into_pollable(self) -> Pollable {
        self.0.into_inner()
    }
}
