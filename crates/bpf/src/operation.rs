//! The meaning of instructions to the seccomp machine.
//!
//! The kernel accepts 41 opcodes, compared in full (16 bits), and ignores the fields an opcode does
//! not use. Decoding goes from an [`Instruction`](crate::Instruction) to an [`Operation`]; encoding
//! gives the canonical instruction, unused fields zero.
//!
//! References: `kernel/seccomp.c` (`seccomp_check_filter`), `net/core/filter.c`
//! (`bpf_check_classic`).

pub(crate) mod encoding;
mod unsupported;

use std::num::NonZeroU32;

pub use unsupported::Unsupported;

/// What an instruction does. Every operation that can be held is one the kernel accepts, given that
/// its jumps stay inside the program and its scratch slots are written before they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Load a constant.
    LoadImmediate(Register, u32),
    /// Load a word of `seccomp_data` into A.
    LoadData(DataWord),
    /// Load the size of `seccomp_data`, 64.
    LoadLength(Register),
    /// Load a scratch slot.
    LoadSlot(Register, Slot),
    /// Store a register in a scratch slot.
    StoreSlot(Register, Slot),
    /// `A = A op operand`, for any operand.
    Alu(Alu, Operand),
    /// `A = A / constant`, the constant not zero.
    DivideBy(NonZeroU32),
    /// `A = A / X`, unsigned; X = 0 ends the program with the value 0.
    DivideByX,
    /// `A = A << constant` or `A >> constant`, logical.
    ShiftBy(Shift, ShiftAmount),
    /// `A = A << X` or `A >> X`, logical. From X = 32 on the result depends on the architecture's
    /// JIT.
    ShiftByX(Shift),
    /// `A = -A`.
    Negate,
    /// Skip that many instructions.
    Jump(u32),
    /// Skip `jt` instructions if the test of A against the operand holds, else `jf`.
    Branch {
        /// The test.
        test: Test,
        /// What A is tested against.
        operand: Operand,
        /// Instructions to skip if the test holds.
        jt: u8,
        /// Instructions to skip if it does not.
        jf: u8,
    },
    /// End with a constant.
    Return(u32),
    /// End with the value of A.
    ReturnA,
    /// `X = A`.
    CopyAToX,
    /// `A = X`.
    CopyXToA,
}

/// The two 32-bit registers. Both are 0 at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// The accumulator.
    A,
    /// The index register.
    X,
}

/// The second operand of an operation on A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    /// The instruction's constant.
    K(u32),
    /// The index register.
    X,
}

/// Arithmetic that accepts any operand. Division and shifts restrict theirs, so they are operations
/// of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alu {
    /// Addition modulo 2^32.
    Add,
    /// Subtraction modulo 2^32.
    Sub,
    /// Multiplication modulo 2^32.
    Mul,
    /// Bitwise or.
    Or,
    /// Bitwise and.
    And,
    /// Bitwise exclusive or.
    Xor,
}

/// The direction of a logical shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shift {
    /// Towards the high bits.
    Left,
    /// Towards the low bits.
    Right,
}

/// Tests of A against an operand, unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Test {
    /// Equal (`JEQ`).
    Equal,
    /// Greater (`JGT`).
    Greater,
    /// Greater or equal (`JGE`).
    GreaterOrEqual,
    /// At least one common bit (`JSET`).
    AnyBit,
}

/// One of the 16 words of `seccomp_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataWord(u8);

/// One of the 16 scratch slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

/// A constant shift, 0 to 31 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShiftAmount(u8);

impl DataWord {
    /// The number of words in `seccomp_data`.
    pub const COUNT: u8 = 16;
    /// The syscall number.
    pub const NR: Self = Self(0);
    /// The architecture token.
    pub const ARCH: Self = Self(1);

    /// The word with that index, 0 to 15.
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        if index < Self::COUNT { Some(Self(index)) } else { None }
    }

    /// The word at a byte offset of `seccomp_data`: a multiple of 4 below 64.
    #[must_use]
    pub fn at_offset(offset: u32) -> Option<Self> {
        if offset % 4 != 0 { None } else { Self::new(u8::try_from(offset / 4).ok()?) }
    }

    /// The index of the word.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }

    /// The byte offset of the word in `seccomp_data`.
    #[must_use]
    pub const fn offset(self) -> u32 {
        self.0 as u32 * 4
    }
}

impl Slot {
    /// The number of scratch slots (`BPF_MEMWORDS`).
    pub const COUNT: u8 = 16;

    /// The slot with that index, 0 to 15.
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        if index < Self::COUNT { Some(Self(index)) } else { None }
    }

    /// The index of the slot.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }
}

impl ShiftAmount {
    /// A shift by that many bits, 0 to 31.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits < 32 { Some(Self(bits)) } else { None }
    }

    /// The number of bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl Operation {
    /// Whether the instruction's constant matters; if not, the kernel ignores its value.
    #[must_use]
    pub const fn uses_k(self) -> bool {
        match self {
            Self::LoadImmediate(..)
            | Self::LoadData(_)
            | Self::LoadSlot(..)
            | Self::StoreSlot(..)
            | Self::Alu(_, Operand::K(_))
            | Self::DivideBy(_)
            | Self::ShiftBy(..)
            | Self::Jump(_)
            | Self::Branch { operand: Operand::K(_), .. }
            | Self::Return(_) => true,
            Self::LoadLength(_)
            | Self::Alu(_, Operand::X)
            | Self::DivideByX
            | Self::ShiftByX(_)
            | Self::Negate
            | Self::Branch { operand: Operand::X, .. }
            | Self::ReturnA
            | Self::CopyAToX
            | Self::CopyXToA => false,
        }
    }
}
