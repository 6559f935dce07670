//! `seccomp_arch_*`.

use callgate_scmp::Token;
use callgate_scmp_process as process;
use libc::{c_char, c_int};

use crate::entry::{self, Handle, on_context};
use crate::resolve;

/// The token of the architecture with that name; 0 where there is none.
///
/// # Safety
/// `arch_name` is NULL or a C string.
///
/// # References
/// seccomp_arch_resolve_name(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_arch_resolve_name(arch_name: *const c_char) -> u32 {
    let token = entry::guarded(|| {
        // SAFETY: the caller's promise.
        let name = unsafe { resolve::text(arch_name) }?;
        Ok(Token::resolve_name(name).map_or(0, Token::raw))
    });
    token.unwrap_or(0)
}

/// The token of the architecture that the library was built for.
///
/// # References
/// seccomp_arch_native(3).
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_arch_native() -> u32 {
    entry::guarded(|| Ok(Token::of(process::native()?).raw())).unwrap_or(0)
}

/// 0 where the context has the architecture, `-EEXIST` where it has not.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it.
///
/// # References
/// seccomp_arch_exist(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_arch_exist(ctx: *mut Handle, arch_token: u32) -> c_int {
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, |context| Ok(context.arch_exist(Token::new(arch_token))?)) }
}

/// Adds an architecture, which starts without rules.
///
/// # Safety
/// As [`seccomp_arch_exist`].
///
/// # References
/// seccomp_arch_add(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_arch_add(ctx: *mut Handle, arch_token: u32) -> c_int {
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, |context| Ok(context.arch_add(Token::new(arch_token))?)) }
}

/// Removes an architecture with its rules.
///
/// # Safety
/// As [`seccomp_arch_exist`].
///
/// # References
/// seccomp_arch_remove(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_arch_remove(ctx: *mut Handle, arch_token: u32) -> c_int {
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, |context| Ok(context.arch_remove(Token::new(arch_token))?)) }
}
