//! Changes that say the same of several calls or architectures, put together.

use std::collections::{BTreeMap, BTreeSet};

use callgate_facts::Groups;
use callgate_syscalls::{Action, Arch, Name, SeccompData, SyscallNr};

use crate::{Change, Direction, words};

/// From how many calls on a change is about all of an architecture rather than about some of them.
const MANY: usize = 40;

/// How many calls a name has to stand for, so that it is worth looking up.
const FAMILY_MIN: usize = 3;

/// The most calls that are tried for a group to which none of those belongs that the prover names.
const TRIES_MAX: usize = 8;

/// Changes in one way, of all calls and architectures that change so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Folded<'a> {
    /// Which side is the more permissive.
    pub direction: Direction,
    /// The calls: `every x32 call`, `~open`, `socket`, `numbers without a syscall (…)`.
    pub subjects: Vec<String>,
    /// The architectures.
    pub arches: Vec<&'a str>,
    /// What the arguments have to be.
    pub when: Option<&'a str>,
    /// The action in A.
    pub from: &'a str,
    /// The action in B.
    pub to: &'a str,
    /// One of the calls, tried on both sides.
    pub tried: Option<Tried>,
}

/// A call of a group that was tried on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The call.
    pub example: String,
    /// Who decides about it in A.
    pub from_by: Option<String>,
    /// Who decides about it in B.
    pub to_by: Option<String>,
}

/// What a side does with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an action and who decides on it")]
pub struct Decided {
    /// The action.
    pub action: Action,
    /// The place of a rule, or an instruction.
    pub by: Option<String>,
}

/// The way in which an action changes.
type Way<'a> = (Direction, &'a str, &'a str, Option<&'a str>);

/// What changes: a syscall, or the numbers that have none.
type What<'a> = Result<&'static str, &'a [(u32, u32)]>;

/// Changes put together, the looser ones first, then the stricter ones. Within these stands first
/// what is about single calls by which a program can do something to others: what is about all of
/// an architecture is seldom what a change was made for.
///
/// A change may be about calls of several groups, and comes with one that was tried: `decide` says
/// of others what A and B do with them.
#[must_use]
pub fn folded(
    changes: &[Change],
    decide: impl Fn(&SeccompData) -> [Decided; 2],
) -> Vec<Folded<'_>> {
    let mut arches: BTreeMap<(Way<'_>, What<'_>), BTreeSet<&str>> = BTreeMap::new();
    for change in changes {
        let way = (change.direction, &*change.from, &*change.to, change.when.as_deref());
        let numbers =
            Some(Err(&*change.other_numbers)).filter(|_| !change.other_numbers.is_empty());
        for what in change.syscalls.iter().map(|name| Ok(*name)).chain(numbers) {
            arches.entry((way, what)).or_default().insert(&change.arch);
        }
    }
    let mut groups: BTreeMap<(Way<'_>, BTreeSet<&str>), Vec<What<'_>>> = BTreeMap::new();
    for ((way, what), arches) in arches {
        groups.entry((way, arches)).or_default().push(what);
    }
    let mut all: Vec<(bool, bool, Folded<'_>)> = groups
        .into_iter()
        .map(|((way, arches), whats)| {
            let is_much = whats.len() > MANY;
            let is_harmless = is_much || !is_risky(&whats);
            (is_much, is_harmless, group(changes, way, &arches, &whats, &decide))
        })
        .collect();
    all.sort_by(|(a_much, a_harmless, a), (b_much, b_harmless, b)| {
        (a.direction, a_much, a_harmless, &a.subjects).cmp(&(
            b.direction,
            b_much,
            b_harmless,
            &b.subjects,
        ))
    });
    all.into_iter().map(|(.., folded)| folded).collect()
}

/// Whether a program can do something to others by one of these calls.
fn is_risky(whats: &[What<'_>]) -> bool {
    let names: Vec<Name> = whats.iter().filter_map(|what| Name::parse(what.ok()?)).collect();
    let risky = |block: &callgate_facts::Block| block.is_intent() && !block.risks().is_empty();
    Groups::LATEST.blocks().filter(risky).any(|block| {
        names.iter().any(|name| Arch::ALL.iter().any(|arch| block.line(*name, *arch).is_some()))
    })
}

fn group<'a>(
    changes: &'a [Change],
    way: Way<'a>,
    arches: &BTreeSet<&'a str>,
    whats: &[What<'a>],
    decide: &impl Fn(&SeccompData) -> [Decided; 2],
) -> Folded<'a> {
    let (direction, from, to, when) = way;
    let names: BTreeSet<&str> = whats.iter().filter_map(|what| what.ok()).collect();
    let own = |change: &&Change| {
        let of = (change.direction, &*change.from, &*change.to, change.when.as_deref());
        of == way && arches.contains(&*change.arch)
    };
    let own: Vec<&Change> = changes.iter().filter(own).collect();
    let known = own.iter().find_map(|change| known(change, &names, names.len() < whats.len()));
    let tried = known.or_else(|| {
        let calls = own.iter().flat_map(|change| calls(change, whats).map(move |it| (change, it)));
        calls.take(TRIES_MAX).find_map(|(change, call)| attempt(change, &call, decide(&call)))
    });
    let mut subjects = named(names, arches);
    subjects.extend(whats.iter().filter_map(|what| what.err()).map(numbers));
    let arches = arches.iter().copied().collect();
    Folded { direction, subjects, arches, when, from, to, tried }
}

/// The call that a change comes with, where it is one of the group.
fn known(change: &Change, names: &BTreeSet<&str>, has_numbers: bool) -> Option<Tried> {
    let syscall = change.machine.and_then(|arch| arch.syscall_at(change.witness.nr));
    let is_about = match syscall {
        Some(syscall) => names.contains(syscall.name.as_str()),
        None => has_numbers,
    };
    let example = change.example.clone().filter(|_| is_about)?;
    Some(Tried { example, from_by: change.from_by.clone(), to_by: change.to_by.clone() })
}

/// The calls of a change that are of the group, with the arguments of the one that it comes with.
fn calls<'c>(change: &'c Change, whats: &'c [What<'_>]) -> impl Iterator<Item = SeccompData> + 'c {
    let number = |what: &What<'_>| match *what {
        Ok(name) => {
            let name = change.syscalls.contains(&name).then(|| Name::parse(name)).flatten()?;
            Some(change.machine?.syscall(name)?.nr)
        }
        Err(ranges) if change.other_numbers == ranges => {
            ranges.first().map(|&(first, _)| SyscallNr::new(first))
        }
        Err(_) => None,
    };
    whats.iter().filter_map(number).map(|nr| SeccompData { nr, ..change.witness })
}

