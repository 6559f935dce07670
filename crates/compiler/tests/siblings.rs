//! x86_64 and x32 share a tree where their numbers mean the same; what comes out is proved, and
//! short.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate_bpf::Program;
use callgate_compiler::compile;
use callgate_policy::{Action, Arch, ArchPolicy, Condition, Policy, SyscallNr};
use callgate_prover::prove;
use callgate_testkit::Rng;

const X32_BIT: u32 = 0x4000_0000;

/// Numbers, and what they lead to.
type Numbers = Vec<(u32, Action)>;

/// Rules for both architectures; those of x32 with the bit.
fn policy(x86_64: &Numbers, x32: &Numbers) -> Policy {
    let rules = |numbers: &Numbers| {
        let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
        for &(nr, action) in numbers {
            rules.rule(SyscallNr::new(nr), Condition::always(), action);
        }
        rules
    };
    let builder = Policy::builder(Action::trap(0)).arch(Arch::X86_64, rules(x86_64));
    builder.arch(Arch::X32, rules(x32)).build().unwrap()
}

fn with_bit(numbers: &Numbers) -> Numbers {
    numbers.iter().map(|&(nr, action)| (nr | X32_BIT, action)).collect()
}

fn proved(policy: &Policy) -> Program {
    let program = compile(policy).unwrap();
    prove(policy, program, &callgate_prover::Options::default()).unwrap().program().clone()
}

/// Numbers with gaps, so that they take a tree.
fn gappy(count: u32) -> Numbers {
    (0..count).map(|index| (index * 7 % 400, Action::ALLOW)).collect()
}

#[test]
fn what_is_the_same_on_both_is_there_once() {
    let numbers = gappy(60);
    let alone = proved(&policy(&numbers, &vec![])).len();
    let same = proved(&policy(&numbers, &with_bit(&numbers))).len();
    // The test for the bit, and the mask.
    assert!(same <= alone + 2, "{same} after {alone}");
    let mut other = numbers.clone();
    other[20].1 = Action::LOG;
    other.push((512, Action::ALLOW));
    let differing = proved(&policy(&numbers, &with_bit(&other))).len();
    assert!(differing <= same + 8, "{differing} after {same}");
}

#[test]
fn numbers_that_are_not_the_same_without_the_bit_are_told_apart() {
    let numbers = gappy(40);
    for (x86_64, x32) in [
        (vec![(u32::MAX, Action::LOG)], vec![]),
        (vec![(X32_BIT - 1, Action::LOG)], vec![]),
        (vec![], vec![(0x7fff_ffff, Action::LOG)]),
        (vec![], vec![(0x8000_0000, Action::LOG)]),
        (vec![], vec![(u32::MAX - X32_BIT, Action::LOG)]),
        (vec![], vec![(u32::MAX - 1, Action::LOG)]),
    ] {
        proved(&policy(&[numbers.clone(), x86_64].concat(), &[with_bit(&numbers), x32].concat()));
    }
}

#[test]
fn whatever_differs_is_proved() {
    let mut shared = 0;
    for seed in 0..300 {
        let mut rng = Rng::with_seed(seed);
        let mut x86_64 = gappy(rng.u32(0..80));
        let mut x32 = x86_64.clone();
        for _ in 0..rng.u32(0..12) {
            let nr = rng.u32(0..420);
            let list = if rng.bool() { &mut x86_64 } else { &mut x32 };
            list.retain(|(known, _)| *known != nr);
            if rng.bool() {
                list.push((nr, if rng.bool() { Action::LOG } else { Action::ALLOW }));
            }
        }
        let x32 = with_bit(&x32);
        let none = Numbers::new();
        let alone = proved(&policy(&x86_64, &none)).len() + proved(&policy(&none, &x32)).len();
        let both = proved(&policy(&x86_64, &x32)).len();
        shared += usize::from(both < alone * 3 / 4);
    }
    assert!(shared > 150, "only {shared} became clearly shorter");
}
