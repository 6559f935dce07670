//! Programs from bytes in any form: raw instructions of either byte order, their hexadecimal
//! digits, or assembler text.
//!
//! The form is never ambiguous. A program ends in a return, whose opcode has a zero byte that text
//! does not hold and that lies on one side in one byte order and on the other in the other.

use std::fmt;

use callgate_syscalls::Endian;

use crate::{AsmError, CheckError, Instruction, Program, assemble};

/// The longest text in bytes. The listing of a program of full length takes about a fifth.
pub const TEXT_LEN_MAX: usize = 1 << 20;

/// The longest program in bytes.
const RAW_LEN_MAX: usize = Program::LEN_MAX * Instruction::SIZE;

/// A program and how it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The program.
    pub program: Program,
    /// The byte order it was stored in; that of this machine for text.
    pub endian: Endian,
    /// The form that it was stored in.
    pub form: Form,
}

/// The stored form of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Form {
    /// The kernel's `sock_filter`s.
    Raw,
    /// The same as hexadecimal digits, with any white space between the bytes.
    Hex,
    /// Text for [`assemble`].
    Assembler,
}

/// Why bytes are no program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are no bytes, or only white space.
    Empty,
    /// More bytes than any program has.
    TooLong {
        /// How many there are.
        bytes: usize,
        /// How many there may be in this form.
        max: usize,
    },
    /// A number of bytes that is no multiple of [`Instruction::SIZE`].
    Partial {
        /// How many there are.
        bytes: usize,
    },
    /// An odd number of hexadecimal digits.
    HalfByte {
        /// How many there are.
        digits: usize,
    },
    /// The text is not assembler, or the kernel would reject the program it describes.
    Text(AsmError),
    /// The kernel would reject the program.
    Rejected(CheckError),
}

/// Reads a program, whatever its form.
///
/// # Errors
/// Why the bytes are no program in the form they seem to have.
///
/// # Examples
/// ```
/// use callgate_bpf::{Form, decode};
/// use callgate_syscalls::Endian;
///
/// let raw = decode(&[0, 6, 0, 0, 0x7f, 0xff, 0, 0])?;
/// assert_eq!((raw.form, raw.endian), (Form::Raw, Endian::Big));
/// assert_eq!(decode(b"06000000 0000ff7f")?.program, raw.program);
/// assert_eq!(decode(b"ret ALLOW")?.program, raw.program);
/// # Ok::<(), callgate_bpf::DecodeError>(())
/// ```
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    match as_text(bytes) {
        Some(text) => decode_text(text),
        None => decode_raw(bytes, Form::Raw),
    }
}

impl Program {
    /// The program in a sequence of `sock_filter` of that byte order.
    ///
    /// # Errors
    /// Why the bytes are no program.
    pub fn from_bytes(bytes: &[u8], endian: Endian) -> Result<Self, DecodeError> {
        if bytes.len() > RAW_LEN_MAX {
            return Err(DecodeError::TooLong { bytes: bytes.len(), max: RAW_LEN_MAX });
        }
        if bytes.len() % Instruction::SIZE != 0 {
            return Err(DecodeError::Partial { bytes: bytes.len() });
        }
        let instructions: Vec<_> = instructions(bytes, endian).collect();
        Self::new(instructions).map_err(DecodeError::Rejected)
    }
}

/// The whole instructions among bytes, from the first on.
pub fn instructions(bytes: &[u8], endian: Endian) -> impl Iterator<Item = Instruction> + '_ {
    let chunks = bytes.chunks_exact(Instruction::SIZE).filter_map(|chunk| chunk.try_into().ok());
    chunks.map(move |chunk| Instruction::from_bytes(chunk, endian))
}

/// The bytes as text, unless they hold what no text holds.
fn as_text(bytes: &[u8]) -> Option<&str> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let is_text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    if bytes.iter().all(is_text) { std::str::from_utf8(bytes).ok() } else { None }
}

fn decode_text(text: &str) -> Result<Decoded, DecodeError> {
    if text.len() > TEXT_LEN_MAX {
        return Err(DecodeError::TooLong { bytes: text.len(), max: TEXT_LEN_MAX });
    }
    if text.trim().is_empty() {
        return Err(DecodeError::Empty);
    }
    if text.chars().all(|c| c.is_ascii_hexdigit() || c.is_ascii_whitespace()) {
        return decode_raw(&hex_bytes(text)?, Form::Hex);
    }
    let endian = Endian::native();
    let program = assemble(text, endian).map_err(DecodeError::Text)?;
    Ok(Decoded { program, endian, form: Form::Assembler })
}

/// The bytes of hexadecimal digits; other characters are skipped.
fn hex_bytes(text: &str) -> Result<Vec<u8>, DecodeError> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    match digits.len() % 2 {
        0 => Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()),
        _ => Err(DecodeError::HalfByte { digits: digits.len() }),
    }
}

fn decode_raw(bytes: &[u8], form: Form) -> Result<Decoded, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let endian = likely_order(bytes);
    let program = Program::from_bytes(bytes, endian)?;
    Ok(Decoded { program, endian, form })
}

/// The byte order in which more opcodes are accepted; that of this machine if there is no
/// difference.
///
/// No program is accepted in both orders, so that this decides nothing but which errors to tell of.
#[must_use]
pub fn likely_order(bytes: &[u8]) -> Endian {
    let accepted = |endian| instructions(bytes, endian).filter(|i| i.operation().is_ok()).count();
    match (accepted(Endian::Little), accepted(Endian::Big)) {
        (little, big) if little > big => Endian::Little,
        (little, big) if little < big => Endian::Big,
        _ => Endian::native(),
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty: expected instructions, hexadecimal digits or text"),
            Self::TooLong { bytes, max } => {
                write!(f, "{bytes} bytes are too many: no program has more than {max}")
            }
            Self::Partial { bytes } => write!(
                f,
                "{bytes} bytes are not whole instructions of {} bytes: {} are missing at the end",
                Instruction::SIZE,
                Instruction::SIZE - bytes % Instruction::SIZE
            ),
            Self::HalfByte { digits } => {
                write!(f, "{digits} hexadecimal digits are not whole bytes: one is missing")
            }
            Self::Text(error) => error.fmt(f),
            Self::Rejected(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Text(error) => Some(error),
            Self::Rejected(error) => Some(error),
            _ => None,
        }
    }
}
