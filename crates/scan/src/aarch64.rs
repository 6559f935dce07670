//! aarch64's instructions: where control goes, and what becomes of the registers.

use crate::machine::{Effect, Expr, Flow, Insn, Reg, Target, Trap};

/// The zero register, or the stack pointer, by instruction.
const R31: Reg = 31;

/// Decodes one instruction.
pub(crate) fn decode(code: &[u8], at: u64) -> Insn {
    let Some(word) = code.first_chunk::<4>() else { return Insn::plain(1) };
    let word = u32::from_le_bytes(*word);
    let plain = Insn::plain(4);
    if let Some(flow) = flow(word, at) {
        return branch(word, plain.flows(flow));
    }
    match word >> 25 & 0xf {
        0b1000 | 0b1001 => immediate(word, at),
        0b0101 | 0b1101 => register(word),
        0b0100 | 0b0110 | 0b1100 | 0b1110 => memory(word, at),
        // From vectors to general registers, among others: fmov, umov, fcvtzs.
        0b0111 | 0b1111 => unless_zero(plain, rd(word), Expr::Unknown, false),
        // mrs, sysl
        _ if word >> 20 == 0xd53 || word >> 19 == 0x1aa5 => {
            unless_zero(plain, rd(word), Expr::Unknown, false)
        }
        _ => plain,
    }
}

fn flow(word: u32, at: u64) -> Option<Flow> {
    let relative = |bits: u32, shift: u32| {
        at.wrapping_add_signed(signed(word >> shift & ((1 << bits) - 1), bits) * 4)
    };
    if word & 0xffe0_001f == 0xd400_0001 {
        return Some(Flow::Trap(Trap::Native));
    }
    Some(match word >> 24 {
        0x14..=0x17 => Flow::Jump(Target::At(relative(26, 0))),
        0x94..=0x97 => Flow::Call(Target::At(relative(26, 0))),
        0x54 | 0x34 | 0x35 | 0xb4 | 0xb5 => Flow::Branch(relative(19, 5)),
        0x36 | 0x37 | 0xb6 | 0xb7 => Flow::Branch(relative(14, 5)),
        0xd6 | 0xd7 => match word >> 21 & 7 {
            0 => Flow::Jump(Target::Reg(rn(word))),
            1 => Flow::Call(Target::Reg(rn(word))),
            _ => Flow::Return,
        },
        // brk, hlt; udf
        0xd4 => Flow::Stop,
        0 if word >> 16 == 0 => Flow::Stop,
        _ => return None,
    })
}

/// What is known where a branch is taken: `cbz`, `cbnz`, `b.eq`, `b.ne`.
fn branch(word: u32, mut insn: Insn) -> Insn {
    match word >> 24 {
        0x34 | 0x35 | 0xb4 | 0xb5 => {
            insn.compares = Some((rd(word), 0));
            insn.taken_if_equal = Some(word >> 24 & 1 == 0);
        }
        0x54 if word & 0xe == 0 => insn.taken_if_equal = Some(word & 1 == 0),
        _ => {}
    }
    insn
}

/// Data processing with constants.
fn immediate(word: u32, at: u64) -> Insn {
    let (plain, to) = (Insn::plain(4), rd(word));
    let narrow = word >> 31 == 0;
    match word >> 23 & 7 {
        // adr, adrp
        0 | 1 => {
            let low = word >> 29 & 3;
            let distance = signed(word >> 3 & 0x001f_fffc | low, 21);
            let address = if word >> 31 == 0 {
                at.wrapping_add_signed(distance)
            } else {
                (at & !0xfff).wrapping_add_signed(distance << 12)
            };
            let mut insn = unless_zero(plain, to, Expr::Const(address), false);
            if word >> 31 == 0 {
                insn.names = Some(address);
                insn.makes = true;
            }
            insn
        }
        // add, sub
        2 => {
            let constant =
                u64::from(word >> 10 & 0xfff) << if word >> 22 & 1 == 1 { 12 } else { 0 };
            let value = 0_i64.wrapping_add_unsigned(constant);
            let value = if word >> 30 & 1 == 1 { -value } else { value };
            let sets_flags = word >> 29 & 1 == 1;
            if sets_flags && to == R31 {
                let mut compare = plain;
                compare.compares = (word >> 30 & 1 == 1).then_some((rn(word), constant));
                return compare;
            }
            plain.with(Effect::Set { to, from: Expr::Reg(rn(word), value), narrow })
        }
        // movn, movz, movk
        5 => {
            let shift = (word >> 21 & 3) * 16;
            let value = u64::from(word >> 5 & 0xffff) << shift;
            match word >> 29 & 3 {
                0 => unless_zero(plain, to, Expr::Const(!value), narrow),
                2 => unless_zero(plain, to, Expr::Const(value), narrow),
                _ => unless_zero(plain, to, Expr::Unknown, false),
            }
        }
        // and, orr and so on may write the stack pointer.
        _ => plain.sets(to, Expr::Unknown),
    }
}

