//! `seccomp_rule_add` and its three relatives, `seccomp_syscall_priority`.
//!
//! Two of the four are variadic in C, and Rust 1.85 can't define such functions. They are defined
//! here with six structures by value, of which only as many are read as the caller says there are.
//! That is what a C compiler passes: a structure of 24 bytes goes where it would go with a
//! prototype, whether the call is variadic or not. `cargo xtask abi` calls them from C with none to
//! six.

use callgate_scmp::{ArgCmp, Context, Exactness, Number};
use callgate_scmp_process as process;
use callgate_syscalls::Action;
use libc::{c_int, c_uint};

use crate::entry::{Handle, on_context};
use crate::error::Error;
use crate::layout::scmp_arg_cmp;

/// Adds a rule to every architecture of the context.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it; `arg_cnt` comparisons follow.
///
/// # References
/// seccomp_rule_add(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_rule_add(
    ctx: *mut Handle,
    action: u32,
    syscall: c_int,
    arg_cnt: c_uint,
    a: scmp_arg_cmp,
    b: scmp_arg_cmp,
    c: scmp_arg_cmp,
    d: scmp_arg_cmp,
    e: scmp_arg_cmp,
    f: scmp_arg_cmp,
) -> c_int {
    let given = Given { list: [&a, &b, &c, &d, &e, &f], count: arg_cnt };
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, |context| given.add(context, action, syscall, Exactness::Adapted)) }
}

/// As [`seccomp_rule_add`], unless an architecture can't express the rule as given.
///
/// # Safety
/// As [`seccomp_rule_add`].
///
/// # References
/// seccomp_rule_add_exact(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_rule_add_exact(
    ctx: *mut Handle,
    action: u32,
    syscall: c_int,
    arg_cnt: c_uint,
    a: scmp_arg_cmp,
    b: scmp_arg_cmp,
    c: scmp_arg_cmp,
    d: scmp_arg_cmp,
    e: scmp_arg_cmp,
    f: scmp_arg_cmp,
) -> c_int {
    let given = Given { list: [&a, &b, &c, &d, &e, &f], count: arg_cnt };
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, |context| given.add(context, action, syscall, Exactness::Exact)) }
}

/// As [`seccomp_rule_add`], with the comparisons in an array.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it; `arg_array` is NULL or holds
/// `arg_cnt` comparisons.
///
/// # References
/// seccomp_rule_add_array(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_rule_add_array(
    ctx: *mut Handle,
    action: u32,
    syscall: c_int,
    arg_cnt: c_uint,
    arg_array: *const scmp_arg_cmp,
) -> c_int {
    // SAFETY: the caller's promise is that of `add_array`.
    unsafe { add_array(ctx, action, syscall, arg_cnt, arg_array, Exactness::Adapted) }
}

/// As [`seccomp_rule_add_exact`], with the comparisons in an array.
///
/// # Safety
/// As [`seccomp_rule_add_array`].
///
/// # References
/// seccomp_rule_add_exact_array(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_rule_add_exact_array(
    ctx: *mut Handle,
    action: u32,
    syscall: c_int,
    arg_cnt: c_uint,
    arg_array: *const scmp_arg_cmp,
) -> c_int {
    // SAFETY: the caller's promise is that of `add_array`.
    unsafe { add_array(ctx, action, syscall, arg_cnt, arg_array, Exactness::Exact) }
}

/// Raises the priority of a syscall: its place among the others, and never what a rule means.
///
/// # Safety
/// `ctx` is NULL or from `seccomp_init`, and no other thread uses it.
///
/// # References
/// seccomp_syscall_priority(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seccomp_syscall_priority(
    ctx: *mut Handle,
    syscall: c_int,
    priority: u8,
) -> c_int {
    let syscall = Number::new(syscall);
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, |context| Ok(context.syscall_priority(syscall, priority)?)) }
}

/// What fills an array of comparisons up.
const UNUSED: ArgCmp = ArgCmp { arg: 0, op: 0, datum_a: 0, datum_b: 0 };

/// Comparisons as a caller gives them: those from `count` on must not be looked at.
struct Given<'a> {
    list: [&'a scmp_arg_cmp; ArgCmp::COUNT_MAX],
    count: c_uint,
}

impl Given<'_> {
    fn add(
        &self,
        context: &mut Context,
        action: u32,
        syscall: c_int,
        exactness: Exactness,
    ) -> Result<(), Error> {
        let mut read = [UNUSED; ArgCmp::COUNT_MAX];
        let read = read.get_mut(..count(self.count)?).ok_or(Error::Null)?;
        for (target, given) in read.iter_mut().zip(self.list) {
            *target = (*given).into();
        }
        add(context, action, syscall, read, exactness)
    }
}

/// # Safety
/// As [`seccomp_rule_add_array`].
unsafe fn add_array(
    ctx: *mut Handle,
    action: u32,
    syscall: c_int,
    arg_cnt: c_uint,
    array: *const scmp_arg_cmp,
    exactness: Exactness,
) -> c_int {
    let call = |context: &mut Context| {
        let count = count(arg_cnt)?;
        let given: &[scmp_arg_cmp] = match (count, array.is_null()) {
            (0, _) => &[],
            (_, true) => return Err(Error::Null),
            // SAFETY: not NULL, and so an array of that many.
            (_, false) => unsafe { std::slice::from_raw_parts(array, count) },
        };
        let mut read = [UNUSED; ArgCmp::COUNT_MAX];
        let read = read.get_mut(..count).ok_or(Error::Null)?;
        for (target, given) in read.iter_mut().zip(given) {
            *target = (*given).into();
        }
        add(context, action, syscall, read, exactness)
    };
    // SAFETY: the caller's promise is that of `on_context`.
    unsafe { on_context(ctx, call) }
}

fn add(
    context: &mut Context,
    action: u32,
    syscall: c_int,
    comparisons: &[ArgCmp],
    exactness: Exactness,
) -> Result<(), Error> {
    let (action, number) = (Action::from_raw(action), Number::new(syscall));
    Ok(context.rule_add(action, number, comparisons, exactness, &process::kernel())?)
}

/// How many comparisons to read. More than a syscall has arguments are an error before any is
/// looked at.
fn count(given: c_uint) -> Result<usize, Error> {
    let count = usize::try_from(given).unwrap_or(usize::MAX);
    match count <= ArgCmp::COUNT_MAX {
        true => Ok(count),
        false => Err(callgate_scmp::Error::ArgumentCount { count }.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::null;

    use super::*;
    use crate::{seccomp_init, seccomp_release};

    #[test]
    fn counts_are_none_to_six_and_arrays_are_not_null() {
        let context = seccomp_init(0);
        let equal = |arg| scmp_arg_cmp { arg, op: 4, datum_a: 1, datum_b: 0 };
        let all = [0, 1, 2, 3, 4, 5].map(equal);
        let add = |count, array| {
            // SAFETY: a live context; an array of six, or NULL, or a count that is refused unread.
            unsafe { seccomp_rule_add_array(context, 0x7fff_0000, 1, count, array) }
        };
        assert_eq!(add(6, all.as_ptr()), 0);
        assert_eq!(add(5, all.as_ptr()), 0);
        assert_eq!(add(7, all.as_ptr()), -libc::EINVAL);
        assert_eq!(add(u32::MAX, all.as_ptr()), -libc::EINVAL);
        assert_eq!(add(1, null()), -libc::EINVAL);
        assert_eq!(add(0, null()), 0);
        // SAFETY: a live context, used no more.
        unsafe { seccomp_release(context) };
    }
}
