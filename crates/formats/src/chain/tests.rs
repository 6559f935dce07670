//! The order of rules, by example: what libseccomp 2.6.1 answers where its answer is well defined.

use super::*;

const HIGH: u64 = 1 << 32;
const DEFAULT: Action = Action::KILL_THREAD;
const ALLOW: Action = Action::ALLOW;

fn errno(number: u16) -> Action {
    Action::errno(number).unwrap()
}

fn test(argument: u8, operator: Operator, datum: u64) -> Test {
    Test { argument, operator, mask: u64::MAX, datum, low32: false }
}

fn masked(argument: u8, mask: u64, datum: u64) -> Test {
    Test { argument, operator: Operator::Eq, mask, datum, low32: false }
}

fn eq(argument: u8, datum: u64) -> Test {
    test(argument, Operator::Eq, datum)
}

fn build(rules: &[(Action, &[Test])]) -> Result<Chain, Conflict> {
    build_with(DEFAULT, rules, Redundant::KeepRefusals)
}

fn build_with(
    default: Action,
    rules: &[(Action, &[Test])],
    redundant: Redundant,
) -> Result<Chain, Conflict> {
    let candidates: Vec<Candidate> = (0..)
        .zip(rules)
        .map(|(rule, (action, tests))| Candidate { rule, tests: tests.to_vec(), action: *action })
        .collect();
    Chain::build(default, &candidates, redundant)
}

fn check(rules: &[(Action, &[Test])], expected: &[(&[u64], Action)]) {
    let chain = build(rules).unwrap();
    for (given, action) in expected {
        let mut args = [0; 6];
        args[..given.len()].copy_from_slice(given);
        assert_eq!(chain.decide(&args), *action, "{given:?} of {rules:?}");
    }
}

/// The same in both orders of the two rules.
fn check_both(first: (Action, &[Test]), second: (Action, &[Test]), expected: &[(&[u64], Action)]) {
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
    let conflict = Err(Conflict { earlier: 0, later: 1 });
    let refused = |rules: &[(Action, &[Test])]| build(rules).map(|_| ());
    assert_eq!(refused(&[(ALLOW, &[eq(0, 1)]), (errno(1), &[eq(0, 1)])]), conflict);
    assert_eq!(refused(&[(ALLOW, &[eq(0, 1), eq(1, 2)]), (errno(1), &[eq(0, 1)])]), conflict);
    assert_eq!(refused(&[(ALLOW, &[eq(0, 1)]), (ALLOW, &[eq(0, 1)])]), Ok(()));
}

#[test]
fn a_longer_rule_behind_its_beginning_has_no_effect() {
    let rules: [(Action, &[Test]); 2] = [(errno(1), &[eq(0, 1)]), (ALLOW, &[eq(0, 1), eq(1, 2)])];
    check(&rules, &[(&[1, 2], errno(1)), (&[1, 3], errno(1)), (&[2, 2], DEFAULT)]);
}

#[test]
fn a_longer_rule_before_its_beginning_is_absorbed() {
    let chain = build(&[(ALLOW, &[eq(0, 1), eq(1, 2)]), (ALLOW, &[eq(0, 1)])]).unwrap();
    assert_eq!(chain.rules().len(), 1);
    assert_eq!(chain.decide(&[1, 9, 0, 0, 0, 0]), ALLOW);
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
    let rules: [(Action, &[Test]); 2] =
        [(errno(1), &[eq(0, 0x105)]), (errno(2), &[masked(0, 0xff, 5)])];
    check(&rules, &[(&[0x105], errno(1)), (&[0x205], errno(2)), (&[5], errno(2))]);
    let expected: [(&[u64], Action); 3] =
        [(&[0x55], errno(2)), (&[0x15], errno(1)), (&[0x50], errno(2))];
    check_both((errno(1), &[masked(0, 0xf, 5)]), (errno(2), &[masked(0, 0xf0, 0x50)]), &expected);
    let high: [(Action, &[Test]); 1] = [(ALLOW, &[masked(0, HIGH | 1, HIGH)])];
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
    let rules: [(Action, &[Test]); 3] =
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
fn a_refusal_that_is_the_default_counts() {
    let eperm = errno(1);
    let rules: [(Action, &[Test]); 2] =
        [(ALLOW, &[test(0, Operator::Lt, 100)]), (eperm, &[eq(0, 40)])];
    let decide = |redundant, arg| {
        build_with(eperm, &rules, redundant).unwrap().decide(&[arg, 0, 0, 0, 0, 0])
    };
    assert_eq!(decide(Redundant::Skip, 40), ALLOW, "as runc");
    assert_eq!(decide(Redundant::KeepRefusals, 40), eperm);
    assert_eq!(decide(Redundant::KeepRefusals, 41), ALLOW);
    assert_eq!(decide(Redundant::KeepRefusals, 100), eperm);
}

#[test]
fn of_a_pair_with_the_default_action_the_earlier_wins() {
    let eperm = errno(1);
    let keep = |rules: &[(Action, &[Test])], args| {
        let chain = build_with(eperm, rules, Redundant::KeepRefusals).unwrap();
        chain.decide(&args)
    };
    let (short, long) = ([eq(0, 1)], [eq(0, 1), eq(1, 2)]);
    let both = [1, 2, 0, 0, 0, 0];
    assert_eq!(keep(&[(ALLOW, &long), (eperm, &short)], both), ALLOW);
    assert_eq!(keep(&[(eperm, &short), (ALLOW, &long)], both), eperm);
    assert_eq!(keep(&[(eperm, &short), (ALLOW, &short)], both), eperm);
    assert_eq!(keep(&[(ALLOW, &short), (eperm, &short)], both), ALLOW);
    assert_eq!(keep(&[(eperm, &[]), (ALLOW, &[])], both), eperm);
    assert_eq!(keep(&[(ALLOW, &short), (eperm, &[])], both), ALLOW);
}

#[test]
fn lost_refusals_are_reported() {
    let lost = build(&[(errno(1), &[eq(0, 1)]), (ALLOW, &[]), (errno(2), &[])]).unwrap();
    assert_eq!(lost.overruled(), [(0, 1), (2, 1)]);
    assert_eq!(build(&[(ALLOW, &[eq(0, 1)]), (errno(1), &[])]).unwrap().overruled(), []);
}
