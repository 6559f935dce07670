//! x86_64's instructions: their lengths, where control goes, and what becomes of the registers.
//!
//! A decoder of its own because of its size: iced-x86 would add 125 KB to the command (208 KB with
//! what registers an instruction changes) and yaxpeax-x86 175 KB, for instructions that nobody
//! asks about. Of those that are not understood, whatever they could change is unknown afterwards.

use crate::machine::{Effect, Expr, Flow, Insn, Reg, Target, Trap};

/// The bytes of an instruction, as they are read.
struct Cursor<'c> {
    code: &'c [u8],
    len: usize,
    at: u64,
}

/// What stands before the opcode.
#[derive(Clone, Copy, Default)]
struct Prefixes {
    operand16: bool,
    address32: bool,
    segment: bool,
    repeat: bool,
    rex: u8,
}

/// The operand that is a register or memory.
#[derive(Clone, Copy)]
enum Rm {
    Reg(Reg),
    /// A base register plus a constant.
    Mem(Reg, i64),
    /// An address that the instruction itself names.
    At(u64),
    /// With an index, or a segment.
    Elsewhere,
}

/// A decoded ModRM byte with what follows it.
#[derive(Clone, Copy)]
struct Operands {
    reg: Reg,
    /// The three bits of `reg` in the byte, which select an operation in groups.
    group: u8,
    rm: Rm,
    /// The address that the operand names.
    names: Option<u64>,
    /// A constant to which registers are added.
    constant: Option<u64>,
}

/// Decodes one instruction.
pub(crate) fn decode(code: &[u8], at: u64) -> Insn {
    let mut cursor = Cursor { code, len: 0, at };
    match instruction(&mut cursor) {
        Some(insn) if cursor.len <= 15 => insn,
        _ => Insn::plain(1),
    }
}

fn instruction(cursor: &mut Cursor<'_>) -> Option<Insn> {
    let (prefixes, opcode) = prefixes(cursor)?;
    match opcode {
        0x0f => two_bytes(cursor, prefixes),
        0xc4 | 0xc5 | 0x62 => vector(cursor, prefixes, opcode),
        _ => one_byte(cursor, prefixes, opcode),
    }
}

fn prefixes(cursor: &mut Cursor<'_>) -> Option<(Prefixes, u8)> {
    let mut found = Prefixes::default();
    loop {
        let byte = cursor.byte()?;
        match byte {
            0x66 => found.operand16 = true,
            0x67 => found.address32 = true,
            0x64 | 0x65 => found.segment = true,
            0xf2 | 0xf3 => found.repeat = true,
            0x26 | 0x2e | 0x36 | 0x3e | 0xf0 => {}
            0x40..=0x4f => {
                found.rex = byte;
                return Some((found, cursor.byte()?));
            }
            _ => return Some((found, byte)),
        }
        if cursor.len > 14 {
            return None;
        }
    }
}

fn one_byte(cursor: &mut Cursor<'_>, prefixes: Prefixes, opcode: u8) -> Option<Insn> {
    match opcode {
        0x00..=0x3f => arithmetic(cursor, prefixes, opcode),
        0x50..=0x5f | 0x68 | 0x6a | 0xc9 => stack(cursor, prefixes, opcode),
        0x63 | 0x80..=0x8f | 0xc6 | 0xc7 => moves(cursor, prefixes, opcode),
        0x70..=0x7f | 0xe0..=0xe3 => {
            let target = cursor.relative8()?;
            Some(cursor.done().flows(Flow::Branch(target)).branching(opcode, 0x74))
        }
        0xe8 | 0xe9 | 0xeb => {
            let target = if opcode == 0xeb { cursor.relative8()? } else { cursor.relative32()? };
            let place = Target::At(target);
            let flow = if opcode == 0xe8 { Flow::Call(place) } else { Flow::Jump(place) };
            Some(cursor.done().flows(flow))
        }
        0xb8..=0xbf => {
            let to = opcode & 7 | (prefixes.rex & 1) << 3;
            let value = match (prefixes.is_wide(), prefixes.operand16) {
                (true, _) => cursor.number(8)?,
                (false, true) => cursor.number(2)?,
                (false, false) => cursor.number(4)?,
            };
            let mut insn = cursor.done().sets(to, Expr::Const(value));
            insn.constant = Some(value);
            Some(insn)
        }
        0xb0..=0xb7 => {
            let is_second_byte = prefixes.rex == 0 && opcode & 4 != 0;
            let to = byte_register(opcode & 7 | (prefixes.rex & 1) << 3, prefixes.rex);
            let value = cursor.byte()?;
            let from = if is_second_byte { Expr::Unknown } else { Expr::LowByte(to, value) };
            Some(cursor.done().sets(to, from))
        }
        0xc2 | 0xc3 | 0xca | 0xcb | 0xcf | 0xf4 | 0xcc => {
            cursor.skip(if matches!(opcode, 0xc2 | 0xca) { 2 } else { 0 })?;
            // A breakpoint goes on where it is none that a compiler fills gaps with.
            let flow = match opcode {
                0xcc => Flow::Next,
                0xf4 => Flow::Stop,
                _ => Flow::Return,
            };
            Some(cursor.done().flows(flow))
        }
        0xcd => {
            let vector = cursor.byte()?;
            let flow = if vector == 0x80 { Flow::Trap(Trap::Int80) } else { Flow::Next };
            Some(cursor.done().flows(flow))
        }
        0xfe | 0xff => indirect(cursor, prefixes),
        _ => other(cursor, prefixes, opcode),
    }
}

