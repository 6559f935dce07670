//! Compiled programs decide as the policy does.
//!
//! Claim: C-COMPILE
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate_bpf::Program;
use callgate_compiler::{Error, compile};
use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, SeccompData,
    SyscallNr,
};
use callgate_prover::prove;
use callgate_syscalls::Endian;
use callgate_testkit::{Rng, call, policy};

const POLICIES: u64 = 4_000;
const CALLS_PER_POLICY: usize = 50;

/// Two instructions each, beside those for the architecture, the number, the x32 range and the
/// default.
const REFUSALS_MAX: u32 = 2_044;

/// The byte order of the machine on which a call can occur.
fn endian(call: &SeccompData) -> Endian {
    Arch::of_call(call.arch, call.nr).map_or(Endian::Little, Arch::endian)
}

fn assert_agree(policy: &Policy, program: &Program, call: &SeccompData) {
    let decided = policy.decide(call);
    let returned = program.run(call, endian(call));
    assert_eq!(returned, decided, "{call:?}\n{policy:?}");
}

fn eq(field: Field, value: u64) -> Condition {
    Comparison::new(field, Operator::Eq, value).into()
}

fn x86_64(rules: ArchPolicy) -> Policy {
    Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build().unwrap()
}

#[test]
fn random_policies_and_calls() {
    let (mut pairs, mut with_rule) = (0, 0);
    for seed in 0..POLICIES {
        let mut rng = Rng::with_seed(seed);
        let policy = policy::policy(&mut rng);
        let program = compile(&policy).unwrap();
        for _ in 0..CALLS_PER_POLICY {
            let call = call::aimed_at(&mut rng, &policy);
            assert_agree(&policy, &program, &call);
            pairs += 1;
            let arch = Arch::of_call(call.arch, call.nr).and_then(|arch| policy.arch(arch));
            with_rule += usize::from(arch.is_some_and(|p| !p.rules_for(call.nr).is_empty()));
        }
    }
    assert_eq!(pairs, 200_000);
    assert!(with_rule > pairs / 3, "too few calls met a rule: {with_rule}");
}

#[test]
fn equal_policies_give_equal_programs() {
    for seed in 0..100 {
        let compiled =
            || compile(&policy::policy(&mut Rng::with_seed(seed))).map(|p| p.to_bytes(Endian::Big));
        assert_eq!(compiled(), compiled());
    }
}

/// A chain of `n` conditions on one syscall: jumps to the shared action become longer than 255
/// instructions.
fn chain(n: u64) -> Policy {
    let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
    for value in 0..n {
        let both = [eq(Field::Arg0, value), eq(Field::Arg1, value << 32 | 7)];
        rules.rule(SyscallNr::new(1), Condition::all(both).unwrap(), Action::LOG);
        // A second syscall whose action is the far end of both.
        rules.rule(SyscallNr::new(2), eq(Field::Arg2, value), Action::ALLOW);
    }
    x86_64(rules)
}

#[test]
fn jumps_of_any_distance() {
    for n in [1, 40, 60, 61, 62, 63, 64, 65, 120, 126, 127, 128, 250, 400] {
        let policy = chain(n);
        let program = compile(&policy).unwrap();
        let mut rng = Rng::with_seed(n);
        for value in 0..=n {
            for (arg0, arg1) in [(value, value << 32 | 7), (value, 7), (value | 1 << 32, 7)] {
                let call = SeccompData::new(Arch::X86_64, SyscallNr::new(rng.u32(0..4)));
                assert_agree(&policy, &program, &call.with_args([arg0, arg1, value, 0, 0, 0]));
            }
        }
    }
}

#[test]
fn too_long_names_the_costliest_syscalls() {
    let Err(Error::TooLong { len, costliest }) = compile(&chain(1_500)) else {
        panic!("3,000 rules of two and one comparisons fit 4,096 instructions")
    };
    assert!(len > Program::LEN_MAX);
    let numbers: Vec<u32> = costliest.iter().map(|cost| cost.nr.raw()).collect();
    assert_eq!(numbers, [1, 2]);
    let text = compile(&chain(1_500)).unwrap_err().to_string();
    assert!(text.contains("write on x86_64") && text.contains("4096"), "{text}");
}

#[test]
fn argument_free_allowed_calls_are_constant_for_the_kernel() {
    for seed in 0..300 {
        let policy = policy::policy(&mut Rng::with_seed(seed));
        let program = compile(&policy).unwrap();
        for (arch, rules) in policy.arches() {
            for (nr, list) in rules.rules() {
                let first = &list[0];
                if first.condition().is_always() && first.action() == Action::ALLOW {
                    assert!(program.cacheable(arch.token(), nr), "seed {seed}: {arch} {nr}");
                }
            }
        }
    }
}

#[test]
fn a_policy_without_rules_is_as_short_as_can_be() {
    let same = x86_64(ArchPolicy::new(Action::KILL_PROCESS));
    assert_eq!(compile(&same).unwrap().len(), 1);
    let all_x86 = [Arch::X86_64, Arch::X32].into_iter();
    let allow = || ArchPolicy::new(Action::ALLOW);
    let policy = all_x86.fold(Policy::builder(Action::KILL_PROCESS), |b, a| b.arch(a, allow()));
    assert_eq!(compile(&policy.build().unwrap()).unwrap().len(), 4);
}

/// The policy that refuses as many calls with as many errnos, no two of them neighbours.
fn refusals(rules: u32) -> Policy {
    let mut arch = ArchPolicy::new(Action::ALLOW);
    for index in 0..rules {
        let errno = Action::errno(u16::try_from(index + 1).unwrap()).unwrap();
        arch.rule(SyscallNr::new(2 * index), Condition::always(), errno);
    }
    x86_64(arch)
}

#[test]
fn what_a_plain_chain_holds_is_not_too_long() {
    for rules in [1_700, 1_900, 2_000, REFUSALS_MAX] {
        let policy = refusals(rules);
        let program = compile(&policy).unwrap();
        prove(&policy, program, &callgate_prover::Options::default()).unwrap();
    }
    assert!(matches!(compile(&refusals(REFUSALS_MAX + 1)), Err(Error::TooLong { .. })));
}
