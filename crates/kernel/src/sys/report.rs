//! The handler of SIGSYS that reports a trapped call.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;

use callgate_syscalls::{ArchToken, Errno, SyscallNr};
use libc::{c_int, c_long};

use super::checked;
use crate::report::{Line, Trapped};

/// `siginfo_t` of a SIGSYS by a filter.
#[repr(C)]
#[derive(Clone, Copy)]
struct Info {
    signo: c_int,
    #[cfg(not(any(target_arch = "mips", target_arch = "mips64")))]
    errno: c_int,
    code: c_int,
    #[cfg(any(target_arch = "mips", target_arch = "mips64"))]
    errno: c_int,
    address: usize,
    syscall: c_int,
    arch: u32,
}

/// `SYS_SECCOMP`: a filter sent the signal.
const BY_FILTER: c_int = 1;

/// Installs the handler. It is taken off again by the first signal.
pub(crate) fn install() -> Result<(), Errno> {
    // SAFETY: all zeroes are a sigaction: no flags, an empty mask.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    let handler: extern "C" fn(c_int, *const Info, *mut c_void) = on_trap;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
    // SAFETY: the action is alive, and its handler has the type of one with SA_SIGINFO, makes only
    // syscalls, allocates nothing, takes no lock and lives as long as the program; the old action is
    // not asked for.
    let result = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, ptr::null_mut()) };
    checked(c_long::from(result)).map(drop)
}

extern "C" fn on_trap(_: c_int, info: *const Info, context: *mut c_void) {
    // SAFETY: the kernel hands a handler with SA_SIGINFO a siginfo_t, whose first fields these are;
    // all bits are integers.
    let info = unsafe { *info };
    let by_filter = info.signo == libc::SIGSYS && info.code == BY_FILTER;
    if by_filter {
        let context = context.cast::<libc::ucontext_t>();
        // SAFETY: the third argument is the ucontext_t of what the signal interrupted, which nothing
        // else has while the handler runs.
        let context = unsafe { &mut *context };
        let token = ArchToken::new(info.arch);
        let is_native = callgate_syscalls::Arch::native().is_some_and(|own| own.token() == token);
        let trapped = Trapped {
            token,
            nr: SyscallNr::new(u32::from_ne_bytes(info.syscall.to_ne_bytes())),
            data: info.errno,
            address: info.address as u64,
            args: arguments(context).filter(|_| is_native),
        };
        write_line(&Line::of(&trapped));
        if rewind(context, info.address) {
            return;
        }
    }
    end();
}

fn write_line(line: &Line) {
    let bytes = line.bytes();
    // SAFETY: the pointer and the length are those of a live slice, which is only read. Nothing is
    // left to do where a message can't be written.
    let _ = unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
}

/// Ends the process by the signal, which waits until the handler is left.
fn end() {
    // SAFETY: the call takes a number.
    let result = unsafe { libc::raise(libc::SIGSYS) };
    if result != 0 {
        super::process::exit_now(128 + 31);
    }
}

/// The argument registers, as they are after a trap: as before the call.
#[cfg(target_arch = "x86_64")]
fn arguments(context: &libc::ucontext_t) -> Option<[u64; 6]> {
    const ORDER: [c_int; 6] =
        [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10, libc::REG_R8, libc::REG_R9];
    let mut args = [0; 6];
    for (arg, register) in args.iter_mut().zip(ORDER) {
        let value = context.uc_mcontext.gregs.get(usize::try_from(register).ok()?)?;
        *arg = u64::from_ne_bytes(value.to_ne_bytes());
    }
    Some(args)
}

#[cfg(target_arch = "aarch64")]
fn arguments(context: &libc::ucontext_t) -> Option<[u64; 6]> {
    context.uc_mcontext.regs.first_chunk().copied()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn arguments(_: &libc::ucontext_t) -> Option<[u64; 6]> {
    None
}

/// Has the program make the call again, where that can be done: the kernel has put its registers
/// back, so only the address is behind it.
#[cfg(target_arch = "x86_64")]
fn rewind(context: &mut libc::ucontext_t, address: usize) -> bool {
    /// `syscall`, `sysenter` and `int 0x80` have two bytes.
    const LENGTH: i64 = 2;
    let Ok(register) = usize::try_from(libc::REG_RIP) else { return false };
    let ip = &mut context.uc_mcontext.gregs[register];
    // Where they differ, the call came from the vsyscall page, and the function has returned.
    if usize::try_from(*ip) != Ok(address) {
        return false;
    }
    *ip -= LENGTH;
    true
}

#[cfg(target_arch = "aarch64")]
fn rewind(context: &mut libc::ucontext_t, _: usize) -> bool {
    const LENGTH: u64 = 4;
    context.uc_mcontext.pc = context.uc_mcontext.pc.wrapping_sub(LENGTH);
    true
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn rewind(_: &mut libc::ucontext_t, _: usize) -> bool {
    false
}
