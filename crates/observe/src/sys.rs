//! The syscalls of this crate: one function each, with the errno as a value. All its `unsafe` is in
//! this module's children.

pub mod audit;
pub(crate) mod bpf;
pub(crate) mod machine;
pub(crate) mod marks;
pub(crate) mod ring;
pub(crate) mod stopping;

pub(crate) use callgate_kernel::parts::{caught, quiet, steer, trace, tracing};

/// How long a recorder waits before it looks around.
pub(crate) const TICK_SECONDS: u8 = 1;
