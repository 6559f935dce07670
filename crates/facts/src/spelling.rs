//! Numbers as unions of constants, and back.

use std::error::Error;
use std::fmt;

use callgate_syscalls::Arch;

use crate::constant::unsigned;
use crate::constants::Part;
use crate::{Constant, Constants, PartKind};

/// A number as constants say it: their union with the bits that no constant names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// The constants, in the order in which people write them.
    pub constants: Vec<Constant>,
    /// The bits that are left.
    pub rest: u64,
}

/// A word that is no constant of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownConstant {
    /// No set knows the name.
    Nowhere {
        /// The word.
        name: String,
    },
    /// The name is known, but the architecture's headers do not have it.
    OtherArch {
        /// The constant.
        constant: Constant,
        /// The architecture.
        arch: Arch,
    },
    /// The name is known, but this argument does not take it.
    OtherSet {
        /// The constant.
        constant: Constant,
        /// What the argument takes.
        set: Constants,
    },
}

impl Constants {
    /// The number that a union of constants and numbers stands for: `CLONE_NEWUSER|SIGCHLD`,
    /// `0x40|O_APPEND`, `-1`.
    ///
    /// A negative number is extended to 64 bits.
    ///
    /// # Errors
    /// The first word that is neither a number nor a constant that this set has on the
    /// architecture.
    pub fn value(self, text: &str, arch: Arch) -> Result<u64, UnknownConstant> {
        text.split('|').try_fold(0, |union, word| Ok(union | self.word(word.trim(), arch)?))
    }

    fn word(self, word: &str, arch: Arch) -> Result<u64, UnknownConstant> {
        if let Some(number) = number(word) {
            return Ok(number);
        }
        let name = || word.to_owned();
        let constant =
            Constant::parse(word).ok_or_else(|| UnknownConstant::Nowhere { name: name() })?;
        let part = self.parts().find(|part| part.members().any(|member| member == constant));
        let part = part.ok_or(UnknownConstant::OtherSet { constant, set: self })?;
        let value = constant.on(arch).ok_or(UnknownConstant::OtherArch { constant, arch })?;
        Ok(part.kind.place(unsigned(value)))
    }

    /// A number as this set's constants say it on an architecture.
    ///
    /// One constant with the whole value comes before all else; then fields, then flags with the
    /// most bits. A negative constant is recognised in 32 bits and in 64.
    #[must_use]
    pub fn spell(self, value: u64, arch: Arch) -> Spelling {
        let whole = self.placed(arch).find(|(_, kind, placed)| {
            let is_whole = match *kind {
                PartKind::Values => true,
                PartKind::Flags => false,
                // A constant that sets more than its field.
                PartKind::Field { mask, .. } => placed & !mask != 0,
            };
            is_whole && equal(*placed, value)
        });
        if let Some((constant, ..)) = whole {
            return Spelling { constants: vec![constant], rest: 0 };
        }
        let mut spelling = Spelling { constants: Vec::new(), rest: value };
        for part in self.parts() {
            spelling.take_field(part, value, arch);
        }
        spelling.take_flags(self, arch);
        spelling
    }

    /// The constants on an architecture, with their part and what each adds to a value.
    fn placed(self, arch: Arch) -> impl Iterator<Item = (Constant, PartKind, u64)> {
        self.parts().flat_map(move |part| {
            part.members().filter_map(move |constant| {
                let value = unsigned(constant.on(arch)?);
                Some((constant, part.kind, part.kind.place(value)))
            })
        })
    }
}

impl Spelling {
    /// Takes the constant that the bits of a field are.
    fn take_field(&mut self, part: Part, value: u64, arch: Arch) {
        let PartKind::Field { mask, .. } = part.kind else { return };
        let in_field = |constant: &Constant| {
            let placed = constant.on(arch).map(|own| part.kind.place(unsigned(own)));
            placed == Some(value & mask)
        };
        if let Some(constant) = part.members().find(in_field) {
            self.constants.push(constant);
            self.rest &= !mask;
        }
    }

    /// Takes flags while they fit, those with the most bits first; of equal ones the first of the
    /// set.
    fn take_flags(&mut self, set: Constants, arch: Arch) {
        let mut flags: Vec<(Constant, u64)> = set
            .placed(arch)
            .filter(|(_, kind, placed)| *placed != 0 && *kind != PartKind::Values)
            .map(|(constant, _, placed)| (constant, placed))
            .collect();
        let order: Vec<Constant> = flags.iter().map(|flag| flag.0).collect();
        flags.sort_by_key(|flag| std::cmp::Reverse(flag.1.count_ones()));
        let fields = self.constants.len();
        for (constant, bits) in flags {
            if self.rest & bits == bits {
                self.constants.push(constant);
                self.rest &= !bits;
            }
        }
        self.constants[fields..].sort_by_key(|taken| order.iter().position(|c| c == taken));
    }
}

/// Whether a value is a constant's: a negative one also where only its low 32 bits are left.
fn equal(constant: u64, value: u64) -> bool {
    constant == value || constant >> 63 == 1 && constant & u64::from(u32::MAX) == value
}

/// A number as C writes it: decimal, hexadecimal, or octal with a leading 0.
fn number(word: &str) -> Option<u64> {
    let (negative, digits) = word.strip_prefix('-').map_or((false, word), |rest| (true, rest));
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let value = match hexadecimal {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => {
            u64::from_str_radix(digits, 8).ok()?
        }
        None => digits.parse().ok()?,
    };
    Some(if negative { value.wrapping_neg() } else { value })
}

impl fmt::Display for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, constant) in self.constants.iter().enumerate() {
            let separator = if index == 0 { "" } else { "|" };
            write!(f, "{separator}{constant}")?;
        }
        match (self.constants.is_empty(), self.rest) {
            (true, rest @ ..10) => write!(f, "{rest}"),
            (true, rest) => write!(f, "{rest:#x}"),
            (false, 0) => Ok(()),
            (false, rest) => write!(f, "|{rest:#x}"),
        }
    }
}

impl fmt::Display for UnknownConstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere { name } => write!(f, "{name:?} is neither a number nor a constant"),
            Self::OtherArch { constant, arch } => {
                write!(f, "{arch} has no {constant}; ")?;
                let arches: Vec<&str> = constant.on_each().map(|(arch, _)| arch.name()).collect();
                write!(f, "it is known on {}", arches.join(", "))
            }
            Self::OtherSet { constant, set } => {
                write!(f, "{constant} is no constant of {set}")?;
                match constant.sets().next() {
                    Some(other) => write!(f, ", but of {other}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Error for UnknownConstant {}
