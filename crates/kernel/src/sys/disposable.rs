//! What children need that try things out: an alarm, and any syscall there is.

use callgate_syscalls::Errno;
use libc::{c_int, c_long};

use super::checked;

/// Has the process killed by SIGALRM after some seconds.
pub fn alarm(seconds: u32) {
    // SAFETY: the call takes a number.
    unsafe { libc::alarm(seconds) };
}

/// Makes any syscall.
///
/// # Safety
/// The call with these arguments is sound here. That is so for all calls in a forked child that
/// exists to make them and end: what they do to memory, descriptors or signals is the child's own,
/// which between them touches only what it shares with its parent, and breaks nothing but its own
/// results.
pub unsafe fn any_syscall(nr: c_int, args: [u64; 6]) -> Result<c_long, Errno> {
    #[expect(clippy::cast_possible_truncation, reason = "32-bit kernels have 32-bit arguments")]
    let [a, b, c, d, e, f] = args.map(|arg| arg as usize);
    // SAFETY: the caller answers for the call.
    checked(unsafe { libc::syscall(c_long::from(nr), a, b, c, d, e, f) })
}
