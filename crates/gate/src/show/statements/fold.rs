//! Families and blocks in the place of calls that have the same rules.

use std::collections::BTreeSet;

use callgate_facts::{Allowance, Block, Groups};
use callgate_syscalls::Arch;

use super::{Call, Calls, Piece};
use crate::known::{self, BlockRule};

/// How many calls a name has to stand for, so that it is worth looking up.
const CALLS_MIN: usize = 3;

/// Puts families in the place of their members, where all members that the architectures have are
/// among the calls.
pub(super) fn families(calls: &mut BTreeSet<Call>, arches: &BTreeSet<Arch>) {
    for family in Groups::LATEST.families() {
        let exists = |call: &Call| match call {
            Call::Name(name) => arches.iter().any(|arch| arch.syscall(*name).is_some()),
            Call::Family(_) | Call::Number(_) => false,
        };
        let members: Vec<Call> = family.members().map(Call::Name).filter(exists).collect();
        if members.len() >= CALLS_MIN && members.iter().all(|member| calls.contains(member)) {
            members.iter().for_each(|member| {
                calls.remove(member);
            });
            calls.insert(Call::Family(family.name()));
        }
    }
}

/// Takes out the calls that blocks say the same about, and names those blocks.
pub(super) fn blocks(calls: &mut Calls, arches: &BTreeSet<Arch>) -> Vec<&'static str> {
    let of: Vec<Arch> = arches.iter().copied().collect();
    let mut matching: Vec<(usize, Block, BTreeSet<Call>)> = Groups::LATEST
        .blocks()
        .filter_map(|block| {
            let rules = known::block_rules(&[block], &of);
            let is_same = rules.iter().all(|rule| says_the_same(rule, calls));
            let members: BTreeSet<Call> = rules.iter().flat_map(names).collect();
            is_same.then_some((members.len(), block, members))
        })
        .collect();
    // The largest come first, so that what they cover is not said again.
    matching.sort_by_key(|(len, block, _)| (std::cmp::Reverse(*len), block.name()));
    let mut used = Vec::new();
    let mut covered: BTreeSet<Call> = BTreeSet::new();
    for (len, block, members) in matching {
        let new = members.difference(&covered).count();
        if new >= CALLS_MIN && new * 2 >= len {
            covered.extend(members);
            used.push(block.name());
        }
    }
    calls.retain(|call, _| !covered.contains(call));
    used.sort_unstable();
    used
}

fn names(rule: &BlockRule) -> impl Iterator<Item = Call> {
    rule.members.iter().copied().map(Call::Name)
}

/// Whether the policy has exactly a block's rule for each of its calls.
fn says_the_same(rule: &BlockRule, calls: &Calls) -> bool {
    let (verdict, condition) = match &rule.allowance {
        Allowance::Always => ("allow", None),
        Allowance::If(any) => ("allow", Some(any.join(" or "))),
        _ => ("enosys", None),
    };
    let is_rule = |pieces: &[Piece]| match pieces {
        [only] => only.verdict == verdict && only.condition == condition,
        _ => false,
    };
    names(rule).all(|call| {
        let of_call = calls.get(&call);
        rule.arches.iter().all(|arch| {
            of_call.and_then(|arches| arches.get(arch)).is_some_and(|pieces| is_rule(pieces))
        })
    })
}
