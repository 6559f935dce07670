//! The JSON of the crate seccompiler, which Firecracker uses: a filter for each thread.

mod read;

pub(crate) use read::read;
