//! The kernel's checker: which instruction sequences may become a filter.
//!
//! It accepts exactly what the kernel accepts, oddities included. Instructions are judged one by
//! one in ascending order, then the last one, then the use of scratch memory; the kernel works in
//! the same order but only says EINVAL.
//!
//! Claim: C-CHECKER
//!
//! References: `net/core/filter.c` (`bpf_check_classic`, `check_load_and_stores`),
//! `kernel/seccomp.c` (`seccomp_check_filter`), seccomp(2).

use std::fmt;

use crate::{Instruction, Operation, Slot, Unsupported};

/// The most instructions of a program (`BPF_MAXINSNS`).
pub(crate) const LEN_MAX: usize = 4096;

/// Why the kernel rejects a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckError {
    /// No instructions, or more than [`Program::LEN_MAX`](crate::Program::LEN_MAX).
    Length(usize),
    /// An instruction that seccomp accepts in no program.
    Unsupported {
        /// The index of the instruction.
        index: usize,
        /// What is wrong with it.
        reason: Unsupported,
    },
    /// A jump that leaves the program.
    JumpOut {
        /// The index of the instruction.
        index: usize,
        /// The jump.
        jump: Jump,
        /// Its target: the index of an instruction that does not exist.
        target: usize,
        /// The number of instructions of the program.
        length: usize,
    },
    /// The last instruction does not return.
    NoReturn {
        /// The index of the instruction.
        index: usize,
    },
    /// A scratch slot that is read but, as the kernel sees it, not written on every way there.
    SlotUnwritten {
        /// The index of the instruction.
        index: usize,
        /// The slot it reads.
        slot: Slot,
    },
}

/// One of the ways in which an instruction jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Jump {
    /// Unconditional (`JA`).
    Always,
    /// Conditional, the test holds (`jt`).
    IfTrue,
    /// Conditional, the test does not hold (`jf`).
    IfFalse,
}

pub(crate) fn check(instructions: &[Instruction]) -> Result<(), CheckError> {
    let length = instructions.len();
    if !(1..=LEN_MAX).contains(&length) {
        return Err(CheckError::Length(length));
    }
    let mut last = None;
    for (index, instruction) in instructions.iter().enumerate() {
        let operation =
            instruction.operation().map_err(|reason| CheckError::Unsupported { index, reason })?;
        check_jumps(index, operation, length)?;
        last = Some(operation);
    }
    match last {
        Some(Operation::Return(_) | Operation::ReturnA) => check_slots(instructions),
        _ => Err(CheckError::NoReturn { index: length - 1 }),
    }
}

fn check_jumps(index: usize, operation: Operation, length: usize) -> Result<(), CheckError> {
    let inside = |jump, skip: usize| {
        // At most 4096 + 1 + u32::MAX: only 32-bit machines can saturate, far outside any program.
        let target = (index + 1).saturating_add(skip);
        if target < length {
            Ok(())
        } else {
            Err(CheckError::JumpOut { index, jump, target, length })
        }
    };
    match operation {
        Operation::Jump(skip) => inside(Jump::Always, usize::try_from(skip).unwrap_or(usize::MAX)),
        Operation::Branch { jt, jf, .. } => {
            inside(Jump::IfTrue, jt.into())?;
            inside(Jump::IfFalse, jf.into())
        }
        _ => Ok(()),
    }
}

/// The kernel's pass over scratch memory. It is linear, not an analysis of the control flow: a
/// return lets its state flow into the next instruction although nothing runs from one to the
/// other.
fn check_slots(instructions: &[Instruction]) -> Result<(), CheckError> {
    const ALL: u16 = u16::MAX;
    let slots = |i: &Instruction| {
        matches!(i.operation(), Ok(Operation::LoadSlot(..) | Operation::StoreSlot(..)))
    };
    // Nearly all programs: the memory for the pass need not be had.
    if !instructions.iter().any(slots) {
        return Ok(());
    }
    let mut arriving = vec![ALL; instructions.len()];
    let mut written: u16 = 0;
    for (index, instruction) in instructions.iter().enumerate() {
        written &= arriving[index];
        match instruction.operation() {
            Ok(Operation::StoreSlot(_, slot)) => written |= 1 << slot.index(),
            Ok(Operation::LoadSlot(_, slot)) if written & (1 << slot.index()) == 0 => {
                return Err(CheckError::SlotUnwritten { index, slot });
            }
            Ok(Operation::Jump(skip)) => {
                let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                arriving[index + 1 + skip] &= written;
                written = ALL;
            }
            Ok(Operation::Branch { jt, jf, .. }) => {
                arriving[index + 1 + usize::from(jt)] &= written;
                arriving[index + 1 + usize::from(jf)] &= written;
                written = ALL;
            }
            _ => {}
        }
    }
    Ok(())
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(0) => f.write_str("no instructions: a filter needs at least a return"),
            Self::Length(length) => write!(
                f,
                "{length} instructions: the kernel accepts at most {}, split the filter in two",
                LEN_MAX
            ),
            Self::Unsupported { index, reason } => write!(f, "instruction {index}: {reason}"),
            Self::JumpOut { index, jump, target, length } => write!(
                f,
                "instruction {index}: {jump} leads to instruction {target}, but the last one is {}: \
                 use a shorter jump",
                length - 1
            ),
            Self::NoReturn { index } => {
                write!(f, "instruction {index}: the last instruction does not return: end with ret")
            }
            Self::SlotUnwritten { index, slot } => write!(
                f,
                "instruction {index}: reads scratch slot {0}, which the kernel takes as unwritten here: \
                 store to slot {0} before every jump and return above",
                slot.index()
            ),
        }
    }
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "the jump",
            Self::IfTrue => "the jump taken if the test holds (jt)",
            Self::IfFalse => "the jump taken if the test does not hold (jf)",
        })
    }
}

impl std::error::Error for CheckError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unsupported { reason, .. } => Some(reason),
            _ => None,
        }
    }
}
