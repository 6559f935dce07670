//! Where among the rules of a filter a change stands.

use callgate_policy::{ArchPolicy, Policy, Rule, RuleId};
use callgate_prover::{Prover, Scope};
use callgate_rules::Span;
use callgate_syscalls::{Action, Arch, Name, SyscallNr};

use super::Before;
use crate::{Filter, Ruling};

/// The place of a change.
pub(super) enum Place {
    /// Before all rules: where it is not known which rule refuses the call.
    First,
    /// Before the rule that refuses the call, and whether that says `always`.
    Before(Option<Span>, RuleId, bool),
    /// Behind all rules: none of them decides about the call.
    Last,
}

impl Place {
    /// The place before every rule that may refuse the call.
    pub(super) fn of(rulings: &[Ruling]) -> Self {
        if rulings.is_empty() || rulings.iter().any(|ruling| !ruling.rules) {
            return Self::First;
        }
        let refuses = |ruling: &&Ruling| !ruling.action.kind().executes();
        let says_always = |ruling: &Ruling| {
            let line = ruling.line.as_deref().unwrap_or_default();
            line.split_whitespace().next() == Some("always")
        };
        let rules = rulings.iter().filter(refuses).filter_map(|ruling| {
            let (span, id) = ruling.rule?;
            Some((span, id, says_always(ruling)))
        });
        // Rules of one number stand in the order in which they are asked.
        match rules.min_by_key(|(_, id, _)| id.index) {
            Some((span, id, is_always)) => Self::Before(span, id, is_always),
            None => Self::Last,
        }
    }

    /// The position among `count` rules of a number.
    pub(super) fn index(
        &self,
        count: usize,
        nr: SyscallNr,
        arch: Arch,
        filter: Option<&Filter<'_>>,
    ) -> usize {
        match *self {
            Self::First => 0,
            Self::Last => count,
            Self::Before(_, id, _) if (id.arch, id.nr) == (arch, nr) => id.index.min(count),
            Self::Before(None, ..) => 0,
            Self::Before(Some(place), ..) => {
                let comes_later = |index: &usize| {
                    let rule = RuleId { arch, nr, index: *index };
                    let span = filter.and_then(|filter| filter.span(rule));
                    span.is_none_or(|span| {
                        span.source() != place.source() || span.start() >= place.start()
                    })
                };
                (0..count).find(comes_later).unwrap_or(count)
            }
        }
    }

    /// The rule that has to come after the change.
    pub(super) fn line(&self, filter: Option<&Filter<'_>>) -> Option<Before> {
        let Self::Before(Some(span), _, is_always) = self else { return None };
        let (place, is_profile) = filter?.line(*span)?;
        Some(Before { place, is_profile, replaces: Vec::new(), is_always: *is_always })
    }

    /// The calls about which the refusing line decides nothing any more once the change stands
    /// before it.
    pub(super) fn replaced(
        &self,
        policy: Option<&Policy>,
        advice: &Policy,
        arch: Arch,
        filter: Option<&Filter<'_>>,
    ) -> Vec<Name> {
        let Self::Before(Some(place), ..) = self else { return Vec::new() };
        let both = policy.and_then(|policy| policy.arch(arch)).zip(advice.arch(arch));
        let Some((own, advice)) = both else { return Vec::new() };
        let of_place = |nr, index| {
            let rule = RuleId { arch, nr, index };
            filter.and_then(|filter| filter.span(rule)) == Some(*place)
        };
        let is_dead = |nr: SyscallNr, added: &[Rule]| {
            let rules = own.rules_for(nr);
            let at = self.index(rules.len(), nr, arch, filter);
            let (before, after) = rules.split_at(at);
            let mine = after.iter().enumerate().position(|(index, _)| of_place(nr, at + index));
            mine.is_some_and(|mine| {
                let first = before.iter().chain(added).chain(after);
                let without = after.iter().enumerate().filter(|(index, _)| *index != mine);
                let without = before.iter().chain(added).chain(without.map(|(_, rule)| rule));
                are_same(arch, nr, first, without)
            })
        };
        let dead = advice.rules().filter(|(nr, added)| is_dead(*nr, added));
        dead.filter_map(|(nr, _)| Some(arch.syscall_at(nr)?.name)).collect()
    }
}

/// Whether two lists of rules for a number mean the same.
fn are_same<'r>(
    arch: Arch,
    nr: SyscallNr,
    left: impl Iterator<Item = &'r Rule>,
    right: impl Iterator<Item = &'r Rule>,
) -> bool {
    fn policy<'r>(
        arch: Arch,
        nr: SyscallNr,
        rules: impl Iterator<Item = &'r Rule>,
    ) -> Option<Policy> {
        // Where no rule holds, what no rule says: else one that says it would seem to do nothing.
        let none = Action::trace(0x5eed);
        let mut own = ArchPolicy::new(none);
        for rule in rules {
            own.rule(nr, rule.condition().clone(), rule.action());
        }
        Policy::builder(Action::KILL_PROCESS).arch(arch, own).build().ok()
    }
    let both = policy(arch, nr, left).zip(policy(arch, nr, right));
    both.is_some_and(|(left, right)| {
        let mut prover = Prover::default();
        let meanings = prover.policy(&left).ok().zip(prover.policy(&right).ok());
        meanings.is_some_and(|(left, right)| {
            let found = prover.differences(&left, &right, Scope::Exact);
            found.is_ok_and(|differences| differences.is_empty())
        })
    })
}
