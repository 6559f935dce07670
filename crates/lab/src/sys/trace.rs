//! The ptrace(2) requests of a tracer that changes calls.

use std::ffi::c_void;
use std::ptr;

use callgate_syscalls::Errno;
use libc::{c_long, pid_t};

use callgate_kernel::parts::checked;

#[cfg(target_arch = "x86_64")]
const GETREGS: c_long = 12;
#[cfg(target_arch = "x86_64")]
const SETREGS: c_long = 13;
const GETEVENTMSG: c_long = 0x4201;

/// The requests that take numbers, and change no memory but the tracee's.
#[derive(Clone, Copy)]
enum Request {
    TraceMe = 0,
    PokeData = 5,
    Continue = 7,
    Syscall = 24,
    SetOptions = 0x4200,
    Seize = 0x4206,
}

/// The registers of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a call has no more")]
pub struct Registers {
    /// Its number.
    pub nr: u64,
    /// Its arguments.
    pub args: [u64; 6],
    /// Its result.
    pub result: u64,
}

/// Lets the parent of this process trace it.
pub(crate) fn trace_me() -> Result<(), Errno> {
    request(Request::TraceMe, 0, 0, 0).map(drop)
}

/// Attaches to a process with options, without stopping it.
pub(crate) fn seize(pid: pid_t, options: usize) -> Result<(), Errno> {
    request(Request::Seize, pid, 0, options).map(drop)
}

/// Which stops the tracer wants.
pub(crate) fn set_options(pid: pid_t, options: usize) -> Result<(), Errno> {
    request(Request::SetOptions, pid, 0, options).map(drop)
}

/// Lets a stopped tracee go, with a signal or 0, to its next system call or to whatever comes.
pub(crate) fn resume(pid: pid_t, to_syscall: bool, signal: usize) -> Result<(), Errno> {
    let how = if to_syscall { Request::Syscall } else { Request::Continue };
    request(how, pid, 0, signal).map(drop)
}

/// The number that came with the last event.
pub(crate) fn message(pid: pid_t) -> Result<u64, Errno> {
    // As large as an unsigned long, and never the same type as an u64.
    let mut message = 0_usize;
    let data = ptr::from_mut(&mut message).cast::<c_void>();
    // SAFETY: the request writes one unsigned long, which is what the pointer is to.
    let result = unsafe { libc::syscall(libc::SYS_ptrace, GETEVENTMSG, pid, 0, data) };
    checked(result).map(|_| u64::try_from(message).unwrap_or(u64::MAX))
}

/// Writes a word to the tracee's memory.
pub(crate) fn write_word(pid: pid_t, address: usize, word: usize) -> Result<(), Errno> {
    request(Request::PokeData, pid, address, word).map(drop)
}

fn request(request: Request, pid: pid_t, address: usize, data: usize) -> Result<c_long, Errno> {
    let request = request as c_long;
    // SAFETY: each of these requests takes numbers, and touches no memory of this process.
    checked(unsafe { libc::syscall(libc::SYS_ptrace, request, pid, address, data) })
}

#[cfg(target_arch = "x86_64")]
mod machine {
    use std::mem::MaybeUninit;
    use std::ptr;

    use callgate_syscalls::Errno;
    use libc::{pid_t, user_regs_struct};

    use super::{GETREGS, Registers, SETREGS};
    use callgate_kernel::parts::checked;

    fn all(pid: pid_t) -> Result<user_regs_struct, Errno> {
        let mut registers = MaybeUninit::<user_regs_struct>::zeroed();
        let data = registers.as_mut_ptr();
        // SAFETY: the request writes one user_regs_struct, which is what the pointer is to.
        checked(unsafe { libc::syscall(libc::SYS_ptrace, GETREGS, pid, 0, data) })?;
        // SAFETY: numbers, zeroed at first, are a valid value whatever was written.
        Ok(unsafe { registers.assume_init() })
    }

    pub(crate) fn registers(pid: pid_t) -> Result<Registers, Errno> {
        let all = all(pid)?;
        let args = [all.rdi, all.rsi, all.rdx, all.r10, all.r8, all.r9];
        Ok(Registers { nr: all.orig_rax, args, result: all.rax })
    }

    pub(crate) fn set_registers(pid: pid_t, registers: Registers) -> Result<(), Errno> {
        let mut all = all(pid)?;
        all.orig_rax = registers.nr;
        all.rax = registers.result;
        [all.rdi, all.rsi, all.rdx, all.r10, all.r8, all.r9] = registers.args;
        let data = ptr::from_ref(&all);
        // SAFETY: the request reads one user_regs_struct, which is what the pointer is to.
        checked(unsafe { libc::syscall(libc::SYS_ptrace, SETREGS, pid, 0, data) }).map(drop)
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod machine {
    use callgate_syscalls::Errno;
    use libc::pid_t;

    use super::Registers;
    use callgate_kernel::parts::errno;

    pub(crate) fn registers(_pid: pid_t) -> Result<Registers, Errno> {
        Err(errno(libc::ENOSYS))
    }

    pub(crate) fn set_registers(_pid: pid_t, _registers: Registers) -> Result<(), Errno> {
        Err(errno(libc::ENOSYS))
    }
}

pub(crate) use machine::{registers, set_registers};
