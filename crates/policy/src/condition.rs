//! Boolean expressions over comparisons.

use std::fmt;

use callgate_memory::{Grow, OutOfMemory, TryClone};
use callgate_syscalls::SeccompData;

use crate::{Comparison, Error};

/// A Boolean expression over [`Comparison`]s.
///
/// Negation is pushed to the comparisons when it is made, so that a condition consists of `all`,
/// `any` and comparisons only. How deep the expression nests is known and limited to
/// [`Condition::DEPTH_MAX`], so that no recursion over it can exhaust a stack.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    node: Inner,
    depth: u16,
    comparisons: usize,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Inner {
    Compare(Comparison),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// The outermost operation of a [`Condition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View<'a> {
    /// A single comparison.
    Compare(&'a Comparison),
    /// Every one of these must hold; the empty list holds always.
    All(&'a [Condition]),
    /// At least one of these must hold; the empty list never holds.
    Any(&'a [Condition]),
}

impl Condition {
    /// The deepest nesting of `all` and `any` that a condition may have.
    pub const DEPTH_MAX: u16 = 64;

    /// The condition that always holds.
    #[must_use]
    pub const fn always() -> Self {
        Self { node: Inner::All(Vec::new()), depth: 1, comparisons: 0 }
    }

    /// The condition that never holds.
    #[must_use]
    pub const fn never() -> Self {
        Self { node: Inner::Any(Vec::new()), depth: 1, comparisons: 0 }
    }

    /// The condition that a comparison holds.
    #[must_use]
    pub const fn compare(comparison: Comparison) -> Self {
        Self { node: Inner::Compare(comparison), depth: 0, comparisons: 1 }
    }

    /// The condition that all of these hold.
    ///
    /// # Errors
    /// [`Error::ConditionDepth`] where the result would nest deeper than [`Condition::DEPTH_MAX`];
    /// [`Error::OutOfMemory`].
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        Self::group(Inner::All, conditions)
    }

    /// The condition that at least one of these holds.
    ///
    /// # Errors
    /// [`Error::ConditionDepth`] where the result would nest deeper than [`Condition::DEPTH_MAX`];
    /// [`Error::OutOfMemory`].
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        Self::group(Inner::Any, conditions)
    }

    /// The condition that holds exactly where this one does not.
    #[must_use]
    pub fn negated(self) -> Self {
        let each = |mut list: Vec<Self>| {
            list.iter_mut().for_each(|part| {
                *part = std::mem::replace(part, Self::never()).negated();
            });
            list
        };
        let node = match self.node {
            Inner::Compare(comparison) => Inner::Compare(comparison.negated()),
            Inner::All(list) => Inner::Any(each(list)),
            Inner::Any(list) => Inner::All(each(list)),
        };
        Self { node, ..self }
    }

    /// The outermost operation.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        match &self.node {
            Inner::Compare(comparison) => View::Compare(comparison),
            Inner::All(list) => View::All(list),
            Inner::Any(list) => View::Any(list),
        }
    }

    /// Whether this is [`Condition::always`] as written; a tautology is not recognised.
    #[must_use]
    pub fn is_always(&self) -> bool {
        matches!(&self.node, Inner::All(list) if list.iter().all(Self::is_always))
    }

    /// The number of comparisons in the expression.
    #[must_use]
    pub const fn comparisons(&self) -> usize {
        self.comparisons
    }

    /// Whether this holds for a call.
    #[must_use]
    pub fn holds(&self, call: &SeccompData) -> bool {
        match &self.node {
            Inner::Compare(comparison) => comparison.holds(call),
            Inner::All(list) => list.iter().all(|part| part.holds_as_part(call)),
            Inner::Any(list) => list.iter().any(|part| part.holds_as_part(call)),
        }
    }

    /// The same; most parts of a list are comparisons.
    #[inline]
    fn holds_as_part(&self, call: &SeccompData) -> bool {
        match &self.node {
            Inner::Compare(comparison) => comparison.holds(call),
            Inner::All(_) | Inner::Any(_) => self.holds(call),
        }
    }

    fn group(
        node: impl FnOnce(Vec<Self>) -> Inner,
        conditions: impl IntoIterator<Item = Self>,
    ) -> Result<Self, Error> {
        let conditions = conditions.into_iter();
        let mut list = Vec::with_room(conditions.size_hint().0)?;
        list.try_extend(conditions)?;
        let depth = list.iter().map(|c| c.depth).max().unwrap_or(0) + 1;
        if depth > Self::DEPTH_MAX {
            return Err(Error::ConditionDepth { depth });
        }
        let comparisons = list.iter().map(|c| c.comparisons).sum();
        Ok(Self { node: node(list), depth, comparisons })
    }
}

impl TryClone for Condition {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        let node = match &self.node {
            Inner::Compare(comparison) => Inner::Compare(*comparison),
            Inner::All(list) => Inner::All(list.try_clone()?),
            Inner::Any(list) => Inner::Any(list.try_clone()?),
        };
        Ok(Self { node, depth: self.depth, comparisons: self.comparisons })
    }
}

impl From<Comparison> for Condition {
    fn from(comparison: Comparison) -> Self {
        Self::compare(comparison)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (list, joint, empty) = match &self.node {
            Inner::Compare(comparison) => return write!(f, "{comparison}"),
            Inner::All(list) => (list, " && ", "always"),
            Inner::Any(list) => (list, " || ", "never"),
        };
        if list.is_empty() {
            return f.write_str(empty);
        }
        for (index, condition) in list.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { joint })?;
            match condition.depth {
                0 => write!(f, "{condition}")?,
                _ => write!(f, "({condition})")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({self})")
    }
}
