//! The syscalls of this crate: one function each, with the errno as a value.
//!
//! Nothing here allocates, retries or interprets. All `unsafe` of the library is in this module and
//! its children, and no function of theirs can be misused from safe code of this crate: pointers
//! never cross their boundary.

#[cfg(feature = "test-support")]
pub(crate) mod absent;
pub(crate) mod disposable;
#[cfg(feature = "test-support")]
pub(crate) mod interruption;
pub(crate) mod notify;
pub(crate) mod process;
pub(crate) mod ptrace;
pub mod quiet;
pub(crate) mod report;
pub(crate) mod shared;
pub(crate) mod start;
pub mod tracing;

use std::ffi::c_void;
use std::io;
use std::mem::{MaybeUninit, align_of, offset_of, size_of};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;

use callgate_bpf::Instruction;
use callgate_syscalls::Errno;
use libc::{c_long, c_uint, c_ulong};

// What lets a program's slice be handed to the kernel as it is.
const _: () = {
    assert!(size_of::<Instruction>() == size_of::<libc::sock_filter>());
    assert!(align_of::<Instruction>() == align_of::<libc::sock_filter>());
    assert!(offset_of!(Instruction, code) == offset_of!(libc::sock_filter, code));
    assert!(offset_of!(Instruction, jt) == offset_of!(libc::sock_filter, jt));
    assert!(offset_of!(Instruction, jf) == offset_of!(libc::sock_filter, jf));
    assert!(offset_of!(Instruction, k) == offset_of!(libc::sock_filter, k));
};

/// Attaches a filter to the calling thread: 0, a listener's descriptor, or the id of a thread in
/// the way.
///
/// More instructions than the kernel can count are `EINVAL`, as from the kernel, and never a
/// smaller number of them.
pub fn set_mode_filter(flags: c_ulong, instructions: &[Instruction]) -> Result<c_long, Errno> {
    let Ok(len) = u16::try_from(instructions.len()) else {
        return Err(errno(libc::EINVAL));
    };
    // The kernel only reads through the pointer; the interface lacks a const.
    let filter = instructions.as_ptr().cast_mut().cast::<libc::sock_filter>();
    let program = libc::sock_fprog { len, filter };
    // SAFETY: the argument points to a sock_fprog that lives through the call, whose pointer and
    // length are those of a live slice of the layout asserted above; the kernel copies both and
    // keeps no pointer.
    unsafe { seccomp(libc::SECCOMP_SET_MODE_FILTER, flags, ptr::from_ref(&program).cast()) }
}

/// Attaches a filter to the calling thread, with a value in the last argument, which the kernel
/// does not read and filters that are attached already do.
pub(crate) fn set_mode_filter_with_password(
    instructions: &[Instruction],
    password: u32,
) -> Result<(), Errno> {
    let Ok(len) = u16::try_from(instructions.len()) else {
        return Err(errno(libc::EINVAL));
    };
    let filter = instructions.as_ptr().cast_mut().cast::<libc::sock_filter>();
    let program = libc::sock_fprog { len, filter };
    let (operation, unused) = (c_ulong::from(libc::SECCOMP_SET_MODE_FILTER), c_ulong::from(0u8));
    let (program, password) = (ptr::from_ref(&program), c_ulong::from(password));
    // SAFETY: as in `set_mode_filter`; the further arguments are numbers that the call ignores.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, operation, unused, program, unused, unused, password)
    };
    checked(result).map(drop)
}

/// Attaches a filter to the calling thread the oldest way (`PR_SET_SECCOMP`).
pub(crate) fn set_seccomp(instructions: &[Instruction]) -> Result<(), Errno> {
    let Ok(len) = u16::try_from(instructions.len()) else {
        return Err(errno(libc::EINVAL));
    };
    let filter = instructions.as_ptr().cast_mut().cast::<libc::sock_filter>();
    let program = libc::sock_fprog { len, filter };
    let mode = c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: as in `set_mode_filter`; this option reads the same structure.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, ptr::from_ref(&program)) };
    checked(c_long::from(result)).map(drop)
}