/// Data processing with registers.
fn register(word: u32) -> Insn {
    let (plain, to, narrow) = (Insn::plain(4), rd(word), word >> 31 == 0);
    let (n, m) = (rn(word), rm(word));
    // mov
    if word & 0x7fe0_ffe0 == 0x2a00_03e0 {
        let from = if m == R31 { Expr::Const(0) } else { Expr::Reg(m, 0) };
        return unless_zero(plain, to, from, narrow);
    }
    // csel, csinc
    if matches!(word & 0x7fe0_0c00, 0x1a80_0000 | 0x1a80_0400) {
        let add = i64::from(word >> 10 & 1);
        let from = match (n, m) {
            (R31, R31) => Expr::Pair(0, add.unsigned_abs()),
            (R31, other) if add == 0 => Expr::RegOr(other, 0),
            (other, R31) => Expr::RegOr(other, add.unsigned_abs()),
            (R31, _) => Expr::Unknown,
            _ => Expr::Either(n, m, add),
        };
        return unless_zero(plain, to, from, narrow);
    }
    // ccmp and such write no register.
    if word & 0x3fe0_0000 == 0x3a40_0000 {
        return plain;
    }
    let extended = word & 0x1f20_0000 == 0x0b20_0000;
    if extended {
        plain.sets(to, Expr::Unknown)
    } else {
        unless_zero(plain, to, Expr::Unknown, false)
    }
}

fn memory(word: u32, at: u64) -> Insn {
    let plain = Insn::plain(4);
    let (target, base) = (rd(word), rn(word));
    let is_vector = word >> 26 & 1 == 1;
    // ldr of a literal
    if word & 0x3b00_0000 == 0x1800_0000 {
        let address = at.wrapping_add_signed(signed(word >> 5 & 0x7_ffff, 19) * 4);
        let mut insn = plain;
        insn.names = Some(address);
        return if is_vector {
            insn
        } else {
            unless_zero(insn, target, Expr::LoadAt(address), false)
        };
    }
    // ldp, stp
    if word & 0x3a00_0000 == 0x2800_0000 {
        return pair(word);
    }
    let unscaled = signed(word >> 12 & 0x1ff, 9);
    let size = word >> 30;
    match word & 0x3b20_0c00 {
        _ if word & 0x3b00_0000 == 0x3900_0000 => {
            let scale = if is_vector && word >> 23 & 1 == 1 { 4 } else { size };
            access(word, base, i64::from(word >> 10 & 0xfff) << scale)
        }
        0x3800_0000 => access(word, base, unscaled),
        // Before or after the access, the base moves on.
        0x3800_0c00 => access(word, base, unscaled).sets(base, Expr::Reg(base, unscaled)),
        0x3800_0400 => access(word, base, 0).sets(base, Expr::Reg(base, unscaled)),
        // With a register as the offset: what is stored where is not known.
        0x3820_0800 | 0x3820_0000 | 0x3820_0400 | 0x3820_0c00 if is_vector => plain,
        // Structures of vectors, whose base may move on.
        _ if word & 0xbe00_0000 == 0x0c00_0000 => {
            if word >> 23 & 1 == 1 {
                plain.sets(base, Expr::Unknown)
            } else {
                plain
            }
        }
        // Exclusive and atomic accesses write a status or an old value.
        _ => {
            let insn = unless_zero(plain, target, Expr::Unknown, false);
            unless_zero(insn, rm(word), Expr::Unknown, false)
        }
    }
}

/// A load or store of one register.
fn access(word: u32, base: Reg, disp: i64) -> Insn {
    let (plain, target) = (Insn::plain(4), rd(word));
    let is_vector = word >> 26 & 1 == 1;
    let (size, operation) = (word >> 30, word >> 22 & 3);
    if is_vector {
        let is_load = operation & 1 == 1;
        return if is_load {
            plain
        } else {
            plain.with(Effect::Store { base, disp, from: Expr::Unknown, bytes: 16 })
        };
    }
    match (operation, size) {
        (0, 2 | 3) => {
            let from = if target == R31 { Expr::Const(0) } else { Expr::Reg(target, 0) };
            plain.with(Effect::Store { base, disp, from, bytes: 1 << size })
        }
        (0, _) => plain.with(Effect::Store { base, disp, from: Expr::Unknown, bytes: 1 << size }),
        (1, 2 | 3) => unless_zero(plain, target, Expr::Load(base, disp), size == 2),
        // ldrsw
        (2, 2) => unless_zero(plain, target, Expr::Load(base, disp), false),
        // prfm
        (2, 3) => plain,
        _ => unless_zero(plain, target, Expr::Unknown, false),
    }
}

