//! The profiles that snapd generates: one syscall a line, with what its arguments are.

mod read;

pub(crate) use read::read;
