//! From evidence to statements.
//!
//! Calls are taken as they were seen. Arguments are generalised: where a block of one intent has a
//! condition that holds for what was seen, that condition stands; else the constants that were
//! seen, or the union of the flags, never a range. Then the whole is closed over what means the
//! same: other members of a family, what every program may need at its end, and calls that C
//! libraries try first. At last, what would undo a condition is answered with ENOSYS.

mod closure;
mod condition;
mod hidden;
mod intent;
mod twins;

use std::collections::{BTreeMap, BTreeSet};

use callgate_facts::{Block, Groups};
use callgate_syscalls::{Arch, KernelVersion, Name};

pub(crate) use closure::SAME_INTENT;
pub(crate) use hidden::is_answered;

use crate::evidence::seen::Seen;
use crate::evidence::{CallKey, Evidence, Observations};
use crate::optional::optional;

/// Why a statement is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The call was seen.
    Seen,
    /// Another library, kernel or clock source makes it in place of one that was seen.
    Fallback,
    /// It can be reached and was not seen.
    Reachable,
}

/// What a statement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The call is made.
    Allow,
    /// The caller is told that there is no such call, and makes another.
    Enosys,
    /// Nothing: it stands as a comment, for whoever reads it to decide.
    Comment,
}

/// A call that a program can reach by its machine code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "whoever scans fills it in")]
pub struct Reached {
    /// The call.
    pub call: CallKey,
    /// The way to it, in words: `main → fork`.
    pub way: String,
}

/// One statement about one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Why it is there.
    pub tier: Tier,
    /// What it says.
    pub verdict: Verdict,
    /// The call.
    pub call: CallKey,
    /// When it holds, in callgate's language; always, where there is none.
    pub condition: Option<String>,
    /// What was seen; of statements that are there for another, nothing.
    pub seen: Option<Seen>,
    /// In words: what it stands in for.
    pub because: Option<String>,
}

/// What was mined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mined {
    /// The statements: by architecture, then as they are to be read.
    pub statements: Vec<Statement>,
    /// Calls of ABIs that are not known: no statement can be made.
    pub unknown: Vec<CallKey>,
    /// The kernel up to which the statements know all calls.
    pub baseline: Option<KernelVersion>,
}

impl Mined {
    /// Adds what can be reached and is in no statement yet, on the architectures that were seen.
    /// How many calls that are.
    pub fn add_reachable(&mut self, reached: &[Reached], verdict: Verdict) -> usize {
        let before = self.statements.len();
        let arches: BTreeSet<Arch> = self.statements.iter().filter_map(|s| s.call.arch()).collect();
        let known: BTreeSet<CallKey> = self.statements.iter().map(|s| s.call).collect();
        let is_new = |reached: &&Reached| {
            reached.call.name().is_some()
                && reached.call.arch().is_some_and(|arch| arches.contains(&arch))
                && !known.contains(&reached.call)
        };
        self.statements.extend(reached.iter().filter(is_new).map(|reached| Statement {
            tier: Tier::Reachable,
            verdict,
            call: reached.call,
            condition: None,
            seen: None,
            because: Some(reached.way.clone()),
        }));
        let place = |s: &Statement| (s.call.arch(), section_of(s.call), s.tier);
        self.statements.sort_by_key(place);
        self.statements.dedup_by_key(|s| (s.call, s.condition.clone()));
        self.statements.len() - before
    }
}

/// How much is generalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wants {
    /// Whether statements are made that were not seen.
    pub closure: bool,
    /// Whether the rest of harmless intents is allowed of which something was seen; nothing without
    /// the closure.
    pub intents: bool,
    /// Whether arguments are allowed as they were seen and no others: no condition of a block that
    /// holds for more, no combination of flags that were seen apart.
    pub exact: bool,
    /// Whether calls are left out that the program was shown to do without.
    pub minimal: bool,
    /// The oldest kernel that the profile is for: what it does not have gets ENOSYS unless it was
    /// seen, so that its callers go another way.
    pub oldest: KernelVersion,
}

impl Default for Wants {
    fn default() -> Self {
        Self { closure: true, intents: true, exact: false, minimal: false, oldest: OLDEST }
    }
}

/// The oldest kernel that distributions still care for.
pub const OLDEST: KernelVersion = KernelVersion::new(4, 18);

/// The statements that evidence amounts to.
#[must_use]
pub fn mine(evidence: &Evidence, wants: &Wants) -> Mined {
    let mut mined = Mined::default();
    let mut by_arch: BTreeMap<Arch, BTreeMap<CallKey, &Observations>> = BTreeMap::new();
    for (key, observations) in evidence.calls() {
        match key.arch() {
            Some(arch) => {
                by_arch.entry(arch).or_default().insert(key, observations);
            }
            None => mined.unknown.push(key),
        }
    }
    let known = |key: &CallKey| Some(key.arch()?.syscall_at(key.nr)?.since);
    let newest = evidence.calls().filter_map(|(key, _)| known(&key)).max();
    let baseline = newest.map_or(wants.oldest, |newest| newest.max(wants.oldest));
    mined.baseline = Some(baseline);
    let optional = if wants.minimal { optional(evidence) } else { BTreeSet::new() };
    for (arch, calls) in by_arch {
        let intents = intent::Intents::new(arch);
        let seen = calls
            .iter()
            .map(|(key, observations)| statement(*key, observations, &intents, wants.exact));
        let mut statements: Vec<Statement> = seen.collect();
        for statement in statements.iter_mut().filter(|s| optional.contains(&s.call)) {
            do_without(statement);
        }
        match wants.closure {
            true => closure::close(arch, &intents, &mut statements, wants, baseline),
            false => closure::finish(arch, &mut statements),
        }
        hidden::answer(arch, &intents, &mut statements, evidence);
        statements.sort_by_key(|statement| (section_of(statement.call), statement.tier));
        mined.statements.append(&mut statements);
    }
    mined
}

fn statement(
    call: CallKey,
    observations: &Observations,
    intents: &intent::Intents,
    exact: bool,
) -> Statement {
    let intents = (!exact).then_some(intents);
    let seen = observations.total();
    Statement {
        tier: if seen.is_explored() { Tier::Fallback } else { Tier::Seen },
        verdict: Verdict::Allow,
        call,
        condition: condition::of(call, observations, intents),
        seen: Some(seen),
        because: None,
    }
}

/// Makes of a statement that its call, which changes nothing, is answered with ENOSYS.
fn do_without(statement: &mut Statement) {
    statement.tier = Tier::Fallback;
    statement.verdict = Verdict::Enosys;
    statement.condition = None;
    statement.seen = None;
}

/// The place of a call among the intents, and its place there.
fn section_of(call: CallKey) -> (usize, Option<Name>, u32) {
    let place = call.name().and_then(|name| blocks().position(|block| names(block, name, call)));
    (place.unwrap_or(usize::MAX), call.name(), call.nr.raw())
}

/// The intent that a call is shown under.
#[must_use]
pub(crate) fn section(call: CallKey) -> Option<Block> {
    let name = call.name()?;
    blocks().find(|block| names(*block, name, call))
}

fn names(block: Block, name: Name, call: CallKey) -> bool {
    let line = call.arch().and_then(|arch| block.line(name, arch));
    line.is_some_and(|line| line.stance() != callgate_facts::Stance::Leave)
}

fn blocks() -> impl Iterator<Item = Block> {
    Groups::LATEST.blocks().filter(|block| block.is_intent())
}
