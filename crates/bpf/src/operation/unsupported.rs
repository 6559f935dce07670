//! Instructions that seccomp accepts in no program.

use std::fmt;

/// Why the kernel rejects an instruction whatever program it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsupported {
    /// The opcode is not one of the 41 that seccomp accepts.
    Opcode(u16),
    /// A data load whose offset is not a multiple of 4 below 64.
    DataOffset(u32),
    /// A scratch slot above 15.
    Slot(u32),
    /// A division by the constant 0.
    DivisionByZero,
    /// A shift by a constant above 31.
    ShiftAmount(u32),
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opcode(code) => {
                write!(f, "seccomp does not accept opcode {code:#06x}: {}", advice(*code))
            }
            Self::DataOffset(k) => {
                write!(f, "load at offset {k} of seccomp_data: use a multiple of 4 below 64")
            }
            Self::Slot(k) => write!(f, "scratch slot {k}: use 0 to 15"),
            Self::DivisionByZero => f.write_str("division by the constant 0: use another divisor"),
            Self::ShiftAmount(k) => write!(f, "shift by {k} bits: use 0 to 31"),
        }
    }
}

impl std::error::Error for Unsupported {}

/// The replacement for an opcode; most of these belong to socket filters.
const fn advice(code: u16) -> &'static str {
    match code {
        0x94 | 0x9c => "compute the remainder with div, mul and sub",
        0x28 | 0x30 => "load a whole word and mask it",
        0x40 | 0x48 | 0x50 | 0xb1 => "load a word at a fixed offset",
        0x21 => "load the word into A and use tax",
        0x0e => "use txa and ret a",
        0x8c => "negation is 0x0084, without an operand",
        _ => "it is none of the 41 instructions of filters, see seccomp(2)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_names_a_way_that_is_accepted() {
        for (code, text) in [
            (
                0x94,
                "seccomp does not accept opcode 0x0094: compute the remainder with div, mul and sub",
            ),
            (0x30, "seccomp does not accept opcode 0x0030: load a whole word and mask it"),
            (0x0e, "seccomp does not accept opcode 0x000e: use txa and ret a"),
        ] {
            assert_eq!(Unsupported::Opcode(code).to_string(), text);
        }
    }
}