/// `add`, `or`, `adc`, `sbb`, `and`, `sub`, `xor`, `cmp` with registers, memory and constants.
fn arithmetic(cursor: &mut Cursor<'_>, prefixes: Prefixes, opcode: u8) -> Option<Insn> {
    let operation = opcode >> 3;
    match opcode & 7 {
        form @ 0..=3 => {
            let mut operands = cursor.operands(prefixes, 0)?;
            if form & 1 == 0 {
                operands = operands.of_bytes(prefixes.rex);
            }
            let insn = cursor.done().naming(operands);
            if operation == 7 {
                return Some(insn);
            }
            let same = matches!(operands.rm, Rm::Reg(rm) if rm == operands.reg);
            let zeroed = match operation {
                5 | 6 if same => Expr::Const(0),
                3 if same => Expr::Pair(0, u64::MAX),
                _ => Expr::Unknown,
            };
            let to_rm = form < 2;
            let bytes = if form & 1 == 0 { 1 } else { prefixes.bytes() };
            let to = if to_rm { operands.rm } else { Rm::Reg(operands.reg) };
            let from = if form & 1 == 1 { zeroed } else { Expr::Unknown };
            Some(insn.store(to, from, bytes))
        }
        form @ (4 | 5) => {
            let value = if form == 4 { cursor.number(1)? } else { cursor.immediate(prefixes)? };
            let from = if form == 5 { computed(operation, 0, value) } else { Expr::Unknown };
            let insn = cursor.done();
            Some(if operation == 7 { insn } else { insn.store(Rm::Reg(0), from, prefixes.bytes()) })
        }
        _ => None,
    }
}

/// The result of an operation of a register with a constant.
fn computed(operation: u8, register: Reg, value: u64) -> Expr {
    let signed = 0_i64.wrapping_add_unsigned(value);
    match operation {
        0 => Expr::Reg(register, signed),
        5 => Expr::Reg(register, signed.wrapping_neg()),
        4 => Expr::And(register, value),
        1 if value == u64::MAX => Expr::Const(u64::MAX),
        _ => Expr::Unknown,
    }
}

fn stack(cursor: &mut Cursor<'_>, prefixes: Prefixes, opcode: u8) -> Option<Insn> {
    const SP: Reg = 4;
    let register = opcode & 7 | (prefixes.rex & 1) << 3;
    let push = |insn: Insn, from: Expr| {
        insn.with(Effect::Store { base: SP, disp: -8, from, bytes: 8 }).sets(SP, Expr::Reg(SP, -8))
    };
    Some(match opcode {
        0x50..=0x57 => push(cursor.done(), Expr::Reg(register, 0)),
        0x58..=0x5f => {
            let loaded = cursor.done().sets(register, Expr::Load(SP, 0));
            if register == SP { loaded } else { loaded.sets(SP, Expr::Reg(SP, 8)) }
        }
        0x68 | 0x6a => {
            let value =
                if opcode == 0x6a { cursor.signed(1)? } else { cursor.immediate(prefixes)? };
            push(cursor.done(), Expr::Const(value))
        }
        // leave
        _ => cursor.done().sets(SP, Expr::Reg(5, 8)).sets(5, Expr::Load(SP, -8)),
    })
}

