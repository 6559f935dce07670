//! What children need that try things out: an alarm, and any syscall there is.

use callgate_syscalls::Errno;
use libc::{c_int, c_long};

use super::checked;

/// Has the process killed by SIGALRM after some seconds.
pub(crate) fn alarm(seconds: u32) {
    // SAFETY: the call takes a number.
    unsafe { libc::alarm(seconds) };
}

/// Makes any syscall.
///
/// Only for a forked child that exists to make such calls and end: what they do to memory, descriptors or signals is the
/// child's own, and nobody else's.
pub(crate) fn any_syscall(nr: c_int, args: [u64; 6]) -> Result<c_long, Errno> {
    #[expect(clippy::cast_possible_truncation, reason = "32-bit kernels have 32-bit arguments")]
    let [a, b, c, d, e, f] = args.map(|arg| arg as usize);
    // SAFETY: the process is disposable (see above) and between such calls touches only what it shares with its parent,
    // until it ends; a call that breaks its memory breaks nothing but its own results.
    checked(unsafe { libc::syscall(c_long::from(nr), a, b, c, d, e, f) })
}
