//! What children need that try things out: shared memory, an alarm, and any syscall there is.

use std::mem::{align_of, needs_drop, size_of};
use std::ptr::{self, NonNull};

use callgate_syscalls::Errno;
use libc::{c_int, c_long};

use super::{checked, last_errno};

/// A value in memory that a forked child shares with its parent.
pub(crate) struct Shared<T>(NonNull<T>);

impl<T: Sync + Default> Shared<T> {
    /// Maps memory and puts the default value there.
    pub(crate) fn new() -> Result<Self, Errno> {
        const { assert!(!needs_drop::<T>() && align_of::<T>() <= 64) };
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: a new anonymous mapping, at an address of the kernel's choice, overlaps nothing.
        let address = unsafe { libc::mmap(ptr::null_mut(), size_of::<T>(), access, kind, -1, 0) };
        let address = match NonNull::new(address.cast::<T>()) {
            Some(address) if address.as_ptr().cast() != libc::MAP_FAILED => address,
            _ => return Err(last_errno()),
        };
        // SAFETY: the mapping is at least as large as T and aligned to a page, more than T needs; nobody reads it
        // yet.
        unsafe { address.write(T::default()) };
        Ok(Self(address))
    }

    /// The value.
    pub(crate) fn value(&self) -> &T {
        // SAFETY: the mapping holds a T since `new`, until `drop`; T is Sync, so that the child's writes to the same
        // memory go through what makes it so.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: address and size are those of the mapping, and the value's borrows have ended.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<T>()) };
    }
}

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
