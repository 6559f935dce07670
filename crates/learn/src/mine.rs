//! From evidence to statements.
//!
//! Calls are taken as they were seen. Arguments are generalised: where a block of one intent has a
//! condition that holds for what was seen, that condition stands; else the constants that were
//! seen, or the union of the flags, never a range. Then the whole is closed over what means the
//! same: other members of a family, what every program may need at its end, and calls that C
//! libraries try first.

mod closure;
mod condition;
mod intent;
mod twins;

use std::collections::{BTreeMap, BTreeSet};

use callgate_facts::{Block, Groups};
use callgate_syscalls::{Arch, KernelVersion, Name};

pub(crate) use closure::SAME_INTENT;

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

/// How much is generalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wants {
    /// Whether statements are made that were not seen.
    pub closure: bool,
    /// Whether calls are left out that the program was shown to do without.
    pub minimal: bool,
    /// The oldest kernel that the profile is for: what it does not have gets ENOSYS unless it was
    /// seen, so that its callers go another way.
    pub oldest: KernelVersion,
}

impl Default for Wants {
    fn default() -> Self {
        Self { closure: true, minimal: false, oldest: OLDEST }
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
        let seen = calls.iter().map(|(key, observations)| statement(*key, observations, &intents));
        let mut statements: Vec<Statement> = seen.collect();
        for statement in statements.iter_mut().filter(|s| optional.contains(&s.call)) {
            do_without(statement);
        }
        match wants.closure {
            true => closure::close(arch, &intents, &mut statements, (wants.oldest, baseline)),
            false => closure::finish(arch, &mut statements),
        }
        statements.sort_by_key(|statement| (section_of(statement.call), statement.tier));
        mined.statements.append(&mut statements);
    }
    mined
}

fn statement(call: CallKey, observations: &Observations, intents: &intent::Intents) -> Statement {
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
