//! Answering with a fixed number of threads.

use std::net::Shutdown;
use std::num::NonZeroU8;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread::{Builder, Scope, scope};

use crate::{Delivery, Error, Event, Listener, Notification};

/// Answers the calls of a listener with a fixed number of threads.
///
/// A thread takes the next call when it is done with its last, so no call waits anywhere but in the
/// kernel, in the order in which the calls were made. A handler that itself waits for the
/// supervised process to do something can use all threads up and so wait for ever.
///
/// # Examples
/// ```
/// use std::num::NonZeroU8;
///
/// use callgate_supervise::{Dispatcher, Error, Failure, Listener, Summary};
///
/// fn deny_all(listener: Listener) -> Result<Summary, Error> {
///     let dispatcher = Dispatcher::new(listener, NonZeroU8::MIN)?;
///     dispatcher.run(|call| call.fail(Failure::EPERM))
/// }
/// ```
#[derive(Debug)]
pub struct Dispatcher {
    listener: Listener,
    workers: NonZeroU8,
    stopped: UnixStream,
    stopper: Stopper,
}

/// Ends a dispatcher from another thread; made by [`Dispatcher::stopper`].
#[derive(Debug)]
pub struct Stopper(UnixStream);

/// The work that a dispatcher did, in counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Calls that have their answer.
    pub delivered: u64,
    /// Calls that ended before.
    pub gone: u64,
    /// Calls whose handler returned an error. Those it had not answered failed with `ENOSYS`.
    pub failed: u64,
    /// Calls whose handler panicked. Those it had not answered failed with `ENOSYS`.
    pub panicked: u64,
    /// The first error that a handler returned.
    pub first_error: Option<Error>,
}

impl Dispatcher {
    /// Takes a listener and says how many threads answer.
    ///
    /// # Errors
    /// [`Error::Kernel`] where the process may open no more files.
    pub fn new(listener: Listener, workers: NonZeroU8) -> Result<Self, Error> {
        let pair = UnixStream::pair().map_err(|error| Error::of_io("socketpair", &error))?;
        let (stopped, stopper) = pair;
        Ok(Self { listener, workers, stopped, stopper: Stopper(stopper) })
    }

    /// A handle that ends the dispatcher before its listener ends.
    ///
    /// # Errors
    /// [`Error::Kernel`] where the process may open no more files.
    pub fn stopper(&self) -> Result<Stopper, Error> {
        let copy = self.stopper.0.try_clone();
        Ok(Stopper(copy.map_err(|error| Error::of_io("dup", &error))?))
    }

    /// Answers calls until the listener has ended or the dispatcher is stopped.
    ///
    /// # Errors
    /// [`Error::Kernel`] where the threads can't be started, or receiving fails. Errors of the
    /// handler end nothing: they are in the summary.
    pub fn run(
        &self,
        handler: impl Fn(Notification<'_>) -> Result<Delivery, Error> + Sync,
    ) -> Result<Summary, Error> {
        let shared = Shared { dispatcher: self, handler, outcome: Mutex::default() };
        scope(|scope| shared.start(scope));
        let outcome = shared.outcome.into_inner();
        let Outcome { summary, error } = outcome.unwrap_or_else(|poison| poison.into_inner());
        error.map_or(Ok(summary), Err)
    }

    /// Its listener.
    #[must_use]
    pub const fn listener(&self) -> &Listener {
        &self.listener
    }
}

impl Stopper {
    /// Lets the threads finish the calls they have and take no more. It can't be started again.
    pub fn stop(&self) {
        // Fails only where it was stopped before.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// The state that the threads share.
struct Shared<'d, H> {
    dispatcher: &'d Dispatcher,
    handler: H,
    outcome: Mutex<Outcome>,
}

#[derive(Default)]
struct Outcome {
    summary: Summary,
    error: Option<Error>,
}

impl<H: Fn(Notification<'_>) -> Result<Delivery, Error> + Sync> Shared<'_, H> {
    fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        for _ in 0..self.dispatcher.workers.get() {
            let builder = Builder::new().name("supervisor".into());
            if let Err(error) = builder.spawn_scoped(scope, || self.work()) {
                return self.end(Error::of_io("starting a thread", &error));
            }
        }
    }

    fn work(&self) {
        loop {
            let stop = self.dispatcher.stopped.as_fd();
            match self.dispatcher.listener.receive_unless(stop) {
                Ok(Some(Event::Call(call))) => self.handle(call),
                Ok(Some(Event::Gone | Event::Interrupted)) => {}
                Ok(Some(Event::Ended) | None) => return,
                Err(error) => return self.end(error),
            }
        }
    }

    fn handle(&self, call: Notification<'_>) {
        let result = catch_unwind(AssertUnwindSafe(|| (self.handler)(call)));
        self.with_outcome(|Outcome { summary, .. }| match result {
            Ok(Ok(Delivery::Delivered)) => summary.delivered += 1,
            Ok(Ok(Delivery::Gone)) => summary.gone += 1,
            Ok(Err(error)) => {
                summary.failed += 1;
                summary.first_error.get_or_insert(error);
            }
            Err(_panic) => summary.panicked += 1,
        });
    }

    /// Ends all threads for a reason.
    fn end(&self, error: Error) {
        self.with_outcome(|outcome| outcome.error = outcome.error.take().or(Some(error)));
        self.dispatcher.stopper.stop();
    }

    fn with_outcome(&self, change: impl FnOnce(&mut Outcome)) {
        change(&mut self.outcome.lock().unwrap_or_else(|poison| poison.into_inner()));
    }
}
