//! The seccomp lists of LXC, of version 1 (numbers) and 2.

mod machines;
mod read;

pub(crate) use machines::arches;
pub(crate) use read::read;
