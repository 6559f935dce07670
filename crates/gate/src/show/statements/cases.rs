//! The statements of a policy that depends on circumstances, with an `on` around those that do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use callgate_policy::{ArchPolicy, Policy, SyscallNr};
use callgate_rules::{Applies, CapSet, Circumstances, Factors, joined};
use callgate_syscalls::{Arch, KernelVersion, Name};

use super::super::simple;
use super::{Call, Calls, Key, NotShown, Piece, Style, fold, lines, piece, verdict};
use crate::show::inexpressible;

/// The policy on each machine, with capabilities, on a kernel.
pub(crate) type Meanings = BTreeMap<(Arch, CapSet, KernelVersion), Policy>;

/// For each architecture what happens to calls without rules.
pub(crate) type Headers = BTreeMap<Arch, ArchPolicy>;

/// A machine and an architecture of calls on it.
type Pair = (Arch, Arch);

/// What becomes of a call for each assignment of what decides about it.
type Table = Vec<Vec<Piece>>;

/// For each call, on each machine and architecture, its table.
type Tables = BTreeMap<Call, BTreeMap<Pair, Table>>;

/// The statements of each block.
type Blocks = BTreeMap<Block, BTreeMap<Key, BTreeSet<Call>>>;

/// Some architectures, or all but them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Places {
    is_not: bool,
    arches: Vec<Arch>,
}

/// What an `on` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    arches: Option<Places>,
    machines: Option<Places>,
    /// All capabilities that are asked for or not, so that both sides of a question stand together.
    caps: CapSet,
    applies: Applies,
}

/// The statements of a policy that depends on circumstances.
pub(crate) fn write(
    circumstances: &Circumstances,
    meanings: &Meanings,
    headers: &Headers,
    style: Style,
) -> Result<String, NotShown> {
    let arches: BTreeSet<Arch> = headers.keys().copied().collect();
    let mut tables = Tables::new();
    for factors in circumstances.factors() {
        let assignments = factors.assignments().unwrap_or_default();
        for native in &circumstances.natives {
            for (place, assignment) in assignments.iter().enumerate() {
                let is_it = |(of, caps, kernel): &(Arch, CapSet, KernelVersion)| {
                    of == native && factors.assignment(*caps, *kernel) == *assignment
                };
                let found = meanings.iter().find(|(at, _)| is_it(at));
                let Some((_, policy)) = found else { continue };
                let own = Own { circumstances, factors, headers, native: *native };
                own.add(&mut tables, policy, (place, assignments.len()), &arches)?;
            }
        }
    }
    complete(&mut tables, circumstances, meanings);
    let used = match style {
        Style::Folded => fold_blocks(&mut tables, &arches),
        Style::Expanded => Vec::new(),
    };
    let mut blocks = Blocks::new();
    for (call, pairs) in &tables {
        let factors = circumstances.of(call.name());
        add_blocks(&mut blocks, *call, pairs, factors);
    }
    if style == Style::Folded {
        blocks.values_mut().flat_map(BTreeMap::values_mut).for_each(|calls| {
            fold::families(calls, &arches);
        });
    }
    Ok(text(&used, &blocks))
}

/// The calls that the same factors decide about, on one machine.
struct Own<'a> {
    circumstances: &'a Circumstances,
    factors: &'a Factors,
    headers: &'a Headers,
    native: Arch,
}