fn moves(cursor: &mut Cursor<'_>, prefixes: Prefixes, opcode: u8) -> Option<Insn> {
    let constant_bytes = match opcode {
        0x80 | 0x82 | 0x83 | 0xc6 => 1,
        0x81 | 0xc7 => prefixes.immediate_bytes(),
        _ => 0,
    };
    let mut operands = cursor.operands(prefixes, constant_bytes)?;
    if matches!(opcode, 0x80 | 0x82 | 0x84 | 0x86 | 0x88 | 0x8a | 0xc6) {
        operands = operands.of_bytes(prefixes.rex);
    }
    let value = cursor.signed(constant_bytes)?;
    let (rm, reg, bytes) = (operands.rm, operands.reg, prefixes.bytes());
    let insn = cursor.done().naming(operands);
    let whole = !prefixes.operand16;
    let known = |from: Expr| if whole { from } else { Expr::Unknown };
    Some(match opcode {
        // movsxd
        0x63 => insn.store(Rm::Reg(reg), rm.loaded(), bytes),
        0x81 | 0x83 if operands.group == 7 => insn.comparing(rm, value),
        0x81 | 0x83 => {
            let from = match rm {
                Rm::Reg(register) => known(computed(operands.group, register, value)),
                _ => Expr::Unknown,
            };
            insn.store(rm, from, bytes)
        }
        0x80 | 0x82 if operands.group == 7 => insn,
        0x85 if matches!(rm, Rm::Reg(rm) if rm == reg) => insn.comparing(rm, 0),
        0x84 | 0x85 => insn,
        0x86 | 0x87 => insn.store(rm, Expr::Unknown, 8).store(Rm::Reg(reg), Expr::Unknown, 8),
        0x89 => insn.store(rm, known(Expr::Reg(reg, 0)), bytes),
        0x8b => insn.store(Rm::Reg(reg), known(rm.loaded()), bytes),
        0x8a => insn.store(Rm::Reg(reg), Expr::Unknown, 8),
        0x8d => {
            let from = match rm {
                Rm::Mem(base, disp) => Expr::Reg(base, disp),
                Rm::At(address) => Expr::Const(address),
                _ => Expr::Unknown,
            };
            let mut insn = insn.store(Rm::Reg(reg), known(from), bytes);
            insn.makes = true;
            insn
        }
        0x8f => insn.store(rm, Expr::Unknown, 8).sets(4, Expr::Reg(4, 8)),
        0xc7 => {
            let mut insn = insn.store(rm, known(Expr::Const(value)), bytes);
            // A store of the address of a function, in programs whose addresses are fixed.
            insn.constant = Some(value);
            insn
        }
        // 0x80, 0x88, 0x8c, 0x8e, 0xc6
        _ => insn.store(rm, Expr::Unknown, if opcode & 4 == 4 && opcode != 0xc6 { 8 } else { 1 }),
    })
}

/// `inc`, `dec`, and calls, jumps and pushes by pointer.
fn indirect(cursor: &mut Cursor<'_>, prefixes: Prefixes) -> Option<Insn> {
    let operands = cursor.operands(prefixes, 0)?;
    let place = match operands.rm {
        Rm::Reg(register) => Target::Reg(register),
        Rm::At(slot) => Target::Slot(slot),
        _ => Target::Unknown,
    };
    let insn = cursor.done().naming(operands);
    Some(match operands.group {
        2 | 3 => insn.flows(Flow::Call(place)),
        4 | 5 => insn.flows(Flow::Jump(place)),
        6 => insn
            .with(Effect::Store { base: 4, disp: -8, from: operands.rm.loaded(), bytes: 8 })
            .sets(4, Expr::Reg(4, -8)),
        _ => insn.store(operands.rm, Expr::Unknown, 8),
    })
}

