//! A profile that people have edited, brought up to date.
//!
//! Three texts meet: the profile as it is, what it was learned from, and what was seen since. What
//! was learned before and is not in the profile was taken out by hand, and stays out; a rule that
//! decides about a call by hand stays; everything else that was seen since and is refused is added
//! at the end, where no statement of the profile is changed by it. Of the lines that are there only
//! the provenance (`#@ seen`) is written anew, and names are taken out of the learned `enosys` list
//! when their calls are seen. Comments, order and spaces stay as they are.

mod place;
mod renew;

use std::collections::BTreeSet;

use callgate_policy::{Decider, Policy};
use callgate_syscalls::Arch;

use crate::evidence::{CallKey, Evidence, Observations};
use crate::mine::{Statement, Tier, Verdict, Wants, mine};
use crate::profile::{said, why};
use crate::replay::{Refusal, replay};

/// What is to be brought together.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever updates has all of it")]
pub struct Update<'a> {
    /// The profile as it is.
    pub text: &'a str,
    /// What it means.
    pub policy: &'a Policy,
    /// What it was learned from; empty where that is not known.
    pub base: &'a Evidence,
    /// What was seen since.
    pub new: &'a Evidence,
    /// A line on what is added: `2026-11-28: nginx`.
    pub heading: &'a str,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Updated {
    /// The profile.
    pub text: String,
    /// The statements that were added.
    pub added: Vec<String>,
    /// How many statements were not seen any more; they are marked.
    pub unseen: usize,
    /// Observations that stay refused, because somebody took their statement out or wrote a rule.
    pub withheld: Vec<Refusal>,
    /// Observations of architectures that the profile is not about.
    pub foreign: Vec<Refusal>,
}

/// Brings a profile up to date.
#[must_use]
pub fn update(input: &Update<'_>, wants: &Wants) -> Updated {
    let mut all = input.base.clone();
    all.join(input.new.clone());
    let mut sorted = Sorted::of(input);
    let lists = place::Lists::of(input.text);
    sorted.move_listed(&lists);
    let mut statements = sorted.statements(input, wants);
    statements.extend(fallbacks(input, &all, wants, &statements));
    let moved: BTreeSet<CallKey> = statements.iter().map(|statement| statement.call).collect();
    let text = lists.without(&moved);
    let (mut text, unseen) = renew::renew(&text, input, &all);
    let added: Vec<String> = statements.iter().map(said).collect();
    if !statements.is_empty() {
        let lines: Vec<(Option<Arch>, String)> = statements
            .iter()
            .map(|s| (s.call.arch(), format!("{}  #@ {}", said(s), why(s, &all))))
            .collect();
        place::append(&mut text, input, &lines);
    }
    Updated { text, added, unseen, withheld: sorted.withheld, foreign: sorted.foreign }
}

/// The observations that the profile refuses, by what is to be done.
struct Sorted {
    wanted: Vec<Refusal>,
    withheld: Vec<Refusal>,
    foreign: Vec<Refusal>,
}

impl Sorted {
    fn of(input: &Update<'_>) -> Self {
        let mut sorted = Self { wanted: Vec::new(), withheld: Vec::new(), foreign: Vec::new() };
        for refusal in replay(input.new, input.policy) {
            let by = input.policy.decisive(&refusal.data).by;
            let list = match by {
                Decider::Foreign => &mut sorted.foreign,
                Decider::Rule(_) => &mut sorted.withheld,
                Decider::Default(_) | Decider::Unknown(_) if knew(input.base, &refusal) => {
                    &mut sorted.withheld
                }
                Decider::Default(_) | Decider::Unknown(_) => &mut sorted.wanted,
            };
            list.push(refusal);
        }
        sorted
    }

    /// Calls of a learned list were not decided about by hand.
    fn move_listed(&mut self, lists: &place::Lists<'_>) {
        let (listed, by_hand) =
            std::mem::take(&mut self.withheld).into_iter().partition(|r| lists.has(r.call));
        self.withheld = by_hand;
        let listed: Vec<Refusal> = listed;
        self.wanted.extend(listed);
    }

    /// Statements that allow what is wanted.
    fn statements(&self, input: &Update<'_>, wants: &Wants) -> Vec<Statement> {
        let mut wanted = Evidence::default();
        for refusal in &self.wanted {
            match (input.new.of(refusal.call), &refusal.arguments) {
                (Some(Observations::Each(each)), Some(arguments)) => {
                    let seen = each.get(arguments).cloned().unwrap_or_default();
                    wanted.insert(refusal.call, Some(arguments.clone()), seen);
                }
                (Some(observations), _) => {
                    wanted.insert(refusal.call, None, observations.total());
                }
                (None, _) => {}
            }
        }
        let mut wants = *wants;
        wants.closure = false;
        let statements = mine(&wanted, &wants).statements;
        statements.into_iter().filter(|statement| statement.seen.is_some()).collect()
    }
}

/// Whether an observation was there when the profile was learned.
fn knew(base: &Evidence, refusal: &Refusal) -> bool {
    match (base.of(refusal.call), &refusal.arguments) {
        (Some(Observations::Each(each)), Some(arguments)) => each.contains_key(arguments),
        (Some(Observations::Many(_)), _) => true,
        _ => false,
    }
}

/// What stands in for calls that were not seen before, where nothing decides about it yet.
fn fallbacks(
    input: &Update<'_>,
    all: &Evidence,
    wants: &Wants,
    seen: &[Statement],
) -> Vec<Statement> {
    if !wants.closure || seen.is_empty() {
        return Vec::new();
    }
    let known: BTreeSet<(CallKey, Option<String>)> = match input.base.is_empty() {
        true => BTreeSet::new(),
        false => {
            mine(input.base, wants).statements.into_iter().map(|s| (s.call, s.condition)).collect()
        }
    };
    let is_new = |statement: &Statement| {
        let call = callgate_syscalls::SeccompData {
            nr: statement.call.nr,
            arch: statement.call.arch,
            instruction_pointer: 0,
            args: [0; 6],
        };
        let by = input.policy.decisive(&call).by;
        statement.tier == Tier::Fallback
            && statement.seen.is_none()
            && statement.verdict == Verdict::Allow
            && matches!(by, Decider::Default(_) | Decider::Unknown(_))
            && !known.contains(&(statement.call, statement.condition.clone()))
            && !input.text.contains(&said(statement))
            && !seen.iter().any(|other| other.call == statement.call)
    };
    mine(all, wants).statements.into_iter().filter(is_new).collect()
}
