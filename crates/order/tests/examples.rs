//! The order of rules, by example: what libseccomp 2.6.1 answers where its answer is well defined.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use callgate_order::{ArgCmp, Conflict, Refusal, Rule, Rules, Step, ordered, read};
use callgate_policy::Operator;
use callgate_syscalls::{Action, Arch};

const HIGH: u64 = 1 << 32;
const DEFAULT: Action = Action::KILL_THREAD;
const ALLOW: Action = Action::ALLOW;

fn errno(number: u16) -> Action {
    Action::errno(number).unwrap()
}

fn test(arg: u32, operator: Operator, datum_a: u64) -> ArgCmp {
    let op = match operator {
        Operator::Ne => 1,
        Operator::Lt => 2,
        Operator::Le => 3,
        Operator::Eq => 4,
        Operator::Ge => 5,
        _ => 6,
    };
    ArgCmp { arg, op, datum_a, datum_b: 0 }
}

fn masked(arg: u32, datum_a: u64, datum_b: u64) -> ArgCmp {
    ArgCmp { arg, op: 7, datum_a, datum_b }
}

fn eq(arg: u32, datum: u64) -> ArgCmp {
    test(arg, Operator::Eq, datum)
}

fn build(rules: &[(Action, &[ArgCmp])], yielding: Option<Action>) -> Result<Rules, Refusal> {
    let mut accepted = Rules::default();
    for (origin, (action, comparisons)) in (0..).zip(rules) {
        let chain = read(Arch::X86_64, comparisons).unwrap();
        let effect = accepted.consider(Arch::X86_64, chain, *action, origin, yielding)?;
        accepted.apply(effect).unwrap();
    }
    Ok(accepted)
}

fn holds(step: &Step, args: &[u64; 6]) -> bool {
    let word = args[usize::from(step.test.arg)] & step.test.mask;
    step.test.stored.operator().holds(word, step.test.datum) == step.answer
}

fn decide(rules: &Rules, default: Action, given: &[u64]) -> Action {
    let mut args = [0; 6];
    args[..given.len()].copy_from_slice(given);
    match rules {
        Rules::None => default,
        Rules::Always { action, .. } => *action,
        Rules::Listed(list) => {
            let asked = ordered(Arch::X86_64, list).unwrap();
            let holding = |rule: &&&Rule| rule.chain.iter().all(|step| holds(step, &args));
            asked.iter().find(holding).map_or(default, |rule| rule.action)
        }
    }
}

fn check(rules: &[(Action, &[ArgCmp])], expected: &[(&[u64], Action)]) {
    let accepted = build(rules, None).unwrap();
    for (given, action) in expected {
        assert_eq!(decide(&accepted, DEFAULT, given), *action, "{given:?} of {rules:?}");
    }
}

/// The same in both orders of the two rules.
fn check_both(
    first: (Action, &[ArgCmp]),
    second: (Action, &[ArgCmp]),
    expected: &[(&[u64], Action)],
) {
    check(&[first, second], expected);
    check(&[second, first], expected);
}

#[test]
fn equalities_add_up_and_see_all_bits() {
    let expected: [(&[u64], Action); 4] =
        [(&[0], DEFAULT), (&[1], ALLOW), (&[2], ALLOW), (&[HIGH + 1], DEFAULT)];
    check(&[(ALLOW, &[eq(0, 1)]), (ALLOW, &[eq(0, 2)])], &expected);
}

#[test]
fn a_rule_without_conditions_wins_wherever_it_stands() {
    let expected: [(&[u64], Action); 2] = [(&[1], errno(1)), (&[2], errno(1))];
    check_both((errno(1), &[]), (ALLOW, &[eq(0, 1)]), &expected);
    check(&[(errno(1), &[]), (ALLOW, &[])], &expected);
}

#[test]
fn contradictions_are_refused() {
    let conflict = Err(Refusal::Conflict(Conflict { origin: 0 }));
    let refused = |rules: &[(Action, &[ArgCmp])]| build(rules, None).map(|_| ());
    assert_eq!(refused(&[(ALLOW, &[eq(0, 1)]), (errno(1), &[eq(0, 1)])]), conflict);
    assert_eq!(refused(&[(ALLOW, &[eq(0, 1), eq(1, 2)]), (errno(1), &[eq(0, 1)])]), conflict);
    assert_eq!(refused(&[(ALLOW, &[eq(0, 1)]), (ALLOW, &[eq(0, 1)])]), Ok(()));
}

#[test]
fn a_longer_rule_behind_its_beginning_has_no_effect() {
    let rules: [(Action, &[ArgCmp]); 2] = [(errno(1), &[eq(0, 1)]), (ALLOW, &[eq(0, 1), eq(1, 2)])];
    check(&rules, &[(&[1, 2], errno(1)), (&[1, 3], errno(1)), (&[2, 2], DEFAULT)]);
}

