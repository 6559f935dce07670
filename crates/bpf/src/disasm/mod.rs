//! The disassembler: a program as lines of assembler text with names, and as a C array.
//!
//! It is total, and the text assembles to the same instructions, ignored fields included. Names of
//! syscalls, archs and errno values stand in comments, because which syscall a number means depends
//! on the arch that the program tested.

mod c;
mod known;

use std::collections::BTreeSet;
use std::fmt;

use callgate_syscalls::{Action, Arch, Endian};

use crate::{Alu, Instruction, Operand, Operation, Program, Register, Shift, Slot, Test, names};
use known::Known;

/// Options of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The byte order, which tells the halves of 64-bit fields apart.
    pub endian: Endian,
    /// The arch to name syscalls and errno values by where the program itself tested none.
    pub arch: Option<Arch>,
}

/// A program in readable form. Its text assembles to the program again
/// ([`assemble`](crate::assemble)).
///
/// # Examples
/// ```
/// use callgate_bpf::{Listing, Style, assemble};
/// use callgate_syscalls::Endian;
///
/// let program = assemble("ld [nr]\n jne #39, no\n ret ERRNO(1)\nno: ret ALLOW", Endian::Little)?;
/// let text = Listing::new(&program, Style::default()).to_string();
/// assert!(text.contains("ret  ERRNO(1)"));
/// assert_eq!(assemble(&text, Endian::Little)?, program);
/// # Ok::<(), callgate_bpf::AsmError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The byte order that the names of halves go by.
    pub endian: Endian,
    /// One line for each instruction.
    pub lines: Vec<Line>,
}

/// An instruction in readable form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The index of the instruction.
    pub index: usize,
    /// The instruction.
    pub instruction: Instruction,
    /// The label in front of it, if something jumps here.
    pub label: Option<String>,
    /// The instruction as the assembler reads it, without its label.
    pub text: String,
    /// The meaning of its constant, if known.
    pub comment: Option<String>,
    /// The indices of the instructions that can come next: none after a return, where the test
    /// holds first.
    pub next: Vec<usize>,
}

impl Default for Style {
    /// The byte order and arch of this machine.
    fn default() -> Self {
        Self { endian: Endian::native(), arch: Arch::native() }
    }
}

impl Listing {
    /// Disassembles a program.
    #[must_use]
    pub fn new(program: &Program, style: Style) -> Self {
        Self::of(program.instructions(), style)
    }

    /// Disassembles instructions that need not be a program: those that no filter may have are
    /// shown by their fields, and labels of jumps out of them are on no line.
    #[must_use]
    pub fn of(instructions: &[Instruction], style: Style) -> Self {
        // An instruction without a meaning ends its path, as a return does.
        let operation = |raw: &Instruction| raw.operation().unwrap_or(Operation::Return(0));
        let operations: Vec<Operation> = instructions.iter().map(operation).collect();
        let of_each = operations.iter().enumerate();
        let targets: BTreeSet<usize> = of_each.flat_map(|(index, o)| targets(index, *o)).collect();
        let known = Known::at_each(&operations, style.arch);
        let all = instructions.iter().zip(operations).zip(known).enumerate();
        let lines = all.map(|(index, ((raw, o), known))| Line {
            index,
            instruction: *raw,
            label: targets.contains(&index).then(|| label(index)),
            text: match raw.operation() {
                Ok(_) => text(index, o, style.endian, known) + &ignored(*raw, o),
                Err(_) => fields(*raw),
            },
            comment: raw.operation().ok().and_then(|o| known.comment(o)),
            next: next(index, o),
        });
        Self { endian: style.endian, lines: lines.collect() }
    }

    /// Whether the byte order matters for the text.
    fn names_halves(&self) -> bool {
        self.lines.iter().any(|line| match line.instruction.operation() {
            Ok(Operation::LoadData(word)) => names::is_half(word),
            _ => false,
        })
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names_halves() {
            f.write_str(match self.endian {
                Endian::Little => ".endian little\n",
                Endian::Big => ".endian big\n",
            })?;
        }
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label.as_ref().map_or(String::new(), |label| format!("{label}:"));
        match &self.comment {
            Some(comment) => write!(f, "{label:<7} {:<36} ; {comment}", self.text),
            None => write!(f, "{label:<7} {}", self.text),
        }
    }
}

/// An instruction that has no name.
fn fields(raw: Instruction) -> String {
    let Instruction { code, jt, jf, k } = raw;
    format!("???  {{code={code:#06x}, jt={jt}, jf={jf}, k={k:#x}}}")
}

fn label(index: usize) -> String {
    format!("L{index}")
}

/// The instructions that the text names a label for.
fn targets(index: usize, operation: Operation) -> Vec<usize> {
    match operation {
        Operation::Branch { test, jt, jf, .. } => match Ways::of(test, jt, jf) {
            Ways::True | Ways::False => vec![index + 1 + usize::from(jt.max(jf))],
            Ways::Both => next(index, operation),
        },
        Operation::Jump(_) => next(index, operation),
        _ => Vec::new(),
    }
}

