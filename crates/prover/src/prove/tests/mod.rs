//! Proofs in any order of the words, and which order is taken.

use callgate_bpf::Instruction;
use callgate_policy::{Arch, ArchPolicy, Comparison, Condition, Field, Operator};
use callgate_syscalls::{Action, SyscallNr};
use callgate_testkit::{Rng, plain, policy};

use super::*;
use crate::diagram::{Fields, Order};
use crate::policy::fields;

/// The verdict, `None` where it is undecided.
fn verdict(policy: &Policy, program: &Program, order: Order) -> Option<bool> {
    let mut prover = Prover::default();
    prover.diagrams.order = order;
    let (meant, written) = (prover.policy(policy).ok()?, prover.program(program).ok()?);
    let equal = prover.equal(&meant, &written, Scope::Exact).ok()?;
    // Each difference was replayed by specification and simulator.
    let differences = prover.differences(&meant, &written, Scope::Exact).ok()?;
    assert_eq!(equal, differences.is_empty());
    Some(equal)
}

#[test]
fn the_order_of_words_changes_no_verdict() {
    let (mut proved, mut refuted) = (0, 0);
    for seed in 0..600 {
        let mut rng = Rng::with_seed(seed);
        let policy = policy::policy(&mut rng);
        let Some(program) = plain::program(&policy) else { continue };
        let mut changed: Vec<Instruction> = program.instructions().to_vec();
        let place = rng.usize(..changed.len());
        changed[place].k ^= 1 << rng.u32(..32);
        for program in std::iter::once(program).chain(Program::new(changed).ok()) {
            let mut loads = [0; 16];
            loads.fill_with(|| rng.u32(..100));
            let by_loads = Order::of_loads(Fields::Values, &loads);
            let [apart, others @ ..] = [Order::APART, Order::TOGETHER, by_loads]
                .map(|order| verdict(&policy, &program, order));
            assert_eq!([apart; 2], others, "seed {seed}");
            proved += usize::from(apart == Some(true));
            refuted += usize::from(apart == Some(false));
        }
    }
    assert!(proved > 500 && refuted > 200, "{proved} {refuted}");
}

#[test]
fn what_policies_ask_of_fields_is_known() {
    let fields_of = |parts: &[(Field, Operator, u64)]| {
        let parts = parts.iter().map(|&(field, operator, mask)| {
            Condition::from(Comparison::masked(field, mask, operator, 7))
        });
        let mut rules = ArchPolicy::new(Action::ALLOW);
        let all = Condition::all(parts).unwrap();
        rules.rule(SyscallNr::new(1), all, Action::LOG);
        let policy = Policy::builder(Action::ALLOW).arch(Arch::X86_64, rules).build().unwrap();
        fields(&policy).unwrap()
    };
    let (a, b) = (Field::Arg0, Field::Arg1);
    let (all, low) = (u64::MAX, u64::from(u32::MAX));
    for (parts, expected) in [
        ([(a, Operator::Lt, all), (b, Operator::Ge, all)], Fields::Ordered),
        ([(a, Operator::Ne, all), (b, Operator::Gt, all)], Fields::Ordered),
        ([(a, Operator::Lt, all), (a, Operator::Ge, all)], Fields::Any),
        ([(a, Operator::Lt, all), (b, Operator::Eq, all)], Fields::Any),
        ([(a, Operator::Lt, all), (b, Operator::Ge, low)], Fields::Any),
        ([(a, Operator::Eq, 0xff), (b, Operator::Eq, all)], Fields::Any),
        ([(a, Operator::Eq, all), (b, Operator::Eq, low)], Fields::Values),
    ] {
        assert_eq!(fields_of(&parts), expected, "{parts:?}");
    }
}
