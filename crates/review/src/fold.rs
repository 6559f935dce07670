//! Changes that say the same of several calls or architectures, put together.

use std::collections::{BTreeMap, BTreeSet};

use callgate_facts::Groups;
use callgate_syscalls::{Action, Arch, Name, SeccompData, SyscallNr};

use crate::telling::{Telling, Tellings};
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
    /// The calls: `every x32 call`, `~open`, `socket`, `numbers without a syscall (…)`; of several
    /// architectures together `every call`, `calls with the numbers …`.
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

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What<'a> {
    /// A syscall.
    Call(&'static str),
    /// Numbers that have none.
    Nameless(&'a [(u32, u32)]),
    /// Numbers on several architectures, each of which has other names for them.
    Numbers(&'a [(u32, u32)]),
}

impl What<'_> {
    const fn name(&self) -> Option<&'static str> {
        match *self {
            Self::Call(name) => Some(name),
            Self::Nameless(_) | Self::Numbers(_) => None,
        }
    }
}

/// Changes put together, the looser ones first, then the stricter ones. Within these stands first
/// what is about calls of this machine; of these what tells most, a way out of a sandbox before what
/// no kernel answers; and of what tells as much what is about single calls: what is about all of an
/// architecture is seldom what a change was made for.
///
/// A change may be about calls of several groups, and comes with one that was tried, of the most
/// telling ones: `decide` says of others what A and B do with them.
#[must_use]
pub fn folded(
    changes: &[Change],
    decide: impl Fn(&SeccompData) -> [Decided; 2],
) -> Vec<Folded<'_>> {
    let mut arches: BTreeMap<(Way<'_>, What<'_>), BTreeSet<&str>> = BTreeMap::new();
    for change in changes {
        let way = (change.direction, &*change.from, &*change.to, change.when.as_deref());
        let present = |numbers: &&Vec<_>| !numbers.is_empty();
        let nameless = Some(&change.other_numbers).filter(present).map(|it| What::Nameless(it));
        let numbers = Some(&change.numbers).filter(present).map(|it| What::Numbers(it));
        let calls = change.syscalls.iter().map(|name| What::Call(name));
        for what in calls.chain(nameless).chain(numbers) {
            arches.entry((way, what)).or_default().insert(&change.arch);
        }
    }
    let mut groups: BTreeMap<(Way<'_>, BTreeSet<&str>), Vec<What<'_>>> = BTreeMap::new();
    for ((way, what), arches) in arches {
        groups.entry((way, arches)).or_default().push(what);
    }
    let tellings = Tellings::of(changes);
    let mut all: Vec<((Direction, bool, Telling, bool), Folded<'_>)> = groups
        .into_iter()
        .map(|((way, arches), mut whats)| {
            whats.sort_by_key(|what| (told(what, &tellings), *what));
            let most = whats.first().map_or(Telling::Dead, |what| told(what, &tellings));
            let is_foreign = !arches.iter().any(|name| is_own(name));
            let is_much = whats.len() > MANY;
            let folded = group(changes, way, &arches, &whats, &tellings, &decide);
            ((way.0, is_foreign, most, is_much), folded)
        })
        .collect();
    all.sort_by(|(a, one), (b, other)| (a, &one.subjects).cmp(&(b, &other.subjects)));
    all.into_iter().map(|(_, folded)| folded).collect()
}

/// Whether this machine makes calls of an architecture.
fn is_own(name: &str) -> bool {
    let own = Arch::native().unwrap_or(Arch::X86_64).of_machine();
    own.iter().any(|arch| arch.name() == name)
}

/// How much it tells. Numbers of other machines may be anything there.
fn told(what: &What<'_>, tellings: &Tellings) -> Telling {
    match what {
        What::Call(name) => tellings.get(name),
        What::Nameless(_) => Telling::Dead,
        What::Numbers(_) => Telling::Harmless,
    }
}

/// A group, of what changes in it, the most telling first.
fn group<'a>(
    changes: &'a [Change],
    way: Way<'a>,
    arches: &BTreeSet<&'a str>,
    whats: &[What<'a>],
    tellings: &Tellings,
    decide: &impl Fn(&SeccompData) -> [Decided; 2],
) -> Folded<'a> {
    let (direction, from, to, when) = way;
    let names: BTreeSet<&str> = whats.iter().filter_map(What::name).collect();
    let own = |change: &&Change| {
        let of = (change.direction, &*change.from, &*change.to, change.when.as_deref());
        of == way && arches.contains(&*change.arch)
    };
    let mut own: Vec<&Change> = changes.iter().filter(own).collect();
    own.sort_by_key(|change| !is_own(&change.arch));
    let most = whats.first().map(|what| told(what, tellings));
    let tells_most = |what: &&What<'_>| Some(told(what, tellings)) == most;
    let telling: Vec<What<'_>> = whats.iter().filter(tells_most).copied().collect();
    // A call of this machine is one that a reader can try, be it another than the prover named.
    let one_of = |whats: &[What<'_>]| {
        own.iter().find_map(|change| known(change, whats).or_else(|| tried(change, whats, decide)))
    };
    let tried = one_of(&telling).or_else(|| one_of(whats));
    let mut subjects = named(names, arches, |name| tellings.get(name));
    subjects.extend(whats.iter().filter_map(|what| match what {
        What::Call(_) => None,
        What::Nameless(ranges) => Some(format!("numbers without a syscall ({})", numbers(ranges))),
        What::Numbers([(0, u32::MAX)]) => Some("every call".to_owned()),
        What::Numbers(ranges) => {
            let is_one = matches!(ranges, [(first, last)] if first == last);
            let word = if is_one { "number" } else { "numbers" };
            Some(format!("calls with the {word} {}", numbers(ranges)))
        }
    }));
    let arches = arches.iter().copied().collect();
    Folded { direction, subjects, arches, when, from, to, tried }
}

