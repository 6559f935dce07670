//! The kernel's side of seccomp: attach filters, probe features, run commands under a filter.
//!
//! - [`load()`] attaches a [`Program`](callgate_bpf::Program) with an explicit [`Scope`];
//!   [`load_with_listener`] one that hands calls to a supervisor. Both work between fork and exec:
//!   they allocate nothing.
//! - [`enforce()`] takes what the kernel offers of what is wanted, and reports it.
//! - [`Error`] tells the kernel's reasons apart, also where it has one errno for several, and says
//!   what to do.
//! - [`Command`] finds a command first and loads last, so that a filter must allow execve(2) and
//!   nothing else.
//! - [`remember_start!`] is for programs that hand on what they were started with.
//! - [`notify`] has the requests of a listener.
//! - [`report()`] has a program that filters itself say which call was trapped.
//! - [`child`] tries a filter out in a process of its own.
//!
//! What can be seen of other processes and of the machine is `callgate-observe`. Both make
//! syscalls; no other crate of the library does. It does not know what a policy is, and loads what
//! it is given: a [`Program`](callgate_bpf::Program) has passed the checker, but nothing here looks
//! at what it means.
#![cfg(target_os = "linux")]

pub mod child;
mod enforce;
mod error;
mod exec;
mod flag;
mod inherited;
mod load;
pub mod notify;
#[doc(hidden)]
pub mod parts;
mod passing;
mod probe;
mod raw;
mod refusal;
mod report;
mod start;
mod status;
#[expect(clippy::missing_errors_doc, reason = "one syscall each: the errno is the kernel's")]
mod sys;
mod tid;

pub use enforce::{Enforced, Want, Wants, enforce, enforce_with_listener};
pub use error::Error;
pub use exec::{Command, Supervised, hands_over};
pub use flag::Flag;
pub use inherited::{InheritedDescriptor, inherited_descriptors};
pub use load::{
    Interruption, Logging, NoNewPrivs, Options, Scope, Speculation, load, load_stack,
    load_with_listener, set_no_new_privs,
};
pub use probe::{
    action_supported, filters_supported, flag_supported, running_kernel, syscall_supported,
};
pub use raw::{load_by_prctl, load_raw};
pub use report::report;
pub use start::Start;
pub use status::{Mode, Status, current_status, status_of};
pub use tid::Tid;

/// For [`remember_start!`] alone.
///
/// # Safety
/// Nothing of the program has run: no descriptor that is open belongs to anybody in it.
#[doc(hidden)]
pub unsafe extern "C" fn __look_at_start() {
    // SAFETY: the caller's duty is the same.
    unsafe { start::look() };
}
