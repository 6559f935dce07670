//! From a policy to a program that is proved to follow it.

use callgate_policy::Policy;

use crate::Error;

pub use callgate_build::{Built as Verified, Proof};

/// Compiles a policy and proves the result.
///
/// # Errors
/// [`Error::TooLong`], [`Error::NotProved`].
pub(crate) fn build(policy: &Policy) -> Result<Verified, Error> {
    callgate_build::program(policy).map_err(|error| match error {
        callgate_build::Error::Compile(reason) => Error::TooLong { reason },
        callgate_build::Error::Proof(reason) => Error::NotProved { reason },
        callgate_build::Error::OutOfMemory => Error::OutOfMemory,
    })
}
