//! `seccomp_syscall_resolve_*`.

use std::ffi::CStr;
use std::ptr;

use callgate_scmp::{Number, Token, resolve_name, resolve_name_rewrite, resolve_number};
use callgate_scmp_process as process;
use callgate_syscalls::Arch;
use libc::{c_char, c_int};

use crate::entry::{guarded, pointer};
use crate::error::Error;
use crate::memory;

/// The name of a syscall number, to be freed with free(3); NULL where it has none.
///
/// # References
/// seccomp_syscall_resolve_num_arch(3).
#[unsafe(no_mangle)]
pub extern "C" fn seccomp_syscall_resolve_num_arch(arch_token: u32, num: c_int) -> *mut c_char {
    let name = guarded(|| Ok(resolve_number(arch(arch_token)?, Number::new(num))));
    match name {
        Ok(Some(name)) => pointer(|| memory::c_string(name)),
        _ => ptr::null_mut(),
    }
}

/// The number of a syscall on an architecture, a pseudo number where it has none; -1 for unknown
/// names.
///
/// # Safety
/// `name` is NULL or a C string.
///
/// # References
/// seccomp_syscall_resolve_name_arch(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_syscall_resolve_name_arch(
    arch_token: u32,
    name: *const c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { number(arch_token, name, resolve_name) }
}

/// As [`seccomp_syscall_resolve_name_arch`], with the multiplexer's number for a call that the
/// architecture multiplexes.
///
/// # Safety
/// `name` is NULL or a C string.
///
/// # References
/// seccomp_syscall_resolve_name_rewrite(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_syscall_resolve_name_rewrite(
    arch_token: u32,
    name: *const c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { number(arch_token, name, resolve_name_rewrite) }
}

/// As [`seccomp_syscall_resolve_name_arch`] on the native architecture.
///
/// # Safety
/// `name` is NULL or a C string.
///
/// # References
/// seccomp_syscall_resolve_name(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_syscall_resolve_name(name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { number(Token::NATIVE.raw(), name, resolve_name) }
}

/// The text of a C string. What is not UTF-8 names nothing and is read as the empty text.
///
/// # Safety
/// `text` is NULL or a C string that outlives the result.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, Error> {
    if text.is_null() {
        return Err(Error::Null);
    }
    // SAFETY: not NULL, and so a C string.
    let text = unsafe { CStr::from_ptr(text) };
    Ok(text.to_str().unwrap_or_default())
}

/// # Safety
/// `name` is NULL or a C string.
unsafe fn number(
    token: u32,
    name: *const c_char,
    resolve: fn(Arch, &str) -> Option<Number>,
) -> c_int {
    let number = guarded(|| {
        // SAFETY: the caller's promise.
        let name = unsafe { text(name) }?;
        Ok(resolve(arch(token)?, name).unwrap_or(Number::ERROR))
    });
    number.unwrap_or(Number::ERROR).raw()
}

fn arch(token: u32) -> Result<Arch, Error> {
    Ok(Token::new(token).arch(process::native()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_is_minus_one_or_null() {
        // SAFETY: C strings and NULL.
        let on_x86 = |name| unsafe { seccomp_syscall_resolve_name_arch(0x4000_0003, name) };
        assert_eq!(on_x86(c"socket".as_ptr()), -101);
        assert_eq!(on_x86(c"no_such_call".as_ptr()), -1);
        assert_eq!(on_x86(c"\xff".as_ptr()), -1);
        assert_eq!(on_x86(ptr::null()), -1);
        // SAFETY: a C string.
        let unknown = unsafe { seccomp_syscall_resolve_name_arch(1, c"read".as_ptr()) };
        assert_eq!(unknown, -1);
        assert!(seccomp_syscall_resolve_num_arch(1, 0).is_null());
        assert!(seccomp_syscall_resolve_num_arch(0, -1).is_null());
    }
}
