//! The shapes that argument conditions compile to: each proved, and as short as it should be.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate_bpf::{Hardening, PATH_LEN_MAX, Program, Stack};
use callgate_compiler::{
    Emit, Error, Options, Weights, compile, compile_stacked, compile_with, emit,
};
use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, KernelVersion, Operator, Policy,
    SeccompData, SyscallNr,
};
use callgate_prover::{Prover, Scope, prove};
use callgate_testkit::{Rng, policy};

const NR: SyscallNr = SyscallNr::new(1);

fn is(field: Field, operator: Operator, value: u64) -> Condition {
    Comparison::new(field, operator, value).into()
}

fn policy_of(conditions: impl IntoIterator<Item = Condition>) -> Policy {
    let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
    for condition in conditions {
        rules.rule(NR, condition, Action::ALLOW);
    }
    Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build().unwrap()
}

fn options() -> callgate_prover::Options {
    callgate_prover::Options::default().times(16)
}

/// Compiles and proves, and gives the number of instructions beside the four that lead to the
/// syscall and two returns.
fn tests(conditions: impl IntoIterator<Item = Condition>) -> usize {
    let policy = policy_of(conditions);
    let program = compile(&policy).unwrap();
    prove(&policy, program, &options()).unwrap().program().len() - 6
}

/// All of the low words of argument 0.
fn low(operator: Operator, value: u32) -> Condition {
    Comparison::low32(Field::Arg0, u32::MAX, operator, value).into()
}

fn masked(mask: u32, operator: Operator, value: u32) -> Condition {
    Comparison::low32(Field::Arg0, mask, operator, value).into()
}

#[test]
fn flags_are_one_bit_test() {
    assert_eq!(tests([0, 8, 0x2_0000, 0x2_0008].map(|v| low(Operator::Eq, v))), 2);
    assert_eq!(tests([0, 8, 0x2_0000, 0x2_0008, u32::MAX].map(|v| low(Operator::Eq, v))), 3);
    assert_eq!(tests([masked(0x7e02_0000, Operator::Eq, 0)]), 2);
    assert_eq!(tests([masked(0x40, Operator::Eq, 0x40)]), 2);
    assert_eq!(tests([masked(0x40, Operator::Ne, 0)]), 2);
    assert_eq!(tests([masked(0x41, Operator::Gt, 0)]), 2);
}

#[test]
fn masks_of_high_bits_are_ranges() {
    assert_eq!(tests([masked(0xffff_f000, Operator::Eq, 0)]), 2);
    assert_eq!(tests([masked(0xffff_f000, Operator::Eq, 0xffff_f000)]), 2);
    assert_eq!(tests([masked(0xffff_f000, Operator::Gt, 0x5000)]), 2);
    assert_eq!(tests([masked(0xffff_f000, Operator::Gt, 0x5001)]), 2);
    assert_eq!(tests([masked(0xffff_f000, Operator::Ge, 0x5001)]), 2);
    assert_eq!(tests([masked(0xffff_f000, Operator::Lt, 0x5000)]), 2);
}

#[test]
fn neighbouring_values_are_a_range() {
    assert_eq!(tests((10..20).map(|v| low(Operator::Eq, v))), 3);
    assert_eq!(tests((0..20).map(|v| low(Operator::Eq, v))), 2);
    let between = [low(Operator::Ge, 10), low(Operator::Le, 19)];
    assert_eq!(tests([Condition::all(between).unwrap()]), 3);
}

#[test]
fn common_words_are_tested_once() {
    // Load and test the two high words once, load the low word, then a test each.
    assert_eq!(tests([3, 50, 700].map(|v| is(Field::Arg0, Operator::Eq, v))), 2 + 1 + 3);
    let pair = |v: u64| {
        let both = [is(Field::Arg0, Operator::Eq, v), is(Field::Arg1, Operator::Eq, 5)];
        Condition::all(both).unwrap()
    };
    assert_eq!(tests([3, 50, 700].map(pair)), 2 + 2 + 2 + 1 + 3);
}

#[test]
fn many_pairs_of_values_grow_by_little_more_than_their_tests() {
    let pair = |v: u64| {
        let both = [3 * v + 100, 7 * v + 1].into_iter().zip([Field::Arg0, Field::Arg1]);
        Condition::all(both.map(|(value, field)| is(field, Operator::Eq, value))).unwrap()
    };
    for count in [1, 2, 32, 33, 300, 1200] {
        let used = tests((0..count).map(pair));
        assert!(used <= usize::try_from(count).unwrap() * 33 / 10 + 8, "{count}: {used}");
    }
}