fn other(cursor: &mut Cursor<'_>, prefixes: Prefixes, opcode: u8) -> Option<Insn> {
    let constant = match opcode {
        0x69 | 0xa9 => prefixes.immediate_bytes(),
        0x6b | 0xa8 | 0xc0 | 0xc1 | 0xe4..=0xe7 | 0xd4 | 0xd5 => 1,
        0xa0..=0xa3 => {
            if prefixes.address32 {
                4
            } else {
                8
            }
        }
        0xc8 => 3,
        _ => 0,
    };
    let has_operands =
        matches!(opcode, 0x69 | 0x6b | 0xc0 | 0xc1 | 0xd0..=0xd3 | 0xd8..=0xdf | 0xf6 | 0xf7);
    if has_operands {
        return with_operands(cursor, prefixes, opcode, constant);
    }
    cursor.skip(constant)?;
    let insn = cursor.done();
    let unknown = |insn: Insn, registers: &[Reg]| {
        registers.iter().fold(insn, |insn, &register| insn.sets(register, Expr::Unknown))
    };
    Some(match opcode {
        0x90 if prefixes.rex & 1 == 0 => insn,
        0x90..=0x97 => unknown(insn, &[0, opcode & 7 | (prefixes.rex & 1) << 3]),
        // cdqe
        0x98 => insn.sets(0, Expr::Reg(0, 0)),
        0x99 => unknown(insn, &[2]),
        0xa4 | 0xa5 | 0x6c..=0x6f | 0xa6 | 0xa7 => unknown(insn, &[1, 6, 7]),
        0xaa..=0xaf => unknown(insn, &[0, 1, 6, 7]),
        0xa0..=0xa1 | 0xe4 | 0xe5 | 0xec | 0xed | 0xd7 | 0x9f => unknown(insn, &[0]),
        0x9b..=0x9e | 0xa2 | 0xa3 | 0xa8 | 0xa9 => insn,
        0xe6 | 0xe7 | 0xee | 0xef | 0xf1 | 0xf5 | 0xf8..=0xfd => insn,
        0xc8 => unknown(insn, &[4, 5]),
        _ => return None,
    })
}

fn with_operands(
    cursor: &mut Cursor<'_>,
    prefixes: Prefixes,
    opcode: u8,
    constant: usize,
) -> Option<Insn> {
    let group = cursor.peek()? >> 3 & 7;
    let constant = match opcode {
        0xf6 if group < 2 => 1,
        0xf7 if group < 2 => prefixes.immediate_bytes(),
        _ => constant,
    };
    let mut operands = cursor.operands(prefixes, constant)?;
    if matches!(opcode, 0xc0 | 0xd0 | 0xd2 | 0xf6) {
        operands = operands.of_bytes(prefixes.rex);
    }
    cursor.skip(constant)?;
    let insn = cursor.done().naming(operands);
    Some(match opcode {
        0x69 | 0x6b => insn.sets(operands.reg, Expr::Unknown),
        // fnstsw ax
        0xd8..=0xdf => insn.sets(0, Expr::Unknown).store(operands.rm, Expr::Unknown, 8),
        0xf6 | 0xf7 => match operands.group {
            0 | 1 => insn,
            2 | 3 => insn.store(operands.rm, Expr::Unknown, 8),
            _ => insn.sets(0, Expr::Unknown).sets(2, Expr::Unknown),
        },
        _ => insn.store(operands.rm, Expr::Unknown, 8),
    })
}

fn two_bytes(cursor: &mut Cursor<'_>, prefixes: Prefixes) -> Option<Insn> {
    let opcode = cursor.byte()?;
    match opcode {
        0x05 => return Some(cursor.done().flows(Flow::Trap(Trap::Native))),
        // sysret, ud2
        0x07 | 0x0b => return Some(cursor.done().flows(Flow::Stop)),
        0x80..=0x8f => {
            let target = cursor.relative32()?;
            return Some(cursor.done().flows(Flow::Branch(target)).branching(opcode, 0x84));
        }
        0x06 | 0x08 | 0x09 | 0x0e | 0x77 | 0xaa => return Some(cursor.done()),
        0x30..=0x37 | 0xa2 => {
            let registers: [Reg; 4] = [0, 1, 2, 3];
            return Some(registers.iter().fold(cursor.done(), |i, &r| i.sets(r, Expr::Unknown)));
        }
        0xa0 | 0xa8 => return Some(cursor.done().sets(4, Expr::Reg(4, -8))),
        0xa1 | 0xa9 => return Some(cursor.done().sets(4, Expr::Reg(4, 8))),
        0xc8..=0xcf => {
            let register = opcode & 7 | (prefixes.rex & 1) << 3;
            return Some(cursor.done().sets(register, Expr::Unknown));
        }
        0x38 | 0x3a => cursor.skip(1)?,
        _ => {}
    }
    let constant = match opcode {
        0x0f | 0x3a | 0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 => 1,
        _ => 0,
    };
    let operands = cursor.operands(prefixes, constant)?;
    cursor.skip(constant)?;
    let insn = cursor.done().naming(operands);
    Some(two_bytes_effect(insn, opcode, operands, prefixes.rex))
}

