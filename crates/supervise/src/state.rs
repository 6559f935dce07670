//! Whether a notification's process was looked into.

use std::fmt::Debug;

/// Whether a notification's process was looked into: [`Fresh`] or [`Examined`].
pub trait State: sealed::Sealed + Debug {}

/// Nothing but the number and the registers is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh;

/// Something may have been seen that the calling process can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Examined;

impl State for Fresh {}
impl State for Examined {}

mod sealed {
    #[expect(unnameable_types, reason = "that is its purpose")]
    /// Keeps the states to these two.
    pub trait Sealed {}
    impl Sealed for super::Fresh {}
    impl Sealed for super::Examined {}
}
