//! Where a machine's registers lie while a call is made, in `struct pt_regs`.
//!
//! References: `arch/x86/include/asm/ptrace.h`, `arch/arm64/include/asm/ptrace.h`.

use callgate_syscalls::{Arch, ArchToken, names};

/// What programs have to know of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) native: ArchToken,
    /// The ABI of 32 bits.
    pub(super) narrow: ArchToken,
    /// How it is told that a call comes through that.
    pub(super) narrowness: Narrowness,
    /// How much of the structure is read.
    pub(super) len: i16,
    pub(super) args: [i16; 6],
    pub(super) narrow_args: [i16; 6],
    /// The number of the call, -1 if it is to be forgotten.
    pub(super) number: i16,
    pub(super) number_is_word: bool,
    /// The call that marks threads, and the one that executes programs.
    pub(super) getppid: i32,
    pub(super) execve: i32,
}

/// Where it is said that a call comes through the ABI of 32 bits: a bit of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Narrowness {
    /// There is no such ABI.
    Never,
    /// At the begin of the thread's `task_struct`.
    Task { offset: i32, bit: i32 },
    /// Among the registers.
    Registers { offset: i16, bit: i32 },
}

impl Places {
    /// Those of this machine; `None` where they are not known.
    pub(super) fn here(narrowness: Narrowness) -> Option<Self> {
        let native = Arch::native()?;
        match native {
            Arch::X86_64 => Self::x86(native, narrowness),
            Arch::Aarch64 => Self::arm(native),
            _ => None,
        }
    }

    fn x86(native: Arch, narrowness: Narrowness) -> Option<Self> {
        const BP: i16 = 32;
        const BX: i16 = 40;
        const R10: i16 = 56;
        const R9: i16 = 64;
        const R8: i16 = 72;
        const CX: i16 = 88;
        const DX: i16 = 96;
        const SI: i16 = 104;
        const DI: i16 = 112;
        const ORIG_AX: i16 = 120;
        Some(Self {
            native: native.token(),
            narrow: Arch::X86.token(),
            narrowness,
            len: 168,
            args: [DI, SI, DX, R10, R8, R9],
            narrow_args: [BX, CX, DX, SI, DI, BP],
            number: ORIG_AX,
            number_is_word: false,
            getppid: number(native, names::GETPPID)?,
            execve: number(native, names::EXECVE)?,
        })
    }

    fn arm(native: Arch) -> Option<Self> {
        const PSTATE: i16 = 264;
        const MODE_OF_32_BITS: i32 = 0x10;
        // Where the first register was before the result came there.
        const ORIG_X0: i16 = 272;
        const SYSCALLNO: i16 = 280;
        Some(Self {
            native: native.token(),
            narrow: Arch::Arm.token(),
            narrowness: Narrowness::Registers { offset: PSTATE, bit: MODE_OF_32_BITS },
            len: 288,
            args: [ORIG_X0, 8, 16, 24, 32, 40],
            narrow_args: [ORIG_X0, 8, 16, 24, 32, 40],
            number: SYSCALLNO,
            number_is_word: true,
            getppid: number(native, names::GETPPID)?,
            execve: number(native, names::EXECVE)?,
        })
    }
}

fn number(arch: Arch, name: callgate_syscalls::Name) -> Option<i32> {
    i32::try_from(arch.syscall(name)?.nr.raw()).ok()
}