impl Own<'_> {
    fn is_own(&self, arch: Arch, nr: SyscallNr) -> Option<Call> {
        let name = arch.syscall_at(nr).map(|syscall| syscall.name);
        let is_own = self.circumstances.of(name) == self.factors;
        is_own.then(|| name.map_or(Call::Number(nr), Call::Name))
    }

    /// Adds what becomes of the calls in a policy, which is that of one assignment.
    fn add(
        &self,
        tables: &mut Tables,
        policy: &Policy,
        (place, of): (usize, usize),
        arches: &BTreeSet<Arch>,
    ) -> Result<(), NotShown> {
        let mut set = |call: Call, arch: Arch, pieces: Vec<Piece>| {
            let pairs = tables.entry(call).or_default();
            let table = pairs.entry((self.native, arch)).or_insert_with(|| vec![Vec::new(); of]);
            table[place] = pieces;
        };
        for list in simple::kept(&self.part(policy)?) {
            let Some(first) = list.first() else { continue };
            let Some(call) = self.is_own(first.arch, first.nr) else { continue };
            let pieces = list.iter().map(|kept| piece(kept, call.name(), arches));
            set(call, first.arch, pieces.collect::<Result<_, _>>()?);
        }
        for (arch, rules) in policy.arches() {
            let Some(header) = self.headers.get(&arch) else { continue };
            for syscall in arch.syscalls().filter(|own| rules.rules_for(own.nr).is_empty()) {
                let Some(call) = self.is_own(arch, syscall.nr) else { continue };
                let action = rules.action_without_rule(arch, syscall.nr);
                if action != header.action_without_rule(arch, syscall.nr) {
                    let verdict = verdict::text(action, arch);
                    let piece = Piece { rank: verdict::rank(action), verdict, condition: None };
                    set(call, arch, vec![piece]);
                }
            }
        }
        Ok(())
    }

    /// The policy with the rules of these calls alone.
    fn part(&self, policy: &Policy) -> Result<Policy, NotShown> {
        let mut builder = Policy::builder(policy.foreign());
        for (arch, rules) in policy.arches() {
            let mut part = ArchPolicy::new(rules.default_action());
            if let Some(unknown) = rules.unknown_action() {
                part.unknown(unknown);
            }
            for (nr, list) in rules.rules().filter(|(nr, _)| self.is_own(arch, *nr).is_some()) {
                for rule in list {
                    part.rule(nr, rule.condition().clone(), rule.action());
                }
            }
            builder = builder.arch(arch, part);
        }
        builder.build().map_err(|error| inexpressible(&error.to_string()))
    }
}

/// Adds the machines and architectures that have a call about which nothing is said there.
fn complete(tables: &mut Tables, circumstances: &Circumstances, meanings: &Meanings) {
    let policies = meanings.iter().map(|((native, ..), policy)| (*native, policy));
    let pairs: BTreeSet<Pair> = policies
        .flat_map(|(native, policy)| policy.arches().map(move |(arch, _)| (native, arch)))
        .collect();
    for (call, own) in tables {
        let assignments = circumstances.of(call.name()).assignments();
        let len = assignments.map_or(0, |list| list.len());
        for (native, arch) in &pairs {
            if call.name().is_none_or(|name| arch.syscall(name).is_some()) {
                own.entry((*native, *arch)).or_insert_with(|| vec![Vec::new(); len]);
            }
        }
    }
}

/// Takes out the calls that blocks say the same about, of those that depend on nothing.
fn fold_blocks(tables: &mut Tables, arches: &BTreeSet<Arch>) -> Vec<&'static str> {
    let mut calls = Calls::new();
    for (call, pairs) in &*tables {
        let first = pairs.values().next().and_then(|table| table.first());
        let is_same = |table: &Table| table.iter().all(|pieces| Some(pieces) == first);
        if let Some(pieces) = first.filter(|_| pairs.values().all(is_same)) {
            let on = |(_, arch): &Pair| (*arch, pieces.clone());
            calls.insert(*call, pairs.keys().map(on).collect());
        }
    }
    let before: BTreeSet<Call> = calls.keys().copied().collect();
    let used = fold::blocks(&mut calls, arches);
    tables.retain(|call, _| !before.contains(call) || calls.contains_key(call));
    used
}

/// Adds the statements about one call to the blocks in which they apply.
fn add_blocks(blocks: &mut Blocks, call: Call, pairs: &BTreeMap<Pair, Table>, factors: &Factors) {
    // What is said, and for which of the assignments: wherever that is so, one block will do.
    let mut said: BTreeMap<(&[Piece], Vec<bool>), BTreeSet<Pair>> = BTreeMap::new();
    for (pair, table) in pairs {
        for pieces in table.iter().filter(|pieces| !pieces.is_empty()).collect::<BTreeSet<_>>() {
            let holds = table.iter().map(|other| other == pieces).collect();
            said.entry((pieces, holds)).or_default().insert(*pair);
        }
    }
    let all: BTreeSet<Pair> = pairs.keys().copied().collect();
    for ((pieces, holds), of) in said {
        for applies in joined(factors.places(&holds)) {
            for (machines, arches) in on(&of, &all) {
                let (caps, applies) = (Factors::of(&applies).caps, applies.clone());
                let block = Block { arches, machines, caps, applies };
                let statements = blocks.entry(block).or_default();
                for (level, piece) in pieces.iter().enumerate() {
                    let key = (level, piece.condition.is_some(), piece.clone());
                    statements.entry(key).or_default().insert(call);
                }
            }
        }
    }
}

