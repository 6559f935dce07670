//! Calls that do nothing and are recognised by what they hand over.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use callgate_kernel::parts::checked;
use callgate_syscalls::Errno;
use libc::{c_int, c_long, c_ulong};

/// getppid(2), which reads no register, with a secret and a number.
pub(crate) fn mark(secret: u64, number: u32) {
    #[expect(clippy::cast_possible_truncation, reason = "the caller's machine has 64 bits")]
    let secret = secret as usize;
    // SAFETY: the call reads no argument and writes no memory.
    unsafe { libc::syscall(libc::SYS_getppid, secret, c_ulong::from(number)) };
}

/// As an i386 program makes the call, with the secret as its second argument; whether the kernel
/// takes it. Where it has no such entry the instruction is a SIGSEGV.
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
pub(crate) fn mark_narrow(secret: u64) -> bool {
    const GETPPID: u64 = 64;
    let result: u64;
    // SAFETY: getppid reads and writes no memory. This entry keeps all registers but the result's
    // and, before Linux 4.17, r8 to r11; the stack is the kernel's.
    unsafe {
        std::arch::asm!(
            "int 0x80",
            inlateout("rax") GETPPID => result,
            in("rcx") secret,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            options(nostack)
        );
    }
    // -ENOSYS has no place among process ids.
    result & 0x8000_0000 == 0
}

#[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64")))]
pub(crate) fn mark_narrow(_secret: u64) -> bool {
    false
}

/// Waits until one of the descriptors is readable, the time is over or a signal comes (`EINTR`);
/// which are.
pub(crate) fn wait_for(descriptors: &[BorrowedFd<'_>], time: Duration) -> Result<Vec<bool>, Errno> {
    let ask = |descriptor: &BorrowedFd<'_>| {
        let fd = descriptor.as_raw_fd();
        libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
    };
    let mut polled: Vec<libc::pollfd> = descriptors.iter().map(ask).collect();
    let count = libc::nfds_t::try_from(polled.len()).unwrap_or(0);
    // Never less than what is left, lest it be asked again and again.
    let time = c_int::try_from(time.as_millis().saturating_add(1)).unwrap_or(c_int::MAX);
    // SAFETY: the pointer is to that many structures, to be read and written.
    let ready = unsafe { libc::poll(polled.as_mut_ptr(), count, time) };
    checked(c_long::from(ready))?;
    Ok(polled.iter().map(|polled| polled.revents != 0).collect())
}
