//! `scmp_bpf_disasm`: the instructions of a program as text, or as a graph.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};

use callgate_bpf::{Alu, Instruction, Operand, Operation, Register, Shift, Test};
use callgate_scmp_process::native;
use callgate_syscalls::{Action, ActionKind, Arch};

use crate::answer::{Output, status};
use crate::graph;
use crate::options::Options;

/// Answers the arguments; reads the file that is named, or standard input.
pub(crate) fn run(called: &str, args: &[OsString]) -> Output {
    let usage = || Output::usage(&format!("usage: {called} -a <arch> [-d] [-h]"));
    let Ok(mut arch) = native() else { return usage() };
    let mut write: fn(&[Instruction]) -> String = listing;
    let mut options = Options::new("a:dh", args);
    while let Some(option) = options.next() {
        match option {
            Ok(('a', name)) => match name.to_str().and_then(Arch::from_name) {
                Some(named) => arch = named,
                None => return usage(),
            },
            Ok(('d', _)) => write = graph::graph,
            Ok(_) => return usage(),
            Err(wrong) => return usage().after(called, &wrong),
        }
    }
    let mut bytes = Vec::new();
    let read = match options.operands().first() {
        None => io::stdin().lock().read_to_end(&mut bytes),
        Some(path) => match File::open(path) {
            Ok(mut file) => file.read_to_end(&mut bytes),
            Err(error) => {
                let (path, reason) = (path.to_string_lossy(), reason(&error));
                let line = format!("error: unable to open \"{path}\" ({reason})");
                return Output::failure(&line, status(&error));
            }
        },
    };
    let text = Output::text(write(&instructions(&bytes, arch)));
    match read {
        Ok(_) => text,
        Err(error) => Output { status: status(&error), ..text },
    }
}

/// The instructions in a file of an architecture; what is left at the end is no instruction.
pub(crate) fn instructions(bytes: &[u8], arch: Arch) -> Vec<Instruction> {
    let whole = bytes.chunks_exact(Instruction::SIZE).filter_map(|chunk| chunk.try_into().ok());
    whole.map(|chunk| Instruction::from_bytes(chunk, arch.endian())).collect()
}

/// What the system says of an error, without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn listing(instructions: &[Instruction]) -> String {
    let mut text = format!(" line  OP   JT   JF   K\n{}\n", "=".repeat(33));
    for (index, instruction) in instructions.iter().enumerate() {
        let Instruction { code, jt, jf, k } = *instruction;
        let operation = instruction.operation().ok();
        let (name, operand) = (mnemonic(operation), operand(operation, *instruction));
        let targets = match (operation, targets(index, *instruction)) {
            (Some(Operation::Jump(_)), [target, _]) => format!("{target:04}"),
            (Some(Operation::Branch { .. }), [yes, no]) => {
                format!("{operand:<4} true:{yes:04} false:{no:04}")
            }
            (None, [yes, no]) if class(*instruction) == class::JUMP => match code & OPERATION {
                0 => format!("{:04}", yes.saturating_add(k.into()).saturating_sub(jt.into())),
                _ => format!("{operand:<4} true:{yes:04} false:{no:04}"),
            },
            _ => operand,
        };
        text.push_str(&format!(" {index:04}: {code:#04x} {jt:#04x} {jf:#04x} {k:#010x}   "));
        text.push_str(&format!("{name:<3} {targets}\n"));
    }
    text
}

/// Where a jump leads, and a branch if its test holds and if not: indices, of instructions that
/// need not exist.
pub(crate) fn targets(index: usize, instruction: Instruction) -> [u64; 2] {
    let next = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1);
    match instruction.operation() {
        Ok(Operation::Jump(skip)) => [next.saturating_add(skip.into()); 2],
        _ => [instruction.jt, instruction.jf].map(|skip| next.saturating_add(skip.into())),
    }
}

/// The name of an operation.
pub(crate) const fn mnemonic(operation: Option<Operation>) -> &'static str {
    let Some(operation) = operation else { return "???" };
    match operation {
        Operation::LoadImmediate(register, _)
        | Operation::LoadLength(register)
        | Operation::LoadSlot(register, _) => match register {
            Register::A => "ld",
            Register::X => "ldx",
        },
        Operation::LoadData(_) => "ld",
        Operation::StoreSlot(Register::A, _) => "st",
        Operation::StoreSlot(Register::X, _) => "stx",
        Operation::Alu(alu, _) => match alu {
            Alu::Add => "add",
            Alu::Sub => "sub",
            Alu::Mul => "mul",
            Alu::Or => "or",
            Alu::And => "and",
            Alu::Xor => "xor",
        },
        Operation::DivideBy(_) | Operation::DivideByX => "div",
        Operation::ShiftBy(Shift::Left, _) | Operation::ShiftByX(Shift::Left) => "lsh",
        Operation::ShiftBy(Shift::Right, _) | Operation::ShiftByX(Shift::Right) => "rsh",
        Operation::Negate => "neg",
        Operation::Jump(_) => "jmp",
        Operation::Branch { test, .. } => match test {
            Test::Equal => "jeq",
            Test::Greater => "jgt",
            Test::GreaterOrEqual => "jge",
            Test::AnyBit => "jset",
        },
        Operation::Return(_) | Operation::ReturnA => "ret",
        Operation::CopyAToX => "tax",
        Operation::CopyXToA => "txa",
    }
}

