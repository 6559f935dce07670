//! The ptrace(2) requests that steer a thread: what is needed to make it do what a filter would
//! have made it do.
//!
//! References: ptrace(2), `include/uapi/linux/ptrace.h`, `include/uapi/asm-generic/siginfo.h`.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;

use callgate_syscalls::{Action, ArchToken, Errno, SeccompData, SyscallNr};
use libc::{c_int, c_long};

use crate::sys::checked;
use crate::tid::Tid;

use super::trace::request;

// As in include/uapi/linux/ptrace.h; the libc crate types them differently for each C library.
const PTRACE_CONT: c_long = 7;
const PTRACE_DETACH: c_long = 17;
const PTRACE_SYSCALL: c_long = 24;
const PTRACE_SETSIGINFO: c_long = 0x4203;
const PTRACE_SEIZE: c_long = 0x4206;
#[cfg(target_arch = "x86_64")]
const PTRACE_GETSIGMASK: c_long = 0x420a;
#[cfg(target_arch = "x86_64")]
const PTRACE_SETSIGMASK: c_long = 0x420b;

/// `PTRACE_GET_SYSCALL_INFO`, Linux 5.3.
const PTRACE_GET_SYSCALL_INFO: c_long = 0x420e;
const PTRACE_LISTEN: c_long = 0x4208;

/// Stops at calls are told from SIGTRAP; what is started is traced as well, and programs that are
/// executed are told.
const FOLLOWING: usize = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4;

/// Stops at calls are told from SIGTRAP; a tracer that ends takes the thread with it.
const OPTIONS: usize = 1 | 1 << 20;

/// How a thread stands, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// On the way into a call or out of it.
    AtCall,
    /// In front of a signal that it is yet to receive.
    AtSignal(c_int),
    /// At the tracer's request, or as it starts something.
    AtEvent,
    /// It has executed a program.
    AtExec,
    /// With its whole process, until somebody continues that.
    WithAll,
    /// It has ended, with this wait status.
    Ended(c_int),
}

/// Attaches to a thread without stopping it. Should this process end before it lets go, the thread
/// ends with it.
pub fn seize(tid: Tid) -> Result<(), Errno> {
    number(PTRACE_SEIZE, tid, 0, OPTIONS)
}

/// As [`seize`], with all that it will start; they go on when this process ends.
pub fn seize_following(tid: Tid) -> Result<(), Errno> {
    number(PTRACE_SEIZE, tid, 0, FOLLOWING)
}

/// Waits for the next traced thread or child that stops or ends; `EINTR` at a signal, `ECHILD`
/// where there is none.
pub fn wait_for_any() -> Result<Option<(Tid, Stand)>, Errno> {
    let mut status = 0;
    // SAFETY: the pointer is to an int to be written.
    let found = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) };
    let found = checked(c_long::from(found))?;
    let tid = libc::pid_t::try_from(found).ok().and_then(Tid::from_kernel);
    Ok(tid.map(|tid| (tid, Stand::of(status))))
}

/// The next traced thread or child that has stopped or ended, and how; `None` while all run,
/// `ECHILD` where there is none.
pub fn stand_of_any() -> Result<Option<(Tid, Stand)>, Errno> {
    let mut status = 0;
    // SAFETY: the pointer is to an int to be written.
    let found = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::WNOHANG) };
    let found = checked(c_long::from(found))?;
    let tid = libc::pid_t::try_from(found).ok().and_then(Tid::from_kernel);
    Ok(tid.map(|tid| (tid, Stand::of(status))))
}

/// Leaves a thread stopped that is stopped with its whole process, and lets it go on with that.
pub fn listen(tid: Tid) -> Result<(), Errno> {
    number(PTRACE_LISTEN, tid, 0, 0)
}

/// `struct ptrace_syscall_info` for the way into a call.
#[repr(C)]
struct CallInfo {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    nr: u64,
    args: [u64; 6],
    more: [u64; 4],
}

/// Where a thread stands that stopped at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtCall {
    /// In front of it.
    Entry(SeccompData),
    /// Behind it, with what it returned.
    Exit(i64),
    /// The kernel does not say.
    Unknown,
}

/// The call in front of which a stopped thread stands; `None` behind one.
pub fn call(tid: Tid) -> Result<Option<SeccompData>, Errno> {
    match at_call(tid)? {
        AtCall::Entry(call) => Ok(Some(call)),
        AtCall::Exit(_) | AtCall::Unknown => Ok(None),
    }
}

