//! Neighbouring intervals as one, where alternatives were not written by anybody.

use callgate_policy::{Field, Operator};

use crate::clause::absorbed;
use crate::{Clause, Test, field};

/// Alternatives that differ in the interval of one field only.
struct Group {
    /// What they have in common.
    key: Clause,
    mask: u64,
    intervals: Vec<(u64, u64)>,
    written: Vec<Clause>,
}

/// Alternatives that differ in the interval of one field only, joined where that takes fewer tests.
pub(crate) fn merged(mut clauses: Vec<Clause>) -> Vec<Clause> {
    for field in Field::ARGS {
        let mut groups: Vec<Group> = Vec::new();
        let mut rest = Vec::new();
        for clause in clauses {
            let Some((mask, intervals)) = intervals(&clause.of(field)) else {
                rest.push(clause);
                continue;
            };
            let key = clause.without(field);
            match groups.iter_mut().find(|group| group.key == key && group.mask == mask) {
                Some(group) => {
                    group.intervals.extend(intervals);
                    group.written.push(clause);
                }
                None => groups.push(Group { key, mask, intervals, written: vec![clause] }),
            }
        }
        rest.extend(groups.into_iter().flat_map(|group| group.joined(field)));
        clauses = absorbed(rest);
    }
    clauses
}

/// The intervals of the tests of a field, where they are all under one mask without gaps.
fn intervals(tests: &[Test]) -> Option<(u64, Vec<(u64, u64)>)> {
    let spans = field::spans(tests)?;
    match spans.as_slice() {
        [span] if span.is_dense() => Some((span.mask, span.intervals())),
        _ => None,
    }
}

impl Group {
    fn joined(mut self, field: Field) -> Vec<Clause> {
        let (key, mask) = (&self.key, self.mask);
        self.intervals.sort_unstable();
        let mut union: Vec<(u64, u64)> = Vec::new();
        for (low, high) in self.intervals {
            match union.last_mut() {
                Some((_, last)) if last.checked_add(1).is_none_or(|next| low <= next) => {
                    *last = (*last).max(high);
                }
                _ => union.push((low, high)),
            }
        }
        let test = |operator, value| Test { field, mask, operator, value };
        let between = |&(low, high): &(u64, u64)| {
            key.and(&[test(Operator::Ge, low), test(Operator::Le, high)])
        };
        let clauses: Vec<Clause> = match single_hole(&union, mask) {
            Some(hole) => key.and(&[test(Operator::Ne, hole)]).into_iter().collect(),
            None => union.iter().filter_map(between).collect(),
        };
        if tests_of(&clauses) < tests_of(&self.written) { clauses } else { self.written }
    }
}

/// How much there is to read.
fn tests_of(clauses: &[Clause]) -> usize {
    clauses.iter().map(|clause| clause.tests().len() + 1).sum()
}

/// The only value that is missing.
fn single_hole(union: &[(u64, u64)], mask: u64) -> Option<u64> {
    match union {
        [(0, end), (start, last)] if *last >= mask && end + 2 == *start => Some(end + 1),
        _ => None,
    }
}
