//! The profiles that snapd generates: one syscall a line, with what its arguments are.

mod read;

pub use read::NEGATIVE_IN_32_BITS;
pub(crate) use read::read;