/// Which rule comes first decides where values are the same, and a rule that no call can meet is
/// none.
#[test]
fn tables_of_values_keep_the_order_of_rules() {
    for seed in 0..200 {
        let mut rng = Rng::with_seed(seed);
        let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
        let fields = &Field::ARGS[..rng.usize(1..4)];
        let low = rng.bool();
        for _ in 0..rng.usize(1..80) {
            let parts = fields.iter().map(|&field| match (low, rng.u32(0..4)) {
                (true, value) => Comparison::low32(field, u32::MAX, Operator::Eq, value),
                (false, 0) => Comparison::masked(field, 0xff, Operator::Eq, rng.u64(0..3) << 7),
                (false, value) => Comparison::new(field, Operator::Eq, u64::from(value) << 31),
            });
            let all = Condition::all(parts.map(Condition::from)).unwrap();
            rules.rule(NR, all, Action::errno(rng.u16(1..4)).unwrap());
        }
        let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build();
        let policy = policy.unwrap();
        prove(&policy, compile(&policy).unwrap(), &options()).unwrap();
    }
}

/// Rules that no diagram of the words is short for take no more than three instructions for each
/// word they name.
#[test]
fn rules_without_a_short_diagram_are_tested_as_written() {
    let flags = |k: u64| {
        [Field::Arg0, Field::Arg1]
            .map(|field| Comparison::masked(field, 1 << k, Operator::Eq, 1 << k).into())
    };
    let spread = |k: u64| {
        let field = |index: u64| Field::ARGS[usize::try_from(index % 6).unwrap()];
        [is(field(k), Operator::Eq, k), is(field(k + 1 + k / 6 % 5), Operator::Eq, 3 * k)]
    };
    for (count, parts) in [(49, &flags as &dyn Fn(u64) -> [Condition; 2]), (60, &spread)] {
        let mut rules = ArchPolicy::new(Action::ALLOW);
        for nr in 0..14 {
            for k in 0..count {
                let action = Action::errno(u16::try_from(1 + k % 50).unwrap()).unwrap();
                rules.rule(SyscallNr::new(nr), Condition::all(parts(k)).unwrap(), action);
            }
        }
        let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build();
        let program = compile(&policy.unwrap()).unwrap();
        assert!(program.len() < usize::try_from(9 * count).unwrap() + 20, "{}", program.len());
    }
}

/// Rules that no order of the words can be searched in: each asks for all arguments, with other
/// values and operators.
#[test]
fn tangled_rules_are_proved_too() {
    for seed in 0..40 {
        let mut rng = Rng::with_seed(seed);
        let conditions: Vec<Condition> =
            (0..rng.usize(2..12)).map(|_| policy::condition(&mut rng, 3)).collect();
        let policy = policy_of(conditions);
        prove(&policy, compile(&policy).unwrap(), &options()).unwrap();
    }
}

fn spread(rules: u64) -> Policy {
    let mut list = ArchPolicy::new(Action::KILL_PROCESS);
    for index in 0..rules {
        let nr = SyscallNr::new(u32::try_from(1 + index % 300).unwrap());
        let both = [is(Field::Arg0, Operator::Eq, 3 * index), is(Field::Arg1, Operator::Eq, index)];
        list.rule(nr, Condition::all(both).unwrap(), Action::ALLOW);
        list.rule(SyscallNr::new(400), Condition::always(), Action::ALLOW);
    }
    Policy::builder(Action::trap(3)).arch(Arch::X86_64, list).build().unwrap()
}

fn assert_means(policy: &Policy, stack: &Stack) {
    let mut prover = Prover::new(options());
    let (meant, written) = (prover.policy(policy).unwrap(), prover.stack(stack).unwrap());
    assert!(prover.equal(&meant, &written, Scope::Effective).unwrap());
}