#[test]
fn a_longer_rule_before_its_beginning_is_absorbed() {
    let rules: [(Action, &[ArgCmp]); 2] = [(ALLOW, &[eq(0, 1), eq(1, 2)]), (ALLOW, &[eq(0, 1)])];
    let accepted = build(&rules, None).unwrap();
    assert!(
        matches!(&accepted, Rules::Listed(list) if ordered(Arch::X86_64, list).unwrap().len() == 1)
    );
    assert_eq!(decide(&accepted, DEFAULT, &[1, 9]), ALLOW);
}

#[test]
fn higher_arguments_are_asked_first() {
    let expected: [(&[u64], Action); 4] =
        [(&[1, 2], errno(1)), (&[1, 3], ALLOW), (&[2, 2], errno(1)), (&[2, 3], DEFAULT)];
    check_both((ALLOW, &[eq(0, 1)]), (errno(1), &[eq(1, 2)]), &expected);
    let expected: [(&[u64], Action); 4] = [
        (&[1, 2, 3], errno(2)),
        (&[1, 2, 0], errno(1)),
        (&[1, 0, 3], errno(2)),
        (&[1, 0, 0], DEFAULT),
    ];
    check_both((errno(1), &[eq(0, 1), eq(1, 2)]), (errno(2), &[eq(0, 1), eq(2, 3)]), &expected);
}

#[test]
fn equalities_then_upper_then_lower_bounds() {
    use Operator::{Gt, Lt, Ne};
    let expected: [(&[u64], Action); 4] =
        [(&[5], DEFAULT), (&[6], errno(1)), (&[7], ALLOW), (&[HIGH], errno(1))];
    check_both((errno(1), &[test(0, Gt, 5)]), (ALLOW, &[eq(0, 7)]), &expected);
    let expected: [(&[u64], Action); 3] = [(&[9], ALLOW), (&[10], errno(1)), (&[HIGH], errno(1))];
    check_both((errno(1), &[test(0, Gt, 5)]), (ALLOW, &[test(0, Lt, 10)]), &expected);
    let expected: [(&[u64], Action); 4] =
        [(&[1], errno(2)), (&[4], errno(2)), (&[5], errno(1)), (&[6], errno(2))];
    check_both((errno(1), &[test(0, Gt, 3)]), (errno(2), &[test(0, Ne, 5)]), &expected);
}

#[test]
fn narrower_bounds_are_asked_first() {
    use Operator::{Gt, Lt};
    let expected: [(&[u64], Action); 4] =
        [(&[100], DEFAULT), (&[200], errno(1)), (&[301], errno(2)), (&[HIGH], errno(2))];
    check_both((errno(1), &[test(0, Gt, 100)]), (errno(2), &[test(0, Gt, 300)]), &expected);
    let expected: [(&[u64], Action); 4] = [
        (&[5], errno(2)),
        (&[HIGH + 49], errno(2)),
        (&[HIGH + 50], errno(1)),
        (&[HIGH + 100], DEFAULT),
    ];
    let (wide, narrow) = (test(0, Lt, HIGH + 100), test(0, Lt, HIGH + 50));
    check_both((errno(1), &[wide]), (errno(2), &[narrow]), &expected);
}

#[test]
fn bounds_whose_high_halves_decide() {
    // The smallest trigger of GHSA-4q85-33p6-j5g6: two upper bounds that differ in the high half.
    use Operator::Lt;
    let expected: [(&[u64], Action); 4] =
        [(&[0], ALLOW), (&[1], ALLOW), (&[HIGH], ALLOW), (&[HIGH + 1], DEFAULT)];
    check_both((ALLOW, &[test(0, Lt, 1)]), (ALLOW, &[test(0, Lt, HIGH + 1)]), &expected);
}

#[test]
fn masks_see_both_halves_and_larger_values_go_first() {
    let rules: [(Action, &[ArgCmp]); 2] =
        [(errno(1), &[eq(0, 0x105)]), (errno(2), &[masked(0, 0xff, 5)])];
    check(&rules, &[(&[0x105], errno(1)), (&[0x205], errno(2)), (&[5], errno(2))]);
    let expected: [(&[u64], Action); 3] =
        [(&[0x55], errno(2)), (&[0x15], errno(1)), (&[0x50], errno(2))];
    check_both((errno(1), &[masked(0, 0xf, 5)]), (errno(2), &[masked(0, 0xf0, 0x50)]), &expected);
    let high: [(Action, &[ArgCmp]); 1] = [(ALLOW, &[masked(0, HIGH | 1, HIGH)])];
    check(
        &high,
        &[(&[HIGH], ALLOW), (&[HIGH | 2], ALLOW), (&[HIGH | 1], DEFAULT), (&[0], DEFAULT)],
    );
}

