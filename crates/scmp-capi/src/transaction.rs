//! `seccomp_transaction_*`.

use callgate_scmp::Context;
use libc::c_int;

use crate::entry::{Handle, on_context};

/// Starts a transaction; they nest.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it.
///
/// # References
/// seccomp_transaction_start(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_transaction_start(ctx: *mut Handle) -> c_int {
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, |context| Ok(context.transaction_start()?)) }
}

/// Ends the newest transaction and keeps what was done in it.
///
/// # Safety
/// As [`seccomp_transaction_start`].
///
/// # References
/// seccomp_transaction_commit(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_transaction_commit(ctx: *mut Handle) -> c_int {
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, |context| Ok(context.transaction_commit()?)) }
}

/// Ends the newest transaction and undoes what was done in it.
///
/// # Safety
/// As [`seccomp_transaction_start`].
///
/// # References
/// seccomp_transaction_reject(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_transaction_reject(ctx: *mut Handle) {
    let call = |context: &mut Context| {
        context.transaction_reject();
        Ok(())
    };
    // SAFETY: the caller's promise is that of `on_context`. The function has nobody to tell of a
    // failure.
    unsafe { on_context(ctx, call) };
}
