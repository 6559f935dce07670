//! The seccomp lists of LXC, of version 1 (numbers) and 2.

mod read;

pub(crate) use read::read;
