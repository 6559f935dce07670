//! `seccomp_init`, `seccomp_reset`, `seccomp_release`, `seccomp_merge`.

use callgate_scmp::{Context, Error as ContextError};
use callgate_scmp_process as process;
use callgate_syscalls::Action;
use libc::c_int;

use crate::entry;
use crate::entry::{Borrowed, Handle, code, on_context, pointer};
use crate::error::Error;

/// Makes a context for the native architecture. NULL where the action is not one, or memory is out.
///
/// # References
/// seccomp_init(3).
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_init(def_action: u32) -> *mut Handle {
    pointer(|| {
        let default = Action::from_raw(def_action);
        Handle::new(Context::new(process::native()?, default, &process::kernel())?)
    })
}

/// Makes a context as good as new; of NULL, what the process knows of the kernel, and its
/// notification descriptor.
///
/// # Safety
/// `ctx` is NULL or from [`seccomp_init`], and no other thread uses it.
///
/// # References
/// seccomp_reset(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_reset(ctx: *mut Handle, def_action: u32) -> c_int {
    if ctx.is_null() {
        return code(|| {
            if let Some(listener) = process::forget() {
                // SAFETY: the number came from the kernel for this library, and was taken out of
                // the one place that has it.
                unsafe { libc::close(listener) };
            }
            Ok(0)
        });
    }
    let default = Action::from_raw(def_action);
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, |context| Ok(context.reset(default, &process::kernel())?)) }
}

/// Frees a context. Filters that were loaded stay, and so does the notification descriptor.
///
/// # Safety
/// `ctx` is NULL or from [`seccomp_init`], and nothing uses it any more.
///
/// # References
/// seccomp_release(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_release(ctx: *mut Handle) {
    let released = entry::guarded(|| {
        // SAFETY: the caller's promise is that of `release`.
        unsafe { Handle::release(ctx) };
        Ok(())
    });
    // A function that returns nothing has nobody to tell.
    drop(released);
}

/// Moves the architectures of `ctx_src`, with their rules, to `ctx_dst`, and frees `ctx_src`. On
/// failure nothing happens.
///
/// # Safety
/// Both are NULL or from [`seccomp_init`], and no other thread uses them.
///
/// # References
/// seccomp_merge(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_merge(ctx_dst: *mut Handle, ctx_src: *mut Handle) -> c_int {
    code(|| {
        // SAFETY: the caller answers for the pointer; the borrow ends with this closure.
        let target = unsafe { Borrowed::new(ctx_dst) }?;
        if ctx_dst == ctx_src {
            let arch = target.context.arches().next().ok_or(ContextError::NoArchitecture)?;
            return Err(ContextError::ArchPresent { arch }.into());
        }
        // SAFETY: as above; the two are not the same.
        let source = unsafe { Borrowed::new(ctx_src) }?;
        target.context.merge(source.context)?;
        drop(source);
        // SAFETY: the caller gives this context up, and nothing borrows it any more.
        unsafe { Handle::release(ctx_src) };
        Ok::<_, Error>(0)
    })
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;
    use crate::{seccomp_arch_add, seccomp_arch_remove};

    const ALLOW: u32 = 0x7fff_0000;

    #[test]
    fn only_actions_make_contexts() {
        assert!(seccomp_init(0x0001_0000).is_null());
        let context = seccomp_init(ALLOW);
        assert!(!context.is_null());
        // SAFETY: a live context.
        assert_eq!(unsafe { seccomp_reset(context, 0x0001_0000) }, -libc::EINVAL);
        // SAFETY: a live context.
        assert_eq!(unsafe { seccomp_reset(context, 0) }, 0);
        // SAFETY: a live context, used no more.
        unsafe { seccomp_release(context) };
    }

    #[test]
    fn contexts_merge_once_and_not_with_themselves() {
        let (one, other) = (seccomp_init(ALLOW), seccomp_init(ALLOW));
        // SAFETY: live contexts, here and below.
        let merge = |dst, src| unsafe { seccomp_merge(dst, src) };
        assert_eq!(merge(one, null_mut()), -libc::EINVAL);
        assert_eq!(merge(null_mut(), one), -libc::EINVAL);
        assert_eq!(merge(one, one), -libc::EEXIST);
        assert_eq!(merge(one, other), -libc::EEXIST);
        // SAFETY: as above.
        assert_eq!(unsafe { seccomp_arch_add(other, 0xc000_00b7) }, 0);
        // SAFETY: as above.
        assert_eq!(unsafe { seccomp_arch_remove(other, 0) }, 0);
        assert_eq!(merge(one, other), 0);
        // SAFETY: as above, used no more; the merge has freed the other.
        unsafe { seccomp_release(one) };
    }
}
