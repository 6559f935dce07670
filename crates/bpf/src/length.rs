//! The share of the kernel's budget for stacked filters that a program takes.
//!
//! The kernel converts a filter to eBPF and counts the converted instructions, not the ones it was
//! given. A filter is attached only while the sum over the new filter and all its ancestors stays
//! within [`PATH_LEN_MAX`]; beyond that the caller gets ENOMEM.
//!
//! References: `net/core/filter.c` (`bpf_convert_filter`), `kernel/bpf/core.c`
//! (`bpf_jit_blind_insn`), `kernel/seccomp.c` (`seccomp_attach_filter`).

use crate::{Alu, Operand, Operation, Program, Test};

/// The most converted instructions of a filter and all its ancestors together, overhead included
/// (`MAX_INSNS_PER_PATH`).
pub const PATH_LEN_MAX: usize = 32_768;

/// The cost of each ancestor beyond its converted instructions.
pub const PATH_ANCESTOR_OVERHEAD: usize = 4;

/// Whether the kernel's JIT hides constants (`net.core.bpf_jit_harden`), which lengthens programs.
///
/// With 2 it does so for everyone, with 1 for loaders without CAP_BPF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hardening {
    /// Constants stand in the code.
    Off,
    /// Each constant is built from two others.
    On,
}

/// Two registers cleared, the context saved.
const PROLOGUE: usize = 3;

/// From here on a constant is negative as an eBPF immediate, so that it takes a register.
const SIGN_BIT: u32 = 0x8000_0000;

impl Program {
    /// The number of eBPF instructions that the kernel counts for this program.
    ///
    /// # Examples
    /// ```
    /// use callgate_bpf::{Hardening, Instruction, Program};
    ///
    /// let allow = Program::new([Instruction::new(0x06, 0x7fff_0000)])?;
    /// assert_eq!(allow.converted_len(Hardening::Off), 5);
    /// assert_eq!(allow.converted_len(Hardening::On), 7);
    /// # Ok::<(), callgate_bpf::CheckError>(())
    /// ```
    #[must_use]
    pub fn converted_len(&self, hardening: Hardening) -> usize {
        PROLOGUE + self.operations().map(|o| operation_len(o, hardening)).sum::<usize>()
    }
}

/// The sum that the kernel compares with [`PATH_LEN_MAX`] when it attaches the newest of these
/// filters (oldest first).
pub fn path_len<'a>(
    oldest_first: impl IntoIterator<Item = &'a Program>,
    hardening: Hardening,
) -> usize {
    let lengths = oldest_first.into_iter().map(|p| p.converted_len(hardening));
    let with_overhead: usize = lengths.map(|length| length + PATH_ANCESTOR_OVERHEAD).sum();
    with_overhead.saturating_sub(PATH_ANCESTOR_OVERHEAD)
}

fn operation_len(operation: Operation, hardening: Hardening) -> usize {
    let constant = match hardening {
        Hardening::Off => 1,
        Hardening::On => 3,
    };
    // Moving a zero into a register needs no constant to hide.
    let load = |k| if k == 0 { 1 } else { constant };
    match operation {
        Operation::Return(k) => load(k) + 1,
        Operation::LoadImmediate(_, k) => load(k),
        Operation::LoadLength(_) | Operation::DivideBy(_) => constant,
        Operation::Alu(
            Alu::Add | Alu::Sub | Alu::Mul | Alu::Or | Alu::And | Alu::Xor,
            Operand::K(_),
        ) => constant,
        // Extend X, test it against the constant 0, clear A, exit, divide.
        Operation::DivideByX => 4 + constant,
        Operation::Branch { test, operand, jt, jf } => {
            let compare = match operand {
                Operand::X => 1,
                Operand::K(k) if k >= SIGN_BIT => constant + 1,
                Operand::K(_) => constant,
            };
            // A test with only one way out is one jump; the kernel can invert each but JSET.
            let one_way = jf == 0 || (jt == 0 && test != Test::AnyBit);
            compare + usize::from(!one_way)
        }
        Operation::Alu(_, Operand::X)
        | Operation::LoadData(_)
        | Operation::LoadSlot(..)
        | Operation::StoreSlot(..)
        | Operation::ShiftBy(..)
        | Operation::ShiftByX(_)
        | Operation::Negate
        | Operation::Jump(_)
        | Operation::ReturnA
        | Operation::CopyAToX
        | Operation::CopyXToA => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instruction;

    const ALLOW: Instruction = Instruction::new(0x06, 0x7fff_0000);

    /// The cost of an instruction in front of three returns, plain and hardened.
    fn cost(instruction: Instruction) -> (usize, usize) {
        let with = Program::new([instruction, ALLOW, ALLOW, ALLOW]).unwrap();
        let without = Program::new([ALLOW, ALLOW, ALLOW]).unwrap();
        let one = |h| with.converted_len(h) - without.converted_len(h);
        (one(Hardening::Off), one(Hardening::On))
    }

    #[test]
    fn plain_instructions_cost_one() {
        for code in [0x20, 0x02, 0x0c, 0x64, 0x6c, 0x84, 0x07, 0x87, 0x05, 0x16] {
            assert_eq!(cost(Instruction::new(code, 0)), (1, 1), "{code:#x}");
        }
        for code in [0x00, 0x01, 0x04, 0x34, 0x54, 0x80, 0x81] {
            assert_eq!(cost(Instruction::new(code, 1)), (1, 3), "{code:#x}");
        }
        assert_eq!(cost(Instruction::new(0x00, 0)), (1, 1));
        assert_eq!(cost(ALLOW), (2, 4));
        assert_eq!(cost(Instruction::new(0x06, 0)), (2, 2));
        assert_eq!(cost(Instruction::new(0x3c, 0)), (5, 7));
    }

    #[test]
    fn branches_cost_by_their_ways_out_and_their_constant() {
        let branch = |code, jt, jf, k| cost(Instruction { code, jt, jf, k });
        for code in [0x15, 0x25, 0x35] {
            assert_eq!(branch(code, 0, 0, 1), (1, 3));
            assert_eq!(branch(code, 1, 0, 1), (1, 3));
            assert_eq!(branch(code, 0, 1, 1), (1, 3));
            assert_eq!(branch(code, 1, 2, 1), (2, 4));
            assert_eq!(branch(code, 1, 0, 0x7fff_ffff), (1, 3));
            assert_eq!(branch(code, 1, 0, 0x8000_0000), (2, 4));
            assert_eq!(branch(code | 8, 1, 0, 0x8000_0000), (1, 1));
        }
        assert_eq!(branch(0x45, 1, 0, 1), (1, 3));
        assert_eq!(branch(0x45, 0, 1, 1), (2, 4));
        assert_eq!(branch(0x45, 0, 0, 1), (1, 3));
        assert_eq!(branch(0x45, 0, 1, 0x8000_0000), (3, 5));
    }

    #[test]
    fn one_instruction_filters_stack_3641_deep() {
        let allow = Program::new([ALLOW]).unwrap();
        let depth = |count| path_len(vec![&allow; count], Hardening::Off);
        assert_eq!(depth(0), 0);
        assert_eq!(depth(1), 5);
        assert!(depth(3641) <= PATH_LEN_MAX);
        assert!(depth(3642) > PATH_LEN_MAX);
    }
}
