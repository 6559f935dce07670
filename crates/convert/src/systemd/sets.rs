//! The sets of systemd, where they mean exactly what is listed.

use std::collections::BTreeSet;

use callgate_dialects::Options;
use callgate_facts::Alias;
use callgate_syscalls::{Arch, Name};

/// What every list that allows has in it.
pub(super) const START_UP: &str = "@default";

/// The fewest syscalls for which a set is written instead of them.
const FEWEST: usize = 2;

/// A list that allows these: what systemd adds of itself, and the words for the rest.
pub(super) fn allowed(names: &[Name], arches: &[Arch]) -> (Vec<Name>, Vec<String>) {
    let start_up = sets().find(|set| set.name() == START_UP);
    let start_up = start_up.map(|set| members(set, arches)).unwrap_or_default();
    let rest: BTreeSet<Name> = names.iter().copied().filter(|n| !start_up.contains(n)).collect();
    let all: BTreeSet<Name> = names.iter().chain(&start_up).copied().collect();
    (start_up.into_iter().collect(), words(&all, rest, arches))
}

/// The words for exactly these.
pub(super) fn covering(names: &[Name], arches: &[Arch]) -> Vec<String> {
    let all: BTreeSet<Name> = names.iter().copied().collect();
    words(&all, all.clone(), arches)
}

/// Sets that have nothing but what is allowed, those that say most first, and names behind them.
fn words(all: &BTreeSet<Name>, mut rest: BTreeSet<Name>, arches: &[Arch]) -> Vec<String> {
    let fitting: Vec<(Alias, BTreeSet<Name>)> = sets()
        .map(|set| (set, members(set, arches)))
        .filter(|(_, members)| members.is_subset(all))
        .collect();
    let mut words = Vec::new();
    while let Some((set, members)) = fitting
        .iter()
        .map(|(set, members)| (members.intersection(&rest).count(), set, members))
        .filter(|(count, ..)| *count >= FEWEST)
        // The first of several that say as much.
        .rev()
        .max_by_key(|(count, ..)| *count)
        .map(|(_, set, members)| (set, members))
    {
        words.push(set.name().to_owned());
        rest.retain(|name| !members.contains(name));
    }
    words.into_iter().chain(rest.iter().map(Name::to_string)).collect()
}

/// The sets of the systemd whose units are read.
fn sets() -> impl DoubleEndedIterator<Item = Alias> {
    let source = Options::default().systemd;
    let sets: Vec<Alias> = Alias::all().filter(|set| set.source() == source).collect();
    sets.into_iter()
}

/// The syscalls of a set that any of the architectures has.
fn members(set: Alias, arches: &[Arch]) -> BTreeSet<Name> {
    let is_there = |name: &Name| arches.iter().any(|arch| arch.syscall(*name).is_some());
    set.syscalls().into_iter().filter(is_there).collect()
}
