//! The ptrace(2) requests that read filters.
//!
//! Called through `syscall`, because the C libraries disagree on the type of the request. Every
//! request is one of those that leave the tracee's memory and registers alone.
//!
//! References: ptrace(2), `include/uapi/linux/ptrace.h`.

use std::ffi::c_void;
use std::mem::{MaybeUninit, size_of};
use std::ptr;

use callgate_bpf::Instruction;
use callgate_syscalls::Errno;
use libc::{c_int, c_long};

use crate::sys::{checked, errno};
use crate::tid::Tid;

// As in include/uapi/linux/ptrace.h; the libc crate lacks some of them, and types them differently
// for each C library.
const PTRACE_GETSIGINFO: c_long = 0x4202;
const PTRACE_SECCOMP_GET_FILTER: c_long = 0x420c;
const PTRACE_SECCOMP_GET_METADATA: c_long = 0x420d;
const PTRACE_EVENT_STOP: c_int = 128;

// SECCOMP_FILTER_FLAG_LOG in the 64 bits of the metadata.
const METADATA_LOG: u64 = 1 << 1;

/// Where a tracee stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At the tracer's request, or in a group stop; it goes on as if nothing had been.
    Event,
    /// In front of a signal that it is yet to receive.
    Signal(c_int),
}

/// `struct seccomp_metadata`.
#[repr(C)]
struct Metadata {
    filter_offset: u64,
    flags: u64,
}

/// Attaches to a thread without stopping it.
pub fn seize(tid: Tid) -> Result<(), Errno> {
    change(Change::Seize, tid, 0)
}

/// Asks a seized thread to stop; returns before it has.
pub fn interrupt(tid: Tid) -> Result<(), Errno> {
    change(Change::Interrupt, tid, 0)
}

/// Lets a stopped tracee go, with the signal it was about to receive.
pub fn detach(tid: Tid, stop: Stop) -> Result<(), Errno> {
    let signal = match stop {
        Stop::Event => 0,
        Stop::Signal(signal) => usize::try_from(signal).unwrap_or(0),
    };
    change(Change::Detach, tid, signal)
}

/// Where a tracee stands; `ESRCH` while it is not stopped, or gone.
pub fn stop(tid: Tid) -> Result<Stop, Errno> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: this request writes a siginfo_t to the data pointer.
    unsafe { request(PTRACE_GETSIGINFO, tid, 0, info.as_mut_ptr().cast()) }?;
    // SAFETY: all zeroes are a siginfo_t, and the kernel only wrote numbers to it.
    let info = unsafe { info.assume_init() };
    let event = info.si_code >> 8 == PTRACE_EVENT_STOP;
    Ok(if event { Stop::Event } else { Stop::Signal(info.si_signo) })
}

/// The filter at an index of a stopped tracee; `ENOENT` past the last.
pub fn filter(tid: Tid, index: usize) -> Result<Vec<Instruction>, Errno> {
    // SAFETY: with a null data pointer the kernel writes nothing and returns the number of
    // instructions.
    let len = unsafe { request(PTRACE_SECCOMP_GET_FILTER, tid, index, ptr::null_mut()) }?;
    let len = usize::try_from(len).map_err(|_| errno(libc::EINVAL))?;
    let mut instructions = vec![Instruction::new(0, 0); len];
    let data = instructions.as_mut_ptr().cast();
    // SAFETY: the kernel writes `len` sock_filters, whose layout an Instruction has, to a buffer of
    // that many. The number is the same as above: filters never change, and the index counts from
    // the oldest, before which none is added.
    unsafe { request(PTRACE_SECCOMP_GET_FILTER, tid, index, data) }?;
    Ok(instructions)
}

/// Whether the filter at an index of a stopped tracee was loaded with the flag for logging; the
/// kernel reports no other.
pub fn filter_logs(tid: Tid, index: usize) -> Result<bool, Errno> {
    let filter_offset = u64::try_from(index).map_err(|_| errno(libc::EINVAL))?;
    let mut metadata = Metadata { filter_offset, flags: 0 };
    let data = ptr::from_mut(&mut metadata).cast();
    // SAFETY: the kernel reads and writes at most as many bytes as the address argument says, which
    // are the struct's.
    unsafe { request(PTRACE_SECCOMP_GET_METADATA, tid, size_of::<Metadata>(), data) }?;
    Ok(metadata.flags & METADATA_LOG != 0)
}

/// The requests that only change how a tracee stands, and take the data argument as a number.
#[derive(Clone, Copy)]
enum Change {
    Detach = 17,
    Seize = 0x4206,
    Interrupt = 0x4207,
}

fn change(change: Change, tid: Tid, data: usize) -> Result<(), Errno> {
    // SAFETY: each of these requests takes the data argument as a number.
    unsafe { request(change as c_long, tid, 0, ptr::without_provenance_mut(data)) }.map(drop)
}

/// # Safety
/// The request reads and writes no memory of this process but what `data` points to, alive and
/// large enough.
pub(super) unsafe fn request(
    request: c_long,
    tid: Tid,
    address: usize,
    data: *mut c_void,
) -> Result<c_long, Errno> {
    let tid = c_long::from(tid.as_pid());
    // SAFETY: the caller answers for what the request does with `data`; the rest are numbers.
    checked(unsafe { libc::syscall(libc::SYS_ptrace, request, tid, address, data) })
}
