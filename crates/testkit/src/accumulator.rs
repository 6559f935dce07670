//! Whether a program tests a word of the call while another one may be loaded.
//!
//! libseccomp's blocks each expect one word in the accumulator. Where a test can be reached with
//! two, the program is not what its own text says.

use std::collections::BTreeSet;

use callgate_bpf::{Alu, Operand, Operation, Program};

/// The offset of a word, and the bits of it that are left.
type Loaded = (u32, u32);

/// Whether some test is reached with different words loaded.
#[must_use]
pub fn mixes(program: &Program) -> bool {
    let mut reached: Vec<BTreeSet<Loaded>> = vec![BTreeSet::new(); program.len()];
    for (index, operation) in program.operations().enumerate() {
        let here = reached[index].clone();
        let there = |loaded: &Loaded| after(operation, *loaded);
        let left: BTreeSet<Loaded> = match operation {
            Operation::LoadData(word) => BTreeSet::from([(word.offset(), u32::MAX)]),
            _ => here.iter().map(there).collect(),
        };
        let skips = match operation {
            Operation::Return(_) | Operation::ReturnA => vec![],
            Operation::Jump(skip) => vec![skip],
            Operation::Branch { .. } if here.len() > 1 => return true,
            Operation::Branch { jt, jf, .. } => vec![jt.into(), jf.into()],
            _ => vec![0],
        };
        for skip in skips {
            let target = usize::try_from(skip).map_or(program.len(), |skip| index + 1 + skip);
            if let Some(reached) = reached.get_mut(target) {
                reached.extend(&left);
            }
        }
    }
    false
}

const fn after(operation: Operation, (offset, mask): Loaded) -> Loaded {
    match operation {
        Operation::Alu(Alu::And, Operand::K(bits)) => (offset, mask & bits),
        _ => (offset, mask),
    }
}

#[cfg(test)]
mod tests {
    use callgate_bpf::Instruction;

    use super::*;

    fn program(jf: u8) -> Program {
        let branch = |jt, jf| Instruction { code: 0x15, jt, jf, k: 1 };
        let ret = Instruction::new(0x06, 0);
        let load = |offset| Instruction::new(0x20, offset);
        Program::new([load(16), branch(0, jf), load(24), branch(0, 0), ret]).unwrap()
    }

    #[test]
    fn a_test_behind_a_skipped_load_is_found() {
        assert!(!mixes(&program(0)));
        assert!(mixes(&program(1)));
        assert!(!mixes(&program(2)));
    }
}