#[test]
fn what_is_too_long_is_parted_into_filters_that_mean_the_same() {
    let one = compile_stacked(&spread(600), &Options::default()).unwrap();
    assert_eq!(one.programs(), [compile(&spread(600)).unwrap()]);
    for rules in [1200, 2400] {
        let policy = spread(rules);
        assert!(matches!(compile(&policy), Err(Error::TooLong { .. })));
        let stack = compile_stacked(&policy, &Options::default()).unwrap();
        assert!(stack.programs().len() > 1);
        assert!(stack.programs().iter().all(|program| program.len() <= Program::LEN_MAX));
        assert!(stack.path_len(Hardening::On) <= PATH_LEN_MAX);
        assert_means(&policy, &stack);
        assert!(stack.cacheable(Arch::X86_64.token(), SyscallNr::new(400)));
    }
}

/// The kernel counts more instructions where its JIT hides constants: what fits only without is
/// refused.
#[test]
fn stacks_fit_the_kernel_whatever_its_jit_hides() {
    let (mut fitting, mut refused) = (0, 0);
    for rules in (2000..=5000).step_by(500) {
        match compile_stacked(&spread(rules), &Options::default()) {
            Ok(stack) => {
                fitting += 1;
                assert!(stack.path_len(Hardening::On) <= PATH_LEN_MAX, "{rules}");
            }
            Err(Error::TooLong { len, .. }) => {
                refused += 1;
                assert!(Program::LEN_MAX < len && len < PATH_LEN_MAX, "{rules}: {len}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(fitting > 0 && refused > 0, "{fitting} {refused}");
}

#[test]
fn a_single_syscall_can_be_parted() {
    let pair = |v: u64| {
        let both = [is(Field::Arg0, Operator::Eq, 3 * v), is(Field::Arg1, Operator::Eq, v)];
        Condition::all(both).unwrap()
    };
    let policy = policy_of((0..2000).map(pair));
    let stack = compile_stacked(&policy, &Options::default()).unwrap();
    assert_eq!(stack.programs().len(), 2);
    assert_means(&policy, &stack);
}

#[test]
fn weights_change_the_steps_and_not_the_meaning() {
    let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
    for nr in (0..300).filter(|nr| nr % 5 != 0) {
        rules.rule(SyscallNr::new(nr), Condition::always(), Action::ALLOW);
    }
    let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build().unwrap();
    let steps = |options: &Options| {
        let program = compile_with(&policy, options).unwrap();
        let call = SeccompData::new(Arch::X86_64, SyscallNr::new(202));
        let steps = program.trace(&call, Arch::X86_64.endian()).steps.len();
        prove(&policy, program, &self::options()).unwrap();
        steps
    };
    let futex = Options { weights: Weights::parse("futex 1000").unwrap(), kernel: None };
    assert!(steps(&futex) < steps(&Options::default()));
    for kernel in [None, Some(KernelVersion::new(4, 19)), Some(KernelVersion::new(6, 12))] {
        steps(&Options { weights: Weights::Typical, kernel });
    }
}

/// As many single numbers in one range as a chain settles, one less and one more, alike and of
/// different weights.
#[test]
fn single_numbers_in_a_range_are_told_apart() {
    let mut text = String::new();
    for (count, name) in
        ["read", "open", "stat", "poll", "mmap", "ioctl", "pipe"].iter().enumerate()
    {
        text.push_str(&format!("{name} {}\n", 1u64 << (8 * count)));
    }
    for singles in [1, 2, 5, 6, 7, 8, 13] {
        for first in [0, 1] {
            let mut rules = ArchPolicy::new(Action::errno(1).unwrap());
            for single in 0..singles {
                rules.rule(SyscallNr::new(first + 2 * single), Condition::always(), Action::ALLOW);
            }
            let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules);
            let policy = policy.build().unwrap();
            for weights in [Weights::Uniform, Weights::Typical, Weights::parse(&text).unwrap()] {
                let program = compile_with(&policy, &Options { weights, kernel: None }).unwrap();
                prove(&policy, program, &options()).unwrap();
            }
        }
    }
}

#[test]
fn every_pass_can_be_written() {
    let policy = policy_of([is(Field::Arg0, Operator::Eq, 7)]);
    let written = |what| emit(&policy, &Options::default(), what).unwrap();
    assert!(written(Emit::Graph).contains("args[0].word0 == 0x7 ? n"));
    assert!(written(Emit::Tree).starts_with('n') && written(Emit::Tree).contains("  yes: "));
    assert!(
        written(Emit::Dot).starts_with("digraph") && written(Emit::Dot).contains("style=dashed")
    );
    assert!(written(Emit::Layout).lines().count() >= compile(&policy).unwrap().len());
}
