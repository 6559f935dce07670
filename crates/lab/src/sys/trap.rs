//! SIGSYS as a filter's TRAP raises it.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};

use callgate_syscalls::Errno;
use libc::{c_int, c_long, c_uint, c_void, siginfo_t};

use callgate_kernel::parts::checked;

/// What the last SIGSYS carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trap {
    /// The filter's data.
    pub(crate) data: c_int,
    /// The address after the syscall instruction.
    pub(crate) address: usize,
    /// Who raised it: 1 for a filter.
    pub(crate) code: c_int,
    /// The call's number.
    pub(crate) nr: c_int,
    /// The architecture's token.
    pub(crate) arch: c_uint,
}

/// The fields of a `siginfo_t` that SIGSYS has; the numbers before the pointer are those of every
/// signal.
#[repr(C)]
struct SigsysInfo {
    signo: c_int,
    errno: c_int,
    code: c_int,
    address: *const c_void,
    nr: c_int,
    arch: c_uint,
}

// The kernel passes a siginfo_t; what is read of it must lie inside.
const _: () = assert!(size_of::<SigsysInfo>() <= size_of::<siginfo_t>());

/// `si_errno` of the last SIGSYS, [`NONE`] before the first.
static DATA: AtomicI32 = AtomicI32::new(NONE);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static NUMBER: AtomicI32 = AtomicI32::new(0);
static ARCH: AtomicU32 = AtomicU32::new(0);

/// No data of a filter: those have 16 bits.
const NONE: c_int = -1;

/// Takes the trap since the last time this was asked.
pub(crate) fn take() -> Option<Trap> {
    match DATA.swap(NONE, Ordering::Relaxed) {
        NONE => None,
        data => Some(Trap {
            data,
            address: ADDRESS.load(Ordering::Relaxed),
            code: CODE.load(Ordering::Relaxed),
            nr: NUMBER.load(Ordering::Relaxed),
            arch: ARCH.load(Ordering::Relaxed),
        }),
    }
}

/// Lets SIGSYS be recorded for [`take`] from now on.
pub(crate) fn record() -> Result<(), Errno> {
    // SAFETY: all zeroes are a sigaction: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    let handler: extern "C" fn(c_int, *const siginfo_t, *const c_void) = on_sigsys;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the action is alive and its handler has the type that SA_SIGINFO asks for, touches
    // only atomics, and lives as long as the program; the old action is not asked for.
    let result = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, ptr::null_mut()) };
    checked(c_long::from(result)).map(drop)
}

extern "C" fn on_sigsys(_signal: c_int, info: *const siginfo_t, _context: *const c_void) {
    // SAFETY: the kernel passes the siginfo_t of this signal, alive during the handler, whose
    // beginning has for SIGSYS the layout of SigsysInfo, all of whose bytes are valid numbers.
    let info = unsafe { &*info.cast::<SigsysInfo>() };
    ADDRESS.store(info.address.addr(), Ordering::Relaxed);
    CODE.store(info.code, Ordering::Relaxed);
    NUMBER.store(info.nr, Ordering::Relaxed);
    ARCH.store(info.arch, Ordering::Relaxed);
    let raised = if info.signo == libc::SIGSYS { info.errno } else { NONE };
    DATA.store(raised, Ordering::Relaxed);
}