/// Where a thread stands that stopped at a call.
pub fn at_call(tid: Tid) -> Result<AtCall, Errno> {
    const ENTRY: u8 = 1;
    const EXIT: u8 = 2;
    let mut info = MaybeUninit::<CallInfo>::zeroed();
    let data = info.as_mut_ptr().cast();
    // SAFETY: the request writes at most as many bytes as the address argument says, those of the
    // structure.
    unsafe { request(PTRACE_GET_SYSCALL_INFO, tid, size_of::<CallInfo>(), data) }?;
    // SAFETY: integers, zeroed at first, are a valid value whatever was written.
    let info = unsafe { info.assume_init() };
    match info.op {
        // The kernel keeps the number as an int.
        ENTRY => {
            let [a, b, c, d, ..] = info.nr.to_le_bytes();
            Ok(AtCall::Entry(SeccompData {
                nr: SyscallNr::new(u32::from_le_bytes([a, b, c, d])),
                arch: ArchToken::new(info.arch),
                instruction_pointer: info.instruction_pointer,
                args: info.args,
            }))
        }
        // What is the number in front of a call is the result behind it.
        EXIT => Ok(AtCall::Exit(i64::from_ne_bytes(info.nr.to_ne_bytes()))),
        _ => Ok(AtCall::Unknown),
    }
}

/// Lets a stopped thread go on with a signal, until its next call.
pub fn go_to_call_with(tid: Tid, signal: c_int) -> Result<(), Errno> {
    number(PTRACE_SYSCALL, tid, 0, usize::try_from(signal).unwrap_or(0))
}

/// Lets a stopped thread go on, with a signal or without.
pub fn detach(tid: Tid, signal: c_int) -> Result<(), Errno> {
    number(PTRACE_DETACH, tid, 0, usize::try_from(signal).unwrap_or(0))
}

/// Lets a stopped thread run until it is stopped for something else, and drops the signal that it
/// stands in front of.
pub fn go_on(tid: Tid) -> Result<(), Errno> {
    number(PTRACE_CONT, tid, 0, 0)
}

/// As [`go_on`], and stops it on the way into its next call or out of this one.
pub fn go_to_call(tid: Tid) -> Result<(), Errno> {
    number(PTRACE_SYSCALL, tid, 0, 0)
}

/// How a traced thread stands; `None` while it runs.
pub fn stand(tid: Tid) -> Result<Option<Stand>, Errno> {
    let mut status = 0;
    let flags = libc::__WALL | libc::WNOHANG;
    // SAFETY: the pointer is to an int to be written.
    let found = unsafe { libc::waitpid(tid.as_pid(), &raw mut status, flags) };
    let found = checked(c_long::from(found))?;
    Ok((found != 0).then(|| Stand::of(status)))
}

impl Stand {
    const fn of(status: c_int) -> Self {
        const AT_CALL: c_int = libc::SIGTRAP | 0x80;
        const EVENT_EXEC: c_int = 4;
        const EVENT_STOP: c_int = 128;
        if !libc::WIFSTOPPED(status) {
            return Self::Ended(status);
        }
        match (status >> 16, libc::WSTOPSIG(status)) {
            (0, AT_CALL) => Self::AtCall,
            (0, signal) => Self::AtSignal(signal),
            (EVENT_STOP, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) => {
                Self::WithAll
            }
            (EVENT_EXEC, _) => Self::AtExec,
            _ => Self::AtEvent,
        }
    }
}

/// The signals that a stopped thread holds back.
#[cfg(target_arch = "x86_64")]
pub fn mask(tid: Tid) -> Result<u64, Errno> {
    let mut mask = 0_u64;
    // SAFETY: the request writes as many bytes as the address argument says, those of the integer.
    unsafe { request(PTRACE_GETSIGMASK, tid, size_of::<u64>(), ptr::from_mut(&mut mask).cast()) }?;
    Ok(mask)
}

/// Sets the signals that a stopped thread holds back.
#[cfg(target_arch = "x86_64")]
pub fn set_mask(tid: Tid, mut mask: u64) -> Result<(), Errno> {
    let data = ptr::from_mut(&mut mask).cast();
    // SAFETY: the request reads as many bytes as the address argument says, those of the integer.
    unsafe { request(PTRACE_SETSIGMASK, tid, size_of::<u64>(), data) }.map(drop)
}

/// What a handler of SIGSYS gets to see: `siginfo_t` with the fields of that signal.
#[repr(C)]
struct SignalInfo {
    signo: c_int,
    errno: c_int,
    code: c_int,
    call_address: usize,
    syscall: c_int,
    arch: u32,
    rest: [u8; SIGNAL_INFO - FIELDS],
}

/// The size of `siginfo_t` on every architecture.
const SIGNAL_INFO: usize = 128;
const FIELDS: usize = if cfg!(target_pointer_width = "64") { 32 } else { 24 };
const _: () = assert!(size_of::<SignalInfo>() == SIGNAL_INFO);