/// Which machines and which architectures have to be named, so that of all pairs these are meant.
fn on(of: &BTreeSet<Pair>, all: &BTreeSet<Pair>) -> Vec<(Option<Places>, Option<Places>)> {
    if of == all {
        return vec![(None, None)];
    }
    let by = |part: fn(&Pair) -> Arch| {
        let named: BTreeSet<Arch> = of.iter().map(part).collect();
        let fits = all.iter().all(|pair| of.contains(pair) || !named.contains(&part(pair)));
        let others: BTreeSet<Arch> = all.difference(of).map(part).collect();
        fits.then(|| Places::shorter(&named, &others))
    };
    match (by(|pair| pair.0), by(|pair| pair.1)) {
        (Some(machines), Some(arches)) if arches.arches.len() < machines.arches.len() => {
            vec![(None, Some(arches))]
        }
        (Some(machines), _) => vec![(Some(machines), None)],
        (None, Some(arches)) => vec![(None, Some(arches))],
        (None, None) => one_by_one(of),
    }
}

/// Machines with the same architectures together.
fn one_by_one(of: &BTreeSet<Pair>) -> Vec<(Option<Places>, Option<Places>)> {
    let mut machines: BTreeMap<Arch, BTreeSet<Arch>> = BTreeMap::new();
    of.iter().for_each(|(machine, arch)| {
        machines.entry(*machine).or_default().insert(*arch);
    });
    let mut by_arches: BTreeMap<BTreeSet<Arch>, BTreeSet<Arch>> = BTreeMap::new();
    for (machine, arches) in machines {
        by_arches.entry(arches).or_default().insert(machine);
    }
    let these = |arches: &BTreeSet<Arch>| {
        Some(Places { is_not: false, arches: arches.iter().copied().collect() })
    };
    by_arches.iter().map(|(arches, machines)| (these(machines), these(arches))).collect()
}

impl Places {
    /// Those, or all but the others, whichever is said in fewer words.
    fn shorter(named: &BTreeSet<Arch>, others: &BTreeSet<Arch>) -> Self {
        let is_not = others.len() < named.len();
        let list = if is_not { others } else { named };
        Self { is_not, arches: list.iter().copied().collect() }
    }

    fn text(&self, word: &str) -> String {
        let names: Vec<&str> = self.arches.iter().map(|arch| arch.name()).collect();
        let not = if self.is_not { "not " } else { "" };
        format!("{not}{word}{}", names.join(", "))
    }
}

impl Block {
    /// The tests, none where the statements apply everywhere.
    fn tests(&self) -> Vec<String> {
        let Applies { kernel_from, kernel_before, with_caps, without_caps, .. } = &self.applies;
        let caps = |set: &CapSet| {
            let names: Vec<String> = set.iter().map(|cap| cap.to_string()).collect();
            names.join(", ")
        };
        let mut tests: Vec<String> = Vec::new();
        tests.extend(self.machines.as_ref().map(|some| some.text("machine ")));
        tests.extend(self.arches.as_ref().map(|some| some.text("")));
        tests.extend(kernel_from.map(|kernel| format!("kernel >= {kernel}")));
        tests.extend(kernel_before.map(|kernel| format!("kernel < {kernel}")));
        tests.extend(with_caps.iter().map(|any| format!("cap {}", caps(any))));
        if *without_caps != CapSet::NONE {
            tests.push(format!("not cap {}", caps(without_caps)));
        }
        tests
    }
}

impl Call {
    const fn name(self) -> Option<Name> {
        match self {
            Self::Name(name) => Some(name),
            Self::Family(_) | Self::Number(_) => None,
        }
    }
}

fn text(used: &[&str], blocks: &Blocks) -> String {
    let mut text = String::new();
    if !used.is_empty() {
        let names: Vec<String> = used.iter().map(|name| format!("@{name}")).collect();
        // Writing to a string cannot fail.
        let _ = write!(text, "\nuse {}\n", names.join(", "));
    }
    // Blocks of one statement stand together, each on a line.
    let mut was_short = false;
    for (block, statements) in blocks {
        let tests = block.tests().join(" and ");
        let mut inside = String::new();
        lines(&mut inside, statements);
        let is_short = statements.len() == 1 && !inside.contains('#') && !tests.is_empty();
        text.push_str(if was_short && is_short { "" } else { "\n" });
        was_short = is_short;
        let _ = match (tests.is_empty(), is_short) {
            (true, _) => write!(text, "{inside}"),
            (false, true) => writeln!(text, "on {tests} {{ {} }}", inside.trim_end()),
            (false, false) => writeln!(text, "on {tests} {{\n{inside}}}"),
        };
    }
    text
}
