//! Random policies from each form into each form, restricted to what the target can say.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use callgate_convert::{Converted, Format, Nearest, NotConverted, convert};
use callgate_policy::{
    Action, ActionKind, ArchPolicy, Comparison, Condition, Field, Operator, Policy,
};
use callgate_syscalls::{Arch, Name, Syscall};
use callgate_testkit::Rng;

/// How many policies each pair of forms gets; `CALLGATE_MATRIX` asks for more.
fn rounds() -> usize {
    std::env::var("CALLGATE_MATRIX").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

fn value(rng: &mut Rng) -> u64 {
    match rng.u8(0..4) {
        0 => rng.u64(0..64),
        1 => 1 << rng.u32(0..32),
        2 => rng.u64(0..1 << 40),
        _ => rng.u64(0..4),
    }
}

fn condition(rng: &mut Rng) -> Condition {
    let test = |rng: &mut Rng| -> Condition {
        let field = Field::ARGS[rng.usize(0..3)];
        let value = value(rng);
        match rng.u8(0..4) {
            0 => Comparison::masked(field, value | 1, Operator::Eq, value & 6 & (value | 1)),
            1 => Comparison::new(field, Operator::Eq, value),
            _ => Comparison::new(field, Operator::ALL[rng.usize(0..6)], value),
        }
        .into()
    };
    let list: Vec<Condition> = (0..rng.usize(1..=3)).map(|_| test(rng)).collect();
    match rng.bool() {
        true => Condition::all(list).unwrap(),
        false => Condition::any(list).unwrap(),
    }
}

/// A policy as people write them: names, one default, few conditions.
fn policy(rng: &mut Rng, arch: Arch) -> Policy {
    // Units, and many lists, have no conditions at all.
    let has_conditions = rng.bool();
    let errno = |errno| Action::errno(errno).unwrap();
    let default = [errno(1), errno(38), Action::ALLOW, Action::KILL_THREAD, Action::KILL_PROCESS];
    let default = default[rng.usize(0..default.len())];
    let rest = [Action::ALLOW, errno(1), errno(13), Action::LOG, Action::KILL_THREAD];
    let syscalls: Vec<Syscall> = arch.syscalls().collect();
    let mut rules = ArchPolicy::new(default);
    // Some forms have one action for all rules.
    let rest = if rng.bool() { vec![rest[rng.usize(0..rest.len())]] } else { rest.to_vec() };
    for _ in 0..rng.usize(1..12) {
        let nr = syscalls[rng.usize(0..syscalls.len())].nr;
        if !rules.rules_for(nr).is_empty() {
            continue;
        }
        for _ in 0..rng.usize(1..=2) {
            let condition = match has_conditions && rng.bool() {
                true => condition(rng),
                false => Condition::always(),
            };
            rules.rule(nr, condition, rest[rng.usize(0..rest.len())]);
        }
    }
    if rng.u8(0..4) == 0 {
        to_live_under(&mut rules, arch, default);
    }
    Policy::builder(Action::KILL_THREAD).arch(arch, rules).build().unwrap()
}

/// What firejail needs itself under a list of what is kept, and what it takes besides where other
/// architectures are shut out.
fn to_live_under(rules: &mut ArchPolicy, arch: Arch, default: Action) {
    let (names, answer) = match default {
        Action::ALLOW => (vec!["personality"], Action::errno(1).unwrap()),
        _ => (vec!["execve", "execveat", "prctl"], Action::ALLOW),
    };
    for name in names {
        let nr = arch.syscall(Name::parse(name).unwrap()).unwrap().nr;
        if rules.rules_for(nr).is_empty() {
            rules.rule(nr, Condition::always(), answer);
        }
    }
}

/// The machine of a pair: snapd and LXC filter for every architecture that a kernel has, so that a
/// policy for one is for a machine which has no other. LXC knows fewer of these.
fn machine(from: Format, to: Format) -> Arch {
    match [from, to] {
        pair if pair.contains(&Format::Lxc) => Arch::Ppc64le,
        pair if pair.contains(&Format::Snapd) => Arch::Riscv64,
        _ => Arch::X86_64,
    }
}

/// Forms without a default action that both have a word for, but to allow everything.
const NOTHING_IN_COMMON: [(Format, Format); 1] = [(Format::Minijail, Format::Snapd)];

/// What a pair of forms came to.
#[derive(Default)]
struct Cell {
    /// Texts that were proved to mean what they were written from.
    equal: usize,
    /// Of these, how many refuse calls that nobody makes in another way.
    other_refusals: usize,
    /// Texts that were proved to permit no more.
    stricter: usize,
    /// Policies for which the form has no words at all.
    refused: usize,
    /// Texts in halves of arguments with more alternatives than are written of one condition.
    too_long: usize,
}

fn cell(from: Format, to: Format, rounds: usize) -> Result<Cell, String> {
    let mut cell = Cell::default();
    for (seed, _) in (0_u64..).zip(0..60 * rounds) {
        if cell.equal >= rounds {
            break;
        }
        let said = |error: NotConverted| format!("{from} to {to} {seed}: {error}");
        let rng = &mut Rng::with_seed(seed << 16 | (from as u64) << 8 | to as u64);
        // What the source says of a policy, and of that what the target says: each is proved.
        let source = written(&policy(rng, machine(from, to)), from).map_err(said)?;
        let Some(source) = source else { continue };
        let Some(target) = written(&source.policy, to).map_err(said)? else {
            cell.refused += 1;
            continue;
        };
        // What was read can be written again without loss.
        let again = convert(&target.policy, to, Nearest::Equal);
        // Tests of halves multiply the alternatives of conditions that are long already.
        if to == Format::Pfc && matches!(again, Err(NotConverted::Inexpressible { .. })) {
            cell.too_long += 1;
            continue;
        }
        again.map_err(|error| format!("{}\n{}", said(error), target.text))?;
        match target.stricter.is_empty() {
            true => {
                cell.equal += 1;
                cell.other_refusals += usize::from(!target.refusals.is_empty());
            }
            false => cell.stricter += 1,
        }
    }
    let is_full = cell.equal >= rounds || NOTHING_IN_COMMON.contains(&(from, to));
    is_full.then_some(cell).ok_or_else(|| format!("{from} to {to}: fewer than {rounds}"))
}

fn written(policy: &Policy, format: Format) -> Result<Option<Converted>, NotConverted> {
    match convert(policy, format, Nearest::Stricter) {
        Ok(converted) => Ok(Some(converted)),
        Err(NotConverted::Inexpressible { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// All pairs, or those from the forms that `CALLGATE_MATRIX_FROM` names, between spaces.
fn pairs() -> Vec<(Format, Format)> {
    let from = std::env::var("CALLGATE_MATRIX_FROM").ok();
    let is_asked = |format: &Format| {
        from.as_ref().is_none_or(|list| list.split(' ').any(|name| name == format.to_string()))
    };
    let rows = Format::ALL.into_iter().filter(is_asked);
    rows.flat_map(|from| Format::ALL.map(|to| (from, to))).collect()
}

#[test]
fn every_form_is_written_from_every_other() {
    let (rounds, pairs) = (rounds(), pairs());
    assert!(!pairs.is_empty(), "no form of that name");
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&(from, to)) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match cell(from, to, rounds) {
                        Ok(Cell { equal, other_refusals, stricter, refused, too_long }) => println!(
                            "| {from} | {to} | {equal} | {other_refusals} | {stricter} | {refused} | {too_long} |"
                        ),
                        Err(why) => failed.lock().unwrap().push(why),
                    }
                }
            });
        }
    });
    assert_eq!(failed.into_inner().unwrap(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_said_names_the_rule_and_what_would_be_lost() {
    let mut x86_64 = ArchPolicy::new(Action::errno(1).unwrap());
    let caller = Comparison::new(Field::InstructionPointer, Operator::Lt, 0x1000);
    let dup = Arch::X86_64.syscall(callgate_syscalls::names::DUP).unwrap();
    let read = Arch::X86_64.syscall(callgate_syscalls::names::READ).unwrap();
    x86_64.rule(read.nr, Condition::always(), Action::ALLOW);
    x86_64.rule(dup.nr, caller.into(), Action::ALLOW);
    let policy = Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64).build().unwrap();
    let error = convert(&policy, Format::Docker, Nearest::Equal).unwrap_err().to_string();
    for part in ["dup", "x86_64", "ALLOW", "instruction pointer", "0x1000"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let nearest = convert(&policy, Format::Docker, Nearest::Stricter).unwrap();
    let [lost] = nearest.stricter.as_slice() else { panic!("{:?}", nearest.stricter) };
    assert_eq!((lost.meant, lost.read.kind()), (Action::ALLOW, ActionKind::Errno));
    assert_eq!(lost.name, Some(callgate_syscalls::names::DUP));
}