/// As [`set_mode_filter`], with a listener.
pub(crate) fn set_mode_filter_with_listener(
    flags: c_ulong,
    instructions: &[Instruction],
) -> Result<OwnedFd, Errno> {
    let flags = flags | libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let descriptor = set_mode_filter(flags, instructions)?;
    let descriptor = RawFd::try_from(descriptor).map_err(|_| errno(libc::EBADF))?;
    // SAFETY: with this flag the kernel's result is a descriptor that it has just opened for the
    // caller alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Why the kernel refuses a filter that is a null pointer: `EFAULT` if it knows all the flags, else
/// `EINVAL`.
pub fn refusal_of_null(flags: c_ulong) -> Errno {
    // SAFETY: the kernel checks the pointer; null is EFAULT, and nothing is attached.
    let result = unsafe { seccomp(libc::SECCOMP_SET_MODE_FILTER, flags, ptr::null()) };
    result.err().unwrap_or(errno(0))
}

/// As [`refusal_of_null`], asked the oldest way, without flags.
pub fn refusal_of_null_by_prctl() -> Errno {
    let mode = c_ulong::from(libc::SECCOMP_MODE_FILTER);
    let no_program: c_ulong = 0;
    // SAFETY: the kernel checks the pointer; null is EFAULT, and nothing is attached.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, no_program) };
    checked(c_long::from(result)).err().unwrap_or(errno(0))
}

/// Why the kernel refuses strict mode with a flag, of which it has none: `EINVAL`, or `ENOSYS`
/// without seccomp(2).
pub fn refusal_of_bad_strict_mode() -> Errno {
    // SAFETY: the operation reads no memory, and the flag keeps it from doing anything.
    let result = unsafe { seccomp(libc::SECCOMP_SET_MODE_STRICT, 1, ptr::null()) };
    result.err().unwrap_or(errno(0))
}

/// Asks for an action by its word (`SECCOMP_GET_ACTION_AVAIL`).
pub fn action_available(action: u32) -> Result<(), Errno> {
    // SAFETY: the argument points to a u32 that lives through the call and is only read.
    let result =
        unsafe { seccomp(libc::SECCOMP_GET_ACTION_AVAIL, 0, ptr::from_ref(&action).cast()) };
    result.map(drop)
}

/// # Safety
/// `argument` is null or what `operation` reads, alive during the call.
unsafe fn seccomp(
    operation: c_uint,
    flags: c_ulong,
    argument: *const c_void,
) -> Result<c_long, Errno> {
    // SAFETY: the caller answers for the argument; the other two are plain numbers.
    checked(unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, argument) })
}

/// Sets no_new_privs on the calling thread; it can't be unset.
pub fn set_no_new_privs() -> Result<(), Errno> {
    let (on, unused): (c_ulong, c_ulong) = (1, 0);
    // SAFETY: this option reads no memory.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, on, unused, unused, unused) };
    checked(c_long::from(result)).map(drop)
}

/// Unshares what a process with one thread does not share: a no-op for it, `EINVAL` for all others.
pub(crate) fn unshare_threads() -> Result<(), Errno> {
    // SAFETY: the flag names nothing that memory safety hangs on, and changes nothing where it
    // succeeds.
    let result = unsafe { libc::unshare(libc::CLONE_THREAD) };
    checked(c_long::from(result)).map(drop)
}

/// Moves the process, which must have one thread, to a new user namespace. Only for a child that
/// ends after it.
pub fn unshare_user() -> Result<(), Errno> {
    // SAFETY: the flag names nothing that memory safety hangs on.
    let result = unsafe { libc::unshare(libc::CLONE_NEWUSER) };
    checked(c_long::from(result)).map(drop)
}

/// What uname(2) says of the kernel.
pub(crate) fn uname() -> Result<libc::utsname, Errno> {
    let mut name = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the pointer is to a utsname to be written.
    let result = unsafe { libc::uname(name.as_mut_ptr()) };
    checked(c_long::from(result))?;
    // SAFETY: all zeroes are a utsname, and the kernel only wrote bytes to it.
    Ok(unsafe { name.assume_init() })
}

/// Whether a raw result is one, or -1 with the reason in errno.
pub fn checked(result: c_long) -> Result<c_long, Errno> {
    if result == -1 { Err(last_errno()) } else { Ok(result) }
}

fn last_errno() -> Errno {
    errno_of(&io::Error::last_os_error())
}

/// The errno in an error of the standard library; 0 where it holds none.
pub fn errno_of(error: &io::Error) -> Errno {
    errno(error.raw_os_error().unwrap_or(0))
}

/// An errno of libc's numbers; 0 where the kernel could not have returned it.
pub fn errno(raw: i32) -> Errno {
    Errno::new(u16::try_from(raw).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: Instruction = Instruction::new(0x06, 0x7fff_0000);

    /// 65,536 instructions must not become 0, nor 65,537 a valid filter of one; the count that fits
    /// is for the kernel to refuse.
    #[test]
    fn lengths_never_wrap() {
        for len in [4097, 65_535, 65_536, 65_537] {
            let instructions = vec![ALLOW; len];
            assert_eq!(set_mode_filter(0, &instructions), Err(errno(libc::EINVAL)), "{len}");
        }
    }

    #[test]
    fn unknown_flags_are_told_from_known_ones() {
        assert_eq!(refusal_of_null(1 << 20), errno(libc::EINVAL));
        assert_eq!(refusal_of_null(0), errno(libc::EFAULT));
    }
}
