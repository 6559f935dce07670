//! Long lists against the specification.

use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, RuleList, SyscallNr,
};
use callgate_testkit::{Rng, call, policy};

#[test]
fn lists_decide_as_the_specification_does() {
    let nr = SyscallNr::new(7);
    let mut decided = std::collections::BTreeMap::new();
    for seed in 0..300 {
        let mut rng = Rng::with_seed(seed);
        let mut rules = ArchPolicy::new(Action::KILL_THREAD);
        for _ in 0..rng.usize(1..40) {
            let condition = match rng.usize(..3) {
                0 => policy::condition(&mut rng, 2),
                kind => {
                    let mask = [u64::MAX, 0xffff_ffff][rng.usize(..2)];
                    let equal = |field, value| {
                        Condition::from(Comparison::masked(field, mask, Operator::Eq, value))
                    };
                    let first = equal(Field::Arg0, rng.u64(..4));
                    let second = equal(Field::Arg1, rng.u64(..4));
                    if kind == 1 { first } else { Condition::all([first, second]).unwrap() }
                }
            };
            rules.rule(nr, condition, policy::action(&mut rng));
        }
        let all = Policy::builder(Action::ALLOW).arch(Arch::X86_64, rules.clone());
        let all = all.build().unwrap();
        let list = RuleList::new(rules.rules_for(nr), Action::KILL_THREAD).unwrap();
        for _ in 0..200 {
            let mut call = call::aimed_at(&mut rng, &all);
            (call.nr, call.arch) = (nr, Arch::X86_64.token());
            if rng.usize(..2) == 0 {
                call.args[..2].fill_with(|| rng.u64(..4));
            }
            let action = list.decide(&call);
            assert_eq!(action, all.decide(&call), "seed {seed}: {call:?}");
            *decided.entry(action == Action::KILL_THREAD).or_insert(0) += 1;
        }
    }
    assert!(decided[&false] > 10_000 && decided[&true] > 5_000, "{decided:?}");
}
