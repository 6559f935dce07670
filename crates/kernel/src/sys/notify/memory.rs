//! The memory of another process.

use std::ptr;

use callgate_syscalls::Errno;
use libc::{c_long, iovec};

use crate::Tid;
use crate::sys::checked;

/// Reads the memory of the process of a thread: how many bytes were copied, less than asked for at
/// the end of a mapping.
pub(crate) fn read(tid: Tid, address: usize, buffer: &mut [u8]) -> Result<usize, Errno> {
    let local = iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = iovec { iov_base: ptr::without_provenance_mut(address), iov_len: buffer.len() };
    // SAFETY: the kernel writes to the one local range, which is a live slice to be written; the
    // remote range is another process's, or this one's, and only read.
    let result = unsafe {
        libc::process_vm_readv(tid.as_pid(), &raw const local, 1, &raw const remote, 1, 0)
    };
    // The same type on 64-bit machines, where Clippy takes a conversion of numbers for useless.
    let copied = checked(result as c_long)?;
    Ok(usize::try_from(copied).unwrap_or(0))
}
