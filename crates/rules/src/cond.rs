//! Conditions on arguments as people write them: by name, in the width and with the sign that the
//! kernel reads.

use std::borrow::Cow;
use std::fmt;
use std::ops::{BitAnd, BitOr, Not, RangeInclusive};

use callgate_policy::Operator;

use crate::{Span, Value};

/// An argument of a syscall, by name or by position; made by [`arg`].
///
/// A comparison reads as many bits as the kernel does. The kernel takes `socket`'s `family` as an
/// `int`, so `arg("family").eq(1)` ignores the high half of the register: a comparison of all 64
/// bits could be evaded by setting it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Arg {
    /// Which argument.
    pub which: Which,
    /// The only bits that are looked at, where the comparison is not about all.
    pub mask: Option<Value>,
    /// How much of the register is compared.
    pub bits: ArgBits,
    /// Whether order is that of signed numbers.
    pub sign: ArgSign,
}

/// How an argument is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// By its name in the kernel's source.
    Name(Cow<'static, str>),
    /// By its position, from 0.
    Index(usize),
}

/// How much of an argument's register a test compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArgBits {
    /// The bits that the kernel reads, by the syscall's signature; without a signature, a register.
    #[default]
    Kernel,
    /// A whole register of the architecture ([`Arch::register_bits`](callgate_syscalls::Arch)), as
    /// an unsigned number.
    Full,
    /// The low 32 bits, unsigned unless the kernel reads just these as a signed number.
    Low32,
}

/// Which order an argument's values have. Equality and bits do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArgSign {
    /// Signed where the kernel's type of the argument is, and unsigned under a mask.
    #[default]
    Kernel,
    /// Unsigned, as the machine that runs filters compares.
    Unsigned,
}

/// A test of one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgTest {
    /// The argument.
    pub arg: Arg,
    /// What must be so.
    pub relation: Relation,
    /// Where the test stands, for messages about it.
    pub span: Option<Span>,
}

/// What an [`ArgTest`] asks of its argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The argument stands in this relation to the value.
    Compare(Operator, Value),
    /// The argument is one of these. Of an empty list it never is.
    In(Vec<Member>),
    /// All these bits are set.
    Has(Value),
    /// At least one of these bits is set.
    Any(Value),
    /// None of these bits is set.
    None(Value),
    /// No other bit is set.
    Only(Value),
}

/// A member of the set that [`Relation::In`] asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// This value.
    One(Value),
    /// Every value from the first to the last, in the order of the argument; none, if they are the
    /// wrong way round.
    Range(Value, Value),
}

/// A condition on the arguments of one syscall: tests combined with `&`, `|` and `!`.
///
/// A condition that nests deeper than [`Cond::DEPTH_MAX`] forgets its parts and remembers that it
/// is too deep, which is an error when it is lowered: nothing that is done with a condition needs
/// an unbounded stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Cond {
    node: CondNode,
    depth: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum CondNode {
    Test(Box<ArgTest>),
    All(Vec<Cond>),
    Any(Vec<Cond>),
    Not(Box<Cond>),
    TooDeep,
}

/// The outermost operation of a [`Cond`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CondView<'a> {
    /// A single test.
    Test(&'a ArgTest),
    /// Every one of these must hold; the empty list holds always.
    All(&'a [Cond]),
    /// At least one of these must hold; the empty list never holds.
    Any(&'a [Cond]),
    /// This must not hold.
    Not(&'a Cond),
    /// The condition nested too deep, and its parts are lost.
    TooDeep,
}

/// Names an argument: `arg("family")` as in the kernel's source, or `arg(0)` by position.
///
/// `callgate syscalls NAME` on the command line prints the names.
pub fn arg(which: impl Into<Which>) -> Arg {
    Arg { which: which.into(), mask: None, bits: ArgBits::Kernel, sign: ArgSign::Kernel }
}

impl Arg {
    /// Looks only at the bits of `mask` in the comparison that follows.
    pub fn masked(self, mask: impl Into<Value>) -> Self {
        Self { mask: Some(mask.into()), ..self }
    }

    /// Compares the whole register on 64-bit architectures, whatever the kernel reads of it.
    pub fn all_bits(self) -> Self {
        Self { bits: ArgBits::Full, ..self }
    }

    /// Compares the low 32 bits of the register, whatever the kernel reads of it.
    pub fn low32(self) -> Self {
        Self { bits: ArgBits::Low32, ..self }
    }

    /// Compares order as that of unsigned numbers, whatever the kernel's type is.
    pub fn unsigned(self) -> Self {
        Self { sign: ArgSign::Unsigned, ..self }
    }

    /// The argument equals the value.
    pub fn eq(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Eq, value)
    }

    /// The argument differs from the value.
    pub fn ne(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Ne, value)
    }

    /// The argument is less than the value, in the order of the kernel's type.
    pub fn lt(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Lt, value)
    }

    /// The argument is at most the value, in the order of the kernel's type.
    pub fn le(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Le, value)
    }

    /// The argument is greater than the value, in the order of the kernel's type.
    pub fn gt(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Gt, value)
    }

    /// The argument is at least the value, in the order of the kernel's type.
    pub fn ge(self, value: impl Into<Value>) -> Cond {
        self.compare(Operator::Ge, value)
    }

    /// The argument equals one of the values. No values: never.
    pub fn is_in<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Cond {
        let members = values.into_iter().map(|value| Member::One(value.into())).collect();
        self.test(Relation::In(members))
    }

    /// The argument lies in the range, in the order of the kernel's type.
    pub fn within<V: Into<Value>>(self, range: RangeInclusive<V>) -> Cond {
        let (first, last) = range.into_inner();
        self.test(Relation::In(vec![Member::Range(first.into(), last.into())]))
    }

    /// None of the bits is set in the argument.
    pub fn has_none_of(self, bits: impl Into<Value>) -> Cond {
        self.test(Relation::None(bits.into()))
    }

    /// At least one of the bits is set in the argument.
    pub fn has_any_of(self, bits: impl Into<Value>) -> Cond {
        self.test(Relation::Any(bits.into()))
    }

    /// All of the bits are set in the argument.
    pub fn has_all_of(self, bits: impl Into<Value>) -> Cond {
        self.test(Relation::Has(bits.into()))
    }

    /// No other bit is set in the argument.
    pub fn has_only(self, bits: impl Into<Value>) -> Cond {
        self.test(Relation::Only(bits.into()))
    }

    /// The condition that the argument stands in a relation.
    pub fn test(self, relation: Relation) -> Cond {
        ArgTest { arg: self, relation, span: None }.into()
    }

    fn compare(self, operator: Operator, value: impl Into<Value>) -> Cond {
        self.test(Relation::Compare(operator, value.into()))
    }
}

