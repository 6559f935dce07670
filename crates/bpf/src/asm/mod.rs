//! The assembler: text to a checked program.
//!
//! The language is that of the kernel's `bpf_asm` with names for what seccomp filters deal in. A
//! line holds labels, one instruction and a comment, each optional:
//!
//! ```text
//! .endian little                          ; which half .lo and .hi mean; else as the caller says
//!         ld   [arch]                     ; [nr] [arch] [instruction_pointer.lo] [args[0].hi], or a byte offset: [16]
//!         jne  #AUDIT_ARCH_X86_64, kill   ; the other way falls through
//!         ld   [nr]
//!         jeq  #x86_64:openat, deny       ; constants: 257, 0x101, a syscall of an arch, an arch, an action
//!         jge  #0x40000000, kill, ok      ; both ways
//! ok:     ret  ALLOW
//! deny:   ret  ERRNO(EPERM)               ; TRAP(1) TRACE(1) LOG USER_NOTIF KILL_THREAD KILL_PROCESS, or #0x50001
//! kill:   ret  KILL_PROCESS
//! ```
//!
//! | instructions | operand |
//! |---|---|
//! | `ld` | `[word]`, `#k`, `len`, `M[0]` |
//! | `ldx` | `#k`, `len`, `M[0]` |
//! | `st` `stx` | `M[0]` |
//! | `add` `sub` `mul` `div` `and` `or` `xor` `lsh` `rsh` | `#k`, `x` |
//! | `jeq` `jgt` `jge` `jset`, with an optional second label | `#k` or `x`, label |
//! | `jne` `jlt` `jle`, stored as the opposite test | `#k` or `x`, label |
//! | `ja` | label |
//! | `ret` | `#k`, action, `a` |
//! | `tax` `txa` `neg` | |
//!
//! Errno values that architectures number differently need one: `ERRNO(x86_64:ENOSYS)`.
//!
//! Fields that an opcode ignores can be given in braces at the end: `tax {jt=1, k=0x2}`. Comments
//! begin with `;` or `//`, or stand in `/* */`. What else `bpf_asm` takes: instructions in any case,
//! `ldi` and `ldxi`, numbers such as `0b11`, `017` and `-1`, lines of a preprocessor that begin with
//! `#`. Its `ldh`, `ldb`, `ldxb`, `mod`, `ret x` and `ld [x + 4]` are refused as seccomp refuses them.

mod error;
mod lexer;
mod operand;
mod parser;

use std::collections::BTreeMap;

use callgate_syscalls::Endian;

pub use error::{AsmError, AsmErrorKind};

use crate::{CheckError, Instruction, Operand, Operation, Program, Test};
use lexer::Position;

/// Assembles text, in which `.lo` and `.hi` are halves in that byte order unless the text itself
/// names another.
///
/// # Errors
/// The first thing in the text that isn't assembler, or why the kernel would reject the program.
///
/// # Examples
/// ```
/// use callgate_bpf::{Instruction, assemble};
/// use callgate_syscalls::Endian;
///
/// let program = assemble("ld [nr]\n jne #39, no\n ret ERRNO(1)\nno: ret ALLOW", Endian::Little)?;
/// assert_eq!(program.instructions()[1], Instruction { code: 0x15, jt: 0, jf: 1, k: 39 });
/// assert!(assemble("jmp nowhere", Endian::Little).is_err());
/// # Ok::<(), callgate_bpf::AsmError>(())
/// ```
pub fn assemble(text: &str, endian: Endian) -> Result<Program, AsmError> {
    let source = parser::parse(text, endian)?;
    let resolved: Result<Vec<_>, _> = source
        .statements
        .iter()
        .enumerate()
        .map(|(index, statement)| statement.resolve(index, &source.labels))
        .collect();
    Program::new(resolved?).map_err(|error| {
        let statement = error.index().and_then(|index| source.statements.get(index));
        statement.map_or(source.end, |s| s.position).error(AsmErrorKind::Rejected(error))
    })
}

type Labels = BTreeMap<String, usize>;

/// A parsed text whose labels are not yet resolved.
struct Source {
    statements: Vec<Statement>,
    /// The index of the instruction that each label stands before.
    labels: Labels,
    end: Position,
}

/// An instruction of the text.
struct Statement {
    position: Position,
    effect: Effect,
    ignored: Ignored,
}

enum Effect {
    Plain(Operation),
    Jump(Reference),
    Branch { test: Test, inverted: bool, operand: Operand, to: Reference, other: Option<Reference> },
}

/// Values for the fields that an instruction ignores.
#[derive(Default)]
struct Ignored {
    jt: Option<u8>,
    jf: Option<u8>,
    k: Option<u32>,
}

/// A label as the target of a jump.
struct Reference {
    position: Position,
    name: String,
}

impl Statement {
    fn resolve(&self, index: usize, labels: &Labels) -> Result<Instruction, AsmError> {
        let operation = match &self.effect {
            Effect::Plain(operation) => *operation,
            Effect::Jump(to) => Operation::Jump(to.distance(index, labels)?),
            Effect::Branch { test, inverted, operand, to, other } => {
                let to = to.offset(index, labels)?;
                let other = other.as_ref().map_or(Ok(0), |o| o.offset(index, labels))?;
                let (jt, jf) = if *inverted { (other, to) } else { (to, other) };
                Operation::Branch { test: *test, operand: *operand, jt, jf }
            }
        };
        let canonical = Instruction::from(operation);
        Ok(Instruction {
            jt: self.ignored.jt.unwrap_or(canonical.jt),
            jf: self.ignored.jf.unwrap_or(canonical.jf),
            k: self.ignored.k.unwrap_or(canonical.k),
            ..canonical
        })
    }
}

impl Reference {
    /// The number of instructions that a jump from `index` skips.
    fn distance(&self, index: usize, labels: &Labels) -> Result<u32, AsmError> {
        let fail = |kind: fn(String) -> AsmErrorKind| self.position.error(kind(self.name.clone()));
        let label = labels.get(&self.name).ok_or_else(|| fail(AsmErrorKind::UndefinedLabel))?;
        let skip = label.checked_sub(index + 1);
        skip.and_then(|skip| u32::try_from(skip).ok())
            .ok_or_else(|| fail(AsmErrorKind::BackwardJump))
    }

    /// The same as the 8 bits of a conditional jump.
    fn offset(&self, index: usize, labels: &Labels) -> Result<u8, AsmError> {
        let distance = self.distance(index, labels)?;
        u8::try_from(distance).map_err(|_| {
            self.position.error(AsmErrorKind::JumpTooLong { label: self.name.clone(), distance })
        })
    }
}

impl CheckError {
    /// The index of the instruction that the kernel objects to, where it is one.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::Length(_) => None,
            Self::Unsupported { index, .. }
            | Self::JumpOut { index, .. }
            | Self::NoReturn { index }
            | Self::SlotUnwritten { index, .. } => Some(*index),
        }
    }
}