/// The first of these calls that both sides decide as a change says.
fn tried(
    change: &Change,
    whats: &[What<'_>],
    decide: &impl Fn(&SeccompData) -> [Decided; 2],
) -> Option<Tried> {
    let mut calls = calls(change, whats).take(TRIES_MAX);
    calls.find_map(|call| attempt(change, &call, decide(&call)))
}

/// The call that a change comes with, where it is one of these.
fn known(change: &Change, whats: &[What<'_>]) -> Option<Tried> {
    let syscall = change.machine.and_then(|arch| arch.syscall_at(change.witness.nr));
    let is_about = match syscall {
        Some(syscall) => whats.contains(&What::Call(syscall.name.as_str())),
        None => whats.iter().any(|what| what.name().is_none()),
    };
    let example = change.example.clone().filter(|_| is_about)?;
    Some(Tried { example, from_by: change.from_by.clone(), to_by: change.to_by.clone() })
}

/// The calls of a change that are of the group, with the arguments of the one that it comes with.
fn calls<'c>(change: &'c Change, whats: &'c [What<'_>]) -> impl Iterator<Item = SeccompData> + 'c {
    let first = |ranges: &[(u32, u32)]| ranges.first().map(|&(first, _)| SyscallNr::new(first));
    let number = move |what: &What<'_>| match *what {
        What::Call(name) => {
            let name = change.syscalls.contains(&name).then(|| Name::parse(name)).flatten()?;
            Some(change.machine?.syscall(name)?.nr)
        }
        What::Nameless(ranges) if change.other_numbers == ranges => first(ranges),
        What::Numbers(ranges) if change.numbers == ranges => first(ranges),
        What::Nameless(_) | What::Numbers(_) => None,
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

/// The names of syscalls, those of whole architectures and families by one word, in an order of the
/// names.
pub(crate) fn named<K: Ord>(
    mut names: BTreeSet<&str>,
    arches: &BTreeSet<&str>,
    key: impl Fn(&str) -> K,
) -> Vec<String> {
    let machines: Vec<Arch> =
        Arch::ALL.iter().copied().filter(|arch| arches.contains(arch.name())).collect();
    let exists = |name: Name| machines.iter().any(|arch| arch.syscall(name).is_some());
    let complete =
        |arch: &Arch| arch.syscalls().all(|syscall| names.contains(syscall.name.as_str()));
    if !machines.is_empty() && machines.len() == arches.len() && machines.iter().all(complete) {
        let every: Vec<&str> = machines.iter().map(|arch| arch.name()).collect();
        return vec![format!("every {} call", every.join(" and "))];
    }
    let mut folded: Vec<(Option<K>, String)> = Vec::new();
    for family in Groups::LATEST.families() {
        let members: Vec<&str> =
            family.members().filter(|name| exists(*name)).map(|name| name.as_str()).collect();
        if members.len() >= FAMILY_MIN && members.iter().all(|member| names.contains(member)) {
            members.iter().for_each(|member| {
                names.remove(member);
            });
            let first = members.iter().map(|member| key(member)).min();
            folded.push((first, format!("~{}", family.name())));
        }
    }
    folded.extend(names.into_iter().map(|name| (Some(key(name)), name.to_owned())));
    folded.sort_by(|(a, _), (b, _)| a.cmp(b));
    folded.into_iter().map(|(_, text)| text).collect()
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
    format!("{}{more}", shown.join(", "))
}