impl Cond {
    /// The deepest nesting of `&`, `|` and `!`; a single test has none.
    pub const DEPTH_MAX: u16 = 60;

    /// The condition that all of these hold.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self::nest(CondNode::All, conditions)
    }

    /// The condition that at least one of these holds.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self::nest(CondNode::Any, conditions)
    }

    /// The outermost operation.
    #[must_use]
    pub fn view(&self) -> CondView<'_> {
        match &self.node {
            CondNode::Test(test) => CondView::Test(test),
            CondNode::All(list) => CondView::All(list),
            CondNode::Any(list) => CondView::Any(list),
            CondNode::Not(cond) => CondView::Not(cond),
            CondNode::TooDeep => CondView::TooDeep,
        }
    }

    fn nest(
        node: impl FnOnce(Vec<Self>) -> CondNode,
        list: impl IntoIterator<Item = Self>,
    ) -> Self {
        let list: Vec<Self> = list.into_iter().collect();
        let depth = list.iter().map(|cond| cond.depth).max().unwrap_or(0) + 1;
        Self::limited(node(list), depth)
    }

    /// The depth of an operation that holds this.
    const fn nested_depth(&self) -> u16 {
        self.depth + 1
    }

    fn limited(node: CondNode, depth: u16) -> Self {
        if depth > Self::DEPTH_MAX {
            return Self { node: CondNode::TooDeep, depth: Self::DEPTH_MAX };
        }
        Self { node, depth }
    }
}

impl From<ArgTest> for Cond {
    fn from(test: ArgTest) -> Self {
        Self { node: CondNode::Test(Box::new(test)), depth: 0 }
    }
}

impl From<&'static str> for Which {
    fn from(name: &'static str) -> Self {
        Self::Name(Cow::Borrowed(name))
    }
}

impl From<String> for Which {
    fn from(name: String) -> Self {
        Self::Name(Cow::Owned(name))
    }
}

impl From<usize> for Which {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl BitAnd for Cond {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        match self.node {
            // A chain of `&` stays flat, so that long chains do not nest.
            CondNode::All(mut list) => {
                let depth = self.depth.max(other.nested_depth());
                list.push(other);
                Self::limited(CondNode::All(list), depth)
            }
            _ => Self::all([self, other]),
        }
    }
}

impl BitOr for Cond {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        match self.node {
            CondNode::Any(mut list) => {
                let depth = self.depth.max(other.nested_depth());
                list.push(other);
                Self::limited(CondNode::Any(list), depth)
            }
            _ => Self::any([self, other]),
        }
    }
}

impl Not for Cond {
    type Output = Self;

    fn not(self) -> Self {
        match self.node {
            CondNode::Not(cond) => *cond,
            node => {
                let depth = self.depth;
                Self::limited(CondNode::Not(Box::new(Self { node, depth })), depth + 1)
            }
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "argument {name:?}"),
            Self::Index(index) => write!(f, "argument {index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: u16) -> Cond {
        let leaf = || arg(0usize).eq(1);
        (0..levels).fold(leaf(), |cond, level| match level % 3 {
            0 => Cond::any([cond, leaf()]),
            1 => Cond::all([leaf(), cond]),
            _ => !cond,
        })
    }

    #[test]
    fn depth_is_limited_and_remembered() {
        for (levels, too_deep) in [(-1, false), (0, false), (1, true), (1000, true)] {
            let cond = nested(Cond::DEPTH_MAX.checked_add_signed(levels).unwrap());
            let mut inner = &cond;
            while let CondView::Any([first, _]) | CondView::All([_, first]) | CondView::Not(first) =
                inner.view()
            {
                inner = first;
            }
            assert_eq!(inner.view() == CondView::TooDeep, too_deep, "{levels}");
        }
    }

    #[test]
    fn chains_stay_flat_and_two_negations_vanish() {
        let leaf = || arg("fd").eq(1);
        let all = (0..1000).fold(leaf(), |cond, _| cond & leaf());
        let any = (0..1000).fold(leaf(), |cond, _| cond | leaf());
        assert!(matches!(all.view(), CondView::All(list) if list.len() == 1001));
        assert!(matches!(any.view(), CondView::Any(list) if list.len() == 1001));
        assert_eq!(!!leaf(), leaf());
    }
}
