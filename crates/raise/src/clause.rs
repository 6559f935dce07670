//! Alternatives: lists of tests that must all hold.

use callgate_policy::{Condition, Field, Operator, View};

use crate::{Test, field};

/// The most alternatives that are kept of one condition on the way.
pub(crate) const CLAUSES_MAX: usize = 1024;

/// One alternative: all of its tests must hold; without tests it always does.
///
/// Tests are in the order of their fields, and are simplified.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clause(Vec<Test>);

impl Clause {
    /// The alternative that always holds.
    pub const ALWAYS: Self = Self(Vec::new());

    /// All of these tests; `None` if that is seen never to hold.
    #[must_use]
    pub fn new(tests: impl IntoIterator<Item = Test>) -> Option<Self> {
        let tests: Vec<Test> = tests.into_iter().collect();
        let mut simplified = Vec::new();
        for field in std::iter::once(Field::InstructionPointer).chain(Field::ARGS) {
            let own: Vec<Test> = tests.iter().copied().filter(|test| test.field == field).collect();
            simplified.extend(field::simplified(&own)?);
        }
        Some(Self(simplified))
    }

    /// The tests.
    #[must_use]
    pub fn tests(&self) -> &[Test] {
        &self.0
    }

    /// Whether this always holds.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.0.is_empty()
    }

    /// Where an alternative stands among others: by fields, then by the smallest value.
    pub(crate) fn order(&self) -> Vec<(Field, u64, u64)> {
        let smallest = |test: &Test| match test.operator {
            Operator::Lt | Operator::Le | Operator::Ne => 0,
            Operator::Eq | Operator::Ge => test.value,
            Operator::Gt => test.value.saturating_add(1),
        };
        self.0.iter().map(|test| (test.field, smallest(test), test.value)).collect()
    }

    /// The tests of one field.
    pub(crate) fn of(&self, field: Field) -> Vec<Test> {
        self.0.iter().copied().filter(|test| test.field == field).collect()
    }

    /// The fields that are tested, in order.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = self.0.iter().map(|test| test.field).collect();
        fields.dedup();
        fields
    }

    /// Without the tests of a field.
    pub(crate) fn without(&self, field: Field) -> Self {
        Self(self.0.iter().copied().filter(|test| test.field != field).collect())
    }

    /// Both; `None` if that is seen never to hold.
    pub(crate) fn and(&self, other: &[Test]) -> Option<Self> {
        Self::new(self.0.iter().chain(other).copied())
    }

    /// Whether this is seen to hold only where the other does.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        other.0.iter().all(|test| self.and(&[test.negated()]).is_none())
    }

    /// The same as a condition of a policy.
    ///
    /// A list of comparisons does not nest, so that this always succeeds.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let parts: Vec<Condition> = self.0.iter().map(|test| test.comparison().into()).collect();
        match parts.as_slice() {
            [only] => only.clone(),
            _ => Condition::all(parts).unwrap_or_else(|_| Condition::never()),
        }
    }
}

/// The alternatives of a condition; `None` where there are too many.
///
/// Recursion follows the condition, whose depth the policy limits.
pub(crate) fn alternatives(condition: &Condition) -> Option<Vec<Clause>> {
    match condition.view() {
        View::Compare(comparison) => Some(Clause::new([comparison.into()]).into_iter().collect()),
        View::Any(list) => {
            let lists: Option<Vec<_>> = list.iter().map(alternatives).collect();
            limited(absorbed(lists?.concat()))
        }
        View::All(list) => list.iter().try_fold(vec![Clause::ALWAYS], |all, condition| {
            let each = alternatives(condition)?;
            product(&all, &each)
        }),
    }
}

/// Where both lists hold.
pub(crate) fn product(left: &[Clause], right: &[Clause]) -> Option<Vec<Clause>> {
    if left.len().saturating_mul(right.len()) > CLAUSES_MAX * 8 {
        return None;
    }
    let both = left.iter().flat_map(|l| right.iter().filter_map(move |r| l.and(r.tests())));
    limited(absorbed(both.collect()))
}

/// Where the first list holds and the second does not.
pub(crate) fn without(mut left: Vec<Clause>, right: &[Clause]) -> Option<Vec<Clause>> {
    for taken in right {
        let mut next = Vec::new();
        for clause in &left {
            // What the two have in common is nothing: the clause stays as it was written.
            if clause.and(taken.tests()).is_none() {
                next.push(clause.clone());
                continue;
            }
            let outside = taken.tests().iter().filter_map(|test| clause.and(&[test.negated()]));
            next.extend(outside);
            if next.len() > CLAUSES_MAX * 8 {
                return None;
            }
        }
        left = limited(absorbed(next))?;
    }
    Some(left)
}

/// Without alternatives that imply another.
pub(crate) fn absorbed(clauses: Vec<Clause>) -> Vec<Clause> {
    let mut kept: Vec<Clause> = Vec::new();
    for clause in clauses {
        if kept.iter().any(|known| clause.implies(known)) {
            continue;
        }
        kept.retain(|known| !known.implies(&clause));
        kept.push(clause);
    }
    kept
}

fn limited(clauses: Vec<Clause>) -> Option<Vec<Clause>> {
    (clauses.len() <= CLAUSES_MAX).then_some(clauses)
}

impl std::fmt::Display for Clause {
    /// The tests, for messages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_always() {
            return f.write_str("always");
        }
        for (place, test) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { " and " };
            write!(f, "{separator}{test}")?;
        }
        Ok(())
    }
}
