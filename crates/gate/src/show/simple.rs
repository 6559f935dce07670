//! Rules without what decides nothing.

use callgate_policy::{Action, Condition, Known, Policy, Rule, SyscallNr, Unknown, View};
use callgate_syscalls::Arch;

use crate::check::{self, Reached};

/// A rule that is reached.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) arch: Arch,
    pub(super) nr: SyscallNr,
    /// The conditions under which it holds, any of which suffices; none where it always does.
    pub(super) conditions: Option<Vec<Condition>>,
    pub(super) action: Action,
}

/// The rules of each number that some call reaches, in their order; neighbours with one action are
/// joined.
pub(super) fn kept(policy: &Policy) -> Vec<Vec<Kept>> {
    let lists = || {
        policy
            .arches()
            .flat_map(|(arch, rules)| rules.rules().map(move |(nr, list)| (arch, nr, list)))
    };
    let own = check::reached(lists().flat_map(|(arch, _, list)| {
        list.iter()
            .map(move |rule| (arch, vec![(rule.condition().clone(), 1), (Condition::always(), 0)]))
    }));
    let reach = check::reached(lists().map(|(arch, _, list)| {
        let rules = list.iter().enumerate();
        (
            arch,
            rules.map(|(index, rule)| (rule.condition().clone(), check::number(index))).collect(),
        )
    }));
    let mut first = 0;
    let mut all = Vec::new();
    for (place, (arch, nr, list)) in lists().enumerate() {
        let without =
            policy.arch(arch).map(|policy| (policy.default_action(), policy.unknown_action()));
        let mut kept: Vec<Kept> = Vec::new();
        for (index, rule) in list.iter().enumerate() {
            let decides = is_reached(reach.as_ref(), arch, place, check::number(index));
            let always = !is_reached(own.as_ref(), arch, first + index, 0);
            if decides {
                push(&mut kept, arch, nr, rule, always);
            }
        }
        first += list.len();
        if let Some((default, unknown)) = without {
            end(&mut kept, arch, nr, default, is_known(arch, nr, unknown));
        }
        if !kept.is_empty() {
            all.push(kept);
        }
    }
    without_idle(&mut all);
    all
}

/// Takes conditions away that hold always, now that neighbours are joined.
fn without_idle(lists: &mut [Vec<Kept>]) {
    let questions: Vec<(Arch, Vec<(Condition, u16)>)> = lists
        .iter()
        .flatten()
        .map(|kept| {
            let joined = kept.conditions.clone().map(Condition::any);
            // What nests too deep is joined all the same when it is written.
            let joined = joined.and_then(Result::ok).unwrap_or_else(Condition::never);
            (kept.arch, vec![(joined, 1), (Condition::always(), 0)])
        })
        .collect();
    let reached = check::reached(questions.into_iter());
    for (place, kept) in lists.iter_mut().flatten().enumerate() {
        if !is_reached(reached.as_ref(), kept.arch, place, 0) {
            kept.conditions = None;
        }
    }
}

/// A last rule that says what the default says decides nothing, but a number with rules counts as
/// known.
fn end(kept: &mut Vec<Kept>, arch: Arch, nr: SyscallNr, default: Action, is_known: bool) {
    while kept.last().is_some_and(|last| last.action == default) {
        kept.pop();
    }
    if kept.is_empty() && !is_known {
        kept.push(Kept { arch, nr, conditions: None, action: default });
    }
}

/// Whether a number gets the default without any rule.
fn is_known(arch: Arch, nr: SyscallNr, unknown: Option<Unknown>) -> bool {
    match unknown.map(|unknown| unknown.known) {
        None => true,
        Some(Known::Kernel(kernel)) => {
            arch.syscall_at(nr).is_some_and(|syscall| syscall.since <= kernel)
        }
        Some(Known::UpTo(last)) => nr <= last,
    }
}

/// A condition without parts that always hold or never; such an answer for the whole, where there
/// is one.
///
/// Recursion follows the condition, whose depth the policy limits.
fn simplified(condition: &Condition) -> Result<Condition, bool> {
    let (list, is_all) = match condition.view() {
        View::Compare(_) => return Ok(condition.clone()),
        View::All(list) => (list, true),
        View::Any(list) => (list, false),
    };
    let mut parts = Vec::new();
    for part in list {
        match simplified(part) {
            Ok(part) => parts.push(part),
            // What never holds decides an `all`, what always does an `any`.
            Err(holds) if holds != is_all => return Err(holds),
            Err(_) => {}
        }
    }
    match (parts.len(), is_all) {
        (0, _) => Err(is_all),
        (1, _) => Ok(parts.remove(0)),
        // No deeper than it was.
        (_, true) => Condition::all(parts).map_err(|_| true),
        (_, false) => Condition::any(parts).map_err(|_| false),
    }
}

fn push(kept: &mut Vec<Kept>, arch: Arch, nr: SyscallNr, rule: &Rule, always: bool) {
    let condition = match simplified(rule.condition()) {
        Ok(condition) if !always => Some(condition),
        Err(false) => return,
        _ => None,
    };
    let action = rule.action();
    match (kept.last_mut().filter(|last| last.action == action), condition) {
        (Some(last), Some(condition)) => {
            let parts = match condition.view() {
                View::Any(list) => list.to_vec(),
                _ => vec![condition],
            };
            if let Some(conditions) = &mut last.conditions {
                conditions.extend(parts);
            }
        }
        (Some(last), None) => last.conditions = None,
        (None, condition) => {
            let conditions = condition.map(|condition| match condition.view() {
                View::Any(list) => list.to_vec(),
                _ => vec![condition],
            });
            kept.push(Kept { arch, nr, conditions, action });
        }
    }
}

/// Whether an answer was found; where the prover found none, every rule counts.
fn is_reached(reached: Option<&Reached>, arch: Arch, place: usize, answer: u16) -> bool {
    reached.is_none_or(|reached| reached.contains(&(arch, check::number_at(arch, place), answer)))
}
