//! What differs between machines: other entries into the kernel, and what the CPU does in advance.

use callgate_syscalls::Errno;
use libc::{c_int, c_long, c_ulong};

use crate::survey::SpeculationFeature;
use callgate_kernel::parts::{checked, errno};

/// getpid(2) as an i386 program calls it. Where the kernel has no such entry the instruction is a
/// SIGSEGV.
pub(crate) fn ia32_getpid() -> Result<u64, Errno> {
    let result = ia32_getpid_raw();
    let failed = c_int::try_from(result).ok().filter(|result| *result < 0);
    failed.map_or(Ok(result.unsigned_abs()), |result| Err(errno(-result)))
}

#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
fn ia32_getpid_raw() -> i64 {
    const GETPID: u64 = 20;
    let result: u64;
    // SAFETY: getpid reads and writes no memory. This entry keeps all registers but the result's
    // and, before Linux 4.17, r8 to r11; the stack is the kernel's.
    unsafe {
        std::arch::asm!(
            "int 0x80",
            inlateout("rax") GETPID => result,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            options(nostack)
        );
    }
    // The low half, as an i386 program sees it: kernels differ in what they leave above.
    i64::from(i32::from_ne_bytes(result.to_ne_bytes()[..4].try_into().unwrap_or_default()))
}

#[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64")))]
fn ia32_getpid_raw() -> i64 {
    i64::from(-libc::ENOSYS)
}

/// `PR_GET_SPECULATION_CTRL` of a misfeature.
pub(crate) fn speculation_control(feature: SpeculationFeature) -> Result<u64, Errno> {
    let which: c_ulong = match feature {
        SpeculationFeature::StoreBypass => 0,
        SpeculationFeature::IndirectBranch => 1,
    };
    let unused: c_ulong = 0;
    // SAFETY: this option reads no memory.
    let result = unsafe { libc::prctl(GET_SPECULATION_CTRL, which, unused, unused, unused) };
    checked(c_long::from(result)).map(|word| u64::try_from(word).unwrap_or(0))
}

const GET_SPECULATION_CTRL: c_int = 52;
