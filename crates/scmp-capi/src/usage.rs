//! Whether a call is using a context.
//!
//! The one thing that is shared where two threads call with one context, which they must not.
//! `tests/loom.rs` runs it through all orders in which they can.

use crate::error::Error;
use crate::sync::{AtomicU32, Ordering};

/// Lets one call at a time use a context.
#[derive(Debug)]
pub(crate) struct Usage(AtomicU32);

const FREE: u32 = 0;
const IN_USE: u32 = 1;
/// A panic happened in a call, which may have left anything half done.
const POISONED: u32 = 2;

impl Usage {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(FREE))
    }

    /// Begins a call.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Panicked`].
    pub(crate) fn begin(&self) -> Result<(), Error> {
        match self.0.compare_exchange(FREE, IN_USE, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(POISONED) => Err(Error::Panicked),
            Err(_) => Err(Error::InUse),
        }
    }

    /// Ends a call.
    pub(crate) fn give_back(&self) {
        self.0.store(FREE, Ordering::Release);
    }

    /// Ends a call that panicked.
    pub(crate) fn poison(&self) {
        self.0.store(POISONED, Ordering::Release);
    }

    /// Ends the use of the context for good, unless a call is using it: true once.
    pub(crate) fn end(&self) -> bool {
        self.0.swap(IN_USE, Ordering::Acquire) != IN_USE
    }
}
