//! What libseccomp's interfaces keep for a process: what its kernel can do, the API level, the one
//! descriptor for notifications; and the load of a [`Context`](callgate_scmp::Context) into it.
//!
//! A context knows no kernel, and a C library, a Python module and a tool each need the same little
//! state between the two. It is here once. Nothing allocates, and nothing is locked: a child may go
//! on with it after fork(2).
//!
//! References: seccomp_api_get(3), seccomp_load(3), seccomp_notify_fd(3).
#![forbid(unsafe_code)]
// Memory that is out is an error, never the end of the process.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod error;
mod load;
mod state;
mod words;

/// What `words` is built on, so that a model can put its own in place.
mod sync {
    pub(crate) use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
}

pub use error::Error;
pub use load::load;
pub use state::{assume, forget, kernel, known_kernel, level, listener, native};
