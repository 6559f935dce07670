//! Syscalls and small values that the crates beside this one build on: `callgate-enforce`,
//! `callgate-observe` and the unpublished `callgate-lab`. No part of the interface.

pub use crate::error::Reason;
pub use crate::load::require_single_thread;
pub use crate::notify::handover;
pub use crate::passing::Passing;
pub use crate::probe::word_of;
pub use crate::sys::disposable::{alarm, any_syscall};
#[cfg(feature = "test-support")]
pub use crate::sys::interruption::signal;
pub use crate::sys::notify::handover::{own, pidfd_getfd, pidfd_open};
pub use crate::sys::notify::set_flags;
pub use crate::sys::process::{Fork, exit_now, fork, has_ended, kill, wait};
#[cfg(target_arch = "x86_64")]
pub use crate::sys::ptrace::registers;
pub use crate::sys::ptrace::{begin, caught, signals, steer, trace};
pub use crate::sys::quiet;
pub use crate::sys::shared::Shared;
pub use crate::sys::tracing;
pub use crate::sys::{
    action_available, checked, errno, errno_of, refusal_of_bad_strict_mode, refusal_of_null,
    refusal_of_null_by_prctl, set_mode_filter, set_no_new_privs, unshare_user,
};