/// The instructions that can follow.
fn next(index: usize, operation: Operation) -> Vec<usize> {
    let after = |skip: u8| index + 1 + usize::from(skip);
    match operation {
        Operation::Return(_) | Operation::ReturnA => Vec::new(),
        Operation::Jump(skip) => vec![index + 1 + usize::try_from(skip).unwrap_or(usize::MAX)],
        Operation::Branch { jt, jf, .. } if jt == jf => vec![after(jt)],
        Operation::Branch { jt, jf, .. } => vec![after(jt), after(jf)],
        _ => vec![index + 1],
    }
}

/// The targets of a branch that the text names; the other one falls through.
#[derive(Clone, Copy)]
enum Ways {
    True,
    False,
    Both,
}

impl Ways {
    /// A test that skips only if it fails is written as its opposite, which JSET does not have.
    fn of(test: Test, jt: u8, jf: u8) -> Self {
        match (jt, jf) {
            (_, 0) => Self::True,
            (0, _) if test != Test::AnyBit => Self::False,
            _ => Self::Both,
        }
    }
}

/// The instruction without its label, ignored fields and comment.
fn text(index: usize, operation: Operation, endian: Endian, known: Known) -> String {
    let load = |to| if to == Register::A { "ld" } else { "ldx" };
    let store = |from| if from == Register::A { "st" } else { "stx" };
    let with = |name: &str, operand: String| format!("{name:<4} {operand}");
    match operation {
        Operation::LoadImmediate(to, k) => with(load(to), constant(k)),
        Operation::LoadData(word) => with("ld", format!("[{}]", names::word_name(word, endian))),
        Operation::LoadLength(to) => with(load(to), "len".to_owned()),
        Operation::LoadSlot(to, slot) => with(load(to), memory(slot)),
        Operation::StoreSlot(from, slot) => with(store(from), memory(slot)),
        Operation::Alu(op, operand) => with(alu_name(op), value(operand)),
        Operation::DivideBy(k) => with("div", constant(k.get())),
        Operation::DivideByX => with("div", value(Operand::X)),
        Operation::ShiftBy(shift, amount) => with(shift_name(shift), format!("#{}", amount.bits())),
        Operation::ShiftByX(shift) => with(shift_name(shift), value(Operand::X)),
        Operation::Negate => "neg".to_owned(),
        Operation::Jump(skip) => {
            with("ja", label(index + 1 + usize::try_from(skip).unwrap_or(usize::MAX)))
        }
        Operation::Branch { test, operand, jt, jf } => {
            branch_text(index, test, known.operand(operand), (jt, jf))
        }
        Operation::Return(k) => match names::action_text(Action::from_raw(k)) {
            Some(action) => with("ret", action),
            None => with("ret", constant(k)),
        },
        Operation::ReturnA => with("ret", "a".to_owned()),
        Operation::CopyAToX => "tax".to_owned(),
        Operation::CopyXToA => "txa".to_owned(),
    }
}

fn branch_text(index: usize, test: Test, operand: String, (jt, jf): (u8, u8)) -> String {
    let at = |skip: u8| label(index + 1 + usize::from(skip));
    let (plain, opposite) = test_names(test);
    match Ways::of(test, jt, jf) {
        Ways::True => format!("{plain:<4} {operand}, {}", at(jt)),
        Ways::False => format!("{opposite:<4} {operand}, {}", at(jf)),
        Ways::Both => format!("{plain:<4} {operand}, {}, {}", at(jt), at(jf)),
    }
}

/// The values of ignored fields, where they aren't zero.
fn ignored(raw: Instruction, operation: Operation) -> String {
    let canonical = Instruction::from(operation);
    let fields = [
        (raw.jt != canonical.jt).then(|| format!("jt={}", raw.jt)),
        (raw.jf != canonical.jf).then(|| format!("jf={}", raw.jf)),
        (raw.k != canonical.k).then(|| format!("k={:#x}", raw.k)),
    ];
    let fields: Vec<_> = fields.into_iter().flatten().collect();
    if fields.is_empty() { String::new() } else { format!(" {{{}}}", fields.join(", ")) }
}

fn constant(k: u32) -> String {
    format!("#{k:#x}")
}

fn value(operand: Operand) -> String {
    match operand {
        Operand::K(k) => constant(k),
        Operand::X => "x".to_owned(),
    }
}

fn memory(slot: Slot) -> String {
    format!("M[{}]", slot.index())
}

const fn alu_name(op: Alu) -> &'static str {
    match op {
        Alu::Add => "add",
        Alu::Sub => "sub",
        Alu::Mul => "mul",
        Alu::Or => "or",
        Alu::And => "and",
        Alu::Xor => "xor",
    }
}

const fn shift_name(shift: Shift) -> &'static str {
    match shift {
        Shift::Left => "lsh",
        Shift::Right => "rsh",
    }
}

/// A test and its opposite.
const fn test_names(test: Test) -> (&'static str, &'static str) {
    match test {
        Test::Equal => ("jeq", "jne"),
        Test::Greater => ("jgt", "jle"),
        Test::GreaterOrEqual => ("jge", "jlt"),
        Test::AnyBit => ("jset", "jset"),
    }
}