#[test]
fn of_equal_rank_the_first_in_the_profile_goes_first() {
    use Operator::{Ge, Gt};
    let (ge, gt) = (test(0, Ge, 10), test(0, Gt, 10));
    check(&[(errno(1), &[ge]), (errno(2), &[gt])], &[(&[10], errno(1)), (&[11], errno(1))]);
    check(&[(errno(2), &[gt]), (errno(1), &[ge])], &[(&[10], errno(1)), (&[11], errno(2))]);
    let half = masked(0, 0xff, 5);
    check(&[(errno(2), &[half]), (errno(1), &[eq(0, 0x105)])], &[(&[0x105], errno(2))]);
}

#[test]
fn rules_that_test_the_same_half_first_stay_together() {
    let (odd, low) = (masked(0, 1, 1), masked(0, 0xf0, 0));
    let rules: [(Action, &[ArgCmp]); 3] =
        [(errno(1), &[odd]), (ALLOW, &[test(0, Operator::Ne, 2)]), (errno(2), &[low])];
    check(&rules, &[(&[8], errno(2)), (&[0x18], ALLOW), (&[0x19], errno(1))]);
}

#[test]
fn complements_coexist() {
    use Operator::{Ge, Lt, Ne};
    check_both(
        (ALLOW, &[test(0, Ne, 1)]),
        (errno(1), &[eq(0, 1)]),
        &[(&[0], ALLOW), (&[1], errno(1))],
    );
    let (below, from) = (test(0, Lt, 10), test(0, Ge, 10));
    check_both((ALLOW, &[below]), (errno(1), &[from]), &[(&[9], ALLOW), (&[10], errno(1))]);
}

#[test]
fn a_mask_of_the_whole_high_half_is_asked_by_its_high_half() {
    // Each was once decided otherwise by the reader of profiles.
    let odd = masked(0, (u64::MAX << 32) | 1, 1);
    let rules: [(Action, &[ArgCmp]); 2] =
        [(errno(1), &[odd]), (ALLOW, &[test(0, Operator::Ne, 256)])];
    check(&rules, &[(&[1], errno(1)), (&[0], ALLOW), (&[256], DEFAULT), (&[HIGH | 1], ALLOW)]);
    let low = masked(2, u64::MAX << 32, 0);
    for refusal in [errno(1), Action::KILL_PROCESS] {
        let rules: [(Action, &[ArgCmp]); 2] = [(refusal, &[low]), (ALLOW, &[eq(2, 0x7fff_ffff)])];
        check(&rules, &[(&[0, 0, 0x7fff_ffff], refusal), (&[0, 0, HIGH], DEFAULT)]);
    }
}

#[test]
fn rules_with_the_yielding_action_contradict_no_others() {
    let eperm = errno(1);
    let keep = |rules: &[(Action, &[ArgCmp])], args: &[u64]| {
        decide(&build(rules, Some(eperm)).unwrap(), eperm, args)
    };
    let below: [(Action, &[ArgCmp]); 2] =
        [(ALLOW, &[test(0, Operator::Lt, 100)]), (eperm, &[eq(0, 40)])];
    assert_eq!([40, 41, 100].map(|arg| keep(&below, &[arg])), [eperm, ALLOW, eperm]);
    let (short, long) = ([eq(0, 1)], [eq(0, 1), eq(1, 2)]);
    for (rules, args, expected) in [
        ([(ALLOW, &long[..]), (eperm, &short)], [1, 2], ALLOW),
        ([(ALLOW, &long), (eperm, &short)], [1, 3], eperm),
        ([(eperm, &long), (ALLOW, &short)], [1, 2], eperm),
        ([(eperm, &long), (ALLOW, &short)], [1, 3], ALLOW),
        ([(eperm, &short), (ALLOW, &long)], [1, 2], eperm),
        ([(eperm, &short), (ALLOW, &short)], [1, 2], eperm),
        ([(ALLOW, &short), (eperm, &short)], [1, 2], ALLOW),
        ([(eperm, &[]), (ALLOW, &[])], [1, 2], eperm),
        ([(ALLOW, &short), (eperm, &[])], [1, 2], ALLOW),
    ] {
        assert_eq!(keep(&rules, &args), expected, "{rules:?} for {args:?}");
    }
    let others: [(Action, &[ArgCmp]); 2] = [(ALLOW, &short), (errno(2), &short)];
    assert!(build(&others, Some(eperm)).is_err());
}
