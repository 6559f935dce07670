//! Lists of numbers that may be bytes, words or the fields of instructions.

use callgate_bpf::{Instruction, Program};
use callgate_syscalls::Endian;

use crate::{Error, ErrorKind, Read, raw};

/// More numbers than these are no program in any width.
pub(crate) const COUNT_MAX: usize = (Program::LEN_MAX + 1) * Instruction::SIZE;

/// A number of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) value: u64,
    pub(crate) offset: usize,
    /// The hexadecimal digits it was written with; 0 for other bases.
    pub(crate) digits: u8,
}

/// What the numbers of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// Words of that many bytes: 1, 2, 4 or 8.
    Bytes(usize),
    /// Opcode, true offset, false offset and operand of each instruction.
    Fields,
}

/// The program in a list: of the widths in question the one in which the kernel accepts it, or the
/// one in which most opcodes are known.
pub(crate) fn read(numbers: &[Number], width: Option<Width>) -> Result<Read, Error> {
    let widths = match width {
        Some(width) => vec![width],
        None => likely_widths(numbers),
    };
    let mut best: Option<Best> = None;
    let mut meanings = Vec::new();
    let mut error = None;
    for width in widths {
        for endian in [Endian::Little, Endian::Big] {
            match read_as(numbers, width, endian) {
                Ok(read) => {
                    let score = score(&read);
                    if score == ACCEPTED && !meanings.contains(&read.instructions) {
                        meanings.push(read.instructions.clone());
                    }
                    if best.as_ref().is_none_or(|other| score > other.score) {
                        let is_plain = width == Width::Fields || endian == Endian::Little;
                        best = Some(Best { score, is_plain, read });
                    }
                }
                Err(found) => error = error.or(Some(found)),
            }
            if matches!(width, Width::Fields | Width::Bytes(1)) {
                break;
            }
        }
    }
    // Rows of four that the kernel refuses are still rows of four to whoever printed them: that
    // their numbers, turned round, make words of another program is chance.
    let is_plain = best.as_ref().is_some_and(|best| best.is_plain && best.score == ACCEPTED);
    if width.is_none() && are_rows(numbers) && !is_plain {
        return fields(numbers);
    }
    if meanings.len() > 1 {
        let offset = numbers.first().map_or(0, |number| number.offset);
        return Err(Error::new(ErrorKind::AmbiguousNumbers).at(offset));
    }
    let none = || error.unwrap_or(Error::new(ErrorKind::NoInstructions));
    best.map(|best| best.read).ok_or_else(none)
}

/// The best reading so far.
struct Best {
    score: usize,
    /// Whether it took the numbers as they stand.
    is_plain: bool,
    read: Read,
}

/// Whether numbers look like rows of opcode, offsets and operand: each begins with an opcode that
/// programs have, which `ld #k`, 0, is not.
fn are_rows(numbers: &[Number]) -> bool {
    let is_opcode = |number: &Number| {
        let code = u16::try_from(number.value).ok().filter(|code| *code != 0);
        code.is_some_and(|code| Instruction { code, jt: 0, jf: 0, k: 4 }.operation().is_ok())
    };
    let is_offset = |number: &Number| u8::try_from(number.value).is_ok();
    numbers.len() >= 4
        && numbers.chunks(4).all(|row| is_opcode(&row[0]) && row[1..].iter().take(2).all(is_offset))
}

/// The score of a program that the kernel accepts.
const ACCEPTED: usize = 1001;

/// A program that the kernel accepts before all others, then the share of known opcodes.
fn score(read: &Read) -> usize {
    if Program::new(read.instructions.clone()).is_ok() {
        return ACCEPTED;
    }
    let known = read.instructions.iter().filter(|i| i.operation().is_ok()).count();
    known * 1000 / read.instructions.len().max(1)
}

/// The widths that the digits and values leave, the likeliest first.
fn likely_widths(numbers: &[Number]) -> Vec<Width> {
    let digits = numbers.iter().map(|number| number.digits).max().unwrap_or_default();
    let all_hex = numbers.iter().all(|number| number.digits > 0);
    let largest = numbers.iter().map(|number| number.value).max().unwrap_or_default();
    let mut widths = Vec::new();
    let padded = numbers.iter().all(|number| number.digits == digits);
    if all_hex && padded && matches!(digits, 2 | 4 | 8 | 16) {
        return vec![Width::Bytes(usize::from(digits) / 2)];
    }
    for (max, bytes) in [(0xff, 1), (0xffff, 2), (0xffff_ffff, 4)] {
        if largest <= max {
            widths.push(Width::Bytes(bytes));
        }
    }
    if largest <= 0xffff_ffff {
        widths.push(Width::Fields);
    }
    widths.push(Width::Bytes(8));
    widths
}

fn read_as(numbers: &[Number], width: Width, endian: Endian) -> Result<Read, Error> {
    match width {
        Width::Fields => fields(numbers),
        Width::Bytes(size) => {
            let mut bytes = Vec::new();
            let mut offsets = Vec::new();
            for number in numbers {
                let all = match endian {
                    Endian::Little => number.value.to_le_bytes(),
                    Endian::Big => big_endian(number.value, size),
                };
                if size < 8 && number.value >> (8 * size) != 0 {
                    return Err(too_large(number, ["a byte", "16 bits", "32 bits"][size / 2]));
                }
                bytes.extend_from_slice(&all[..size]);
                offsets.extend(std::iter::repeat_n(number.offset, size));
            }
            raw::read_placed(&bytes, &offsets)
        }
    }
}

fn fields(numbers: &[Number]) -> Result<Read, Error> {
    let mut read = Read::default();
    for row in numbers.chunks(4) {
        let [code, jt, jf, k] = row else {
            let offset = row.first().map_or(0, |number| number.offset);
            let expected = "four numbers: code, jt, jf and k";
            return Err(
                Error::new(ErrorKind::Expected { expected, found: String::new() }).at(offset)
            );
        };
        read.push(instruction(code, jt, jf, k)?, code.offset)?;
    }
    Ok(read)
}

/// The instruction of four numbers.
pub(crate) fn instruction(
    code: &Number,
    jt: &Number,
    jf: &Number,
    k: &Number,
) -> Result<Instruction, Error> {
    Ok(Instruction {
        code: u16::try_from(code.value).map_err(|_| too_large(code, "an opcode of 16 bits"))?,
        jt: u8::try_from(jt.value).map_err(|_| too_large(jt, "a jump offset of 8 bits"))?,
        jf: u8::try_from(jf.value).map_err(|_| too_large(jf, "a jump offset of 8 bits"))?,
        k: u32::try_from(k.value).map_err(|_| too_large(k, "an operand of 32 bits"))?,
    })
}

fn too_large(number: &Number, place: &'static str) -> Error {
    let number_text = match number.digits {
        0 => number.value.to_string(),
        _ => format!("{:#x}", number.value),
    };
    Error::new(ErrorKind::TooLarge { number: number_text, place }).at(number.offset)
}

/// The lowest bytes of a value, the highest of them first.
fn big_endian(value: u64, size: usize) -> [u8; 8] {
    let mut bytes = value.to_le_bytes();
    bytes[..size].reverse();
    bytes
}
