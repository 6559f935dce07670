//! Conditions on arguments as an application author writes them: by name, in the width that the kernel reads.

use std::ops::{BitAnd, BitOr, Not, RangeInclusive};

use callgate_policy::Operator;

/// An argument of a syscall, by name or by position; made by [`arg`].
///
/// A comparison reads as many bits as the kernel does. The kernel takes `socket`'s `family` as an `int`, so
/// `arg("family").eq(1)` ignores the high half of the register: a comparison of all 64 bits could be evaded by setting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Arg {
    pub(crate) which: Which,
    pub(crate) mask: Option<Value>,
    pub(crate) all_bits: bool,
}

/// How an argument is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Which {
    /// By its name in the kernel's source.
    Name(&'static str),
    /// By its position, from 0.
    Index(usize),
}

/// An integer that an argument is compared with; made from any primitive integer.
///
/// A negative value stands for its two's complement in the width of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(pub(crate) i128);

/// A condition on the arguments of one syscall, combined with `&`, `|` and `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Cond(pub(crate) Expression);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    Compare { arg: Arg, operator: Operator, value: Value },
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
}

/// Names an argument: `arg("family")` as in the kernel's source, or `arg(0)` by position.
///
/// `callgate syscalls NAME` on the command line prints the names.
pub fn arg(which: impl Into<Which>) -> Arg {
    Arg { which: which.into(), mask: None, all_bits: false }
}

impl Arg {
    /// Looks only at the bits of `mask` in the comparison that follows.
    pub fn masked(self, mask: impl Into<Value>) -> Self {
        Self { mask: Some(mask.into()), ..self }
    }

    /// Compares the whole register on 64-bit architectures, whatever the kernel reads of it.
    pub fn all_bits(self) -> Self {
        Self { all_bits: true, ..self }
    }

    /// The argument equals the value.
    pub fn eq(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Eq, value)
    }

    /// The argument differs from the value.
    pub fn ne(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Ne, value)
    }

    /// The argument is less than the value, as unsigned numbers.
    pub fn lt(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Lt, value)
    }

    /// The argument is at most the value, as unsigned numbers.
    pub fn le(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Le, value)
    }

    /// The argument is greater than the value, as unsigned numbers.
    pub fn gt(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Gt, value)
    }

    /// The argument is at least the value, as unsigned numbers.
    pub fn ge(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Ge, value)
    }

    /// The argument equals one of the values. No values: never.
    pub fn is_in<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Cond {
        Cond(Expression::Any(values.into_iter().map(|value| self.eq(value)).collect()))
    }

    /// The argument lies in the range, as unsigned numbers.
    pub fn within<V: Into<Value>>(self, range: RangeInclusive<V>) -> Cond {
        let (first, last) = range.into_inner();
        self.ge(first) & self.le(last)
    }

    /// None of the bits is set in the argument.
    pub fn has_none_of(self, bits: impl Into<Value>) -> Cond {
        self.masked(bits).eq(0)
    }

    /// At least one of the bits is set in the argument.
    pub fn has_any_of(self, bits: impl Into<Value>) -> Cond {
        self.masked(bits).ne(0)
    }

    /// All of the bits are set in the argument.
    pub fn has_all_of(self, bits: impl Into<Value>) -> Cond {
        let bits = bits.into();
        self.masked(bits).eq(bits)
    }

    fn compare(self, operator: Operator, value: impl Into<Value>) -> Cond {
        Cond(Expression::Compare { arg: self, operator, value: value.into() })
    }
}

impl From<&'static str> for Which {
    fn from(name: &'static str) -> Self {
        Self::Name(name)
    }
}

impl From<usize> for Which {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

macro_rules! value_from {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Value {
            fn from(value: $integer) -> Self {
                Self(i128::from(value))
            }
        }
    )*};
}

value_from!(u8 u16 u32 u64 i8 i16 i32 i64);

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        // No target of this crate has registers wider than 64 bits.
        Self(i128::try_from(value).unwrap_or(i128::MAX))
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0..10 => write!(f, "{}", self.0),
            ..0 => write!(f, "{}", self.0),
            _ => write!(f, "{:#x}", self.0),
        }
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => write!(f, "argument {name:?}"),
            Self::Index(index) => write!(f, "argument {index}"),
        }
    }
}

impl BitAnd for Cond {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(Expression::All(match self.0 {
            // A chain of `&` stays flat, so that long chains do not nest.
            Expression::All(mut list) => {
                list.push(other);
                list
            }
            expression => vec![Self(expression), other],
        }))
    }
}

impl BitOr for Cond {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(Expression::Any(match self.0 {
            Expression::Any(mut list) => {
                list.push(other);
                list
            }
            expression => vec![Self(expression), other],
        }))
    }
}

impl Not for Cond {
    type Output = Self;

    fn not(self) -> Self {
        Self(Expression::Not(Box::new(self)))
    }
}
