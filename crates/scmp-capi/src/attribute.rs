//! `seccomp_attr_get`, `seccomp_attr_set`.

use std::ptr::NonNull;

use callgate_scmp::{Attribute, Context, Error as ContextError};
use callgate_scmp_process as process;
use libc::{c_int, c_uint};

use crate::entry::{Handle, on_context};
use crate::error::Error;

/// Reads an attribute. On failure nothing is written.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it; `value` is NULL or to be
/// written.
///
/// # References
/// seccomp_attr_get(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_attr_get(
    ctx: *mut Handle,
    attr: c_uint,
    value: *mut u32,
) -> c_int {
    let call = |context: &mut Context| {
        let target = NonNull::new(value).ok_or(Error::Null)?;
        let value = context.attr(Attribute::from_raw(attr)?)?;
        // SAFETY: not NULL, and so to be written.
        unsafe { target.write(value) };
        Ok(())
    };
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, call) }
}

/// Sets an attribute.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it.
///
/// # References
/// seccomp_attr_set(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_attr_set(ctx: *mut Handle, attr: c_uint, value: u32) -> c_int {
    let call = |context: &mut Context| {
        // Without an architecture everything is `-EINVAL`, before the attribute's own gates.
        context.arches().next().ok_or(ContextError::NoArchitecture)?;
        Ok(context.attr_set(Attribute::from_raw(attr)?, value, &process::kernel())?)
    };
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, call) }
}
