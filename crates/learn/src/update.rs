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

use std::collections::{BTreeMap, BTreeSet};

use callgate_policy::{Decider, Policy};
use callgate_syscalls::Arch;

use crate::evidence::{Arguments, CallKey, Evidence, Observations};
use crate::mine::{Statement, Tier, Verdict, Wants, mine};
use crate::profile::{is_kin, kin_line, said, why};
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
    /// What is never added, because the profile promises otherwise.
    pub promised: &'a Promised,
}

/// What a profile's tests forbid to add.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "whoever asks the tests fills it in")]
pub struct Promised {
    /// Calls that are not added at all.
    pub calls: BTreeSet<CallKey>,
    /// Observations that are not added, of calls that may be.
    pub observations: BTreeSet<(CallKey, Option<Arguments>)>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Updated {
    /// The profile.
    pub text: String,
    /// The statements that were added for what was seen.
    pub added: Vec<String>,
    /// How many were added that stand in for it: fallbacks.
    pub fallbacks: usize,
    /// How many statements were not seen any more; they are marked.
    pub unseen: usize,
    /// Observations that stay refused, because somebody took their statement out or wrote a rule.
    pub withheld: Vec<Refusal>,
    /// Observations that stay refused, because a test of the profile promises it. Their statements
    /// stand in the text as comments.
    pub promised: Vec<Refusal>,
    /// Observations of architectures that the profile is not about.
    pub foreign: Vec<Refusal>,
}

impl Promised {
    fn has(&self, refusal: &Refusal) -> bool {
        self.calls.contains(&refusal.call)
            || self.observations.contains(&(refusal.call, refusal.arguments.clone()))
    }

    fn is_about(&self, call: CallKey) -> bool {
        self.calls.contains(&call) || self.observations.iter().any(|(other, _)| *other == call)
    }
}

/// Brings a profile up to date.
#[must_use]
pub fn update(input: &Update<'_>, wants: &Wants) -> Updated {
    let mut all = input.base.clone();
    all.join(input.new.clone());
    let mut sorted = Sorted::of(input);
    let lists = place::Lists::of(input.text);
    sorted.move_listed(&lists);
    sorted.keep_promises(input.promised);
    let mut statements = statements(&sorted.wanted, input, wants);
    statements.extend(fallbacks(input, &all, wants, &statements));
    let off = self::statements(&sorted.promised, input, wants);
    let moved: BTreeSet<CallKey> = statements.iter().map(|statement| statement.call).collect();
    let text = lists.without(&moved);
    let (mut text, unseen) = renew::renew(&text, input, &all);
    let (seen, others): (Vec<&Statement>, Vec<&Statement>) =
        statements.iter().partition(|statement| statement.seen.is_some());
    let (added, fallbacks) = (seen.into_iter().map(said).collect(), others.len());
    let line = |s: &Statement| format!("{}  #@ {}", said(s), why(s, &all));
    let (kin, own): (Vec<&Statement>, Vec<&Statement>) =
        statements.iter().partition(|statement| is_kin(statement));
    let on = own.iter().map(|s| (s.call.arch(), line(s)));
    let off = off.iter().map(|s| (s.call.arch(), format!("# {}{FORBIDDEN}", line(s))));
    let lines: Vec<(Option<Arch>, String)> = on.chain(kin_lines(&kin)).chain(off).collect();
    if !lines.is_empty() {
        place::append(&mut text, input, &lines);
    }
    let Sorted { withheld, promised, foreign, .. } = sorted;
    Updated { text, added, fallbacks, unseen, withheld, promised, foreign }
}

/// The statements that only complete an intent: one for each architecture.
fn kin_lines(kin: &[&Statement]) -> Vec<(Option<Arch>, String)> {
    let mut by_arch: BTreeMap<Arch, Vec<&str>> = BTreeMap::new();
    for statement in kin {
        if let (Some(arch), Some(name)) = (statement.call.arch(), statement.call.name()) {
            by_arch.entry(arch).or_default().push(name.as_str());
        }
    }
    let line = |(arch, names): (Arch, Vec<&str>)| (Some(arch), kin_line(&names));
    by_arch.into_iter().map(line).collect()
}

/// The end of statements that are only comments.
const FORBIDDEN: &str = ", which a test forbids";

/// The observations that the profile refuses, by what is to be done.
struct Sorted {
    wanted: Vec<Refusal>,
    withheld: Vec<Refusal>,
    promised: Vec<Refusal>,
    foreign: Vec<Refusal>,
}

impl Sorted {
    fn of(input: &Update<'_>) -> Self {
        let mut sorted = Self {
            wanted: Vec::new(),
            withheld: Vec::new(),
            promised: Vec::new(),
            foreign: Vec::new(),
        };
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

    /// What a test forbids is not wanted.
    fn keep_promises(&mut self, promised: &Promised) {
        let forbidden = std::mem::take(&mut self.wanted).into_iter().partition(|r| promised.has(r));
        (self.promised, self.wanted) = forbidden;
    }
}

/// Statements that allow what was refused.
fn statements(refused: &[Refusal], input: &Update<'_>, wants: &Wants) -> Vec<Statement> {
    let mut wanted = Evidence::default();
    for refusal in refused {
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
            && !input.promised.is_about(statement.call)
    };
    mine(all, wants).statements.into_iter().filter(is_new).collect()
}
