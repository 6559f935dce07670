//! Programs that the kernel accepts.

use callgate_syscalls::{Action, Endian};

use crate::check::{self, CheckError};
use crate::{Instruction, Operation};

/// A filter program that the kernel accepts: 1 to 4096 instructions that passed the checker.
///
/// Fields that an opcode ignores are kept as given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Program(Vec<Instruction>);

impl Program {
    /// The most instructions a program may have (`BPF_MAXINSNS`).
    pub const LEN_MAX: usize = check::LEN_MAX;

    /// Checks instructions as the kernel does and keeps them if it would. Allocates nothing for a
    /// vector of instructions that do not use scratch memory.
    ///
    /// # Errors
    /// The first reason for which the kernel rejects them.
    pub fn new(instructions: impl Into<Vec<Instruction>>) -> Result<Self, CheckError> {
        let instructions = instructions.into();
        check::check(&instructions)?;
        Ok(Self(instructions))
    }

    /// The instructions.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.0
    }

    /// The number of instructions, 1 to 4096.
    #[expect(clippy::len_without_is_empty, reason = "a program is never empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The same program with zero in every field that an opcode ignores.
    #[must_use]
    pub fn canonical(&self) -> Self {
        Self(self.operations().map(Instruction::from).collect())
    }

    /// The operations, one for each instruction.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = Operation> + '_ {
        // The checker left no instruction without an operation; RET KILL_PROCESS keeps this total
        // and closed.
        let kill = Operation::Return(Action::KILL_PROCESS.raw());
        self.0.iter().map(move |instruction| instruction.operation().unwrap_or(kill))
    }

    /// The program as a sequence of `sock_filter` in a byte order.
    #[must_use]
    pub fn to_bytes(&self, endian: Endian) -> Vec<u8> {
        self.0.iter().flat_map(|instruction| instruction.to_bytes(endian)).collect()
    }
}
