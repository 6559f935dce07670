//! From number and architecture to the graph of a syscall.
//!
//! For each token the 2^32 numbers are cut into intervals of equal meaning, over which [`tree`]
//! builds the tests. Intervals rather than numbers, because allow lists consist of runs: Docker's
//! takes 57 instructions, where a chain of numbers takes 316 (docs/benchmarks.md).

use callgate_bpf::{DataWord, Test};
use callgate_memory::{Grow, Map, OutOfMemory, Sort};
use callgate_policy::{Arch, ArchPolicy, ArchToken, Known, Policy, Rule, SyscallNr};
use callgate_syscalls::{Endian, X32_BIT};

use crate::arguments::{self, Form, Workshop};
use crate::graph::{Graph, Node, NodeId, Question};
use crate::intervals::{Interval, push};
use crate::search::Tables;
use crate::tree::{self, Shape};
use crate::variable::Variable;
use crate::weights::Calls;
use crate::{Cost, Options, siblings};

/// A policy as a graph, with the entry of each syscall that has argument tests.
pub(crate) struct Dispatched {
    pub(crate) root: NodeId,
    pub(crate) syscalls: Vec<(Arch, SyscallNr, NodeId)>,
}

/// How many syscalls an error names.
const COSTLIEST: usize = 5;

impl Dispatched {
    /// The syscalls with the largest graphs, largest first.
    pub(crate) fn costliest(&self, graph: &Graph) -> Result<Vec<Cost>, OutOfMemory> {
        let mut costs = Vec::with_room(self.syscalls.len())?;
        for &(arch, nr, entry) in &self.syscalls {
            costs.try_push(Cost { arch, nr, tests: tests_below(graph, entry)? })?;
        }
        costs.sort_in_place_by_key(|cost| (std::cmp::Reverse(cost.tests), cost.arch, cost.nr));
        costs.truncate(COSTLIEST);
        Ok(costs)
    }
}

/// Builds the graph of a policy.
pub(crate) fn dispatch(
    policy: &Policy,
    options: &Options,
    shape: Shape,
    graph: &mut Graph,
    workshop: &mut Workshop,
) -> Result<Dispatched, OutOfMemory> {
    let foreign = graph.ret(policy.foreign())?;
    let mut conditional = Conditional { shape, syscalls: Vec::new(), known: Map::new(), workshop };
    let mut arches: Vec<(ArchToken, Arch, Entries<'_>)> = Vec::with_room(policy.arches().len())?;
    for (arch, rules) in policy.arches() {
        let entries = entries(graph, options, arch, rules, &mut conditional)?;
        arches.try_push((arch.token(), arch, entries))?;
    }
    arches.sort_in_place_by_key(|(token, arch, _)| (*token, *arch));
    let syscalls = conditional.syscalls;
    let tables = &mut workshop.tables;
    // The last test made is the first asked: 64-bit tokens are the largest numbers and the most
    // used.
    let mut root = foreign;
    for arches in arches.chunk_by(|(one, ..), (next, ..)| one == next) {
        let tree = numbers(graph, arches, foreign, shape, tables)?;
        let token = arches[0].0.raw();
        root = graph.ask(Question::whole(DataWord::ARCH, Test::Equal, token), tree, root)?;
    }
    Ok(Dispatched { root, syscalls })
}

/// The tree of the numbers under one token.
fn numbers(
    graph: &mut Graph,
    arches: &[(ArchToken, Arch, Entries<'_>)],
    foreign: NodeId,
    shape: Shape,
    tables: &mut Tables,
) -> Result<NodeId, OutOfMemory> {
    if let [(_, Arch::X86_64, x86_64), (_, Arch::X32, x32)] = arches {
        if let Some(shared) = siblings::build(graph, [x86_64, x32], shape, tables)? {
            return Ok(shared);
        }
    }
    let intervals = intervals(arches, foreign)?;
    tree::build(graph, Variable::NUMBER, &intervals, shape, tables)
}

/// The syscalls whose rules have conditions.
struct Conditional<'a, 'w> {
    shape: Shape,
    syscalls: Vec<(Arch, SyscallNr, NodeId)>,
    /// What was made of rule lists: architectures of one kind often have the same, and so have
    /// families of syscalls.
    known: Map<(&'a [Rule], NodeId, Endian), NodeId>,
    workshop: &'w mut Workshop,
}

impl<'a> Conditional<'a, '_> {
    /// The graph of a syscall's rules.
    fn entry(
        &mut self,
        graph: &mut Graph,
        (arch, nr): (Arch, SyscallNr),
        rules: &'a [Rule],
        default: NodeId,
    ) -> Result<NodeId, OutOfMemory> {
        if let Some(rule) = rules.first().filter(|rule| rule.condition().is_always()) {
            return graph.ret(rule.action());
        }
        let form = Form { endian: arch.endian(), shape: self.shape };
        let key = (rules, default, form.endian);
        let entry = match self.known.get(&key) {
            Some(&known) => known,
            None => {
                let entry = arguments::rules(graph, form, rules, default, self.workshop)?;
                self.known.insert(key, entry)?;
                entry
            }
        };
        if matches!(graph.node(entry), Node::Ask { .. }) {
            self.syscalls.try_push((arch, nr, entry))?;
        }
        Ok(entry)
    }
}

/// Where the numbers of an architecture lead: `numbers` by number, ascending, all others up to that
/// of `within` to its node, and the rest to `gap`.
pub(crate) struct Entries<'a> {
    calls: Calls<'a>,
    pub(crate) gap: NodeId,
    pub(crate) within: Option<(u32, NodeId)>,
    pub(crate) numbers: Vec<(u32, NodeId, u32)>,
}

fn entries<'a, 'p>(
    graph: &mut Graph,
    options: &'a Options,
    arch: Arch,
    policy: &'p ArchPolicy,
    conditional: &mut Conditional<'p, '_>,
) -> Result<Entries<'a>, OutOfMemory> {
    let calls = Calls::new(&options.weights, options.kernel, arch);
    let default = graph.ret(policy.default_action())?;
    let mut numbers = Vec::with_room(policy.rules().len())?;
    // Where a kernel tells what is known, so does the table; else what is known goes up to a
    // number.
    let (named, within) = match policy.unknown_action().map(|unknown| unknown.known) {
        None => (None, None),
        Some(Known::Kernel(_)) => (Some(arch.syscalls()), None),
        Some(Known::UpTo(last)) => (None, Some((last.raw(), default))),
    };
    let mut named = named.into_iter().flatten().peekable();
    let mut without_rules = |graph: &mut Graph, numbers: &mut Vec<_>, end: Option<SyscallNr>| {
        while let Some(next) = named.next_if(|syscall| end.is_none_or(|end| syscall.nr < end)) {
            let action = policy.action_without_rule(arch, next.nr);
            let entry = graph.ret(action)?;
            let weight = calls.of_number(next.nr, Node::Return(action));
            numbers.try_push((next.nr.raw(), entry, weight))?;
        }
        if let Some(end) = end {
            named.next_if(|syscall| syscall.nr == end);
        }
        Ok::<(), OutOfMemory>(())
    };
    for (nr, rules) in policy.rules() {
        without_rules(graph, &mut numbers, Some(nr))?;
        let entry = conditional.entry(graph, (arch, nr), rules, default)?;
        let weight = calls.of_number(nr, graph.node(entry));
        numbers.try_push((nr.raw(), entry, weight))?;
    }
    without_rules(graph, &mut numbers, None)?;
    let gap = match policy.unknown_action() {
        Some(unknown) => graph.ret(unknown.action)?,
        None => default,
    };
    Ok(Entries { calls, gap, within, numbers })
}

/// The numbers that belong to an architecture under its token, as inclusive ranges.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others have a token of their own")]
const fn number_ranges(arch: Arch) -> &'static [(u32, u32)] {
    match arch {
        Arch::X86_64 => &[(0, X32_BIT - 1), (u32::MAX, u32::MAX)],
        Arch::X32 => &[(X32_BIT, u32::MAX - 1)],
        _ => &[(0, u32::MAX)],
    }
}