/// Makes the signal that a thread stands in front of the one that a filter's trap sends.
pub fn set_trap(tid: Tid, call: &SeccompData, action: Action) -> Result<(), Errno> {
    const SYS_SECCOMP: c_int = 1;
    let mut info = SignalInfo {
        signo: libc::SIGSYS,
        errno: action.data().into(),
        code: SYS_SECCOMP,
        call_address: usize::try_from(call.instruction_pointer).unwrap_or(usize::MAX),
        syscall: c_int::from_ne_bytes(call.nr.raw().to_ne_bytes()),
        arch: call.arch.raw(),
        rest: [0; SIGNAL_INFO - FIELDS],
    };
    // SAFETY: the request reads one siginfo_t, whose size and layout the structure has.
    unsafe { request(PTRACE_SETSIGINFO, tid, 0, ptr::from_mut(&mut info).cast()) }.map(drop)
}

/// The requests that take the data argument as a number.
fn number(kind: c_long, tid: Tid, address: usize, data: usize) -> Result<(), Errno> {
    // SAFETY: each of the requests that are made here takes the data argument as a number.
    unsafe { request(kind, tid, address, ptr::without_provenance_mut(data)) }.map(drop)
}

/// Sends SIGSYS to a thread. What comes with it is not what a filter sends, which nobody else may.
pub fn send_sigsys(process: Tid, thread: Tid) -> Result<(), Errno> {
    let (process, thread) = (process.as_pid(), thread.as_pid());
    // SAFETY: the call takes numbers.
    checked(unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGSYS) }).map(drop)
}

/// Sends a signal to a process.
pub fn send(process: Tid, signal: c_int) -> Result<(), Errno> {
    // SAFETY: the call takes numbers.
    checked(c_long::from(unsafe { libc::kill(process.as_pid(), signal) })).map(drop)
}

/// How a child stands that is this process's own; `None` where nothing has changed.
pub fn stand_of_child(process: Tid) -> Result<Option<c_int>, Errno> {
    let mut status = 0;
    let flags = libc::WNOHANG | libc::WUNTRACED;
    // SAFETY: the pointer is to an int to be written.
    let found = unsafe { libc::waitpid(process.as_pid(), &raw mut status, flags) };
    Ok((checked(c_long::from(found))? != 0).then_some(status))
}

/// The next child that has ended, with its wait status; `None` where there is none.
pub fn next_ended() -> Result<Option<(Tid, c_int)>, Errno> {
    match stand_of_any() {
        Ok(Some((tid, Stand::Ended(status)))) => Ok(Some((tid, status))),
        Ok(_) => Ok(None),
        Err(reason) if i32::from(reason.raw()) == libc::ECHILD => Ok(None),
        Err(reason) => Err(reason),
    }
}

/// Stops this process, as its child has been, until it is continued.
pub fn stop_here() {
    // SAFETY: the call takes a number.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// Ends this process with the one that has started it.
pub fn end_with_parent() {
    // SAFETY: the call takes numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Waits until a child that is this process's own has ended.
pub fn wait_for_child(process: Tid) -> Result<(), Errno> {
    let mut status = 0;
    // SAFETY: the pointer is to an int to be written.
    let found = unsafe { libc::waitpid(process.as_pid(), &raw mut status, 0) };
    checked(c_long::from(found)).map(drop)
}

/// Reads from nowhere and writes to nowhere from now on, so that nobody waits for this process's
/// output to end.
pub fn close_input_and_output() {
    let Ok(nowhere) = File::options().read(true).write(true).open("/dev/null") else { return };
    for standard in [libc::STDIN_FILENO, libc::STDOUT_FILENO] {
        // SAFETY: nobody in this process owns the descriptor that is replaced.
        unsafe { libc::dup2(nowhere.as_raw_fd(), standard) };
    }
}

/// Ends this process by a signal, as its child has been, and leaves no core of its own.
pub fn end_by(signal: c_int) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a rlimit that lives through the call.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    // SAFETY: the default is no handler that could run.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    let mut only = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to a signal set to be written.
    unsafe { libc::sigemptyset(only.as_mut_ptr()) };
    // SAFETY: the call above has made it a signal set.
    let mut only = unsafe { only.assume_init() };
    // SAFETY: the pointer is to a signal set.
    unsafe { libc::sigaddset(&raw mut only, signal) };
    // SAFETY: the pointer is to a signal set, and nothing is asked for in return.
    unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const only, ptr::null_mut()) };
    // SAFETY: the call takes a number.
    unsafe { libc::raise(signal) };
}
