//! Which calls stand together in a statement, and in which order statements stand.

mod cases;
mod fold;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use callgate_policy::{Action, Condition, Policy, SyscallNr, View};
use callgate_syscalls::{Arch, Name};

use super::simple::{self, Kept};
use super::{NotShown, Style, arches_of, condition, verdict};
use crate::check;

pub(super) use cases::{Headers, Meanings, write as write_cases};

/// The most parts of a condition that are looked at one by one.
const PARTS_MAX: usize = 256;

/// What a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Family(&'static str),
    Name(Name),
    Number(SyscallNr),
}

/// A rule of a call as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    rank: u8,
    verdict: String,
    condition: Option<String>,
}

/// Where a statement stands among all: within a call the order of its rules counts, nothing else
/// does.
type Key = (usize, bool, Piece);

/// For each set of architectures its statements with their calls.
type Blocks = BTreeMap<BTreeSet<Arch>, BTreeMap<Key, BTreeSet<Call>>>;

/// For each call its rules on each architecture.
type Calls = BTreeMap<Call, BTreeMap<Arch, Vec<Piece>>>;

/// The statements of a policy.
pub(super) fn write(policy: &Policy, style: Style) -> Result<String, NotShown> {
    let arches = arches_of(policy);
    let mut blocks = Blocks::new();
    let mut calls = calls(policy, &arches)?;
    let used = if style == Style::Folded { fold::blocks(&mut calls, &arches) } else { Vec::new() };
    for (call, rules) in calls {
        for (of, pieces) in by_arches(call, &rules, &arches) {
            let block = blocks.entry(of).or_default();
            for (level, piece) in pieces.iter().enumerate() {
                let key = (level, piece.condition.is_some(), piece.clone());
                block.entry(key).or_default().insert(call);
            }
        }
    }
    if style == Style::Folded {
        for (of, block) in &mut blocks {
            block.values_mut().for_each(|calls| fold::families(calls, of));
        }
    }
    let mut text = String::new();
    if !used.is_empty() {
        let names: Vec<String> = used.iter().map(|name| format!("@{name}")).collect();
        // Writing to a string cannot fail.
        let _ = write!(text, "\nuse {}\n", names.join(", "));
    }
    // What holds on all architectures comes first.
    if let Some(block) = blocks.remove(&arches) {
        text.push('\n');
        lines(&mut text, &block);
    }
    for (of, block) in blocks.into_iter().filter(|(_, block)| !block.is_empty()) {
        let names: Vec<&str> = of.iter().map(|arch| arch.name()).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\non {} {{", names.join(", "));
        lines(&mut text, &block);
        text.push_str("}\n");
    }
    Ok(text)
}

/// The rules of each call on each architecture.
fn calls(policy: &Policy, arches: &BTreeSet<Arch>) -> Result<Calls, NotShown> {
    let mut calls = Calls::new();
    for list in simple::kept(policy) {
        let Some(Kept { arch, nr, .. }) = list.first() else { continue };
        let name = arch.syscall_at(*nr).map(|syscall| syscall.name);
        let call = name.map_or(Call::Number(*nr), Call::Name);
        let pieces = list.iter().map(|kept| piece(kept, name, arches));
        calls.entry(call).or_default().insert(*arch, pieces.collect::<Result<_, _>>()?);
    }
    Ok(calls)
}

fn piece(kept: &Kept, name: Option<Name>, arches: &BTreeSet<Arch>) -> Result<Piece, NotShown> {
    let condition = match &kept.conditions {
        Some(any) => Some(condition::text(any, kept.arch, name, arches)?),
        None => None,
    };
    let verdict = verdict::text(kept.action, kept.arch);
    Ok(Piece { rank: verdict::rank(kept.action), verdict, condition })
}

/// The rules of a call by the architectures that have the same ones.
fn by_arches(
    call: Call,
    rules: &BTreeMap<Arch, Vec<Piece>>,
    arches: &BTreeSet<Arch>,
) -> Vec<(BTreeSet<Arch>, Vec<Piece>)> {
    let has = |arch: &Arch| match call {
        Call::Name(name) => arch.syscall(name).is_some(),
        Call::Number(_) | Call::Family(_) => true,
    };
    let having: BTreeSet<Arch> = arches.iter().copied().filter(has).collect();
    let mut by_rules: BTreeMap<&[Piece], BTreeSet<Arch>> = BTreeMap::new();
    for (arch, pieces) in rules {
        by_rules.entry(pieces).or_default().insert(*arch);
    }
    let whole = |of: BTreeSet<Arch>| if of == having { arches.clone() } else { of };
    by_rules.into_iter().map(|(pieces, of)| (whole(of), pieces.to_vec())).collect()
}

fn lines(text: &mut String, block: &BTreeMap<Key, BTreeSet<Call>>) {
    for ((_, _, Piece { verdict, condition, .. }), calls) in block {
        let names: Vec<String> = calls.iter().map(Call::to_string).collect();
        let subject = match names.as_slice() {
            [only] => only.clone(),
            _ => format!("{{ {} }}", names.join(", ")),
        };
        let condition = condition.as_ref().map_or(String::new(), |text| format!(" where {text}"));
        let because = match verdict.as_str() {
            "errno 0" => " because \"the filter shown does so\"",
            _ => "",
        };
        // The number that no call has, and that tracers write to skip one.
        let is_skip = calls.contains(&Call::Number(SyscallNr::new(u32::MAX)));
        let remark = if is_skip { " # -1, by which a tracer skips a call" } else { "" };
        let _ = writeln!(text, "{verdict} {subject}{condition}{because}{remark}");
    }
}

/// What a policy does with one call, in words: a line for each condition, and one for the rest.
pub(super) fn words(policy: &Policy, name: Name) -> Result<String, NotShown> {
    let arches = arches_of(policy);
    let mut text = String::new();
    for (arch, rules) in policy.arches() {
        let Some(syscall) = arch.syscall(name) else {
            let _ = writeln!(text, "{arch}: there is no {name}");
            continue;
        };
        let rest = rules.action_without_rule(arch, syscall.nr);
        let lists = simple::kept(&only(policy, arch, syscall.nr));
        let kept: &[Kept] = lists.first().map_or(&[], Vec::as_slice);
        let mut complete = false;
        for kept in kept {
            let what = verdict::in_words(kept.action, arch);
            match &kept.conditions {
                Some(any) => {
                    let when = condition::text(any, arch, Some(name), &arches)?;
                    let _ = writeln!(text, "{arch}: {name} {what} where {when}");
                }
                None => {
                    let otherwise = if text_has(kept, lists.first()) { " otherwise" } else { "" };
                    let _ = writeln!(text, "{arch}: {name} {what}{otherwise}");
                    complete = true;
                }
            }
        }
        if !complete && !is_all(kept) {
            let otherwise = if kept.is_empty() { "" } else { " otherwise" };
            let default: Action = if kept.is_empty() { rest } else { rules.default_action() };
            let _ =
                writeln!(text, "{arch}: {name} {}{otherwise}", verdict::in_words(default, arch));
        }
    }
    Ok(text)
}

/// Whether rules leave no call to what comes after them.
fn is_all(kept: &[Kept]) -> bool {
    let Some(arch) = kept.first().map(|kept| kept.arch) else { return false };
    let conditions = kept.iter().filter_map(|kept| kept.conditions.as_ref()).flatten();
    let rules = conditions.map(|condition| (condition.clone(), 1));
    let question = (arch, rules.chain([(Condition::always(), 0)]).collect());
    let reached = check::reached(std::iter::once(question));
    reached.is_some_and(|reached| !reached.contains(&(arch, check::number_at(arch, 0), 0)))
}

/// Whether a rule stands behind others.
fn text_has(kept: &Kept, list: Option<&Vec<Kept>>) -> bool {
    list.and_then(|list| list.first()).is_some_and(|first| !std::ptr::eq(first, kept))
}

/// The rules of one number alone. Each part of which any suffices is a rule of its own, so that what
/// earlier rules leave nothing of is not told.
fn only(policy: &Policy, arch: Arch, nr: SyscallNr) -> Policy {
    let mut alone = callgate_policy::ArchPolicy::new(
        policy.arch(arch).map_or(Action::ALLOW, |arch| arch.default_action()),
    );
    if let Some(rules) = policy.arch(arch) {
        for rule in rules.rules_for(nr) {
            match rule.condition().view() {
                View::Any(parts) if (1..=PARTS_MAX).contains(&parts.len()) => {
                    for part in parts {
                        alone.rule(nr, part.clone(), rule.action());
                    }
                }
                View::Any(_) | View::All(_) | View::Compare(_) => {
                    alone.rule(nr, rule.condition().clone(), rule.action());
                }
            }
        }
    }
    // One architecture with a number that it had: nothing can be wrong with it.
    match Policy::builder(policy.foreign()).arch(arch, alone).build() {
        Ok(policy) => policy,
        Err(_) => policy.clone(),
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Family(name) => write!(f, "~{name}"),
            Self::Name(name) => name.fmt(f),
            Self::Number(nr) => write!(f, "nr {:#x}", nr.raw()),
        }
    }
}
