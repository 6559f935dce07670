//! Whether tracing is permitted: tried, and let go of at once.
//!
//! References: bpf(2), perf_event_open(2).

use std::ffi::CStr;
use std::mem::size_of;
use std::ptr;

use callgate_syscalls::Errno;
use libc::{c_int, c_ulong};

use crate::sys::notify::handover::own;

/// The beginning of `union bpf_attr` as `BPF_PROG_LOAD` reads it.
#[repr(C)]
struct BpfLoad {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
}

/// Loads the smallest program for raw tracepoints: `r0 = 0; exit`. It is attached to nothing.
pub fn load_bpf_tracepoint() -> Result<(), Errno> {
    const PROG_LOAD: c_int = 5;
    const RAW_TRACEPOINT: u32 = 17;
    const LICENSE: &CStr = c"GPL";
    // Code, registers, offset and value of each instruction; both have only a code.
    let program: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
    let attributes = BpfLoad {
        program_type: RAW_TRACEPOINT,
        instruction_count: 2,
        instructions: program.as_ptr().addr() as u64,
        license: LICENSE.as_ptr().addr() as u64,
        log_level: 0,
        log_size: 0,
        log_buffer: 0,
        kernel_version: 0,
        flags: 0,
    };
    let attributes = ptr::from_ref(&attributes);
    // SAFETY: pointer and size are those of live attributes, which name a live program of that many
    // instructions and a C string; the kernel reads all three and, without a log, writes nothing.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, attributes, size_of::<BpfLoad>()) };
    // SAFETY: the result of a call that opens a descriptor for its caller.
    unsafe { own(result) }.map(drop)
}

/// `struct perf_event_attr` in its first form.
#[repr(C)]
struct PerfEvent {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    rest: [u64; 4],
}

const _: () = assert!(size_of::<PerfEvent>() == 64);

/// Opens a tracepoint for this process, with what it records.
pub fn open_perf_tracepoint(id: u64) -> Result<(), Errno> {
    const TRACEPOINT: u32 = 2;
    const SAMPLE_RAW: u64 = 1 << 10;
    const CLOSE_ON_EXEC: c_ulong = 8;
    let event = PerfEvent {
        kind: TRACEPOINT,
        size: 64,
        config: id,
        sample_period: 1,
        sample_type: SAMPLE_RAW,
        rest: [0; 4],
    };
    let (this_process, any_cpu, no_group): (c_int, c_int, c_int) = (0, -1, -1);
    let event = ptr::from_ref(&event);
    // SAFETY: the pointer is to live attributes of the size that they say, which are only read; the
    // rest are numbers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            event,
            this_process,
            any_cpu,
            no_group,
            CLOSE_ON_EXEC,
        )
    };
    // SAFETY: the result of a call that opens a descriptor for its caller.
    unsafe { own(result) }.map(drop)
}
