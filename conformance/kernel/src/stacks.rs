//! Several random filters on top of each other, with every action that a child can survive and,
//! last, those that kill.

use std::collections::BTreeMap;

use callgate_bpf::{Outcome, Program, Stack};
use callgate_kernel::child::Call;
use callgate_lab::judge::HARMLESS;
use callgate_testkit::{Rng, program};

use super::observe::{self, Window};
use super::simulator::{Case, Machine, compare, kills_thread};

/// The calls of one child.
const CALLS: usize = 16;

pub(super) fn run(executions: u32, seed: u64) -> Result<String, String> {
    let machine = Machine::new()?;
    let mut rng = Rng::with_seed(seed ^ 0x57ac);
    let (mut done, mut stacks) = (0, 0);
    let mut outcomes = BTreeMap::new();
    while done < executions {
        let stack = random_stack(&mut rng)?;
        let cases = cases(&mut rng, &machine, &stack);
        compare(stack.programs(), &cases)
            .map_err(|error| format!("seed {seed}, stack {stacks}: {error}"))?;
        stacks += 1;
        done += u32::try_from(cases.len()).unwrap_or(0);
        for case in cases {
            *outcomes.entry(name(case.expected)).or_insert(0) += 1;
        }
    }
    if outcomes.len() < NAMES {
        return Err(format!("not every outcome occurred: {outcomes:?}"));
    }
    let counts: Vec<_> = outcomes.iter().map(|(name, count)| format!("{name} {count}")).collect();
    Ok(format!("{done} executions under {stacks} stacks ({}): 0 disagreements", counts.join(", ")))
}

/// The number of results that [`name`] tells apart.
const NAMES: usize = 6;

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Trap(_) => "trap",
        Outcome::Errno(_) => "errno",
        Outcome::UserNotify => "notify",
        Outcome::Trace(_) => "trace",
        Outcome::Allow | Outcome::Log => "executed",
        _ => "killed",
    }
}

/// Two to five filters. Half of the stacks prefer mild actions, or the harsh ones would hide what
/// the others decide.
fn random_stack(rng: &mut Rng) -> Result<Stack, String> {
    let mild = rng.bool();
    let mut stack = Stack::default();
    for _ in 0..rng.usize(2..=5) {
        let action = action(rng, mild) & 0xffff_0000;
        let window = Window { shift: rng.u32(..17), mask: 0xffff, action };
        let filter = observe::program(rng, window, |rng, k| action_word(rng, mild, k));
        stack.push(filter.map_err(|error| error.to_string())?);
    }
    Ok(stack)
}

fn action_word(rng: &mut Rng, mild: bool, k: u32) -> u32 {
    action(rng, mild) | (k & 0xffff)
}

/// An action, known or not. Logging is rare, because each one ends up in the kernel's log.
fn action(rng: &mut Rng, mild: bool) -> u32 {
    const MILD: [u32; 10] = [
        0x5_0000,
        0x6_0000,
        0x7fc0_0000,
        0x7ff0_0000,
        0x7fff_0000,
        0x7fff_0000,
        0x7fff_0000,
        0x7fd0_0000,
        0x7ffd_0000,
        0x7ffe_0000,
    ];
    const HARSH: [u32; 10] = [
        0x8000_0000,
        0,
        0x3_0000,
        0x3_0000,
        0x5_0000,
        0x1_0000,
        0x4_0000,
        0x8001_0000,
        0xffff_0000,
        0x7fff_0000,
    ];
    const LOG: u32 = 0x7ffc_0000;
    match (rng.u8(..60), mild) {
        (0, _) => LOG,
        (_, true) => MILD[rng.usize(..MILD.len())],
        (_, false) => HARSH[rng.usize(..HARSH.len())],
    }
}

/// Calls for one child, at most one that kills, as the last.
fn cases(rng: &mut Rng, machine: &Machine, stack: &Stack) -> Vec<Case> {
    let random_call = |rng: &mut Rng| {
        let program: &Program = &stack.programs()[rng.usize(..stack.programs().len())];
        Call { nr: HARMLESS, args: program::call(rng, program).args }
    };
    let all = (0..CALLS).map(|_| machine.case(random_call(rng), stack));
    let (kills, mut cases): (Vec<_>, Vec<_>) = all.partition(|case| kills_thread(case.expected));
    cases.extend(kills.into_iter().next());
    cases
}
