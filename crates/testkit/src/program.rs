//! Random programs, broken ones too, and calls that reach into them.

use callgate_bpf::{CheckError, DataWord, Instruction, Program, Slot};
use callgate_syscalls::{Arch, ArchToken, SeccompData, SyscallNr};
use fastrand::Rng;

/// A program that the checker accepts, of up to `length_max` instructions.
///
/// Every opcode occurs, also with garbage in the fields it ignores; most programs load words, test
/// them and return various actions.
pub fn program(rng: &mut Rng, length_max: usize) -> Program {
    let mut instructions = sequence(rng, length_max);
    loop {
        match Program::new(instructions.clone()) {
            Ok(program) => return program,
            Err(error) => repair(rng, &mut instructions, &error),
        }
    }
}

/// A sequence of instructions that the checker may or may not accept: a random one, mostly with a
/// few mutations.
pub fn candidate(rng: &mut Rng, length_max: usize) -> Vec<Instruction> {
    let mut instructions = match rng.u8(..4) {
        0 => sequence(rng, length_max),
        _ => program(rng, length_max).instructions().to_vec(),
    };
    for _ in 0..rng.usize(..3) {
        mutate(rng, &mut instructions);
    }
    instructions
}

/// A call whose words are often the constants that the program compares with, or next to them.
pub fn call(rng: &mut Rng, program: &Program) -> SeccompData {
    let known = rng.bool();
    let mut word = || word(rng, program);
    let mut wide = || u64::from(word()) << 32 | u64::from(word());
    let args = std::array::from_fn(|_| wide());
    let instruction_pointer = wide();
    SeccompData {
        nr: SyscallNr::new(word()),
        arch: if known { Arch::X86_64.token() } else { ArchToken::new(word()) },
        instruction_pointer,
        args,
    }
}

fn word(rng: &mut Rng, program: &Program) -> u32 {
    let k = program.instructions()[rng.usize(..program.len())].k;
    match rng.u8(..8) {
        0 => rng.u32(..),
        1 => interesting(rng),
        2 => k.wrapping_add(1),
        3 => k.wrapping_sub(1),
        _ => k,
    }
}

/// Every accepted opcode, those of branches and loads more often.
const OPCODES: [u16; 58] = [
    0x00, 0x01, 0x20, 0x80, 0x81, 0x60, 0x61, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34,
    0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0xa4, 0xac, 0x84, 0x05, 0x15, 0x1d, 0x25,
    0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07, 0x87, 0x20, 0x20, 0x20, 0x20, 0x15, 0x15, 0x25,
    0x35, 0x45, 0x02, 0x02, 0x03, 0x07, 0x06, 0x60, 0x61, 0x20,
];

/// Instructions with fields that mostly suit their opcodes, ending in a return.
fn sequence(rng: &mut Rng, length_max: usize) -> Vec<Instruction> {
    let length = 1 + rng.usize(..length_max);
    (0..length)
        .map(|index| match length - index - 1 {
            0 => returning(rng),
            behind => instruction(rng, behind),
        })
        .collect()
}

fn instruction(rng: &mut Rng, behind: usize) -> Instruction {
    let code = match OPCODES[rng.usize(..OPCODES.len())] {
        // Returns in the middle are rare, or few programs would get past them.
        0x06 | 0x16 if rng.u8(..4) > 0 => 0x20,
        code => code,
    };
    let skip = |rng: &mut Rng| match rng.u8(..4) {
        0 => 0,
        _ => u8::try_from(rng.usize(..behind.min(12))).unwrap_or(0),
    };
    let (jt, jf) = (skip(rng), skip(rng));
    let k = match code {
        0x20 => u32::from(rng.u8(..DataWord::COUNT)) * 4,
        0x60 | 0x61 | 0x02 | 0x03 => u32::from(rng.u8(..Slot::COUNT / 4)),
        0x64 | 0x74 => rng.u32(..32),
        0x05 => jt.into(),
        0x06 => return returning(rng),
        0x34 => interesting(rng).max(1),
        _ => interesting(rng),
    };
    Instruction { code, jt, jf, k }
}

fn returning(rng: &mut Rng) -> Instruction {
    let code = if rng.bool() { 0x16 } else { 0x06 };
    Instruction::new(code, action(rng))
}

/// Any action, known ones more often.
fn action(rng: &mut Rng) -> u32 {
    const KNOWN: [u32; 8] =
        [0x8000_0000, 0, 0x3_0000, 0x5_0000, 0x7fc0_0000, 0x7ff0_0000, 0x7ffc_0000, 0x7fff_0000];
    match rng.u8(..8) {
        0 => rng.u32(..),
        1..=3 => KNOWN[rng.usize(..8)],
        _ => KNOWN[rng.usize(..8)] | u32::from(rng.u16(..)),
    }
}

fn interesting(rng: &mut Rng) -> u32 {
    match rng.u8(..6) {
        0 => rng.u32(..),
        1 => rng.u32(..16),
        2 => rng.u32(..512),
        3 => 1 << rng.u8(..32),
        4 => (1u32 << rng.u8(..32)).wrapping_sub(1),
        _ => Arch::ALL[rng.usize(..Arch::ALL.len())].token().raw(),
    }
}

/// Replaces what the checker complains of by something it accepts.
fn repair(rng: &mut Rng, instructions: &mut [Instruction], error: &CheckError) {
    let replacement = match error {
        CheckError::NoReturn { .. } => returning(rng),
        _ => Instruction::new(rng.u16(..2), interesting(rng)),
    };
    let last = instructions.len() - 1;
    instructions[error.index().unwrap_or(last)] = replacement;
}

/// One change of the kind that crosses the checker's limits.
fn mutate(rng: &mut Rng, instructions: &mut Vec<Instruction>) {
    let length = instructions.len();
    if length == 0 {
        return;
    }
    let at = rng.usize(..length);
    let behind = u32::try_from(length - at).unwrap_or(u32::MAX);
    let near = behind.wrapping_add(rng.u32(..3)).wrapping_sub(2);
    let target = &mut instructions[at];
    match rng.u8(..10) {
        0 => target.code = rng.u16(..),
        1 => target.code ^= 1 << rng.u8(..8),
        2 => target.k = rng.u32(..),
        3 => target.k = [63, 64, 60, 15, 16, 31, 32, 0, 1][rng.usize(..9)],
        4 => target.jt = u8::try_from(near).unwrap_or(u8::MAX),
        5 => target.jf = u8::try_from(near).unwrap_or(u8::MAX),
        6 => *target = Instruction::new(0x05, near),
        7 => *target = Instruction::new([0x60, 0x61, 0x02, 0x03][rng.usize(..4)], rng.u32(..4)),
        8 => drop(instructions.remove(at)),
        _ => instructions.swap(at, length / 2),
    }
}
