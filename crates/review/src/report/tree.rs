//! The decisions of a filter as a tree: which architectures, what becomes of a call, which calls.
//!
//! What several architectures have in common stands there once, so the tree says each call once
//! for each way in which it is decided, and stays as short as the filter is simple.

use std::collections::{BTreeMap, BTreeSet};

use super::{CallRow, Verdict};
use crate::fold::named;

/// The calls that are decided in the same way on the same architectures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    /// The architectures.
    pub(crate) arches: String,
    /// What becomes of its calls.
    pub(crate) outcomes: Vec<Outcome>,
}

/// The calls of a branch of which the same becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// What that is, a sentence for each case.
    pub(crate) says: Vec<String>,
    /// The calls, families by one name.
    pub(crate) calls: Vec<String>,
    /// How many these are.
    pub(crate) count: usize,
}

impl Branch {
    /// How many of its calls are allowed, depend, are refused.
    pub(crate) fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        self.outcomes.iter().for_each(|outcome| counts[outcome.verdict as usize] += outcome.count);
        counts
    }
}

/// The branches, those with most calls first.
pub(crate) fn branches(calls: &[CallRow]) -> Vec<Branch> {
    type Outcomes<'c> = BTreeMap<(Verdict, &'c [String]), BTreeSet<&'c str>>;
    let mut by_arches: BTreeMap<&str, Outcomes<'_>> = BTreeMap::new();
    for call in calls {
        for (arches, says) in &call.cases {
            let verdict = super::verdict(says.iter());
            let outcomes = by_arches.entry(arches).or_default();
            outcomes.entry((verdict, says)).or_default().insert(call.name);
        }
    }
    let branch = |(arches, outcomes): (&str, Outcomes<'_>)| {
        let of: BTreeSet<&str> = arches.split(", ").collect();
        let mut outcomes: Vec<Outcome> = outcomes
            .into_iter()
            .map(|((verdict, says), names)| {
                let (says, count) = (says.to_vec(), names.len());
                Outcome { verdict, says, calls: named(names, &of, |_| ()), count }
            })
            .collect();
        // What depends on something is what one looks for.
        let rank = |verdict| match verdict {
            Verdict::Depends => 0,
            Verdict::Refused => 1,
            Verdict::Allowed => 2,
        };
        outcomes.sort_by_key(|outcome| (rank(outcome.verdict), std::cmp::Reverse(outcome.count)));
        Branch { arches: arches.to_owned(), outcomes }
    };
    let mut branches: Vec<Branch> = by_arches.into_iter().map(branch).collect();
    branches.sort_by_key(|branch| std::cmp::Reverse(branch.counts().iter().sum::<usize>()));
    branches
}