fn two_bytes_effect(insn: Insn, opcode: u8, operands: Operands, rex: u8) -> Insn {
    let bytes = if rex & 8 == 0 { 4 } else { 8 };
    let (reg, rm) = (Rm::Reg(operands.reg), operands.rm);
    match opcode {
        // nop and hints, comparisons, prefetches
        0x0d | 0x18..=0x1f | 0x2e | 0x2f | 0xa3 => insn,
        // cmov
        0x40..=0x4f => match rm {
            Rm::Reg(other) => insn.store(reg, Expr::Either(operands.reg, other, 0), bytes),
            _ => insn.store(reg, Expr::Unknown, 8),
        },
        // setcc
        0x90..=0x9f => insn.store(operands.of_bytes(rex).rm, Expr::Unknown, 1),
        // vectors: loads, arithmetic
        0x10 | 0x12 | 0x14..=0x16 | 0x28 | 0x2a | 0x51..=0x6f | 0x70..=0x76 => insn,
        0x7c | 0x7d | 0xc2 | 0xc4 | 0xc6 | 0xd0..=0xd6 | 0xd8..=0xff => insn.vector_store(rm, 16),
        0x11 | 0x13 | 0x17 | 0x29 | 0x2b | 0x7f => insn.vector_store(rm, 16),
        // cmpxchg
        0xb0 | 0xb1 => insn.sets(0, Expr::Unknown).store(rm, Expr::Unknown, 8),
        // group 9: cmpxchg16b, rdrand
        0xc7 => insn.sets(0, Expr::Unknown).sets(2, Expr::Unknown).store(rm, Expr::Unknown, 8),
        _ => insn.store(reg, Expr::Unknown, 8).store(rm, Expr::Unknown, 8),
    }
}

/// VEX and EVEX: vectors, and some instructions of general registers.
fn vector(cursor: &mut Cursor<'_>, mut prefixes: Prefixes, first: u8) -> Option<Insn> {
    let second = cursor.byte()?;
    let map = match first {
        0xc5 => 1,
        0xc4 => second & 0x1f,
        _ => second & 7,
    };
    // R, X and B are stored inverted.
    prefixes.rex = match first {
        0xc5 => (!second >> 5) & 4,
        _ => !second >> 5 & 7,
    };
    cursor.skip(match first {
        0xc5 => 0,
        0xc4 => 1,
        _ => 2,
    })?;
    let opcode = cursor.byte()?;
    if (map, opcode) == (1, 0x77) {
        return Some(cursor.done());
    }
    let constant = match (map, opcode) {
        (1, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6) | (3, _) => 1,
        _ => 0,
    };
    let operands = cursor.operands(prefixes, constant)?;
    cursor.skip(constant)?;
    let insn = cursor.done().naming(operands);
    let general = matches!(
        (map, opcode),
        (1, 0x2c | 0x2d | 0x50 | 0x7e | 0x90..=0x93 | 0xc5 | 0xd7)
            | (2, 0xf0..=0xf7)
            | (3, 0x14..=0x17 | 0xf0)
    );
    Some(match (general, operands.rm) {
        (true, rm) => {
            insn.store(Rm::Reg(operands.reg), Expr::Unknown, 8).store(rm, Expr::Unknown, 8)
        }
        (false, rm) => insn.vector_store(rm, if first == 0x62 { 64 } else { 32 }),
    })
}

/// The register whose byte an operand is: without a REX prefix, 4 to 7 are the second bytes.
const fn byte_register(number: u8, rex: u8) -> Reg {
    if rex == 0 { number & 3 } else { number & 7 | (rex & 1) << 3 }
}

impl Prefixes {
    const fn is_wide(self) -> bool {
        self.rex & 8 != 0
    }

    /// The bytes of an operand that is no byte.
    const fn bytes(self) -> u8 {
        match (self.is_wide(), self.operand16) {
            (true, _) => 8,
            (false, true) => 2,
            (false, false) => 4,
        }
    }

    const fn immediate_bytes(self) -> usize {
        if self.operand16 && !self.is_wide() { 2 } else { 4 }
    }
}

