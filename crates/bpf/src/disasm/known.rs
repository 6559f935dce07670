//! The reader's knowledge at each instruction: the arch established so far and the meaning of A.
//!
//! One forward pass over the program suffices, because jumps only go forward. Where ways meet, what
//! they disagree on is unknown. It serves comments only; nothing depends on it being complete.

use callgate_syscalls::{Action, ActionKind, Arch, ArchToken, Errno, SyscallNr};

use super::value;
use crate::{DataWord, Operand, Operation, Register, Test, names};

/// The knowledge before an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// The token of the calls that get here.
    token: Option<ArchToken>,
    /// The word that A holds unchanged.
    word: Option<DataWord>,
    /// The arch to take if the program established none.
    assumed: Option<Arch>,
}

impl Known {
    /// The knowledge before each instruction. Jumps may lead out of them.
    pub(super) fn at_each(operations: &[Operation], assumed: Option<Arch>) -> Vec<Self> {
        let start = Self { token: None, word: None, assumed };
        let mut arriving: Vec<Option<Self>> = vec![None; operations.len()];
        let mut known = Vec::with_capacity(operations.len());
        for (index, operation) in operations.iter().copied().enumerate() {
            // Dead code is listed as if nothing were known.
            let here = arriving[index].unwrap_or(start);
            known.push(here);
            let next = super::next(index, operation);
            for (way, target) in next.into_iter().enumerate() {
                let there = here.after(operation, way == 0);
                if let Some(other) = arriving.get_mut(target) {
                    *other = Some(other.map_or(there, |other: Self| other.meet(there)));
                }
            }
        }
        known
    }

    /// The knowledge behind an instruction, on its true or its false branch.
    fn after(self, operation: Operation, holds: bool) -> Self {
        match operation {
            Operation::LoadData(word) => Self { word: Some(word), ..self },
            Operation::Branch { test: Test::Equal, operand: Operand::K(k), jt, jf }
                if holds && jt != jf && self.word == Some(DataWord::ARCH) =>
            {
                Self { token: Some(ArchToken::new(k)), ..self }
            }
            Operation::LoadImmediate(Register::A, _)
            | Operation::LoadLength(Register::A)
            | Operation::LoadSlot(Register::A, _)
            | Operation::Alu(..)
            | Operation::DivideBy(_)
            | Operation::DivideByX
            | Operation::ShiftBy(..)
            | Operation::ShiftByX(_)
            | Operation::Negate
            | Operation::CopyXToA => Self { word: None, ..self },
            _ => self,
        }
    }

    fn meet(self, other: Self) -> Self {
        Self {
            token: self.token.filter(|token| other.token == Some(*token)),
            word: self.word.filter(|word| other.word == Some(*word)),
            assumed: self.assumed,
        }
    }

    /// The operand of a comparison: syscall numbers in decimal, the rest in hexadecimal.
    pub(super) fn operand(self, operand: Operand) -> String {
        match operand {
            Operand::K(k) if self.word == Some(DataWord::NR) && k < DECIMAL_END => format!("#{k}"),
            other => value(other),
        }
    }

    /// The meaning of an instruction's constant.
    pub(super) fn comment(self, operation: Operation) -> Option<String> {
        match operation {
            Operation::Branch { test: Test::Equal, operand: Operand::K(k), .. } => match self.word?
            {
                DataWord::NR => self.syscall_name(SyscallNr::new(k)),
                DataWord::ARCH => names::token_name(k).map(str::to_owned),
                _ => None,
            },
            Operation::Return(k) => self.action_comment(Action::from_raw(k)),
            _ => None,
        }
    }

    fn syscall_name(self, nr: SyscallNr) -> Option<String> {
        let arch = self.arch(nr)?;
        let name = arch.syscall_at(nr)?.name;
        // x32 shares its token with x86_64: say which of the two it is.
        let x32 = self.token.is_some() && arch == Arch::X32;
        Some(if x32 { format!("x32 {name}") } else { name.to_string() })
    }

    fn arch(self, nr: SyscallNr) -> Option<Arch> {
        let token = self.token.or(self.assumed.map(Arch::token))?;
        Arch::of_call(token, nr)
    }

    fn action_comment(self, action: Action) -> Option<String> {
        let normal = action.normalised();
        let name = match normal.kind() {
            ActionKind::Errno => {
                let arch = self.token.map_or(self.assumed, |_| self.arch(SyscallNr::new(0)));
                names::errno_name(Errno::new(normal.data()), arch).map(str::to_owned)
            }
            ActionKind::Unknown => return Some("unknown action: kills the process".to_owned()),
            _ => None,
        };
        if action == normal { name } else { Some(format!("acts as {normal}")) }
    }
}

/// Numbers from here on carry a bit of their ABI and read better in hexadecimal.
const DECIMAL_END: u32 = 0x1_0000;
