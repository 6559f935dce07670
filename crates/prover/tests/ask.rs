//! Questions, on policies whose answers are plain.

#![expect(clippy::unwrap_used, reason = "also what the tests share may panic")]

use callgate_policy::{ArchPolicy, Comparison, Condition, Field, Operator, Policy};
use callgate_prover::{Prover, Spelling};
use callgate_syscalls::{Action, Arch, SeccompData, SyscallNr};

fn getpgid(operator: Operator, value: u64) -> Policy {
    let mut policy = ArchPolicy::new(Action::ALLOW);
    let condition = Comparison::new(Field::Arg0, operator, value).into();
    let errno = Action::errno(13).unwrap();
    policy.rule(SyscallNr::new(121), condition, errno);
    Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, policy).build().unwrap()
}

fn ambiguities(policy: &Policy) -> Vec<(Spelling, u64, u64)> {
    let mut prover = Prover::default();
    let meaning = prover.policy(policy).unwrap();
    let at = (Arch::X86_64, SyscallNr::new(121));
    let found = prover.ambiguities(&meaning, at, |argument| argument.c_type == "pid_t");
    let args = |call: SeccompData| call.args[0];
    found.unwrap().iter().map(|a| (a.spelling, args(a.plain.0), args(a.freer.0))).collect()
}

#[test]
fn calls_that_the_kernel_takes_for_the_same_are_found() {
    use Operator::{Eq, Ne};
    // A refusal that one bit evades.
    assert_eq!(ambiguities(&getpgid(Eq, 7)), [(Spelling::Zeros, 7, 7 | 1 << 32)]);
    // Refused with the sign, and not without it.
    let minus_one = [(Spelling::Signs, u64::MAX, u64::from(u32::MAX))];
    assert_eq!(ambiguities(&getpgid(Eq, u64::MAX)), minus_one);
    // An allow list of one value refuses it in an odd spelling, which harms nobody.
    assert_eq!(ambiguities(&getpgid(Ne, 7)), []);
    // But -1 is also spelled with its sign.
    assert_eq!(ambiguities(&getpgid(Ne, u64::from(u32::MAX))), minus_one);
}

#[test]
fn actions_are_those_of_the_calls_that_are_asked_about() {
    let policy = getpgid(Operator::Eq, 7);
    let mut prover = Prover::default();
    let meaning = prover.policy(&policy).unwrap();
    let at = (Arch::X86_64, SyscallNr::new(121));
    let mut ask = |condition: Condition| {
        let found = prover.actions_where(&meaning, at, &condition).unwrap();
        found.into_iter().map(|(action, call)| (action, call.args[0])).collect::<Vec<_>>()
    };
    let errno = Action::errno(13).unwrap();
    assert_eq!(ask(Condition::always()), [(errno, 7), (Action::ALLOW, 0)]);
    let is = |value| Comparison::new(Field::Arg0, Operator::Eq, value).into();
    assert_eq!(ask(is(7)), [(errno, 7)]);
    assert_eq!(ask(is(8)), [(Action::ALLOW, 8)]);
    assert_eq!(ask(Condition::never()), []);
}

#[test]
fn bits_with_which_a_call_gets_a_freer_answer_are_found() {
    let found = |policy: &Policy, bits| {
        let mut prover = Prover::default();
        let meaning = prover.policy(policy).unwrap();
        let at = (Arch::X86_64, SyscallNr::new(121));
        let found = prover.freer_with(&meaning, at, (0, bits), &Condition::always());
        found.unwrap().map(|found| (found.plain.0.args[0], found.freer.0.args[0]))
    };
    let seven = getpgid(Operator::Eq, 7);
    assert_eq!(found(&seven, 0x50), Some((7, 0x17)));
    // Only without these bits is 7 a call of its own.
    assert_eq!(found(&seven, 0x1), None);
    assert_eq!(found(&getpgid(Operator::Gt, 7), 0x50), None);
    // The upper half is none of them.
    assert_eq!(found(&getpgid(Operator::Lt, 1 << 32), 0x50), None);
    assert_eq!(found(&seven, 1 << 40), Some((7, 7 | 1 << 40)));
    let minus_one = Some((u64::MAX, u64::from(u32::MAX)));
    assert_eq!(found(&getpgid(Operator::Eq, u64::MAX), u64::MAX << 32), minus_one);
}
