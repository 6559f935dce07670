//! What a refused load means.
//!
//! The kernel has few numbers for many reasons. Where one number stands for several, cheap
//! questions that attach nothing decide between them. No allocation: the caller may be a freshly
//! forked child.
//!
//! References: seccomp(2), ERRORS; `seccomp_set_mode_filter` and what it calls in
//! `kernel/seccomp.c`.

use callgate_syscalls::Errno;

use crate::error::ENOTSUPP;
use crate::flag::Flags;
use crate::{Error, current_status, flag_supported, probe};

/// The reason for an errno of `SECCOMP_SET_MODE_FILTER`, called with these flags and a program that
/// our checker accepts.
///
/// `EINVAL` can also mean that the caller is in strict mode, but then it could not have asked.
pub(crate) fn explain(errno: Errno, flags: Flags) -> Error {
    match i32::from(errno.raw()) {
        libc::ENOSYS => Error::NoSeccomp { errno },
        libc::EINVAL => explain_invalid(flags),
        libc::EACCES => Error::NotPrivileged,
        libc::ENOMEM => explain_memory(),
        ENOTSUPP => Error::JitMemoryUsedUp,
        libc::EBUSY => Error::ListenerExists,
        libc::ESRCH => Error::SomeThreadDiverged,
        libc::EMFILE => Error::TooManyProcessFiles,
        libc::ENFILE => Error::TooManySystemFiles,
        _ => Error::Kernel { call: "seccomp", errno },
    }
}

fn explain_invalid(flags: Flags) -> Error {
    if let Err(errno) = probe::filter_mode() {
        return Error::NoSeccomp { errno };
    }
    let unknown = flags.iter().find(|&flag| !flag_supported(flag));
    unknown.map_or(Error::ProgramRefused, |flag| Error::UnknownFlag { flag })
}

/// A thread without filters has room for any program, so that memory is what it lacks.
fn explain_memory() -> Error {
    match current_status().ok().and_then(|status| status.filters) {
        Some(filters) if filters > 0 => Error::FiltersTooLong { filters },
        _ => Error::OutOfMemory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flag, sys};

    #[test]
    fn every_errno_of_the_table_has_its_meaning() {
        let flags = Flags::default().with(Flag::Log);
        for (raw, expected) in [
            (libc::ENOSYS, Error::NoSeccomp { errno: sys::errno(libc::ENOSYS) }),
            (libc::EINVAL, Error::ProgramRefused),
            (libc::EACCES, Error::NotPrivileged),
            (libc::ENOMEM, Error::OutOfMemory),
            (524, Error::JitMemoryUsedUp),
            (libc::EBUSY, Error::ListenerExists),
            (libc::ESRCH, Error::SomeThreadDiverged),
            (libc::EMFILE, Error::TooManyProcessFiles),
            (libc::ENFILE, Error::TooManySystemFiles),
            (libc::EPERM, Error::Kernel { call: "seccomp", errno: sys::errno(libc::EPERM) }),
        ] {
            let error = explain(sys::errno(raw), flags);
            assert_eq!(error, expected);
            assert_eq!(error.errno(), Some(sys::errno(raw)), "{error}");
        }
    }
}
