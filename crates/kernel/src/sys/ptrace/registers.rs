//! The registers of a stopped thread of x86_64: to have it make a call again, or another one in its
//! place.
//!
//! References: `arch/x86/include/asm/user_64.h`, `arch/x86/include/asm/segment.h`.

use std::mem::MaybeUninit;
use std::ptr;

use callgate_syscalls::{Errno, SeccompData};
use libc::{c_long, user_regs_struct};

use crate::tid::Tid;

use super::trace::request;

const PTRACE_GETREGS: c_long = 12;
const PTRACE_SETREGS: c_long = 13;
/// `__USER32_CS`: the segment of code of 32 bits.
const NARROW_CODE: u64 = 0x23;
/// Of `syscall` and of `int 0x80`; who enters by `sysenter` returns behind an `int 0x80`.
const INSTRUCTION: u64 = 2;
/// There is no call that could be restarted.
const NO_CALL: u64 = u64::MAX;

/// All registers of a thread, of whatever width its program is.
#[derive(Clone, Copy, Debug)]
pub struct Registers(user_regs_struct);

impl Registers {
    /// Those of a stopped thread.
    pub fn of(tid: Tid) -> Result<Self, Errno> {
        let mut registers = MaybeUninit::<user_regs_struct>::zeroed();
        // SAFETY: the request writes one user_regs_struct to the data pointer.
        unsafe { request(PTRACE_GETREGS, tid, 0, registers.as_mut_ptr().cast()) }?;
        // SAFETY: integers, zeroed at first, are a valid value whatever was written.
        Ok(Self(unsafe { registers.assume_init() }))
    }

    /// Gives them to a stopped thread.
    pub fn set(self, tid: Tid) -> Result<(), Errno> {
        let mut registers = self.0;
        let data = ptr::from_mut(&mut registers).cast();
        // SAFETY: the request reads one user_regs_struct.
        unsafe { request(PTRACE_SETREGS, tid, 0, data) }.map(drop)
    }

    /// Whether the thread runs code of 32 bits.
    pub const fn narrow(&self) -> bool {
        self.0.cs == NARROW_CODE
    }

    /// Where the stack ends.
    pub const fn stack(&self) -> u64 {
        self.0.rsp
    }

    /// What the call has returned that was made last.
    pub const fn result(&self) -> u64 {
        self.0.rax
    }

    /// As the thread stood in front of a call, which it makes again when it goes on.
    pub fn in_front_of(mut self, call: &SeccompData) -> Self {
        self.0.orig_rax = NO_CALL;
        self.0.rax = call.nr.raw().into();
        self.0.rip = instruction_of(call);
        self
    }

    /// The instruction at that place, which enters the kernel, with another call.
    pub fn entering(mut self, instruction: u64, nr: u32, args: [u64; 3]) -> Self {
        self.0.orig_rax = NO_CALL;
        self.0.rax = nr.into();
        self.0.rip = instruction;
        let [first, second, third] = args;
        if self.narrow() {
            (self.0.rbx, self.0.rcx, self.0.rdx) = (first, second, third);
        } else {
            (self.0.rdi, self.0.rsi, self.0.rdx) = (first, second, third);
        }
        self
    }

    /// The same, with what the call has returned that was made last.
    pub const fn returning(mut self, result: u64) -> Self {
        self.0.rax = result;
        self
    }

    /// The same in front of no call, which fails with `ENOSYS`: the one in front of which the
    /// thread stands is not made.
    pub const fn without_call(mut self) -> Self {
        self.0.orig_rax = NO_CALL;
        self
    }

    /// The same, with another first argument of a call of 64 bits.
    pub const fn with_first(mut self, first: u64) -> Self {
        self.0.rdi = first;
        self
    }

    /// As a call leaves them that was not made: its number is where the result would be.
    pub fn rolled_back(mut self, call: &SeccompData) -> Self {
        self.0.orig_rax = NO_CALL;
        self.0.rax = call.nr.raw().into();
        self.0.rip = call.instruction_pointer;
        self
    }
}

/// The instruction that made a call.
pub fn instruction_of(call: &SeccompData) -> u64 {
    const VSYSCALL: u64 = 0xffff_ffff_ff60_0000;
    match call.instruction_pointer {
        // The kernel makes these calls itself, for whoever jumps there.
        page if (VSYSCALL..VSYSCALL + 0x1000).contains(&page) => page,
        behind => behind.wrapping_sub(INSTRUCTION),
    }
}
