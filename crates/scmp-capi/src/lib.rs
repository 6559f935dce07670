//! `libseccomp.so.2` and `libseccomp.a`: libseccomp's C interface, release 2.6.1 and the function
//! its development branch adds.
//!
//! Nothing is decided here. A function catches panics, checks and borrows what its pointers point
//! to, makes one call of `callgate_scmp` or `callgate_kernel`, and turns the result into what C
//! expects (`error::Error::code`). What rules mean, which codes there are and when they are
//! returned is said there.
//!
//! - `entry` stands between C and Rust: panics, poisoned and released contexts, NULL.
//! - `state` is what a process has once: what the kernel can do, and the notification descriptor.
//! - Memory that is out comes up as an error and becomes `-ENOMEM`; the context is as before the
//!   call.
//! - Memory that C frees with free(3) comes from malloc(3) (`memory`).
//! - `include/` has the headers, `exports.txt` the symbols; `cargo xtask abi` holds both against a
//!   C compiler and another libseccomp.
//!
//! Loading the library runs no code. It starts no threads, reads no environment and prints nothing.
#![cfg(target_os = "linux")]
// Memory that is out is an error, never the end of the process.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

#[cfg(not(panic = "unwind"))]
compile_error!(
    "build with panic=unwind: a panic must become -EFAULT and not the end of the process"
);

mod arch;
mod attribute;
mod context;
mod entry;
mod error;
mod export;
mod layout;
mod load;
mod memory;
mod notify;
mod resolve;
mod rule;
mod transaction;
mod usage;
mod version;

/// What `usage` is built on, so that a model can put its own in place.
mod sync {
    pub(crate) use std::sync::atomic::{AtomicU32, Ordering};
}

pub use arch::{
    seccomp_arch_add, seccomp_arch_exist, seccomp_arch_native, seccomp_arch_remove,
    seccomp_arch_resolve_name,
};
pub use attribute::{seccomp_attr_get, seccomp_attr_set};
pub use context::{seccomp_init, seccomp_merge, seccomp_release, seccomp_reset};
pub use entry::Handle;
pub use export::{
    seccomp_export_bpf, seccomp_export_bpf_mem, seccomp_export_pfc, seccomp_precompute,
};
pub use layout::{scmp_arg_cmp, scmp_version};
pub use load::seccomp_load;
pub use notify::{
    seccomp_notify_addfd, seccomp_notify_alloc, seccomp_notify_fd, seccomp_notify_free,
    seccomp_notify_id_valid, seccomp_notify_receive, seccomp_notify_respond,
};
pub use resolve::{
    seccomp_syscall_resolve_name, seccomp_syscall_resolve_name_arch,
    seccomp_syscall_resolve_name_rewrite, seccomp_syscall_resolve_num_arch,
};
pub use rule::{
    seccomp_rule_add, seccomp_rule_add_array, seccomp_rule_add_exact, seccomp_rule_add_exact_array,
    seccomp_syscall_priority,
};
pub use transaction::{
    seccomp_transaction_commit, seccomp_transaction_reject, seccomp_transaction_start,
};
pub use version::{seccomp_api_get, seccomp_api_set, seccomp_version};
