//! The one way in which a collection fails.

use std::collections::TryReserveError;
use std::error::Error;
use std::fmt;

/// The allocator has no more memory, or a length exceeds what can be addressed.
///
/// What was to be added is dropped; the collection is as it was before.
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say about it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl From<TryReserveError> for OutOfMemory {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of memory")
    }
}

impl Error for OutOfMemory {}