/// What an operation works on, for a jump nothing.
pub(crate) fn operand(operation: Option<Operation>, instruction: Instruction) -> String {
    let Some(operation) = operation else { return unknown_operand(instruction) };
    let k = instruction.k;
    match operation {
        Operation::LoadData(word) => format!("$data[{}]", word.offset()),
        Operation::LoadLength(_) => "len($data)".into(),
        Operation::LoadSlot(_, slot) | Operation::StoreSlot(_, slot) => {
            format!("$temp[{}]", slot.index())
        }
        Operation::Alu(Alu::And | Alu::Or, Operand::K(mask)) => format!("{mask:#010x}"),
        Operation::Alu(_, Operand::X)
        | Operation::Branch { operand: Operand::X, .. }
        | Operation::DivideByX
        | Operation::ShiftByX(_) => "$x".into(),
        Operation::LoadImmediate(..)
        | Operation::Alu(_, Operand::K(_))
        | Operation::DivideBy(_)
        | Operation::ShiftBy(..)
        | Operation::Branch { .. } => k.to_string(),
        Operation::Return(word) => action(word).unwrap_or_else(|| format!("{word:#010x}")),
        Operation::ReturnA => "$acc".into(),
        Operation::Negate | Operation::Jump(_) | Operation::CopyAToX | Operation::CopyXToA => {
            String::new()
        }
    }
}

/// The parts of an opcode. References: `linux/bpf_common.h`.
const OPERATION: u16 = 0xf0;
const MODE: u16 = 0xe0;
const BY_X: u16 = 0x08;
const BY_A: u16 = 0x10;

mod class {
    pub(super) const STORE: [u16; 2] = [2, 3];
    pub(super) const ARITHMETIC: u16 = 4;
    pub(super) const JUMP: u16 = 5;
    pub(super) const RETURN: u16 = 6;
    pub(super) const MISC: u16 = 7;
}

const fn class(instruction: Instruction) -> u16 {
    instruction.code & 7
}

/// What an instruction that filters can't have would work on in other programs of the packet
/// filter, as far as its class tells.
fn unknown_operand(instruction: Instruction) -> String {
    let Instruction { code, k, .. } = instruction;
    match class(instruction) {
        class::MISC => String::new(),
        class::RETURN => match code & (BY_A | BY_X) {
            0 => action(k).unwrap_or_else(|| format!("{k:#010x}")),
            BY_X => "???".into(),
            _ => "$acc".into(),
        },
        class::JUMP | class::ARITHMETIC if code & BY_X != 0 => "$x".into(),
        class::JUMP | class::ARITHMETIC => k.to_string(),
        class if class::STORE.contains(&class) => format!("$temp[{k}]"),
        _ => match code & MODE {
            0x00 => k.to_string(),
            0x20 => format!("$data[{k}]"),
            0x40 => format!("$data[X + {k}]"),
            0x60 => format!("$temp[{k}]"),
            0x80 => "len($data)".into(),
            0xa0 => format!("4 * $data[{k}] & 0x0f"),
            _ => String::new(),
        },
    }
}

/// The name of an action; `None` for those that these commands show as a number.
pub(crate) fn action(word: u32) -> Option<String> {
    const DATA: u32 = 0xffff;
    let (kind, data) = (Action::from_raw(word & !DATA), word & DATA);
    Some(match kind.kind() {
        ActionKind::KillProcess if kind == Action::KILL_PROCESS => "KILL_PROCESS".into(),
        ActionKind::KillThread => "KILL".into(),
        ActionKind::Trap => "TRAP".into(),
        ActionKind::Errno => format!("ERRNO({data})"),
        ActionKind::Trace => format!("TRACE({data})"),
        ActionKind::Log => "LOG".into(),
        ActionKind::Allow => "ALLOW".into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_filters_seldom_have_is_named_too() {
        for (code, k, expected) in [
            (0x30, 1, "??? $data[1]"),
            (0x28, 2, "??? $data[2]"),
            (0x20, 3, "??? $data[3]"),
            (0x48, 4, "??? $data[X + 4]"),
            (0xb1, 14, "??? 4 * $data[14] & 0x0f"),
            (0x60, 16, "??? $temp[16]"),
            (0xe0, 5, "???  "),
            (0x02, 16, "??? $temp[16]"),
            (0x94, 9, "??? 9"),
            (0x9c, 9, "??? $x"),
            (0x0e, 9, "??? ???"),
            (0x07, 9, "tax "),
            (0x17, 9, "???  "),
            (0x80, 0, "ld  len($data)"),
            (0x01, 7, "ldx 7"),
            (0x61, 15, "ldx $temp[15]"),
            (0x03, 2, "stx $temp[2]"),
            (0x0c, 9, "add $x"),
            (0x44, 9, "or  0x00000009"),
            (0x74, 9, "rsh 9"),
            (0x84, 9, "neg "),
            (0x16, 9, "ret $acc"),
            (0x87, 9, "txa "),
        ] {
            let instruction = Instruction::new(code, k);
            let operation = instruction.operation().ok();
            let text = format!("{:<3} {}", mnemonic(operation), operand(operation, instruction));
            assert_eq!(text.trim_end(), expected.trim_end(), "{code:#x}");
        }
    }

    #[test]
    fn jumps_that_filters_can_not_have_lead_somewhere() {
        let jump = |code| Instruction { code, jt: 1, jf: 2, k: 7 };
        let text = listing(&[jump(0x0d), jump(0x55), jump(0x5d)]);
        let lines: Vec<&str> = text.lines().skip(2).map(|line| &line[35..]).collect();
        assert_eq!(
            lines,
            ["??? 0008", "??? 7    true:0003 false:0004", "??? $x   true:0004 false:0005"]
        );
    }
}
