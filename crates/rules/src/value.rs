//! The integers that arguments are compared with: numbers, constants by name, and unions of flags.

use std::borrow::Cow;
use std::fmt;
use std::ops::BitOr;

use callgate_syscalls::Arch;

/// An integer that an argument is compared with: one or more terms, joined by bitwise or.
///
/// Made from any primitive integer or a [`Constant`], and joined by `|`. A negative number stands
/// for its two's complement in the width of the comparison.
///
/// ```
/// use callgate_rules::{Constant, Value};
/// use callgate_syscalls::Arch;
///
/// const O_CREAT: Constant = Constant::per_arch("O_CREAT", &[(Arch::X86_64, 0o100), (Arch::Mips, 0x100)]);
/// let flags = Value::from(O_CREAT) | 1;
/// assert_eq!(flags.on(Arch::Mips), Ok(0x101));
/// assert_eq!(flags.to_string(), "O_CREAT|1");
/// assert_eq!(flags.on(Arch::Arm).unwrap_err().name(), "O_CREAT");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    first: Term,
    more: Vec<Term>,
}

/// A part of a [`Value`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// A number, written as one.
    Number(i128),
    /// A number, written by its name.
    Constant(Constant),
}

/// A number of the kernel's interface with its name in C.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Constant {
    name: Cow<'static, str>,
    values: Values,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Values {
    Everywhere(i128),
    PerArch(Cow<'static, [(Arch, i128)]>),
}

impl Constant {
    /// A constant that has the same value on every architecture.
    #[must_use]
    pub const fn new(name: &'static str, value: i128) -> Self {
        Self { name: Cow::Borrowed(name), values: Values::Everywhere(value) }
    }

    /// A constant whose value depends on the architecture. Architectures that are not listed do not
    /// have it.
    #[must_use]
    pub const fn per_arch(name: &'static str, values: &'static [(Arch, i128)]) -> Self {
        Self { name: Cow::Borrowed(name), values: Values::PerArch(Cow::Borrowed(values)) }
    }

    /// As [`Constant::per_arch`], from values that were looked up.
    #[must_use]
    pub fn from_values(name: impl Into<Cow<'static, str>>, values: Vec<(Arch, i128)>) -> Self {
        Self { name: name.into(), values: Values::PerArch(Cow::Owned(values)) }
    }

    /// The name in C.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value on an architecture, where that has the constant.
    #[must_use]
    pub fn on(&self, arch: Arch) -> Option<i128> {
        match &self.values {
            Values::Everywhere(value) => Some(*value),
            Values::PerArch(values) => {
                values.iter().find(|(of, _)| *of == arch).map(|(_, value)| *value)
            }
        }
    }
}

impl Value {
    /// The terms, in the order in which they were written: at least one.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// The number on an architecture.
    ///
    /// # Errors
    /// The first constant that the architecture does not have.
    pub fn on(&self, arch: Arch) -> Result<i128, &Constant> {
        self.terms().try_fold(0, |joined, term| match term {
            Term::Number(number) => Ok(joined | number),
            Term::Constant(constant) => Ok(joined | constant.on(arch).ok_or(constant)?),
        })
    }

    /// A value of one number.
    #[must_use]
    pub const fn number(number: i128) -> Self {
        Self { first: Term::Number(number), more: Vec::new() }
    }
}

impl From<Constant> for Value {
    fn from(constant: Constant) -> Self {
        Self { first: Term::Constant(constant), more: Vec::new() }
    }
}

macro_rules! value_from {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Value {
            fn from(value: $integer) -> Self {
                Self::number(i128::from(value))
            }
        }
    )*};
}

value_from!(u8 u16 u32 u64 i8 i16 i32 i64);

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        // No target of this crate has registers wider than 64 bits.
        Self::number(i128::try_from(value).unwrap_or(i128::MAX))
    }
}

impl<V: Into<Self>> BitOr<V> for Value {
    type Output = Self;

    fn bitor(mut self, other: V) -> Self {
        let Self { first, more } = other.into();
        self.more.push(first);
        self.more.extend(more);
        self
    }
}

impl<V: Into<Value>> BitOr<V> for Constant {
    type Output = Value;

    fn bitor(self, other: V) -> Value {
        Value::from(self) | other
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number @ ..10) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number:#x}"),
            Self::Constant(constant) => f.write_str(constant.name()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.more.iter().try_for_each(|term| write!(f, "|{term}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_write_them() {
        for (value, text) in [(0, "0"), (9, "9"), (10, "0xa"), (-1, "-1"), (-4096, "-4096")] {
            assert_eq!(Value::number(value).to_string(), text);
        }
    }

    #[test]
    fn terms_are_joined_in_their_order() {
        const A: Constant = Constant::new("A", 4);
        let value = A | (A | 2) | 1u64;
        assert_eq!(value.to_string(), "A|A|2|1");
        assert_eq!(value.on(Arch::S390), Ok(7));
        assert_eq!((A | -8).on(Arch::S390), Ok(-4));
    }
}