impl Rm {
    const fn loaded(self) -> Expr {
        match self {
            Self::Reg(register) => Expr::Reg(register, 0),
            Self::Mem(base, disp) => Expr::Load(base, disp),
            Self::At(address) => Expr::LoadAt(address),
            Self::Elsewhere => Expr::Unknown,
        }
    }
}

impl Operands {
    /// Where the operands are bytes.
    const fn of_bytes(mut self, rex: u8) -> Self {
        if let Rm::Reg(register @ 4..=7) = self.rm {
            self.rm = Rm::Reg(byte_register(register, rex));
        }
        if self.reg < 8 {
            self.reg = byte_register(self.reg, rex & 0xfe);
        }
        self
    }
}

impl Insn {
    fn naming(mut self, operands: Operands) -> Self {
        self.names = operands.names;
        self.constant = operands.constant;
        self
    }

    fn vector_store(self, rm: Rm, bytes: u8) -> Self {
        match rm {
            Rm::Reg(_) => self,
            _ => self.store(rm, Expr::Unknown, bytes),
        }
    }

    fn comparing(mut self, rm: Rm, value: u64) -> Self {
        if let Rm::Reg(register) = rm {
            self.compares = Some((register, value));
        }
        self
    }

    /// `je` and `jne`, which come after each other.
    fn branching(mut self, opcode: u8, equal: u8) -> Self {
        self.taken_if_equal = match opcode {
            _ if opcode == equal => Some(true),
            _ if opcode == equal + 1 => Some(false),
            _ => None,
        };
        self
    }