fn pair(word: u32) -> Insn {
    let (first, second, base) = (rd(word), rt2(word), rn(word));
    let is_vector = word >> 26 & 1 == 1;
    let shift = if is_vector { 2 + (word >> 30) } else { 2 + (word >> 31) };
    let disp = signed(word >> 15 & 0x7f, 7) << shift;
    let mode = word >> 23 & 3;
    let at = if mode == 1 { 0 } else { disp };
    let step = 1_i64 << shift;
    let mut insn = Insn::plain(4);
    let is_load = word >> 22 & 1 == 1;
    for (index, register) in [(0, first), (1, second)] {
        let disp = at + index * step;
        insn = match (is_load, is_vector) {
            (true, true) => insn,
            // The base may be one of the two.
            (true, false) if first == base => unless_zero(insn, register, Expr::Unknown, false),
            (true, false) => unless_zero(insn, register, Expr::Load(base, disp), false),
            (false, true) => {
                insn.with(Effect::Store { base, disp, from: Expr::Unknown, bytes: 1 << shift })
            }
            (false, false) => {
                let from = if register == R31 { Expr::Const(0) } else { Expr::Reg(register, 0) };
                insn.with(Effect::Store { base, disp, from, bytes: 1 << shift })
            }
        };
    }
    if matches!(mode, 1 | 3) { insn.sets(base, Expr::Reg(base, disp)) } else { insn }
}

const fn rd(word: u32) -> Reg {
    word.to_le_bytes()[0] & 31
}

const fn rn(word: u32) -> Reg {
    (word >> 5).to_le_bytes()[0] & 31
}

const fn rm(word: u32) -> Reg {
    (word >> 16).to_le_bytes()[0] & 31
}

const fn rt2(word: u32) -> Reg {
    (word >> 10).to_le_bytes()[0] & 31
}

/// A number of so many bits with its sign.
fn signed(value: u32, bits: u32) -> i64 {
    let sign = 1_i64 << (bits - 1);
    (i64::from(value) ^ sign) - sign
}

fn unless_zero(insn: Insn, to: Reg, from: Expr, narrow: bool) -> Insn {
    if to == R31 { insn } else { insn.with(Effect::Set { to, from, narrow }) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::testing::{disassembled, image_of};

    #[test]
    fn targets_are_those_of_the_assembler() {
        let file = Path::new("/usr/aarch64-linux-gnu/lib/libc.so.6");
        let Some(lines) = disassembled("aarch64-linux-gnu-objdump", file) else {
            return;
        };
        let image = image_of(file);
        let mut compared = 0;
        for line in lines {
            let Some(bytes) = image.bytes_at(line.at) else { continue };
            let flow = decode(bytes, line.at).flow;
            let target = match flow {
                Flow::Jump(Target::At(to)) | Flow::Call(Target::At(to)) | Flow::Branch(to) => {
                    Some(to)
                }
                _ => None,
            };
            assert_eq!(line.target(), target, "{line:?}");
            let word = line.text.split_whitespace().next().unwrap_or_default();
            assert_eq!(word == "svc", matches!(flow, Flow::Trap(_)), "{line:?}");
            assert_eq!(word == "ret", flow == Flow::Return, "{line:?}");
            compared += 1;
        }
        assert!(compared > 50_000, "only {compared} instructions were compared");
    }

    #[test]
    fn what_becomes_of_registers() {
        let effects = |word: u32| {
            let insn = decode(&word.to_le_bytes(), 0x1000);
            insn.effects.into_iter().filter(|e| *e != Effect::None).collect::<Vec<_>>()
        };
        let set = |to, from, narrow| [Effect::Set { to, from, narrow }];
        // mov x8, #56; mov w8, w0; movn x0, #0
        assert_eq!(effects(0xd280_0708), set(8, Expr::Const(56), false));
        assert_eq!(effects(0x2a00_03e8), set(8, Expr::Reg(0, 0), true));
        assert_eq!(effects(0x9280_0000), set(0, Expr::Const(u64::MAX), false));
        // adrp x0, 0x2000; add x0, x0, #16; ldr x1, [x0, #8]
        assert_eq!(effects(0xb000_0000), set(0, Expr::Const(0x2000), false));
        assert_eq!(effects(0x9100_4000), set(0, Expr::Reg(0, 16), false));
        assert_eq!(effects(0xf940_0401), set(1, Expr::Load(0, 8), false));
        // stp x29, x30, [sp, #-32]!
        let pushed = [
            Effect::Store { base: 31, disp: -32, from: Expr::Reg(29, 0), bytes: 8 },
            Effect::Store { base: 31, disp: -24, from: Expr::Reg(30, 0), bytes: 8 },
            Effect::Set { to: 31, from: Expr::Reg(31, -32), narrow: false },
        ];
        assert_eq!(effects(0xa9be_7bfd), pushed);
        // cmp x0, #1 changes nothing.
        assert_eq!(effects(0xf100_041f), []);
    }
}