/// A call as an example of a change, if both sides do with it what the change says.
fn attempt(change: &Change, call: &SeccompData, [from, to]: [Decided; 2]) -> Option<Tried> {
    let does = |decided: &Decided, said: &str| words::action(decided.action, call) == said;
    let example =
        (does(&from, &change.from) && does(&to, &change.to)).then(|| words::call(call))?;
    Some(Tried { example, from_by: from.by, to_by: to.by })
}

/// The names of syscalls, those of whole architectures and families by one word.
pub(crate) fn named(mut names: BTreeSet<&str>, arches: &BTreeSet<&str>) -> Vec<String> {
    let machines: Vec<Arch> =
        Arch::ALL.iter().copied().filter(|arch| arches.contains(arch.name())).collect();
    let exists = |name: Name| machines.iter().any(|arch| arch.syscall(name).is_some());
    let complete =
        |arch: &Arch| arch.syscalls().all(|syscall| names.contains(syscall.name.as_str()));
    if !machines.is_empty() && machines.len() == arches.len() && machines.iter().all(complete) {
        let every: Vec<&str> = machines.iter().map(|arch| arch.name()).collect();
        return vec![format!("every {} call", every.join(" and "))];
    }
    let mut folded = Vec::new();
    for family in Groups::LATEST.families() {
        let members: Vec<&str> =
            family.members().filter(|name| exists(*name)).map(|name| name.as_str()).collect();
        if members.len() >= FAMILY_MIN && members.iter().all(|member| names.contains(member)) {
            members.iter().for_each(|member| {
                names.remove(member);
            });
            folded.push(format!("~{}", family.name()));
        }
    }
    folded.extend(names.into_iter().map(str::to_owned));
    folded
}

fn numbers(ranges: &[(u32, u32)]) -> String {
    const SHOWN_MAX: usize = 3;
    let number = |number: u32| match number {
        0..=9999 => number.to_string(),
        _ => format!("{number:#x}"),
    };
    let range = |&(first, last): &(u32, u32)| match first == last {
        true => number(first),
        false => format!("{} to {}", number(first), number(last)),
    };
    let shown: Vec<String> = ranges.iter().take(SHOWN_MAX).map(range).collect();
    let more = if ranges.len() > SHOWN_MAX { ", …" } else { "" };
    format!("numbers without a syscall ({}{more})", shown.join(", "))
}