    /// Bytes of a register or of memory get a value.
    fn store(self, to: Rm, from: Expr, bytes: u8) -> Self {
        match to {
            Rm::Reg(to) => self.with(Effect::Set { to, from, narrow: bytes == 4 }),
            Rm::Mem(base, disp) => self.with(Effect::Store { base, disp, from, bytes }),
            Rm::At(at) => self.with(Effect::StoreAt { at, from }),
            Rm::Elsewhere => self,
        }
    }
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.code.get(self.len).copied()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.len += 1;
        Some(byte)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.len += count;
        (self.len <= self.code.len()).then_some(())
    }

    /// A number of so many bytes.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let mut value = [0; 8];
        value[..bytes].copy_from_slice(self.code.get(self.len..self.len + bytes)?);
        self.len += bytes;
        Some(u64::from_le_bytes(value))
    }

    /// The same, with its sign extended.
    fn signed(&mut self, bytes: usize) -> Option<u64> {
        let value = self.number(bytes)?;
        let bits = bytes * 8;
        if !(1..64).contains(&bits) {
            return Some(value);
        }
        let sign = 1 << (bits - 1);
        Some((value ^ sign).wrapping_sub(sign))
    }

    fn immediate(&mut self, prefixes: Prefixes) -> Option<u64> {
        self.signed(prefixes.immediate_bytes())
    }

    fn relative8(&mut self) -> Option<u64> {
        let distance = self.signed(1)?;
        Some(self.next().wrapping_add(distance))
    }

    fn relative32(&mut self) -> Option<u64> {
        let distance = self.signed(4)?;
        Some(self.next().wrapping_add(distance))
    }

    /// The address of what follows.
    fn next(&self) -> u64 {
        self.at.wrapping_add(self.len as u64)
    }

    fn done(&self) -> Insn {
        Insn::plain(u8::try_from(self.len).unwrap_or(1))
    }

    /// ModRM, SIB and displacement; `trailing` bytes of a constant follow.
    fn operands(&mut self, prefixes: Prefixes, trailing: usize) -> Option<Operands> {
        let byte = self.byte()?;
        let (mode, low, group) = (byte >> 6, byte & 7, byte >> 3 & 7);
        let reg = group | (prefixes.rex & 4) << 1;
        let done = |rm, names, constant| Some(Operands { reg, group, rm, names, constant });
        if mode == 3 {
            return done(Rm::Reg(low | (prefixes.rex & 1) << 3), None, None);
        }
        let sib = if low == 4 { Some(self.byte()?) } else { None };
        let base = sib.map_or(low, |sib| sib & 7);
        let index = sib.map(|sib| sib >> 3 & 7 | (prefixes.rex & 2) << 2).filter(|&i| i != 4);
        let disp = match mode {
            0 if base == 5 => self.signed(4)?,
            0 => 0,
            1 => self.signed(1)?,
            _ => self.signed(4)?,
        };
        if mode == 0 && base == 5 {
            let address = match sib {
                None => self.next().wrapping_add(trailing as u64).wrapping_add(disp),
                Some(_) => disp,
            };
            let is_plain = index.is_none() && !prefixes.segment && !prefixes.address32;
            let rm = if is_plain { Rm::At(address) } else { Rm::Elsewhere };
            return match sib {
                None => done(rm, Some(address), None),
                Some(_) => done(rm, None, Some(address)),
            };
        }
        let base = base | (prefixes.rex & 1) << 3;
        let constant = (mode == 2).then_some(disp);
        if index.is_some() || prefixes.segment {
            return done(Rm::Elsewhere, None, constant);
        }
        done(Rm::Mem(base, 0_i64.wrapping_add_unsigned(disp)), None, constant)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::machine::Machine;
    use crate::testing::{disassembled, image_of};

    #[test]
    fn lengths_and_targets_are_those_of_the_assembler() {
        let this = std::env::current_exe().expect("a file");
        let system = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libm.so.6"];
        let files = [this.as_path()].into_iter().chain(system.iter().map(Path::new));
        let mut compared = 0;
        for file in files.filter(|file| file.exists()) {
            let Some(lines) = disassembled("objdump", file) else { return };
            let image = image_of(file);
            if image.machine != Machine::X86_64 {
                return;
            }
            for pair in lines.windows(2) {
                let [line, next] = pair else { continue };
                // Between functions and sections, and where bytes are no instruction.
                let is_gap = next.at - line.at > 15 || line.text.contains("(bad)");
                let bytes = image.bytes_at(line.at).filter(|_| !is_gap);
                let is_in_section = |bytes: &&[u8]| bytes.len() as u64 >= next.at - line.at;
                let Some(bytes) = bytes.filter(is_in_section) else { continue };
                let insn = decode(bytes, line.at);
                // fwait is an instruction of its own, which objdump joins with the next.
                if bytes.first() == Some(&0x9b) {
                    continue;
                }
                assert_eq!(u64::from(insn.len), next.at - line.at, "{line:?} in {file:?}");
                assert_eq!(line.target(), direct(insn.flow), "{line:?} in {file:?}");
                compared += 1;
            }
        }
        assert!(compared > 100_000, "only {compared} instructions were compared");
    }

    fn direct(flow: Flow) -> Option<u64> {
        match flow {
            Flow::Jump(Target::At(to)) | Flow::Call(Target::At(to)) | Flow::Branch(to) => Some(to),
            _ => None,
        }
    }

    #[test]
    fn what_becomes_of_registers() {
        let set = |to, from, narrow| [Effect::Set { to, from, narrow }];
        let effects = |code: &[u8]| {
            let insn = decode(code, 0x1000);
            assert_eq!(usize::from(insn.len), code.len(), "{code:x?}");
            insn.effects.into_iter().filter(|e| *e != Effect::None).collect::<Vec<_>>()
        };
        // mov eax, 257; mov rax, rdi; movsxd rax, edi
        assert_eq!(effects(&[0xb8, 1, 1, 0, 0]), set(0, Expr::Const(257), false));
        assert_eq!(effects(&[0x48, 0x89, 0xf8]), set(0, Expr::Reg(7, 0), false));
        assert_eq!(effects(&[0x48, 0x63, 0xc7]), set(0, Expr::Reg(7, 0), false));
        // xor eax, eax; mov al, 56; sbb eax, eax
        assert_eq!(effects(&[0x31, 0xc0]), set(0, Expr::Const(0), true));
        assert_eq!(effects(&[0xb0, 56]), set(0, Expr::LowByte(0, 56), false));
        assert_eq!(effects(&[0x19, 0xc0]), set(0, Expr::Pair(0, u64::MAX), true));
        // mov ah, 1 makes rax unknown, and not the stack pointer.
        assert_eq!(effects(&[0xb4, 1]), set(0, Expr::Unknown, false));
        // lea rdi, [rip + 16]
        assert_eq!(effects(&[0x48, 0x8d, 0x3d, 16, 0, 0, 0]), set(7, Expr::Const(0x1017), false));
        // cmp eax, 1 changes nothing; imul does.
        assert_eq!(effects(&[0x83, 0xf8, 1]), []);
        assert_eq!(effects(&[0x6b, 0xc0, 3]), set(0, Expr::Unknown, false));
    }
}