/// All numbers under one token, cut where the meaning changes.
fn intervals(
    arches: &[(ArchToken, Arch, Entries<'_>)],
    foreign: NodeId,
) -> Result<Vec<Interval>, OutOfMemory> {
    let of_all = arches.iter().flat_map(|(_, arch, entries)| {
        number_ranges(*arch).iter().map(move |&(first, last)| (first, last, entries))
    });
    let mut result = Vec::new();
    let mut next = Some(0);
    // Each time the lowest that is left: there are three at most.
    while let Some((first, last, entries)) = of_all
        .clone()
        .filter(|(first, ..)| next.is_some_and(|next| next <= *first))
        .min_by_key(|(first, ..)| *first)
    {
        if let Some(start) = next.filter(|&start| start < first) {
            push(&mut result, Interval { start, entry: foreign, weight: 0 })?;
        }
        cut(first, last, entries, &mut |interval| push(&mut result, interval))?;
        next = last.checked_add(1);
    }
    if let Some(start) = next {
        push(&mut result, Interval { start, entry: foreign, weight: 0 })?;
    }
    Ok(result)
}

/// The intervals of `first..=last`, each number with an entry of its own apart. One function for
/// all who ask: it is large.
pub(crate) fn cut(
    first: u32,
    last: u32,
    entries: &Entries<'_>,
    interval: &mut dyn FnMut(Interval) -> Result<(), OutOfMemory>,
) -> Result<(), OutOfMemory> {
    let mut next = Some(first);
    for &(nr, entry, weight) in &entries.numbers {
        if nr < first || nr > last {
            continue;
        }
        if let Some(start) = next.filter(|&start| start < nr) {
            gaps(start, nr - 1, entries, interval)?;
        }
        interval(Interval { start: nr, entry, weight })?;
        next = nr.checked_add(1);
    }
    if let Some(start) = next.filter(|&start| start <= last) {
        gaps(start, last, entries, interval)?;
    }
    Ok(())
}

/// The one or two intervals of `first..=last`, where no number has an entry of its own.
fn gaps(
    first: u32,
    last: u32,
    entries: &Entries<'_>,
    interval: &mut dyn FnMut(Interval) -> Result<(), OutOfMemory>,
) -> Result<(), OutOfMemory> {
    let weight = |first, last: u32| entries.calls.of_gap(first, last.saturating_add(1));
    let mut rest = Some(first);
    if let Some((known, entry)) = entries.within.filter(|&(known, _)| first <= known) {
        interval(Interval { start: first, entry, weight: weight(first, known.min(last)) })?;
        rest = known.checked_add(1).filter(|&start| start <= last);
    }
    if let Some(start) = rest {
        interval(Interval { start, entry: entries.gap, weight: weight(start, last) })?;
    }
    Ok(())
}

/// How many questions are reachable from a node.
fn tests_below(graph: &Graph, entry: NodeId) -> Result<usize, OutOfMemory> {
    let below = graph.below(entry)?;
    Ok(below.into_iter().filter(|id| matches!(graph.node(*id), Node::Ask { .. })).count())
}
