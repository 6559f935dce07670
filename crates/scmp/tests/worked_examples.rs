//! The worked examples of libseccomp's rule engine: return codes and verdicts, on one syscall with
//! the default KILL.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

mod support;

use callgate_policy::{Action, Arch};
use callgate_scmp::ArgCmp;
use support::{
    ALLOW, E1, E2, E3, H, IOCTL, KILL, TRAP, add, context, eq, ge, gt, le, lt, masked, ne, verdict,
};

/// The accepted value of a rule's return code, and the refused one.
const OK: i32 = 0;
const EXIST: i32 = -17;

type Given<'a> = &'a [(Action, &'a [ArgCmp], i32)];
type Expected<'a> = &'a [(&'a [u64], Action)];

fn check_on(arch: Arch, example: &str, rules: Given<'_>, expected: Expected<'_>) {
    let mut context = context(arch);
    for (place, &(action, comparisons, code)) in rules.iter().enumerate() {
        let added = add(&mut context, action, IOCTL, comparisons);
        let returned = added.err().map_or(OK, |error| error.code());
        assert_eq!(returned, code, "example {example}, rule {place}");
    }
    let nr = if arch == Arch::X86 { 54 } else { 16 };
    for &(args, action) in expected {
        let actual = verdict(&mut context, arch, nr, args);
        assert_eq!(actual, action, "example {example}, arguments {args:x?}");
    }
}

fn check(example: &str, rules: Given<'_>, expected: Expected<'_>) {
    check_on(Arch::X86_64, example, rules, expected);
}

fn on_x86(example: &str, rules: Given<'_>, expected: Expected<'_>) {
    check_on(Arch::X86, example, rules, expected);
}

/// The rules in both orders, all accepted.
fn both(example: &str, rules: [(Action, &[ArgCmp]); 2], expected: Expected<'_>) {
    let [(a, x), (b, y)] = rules;
    check(example, &[(a, x, OK), (b, y, OK)], expected);
    check(example, &[(b, y, OK), (a, x, OK)], expected);
}

#[test]
fn equal_values_and_repetitions() {
    let table: Expected<'_> = &[(&[0], KILL), (&[1], ALLOW), (&[2], ALLOW), (&[H + 1], KILL)];
    check("1", &[(ALLOW, &[eq(0, 1)], OK), (ALLOW, &[eq(0, 2)], OK)], table);
    let one: Expected<'_> = &[(&[1], ALLOW), (&[2], KILL)];
    check("2", &[(ALLOW, &[eq(0, 1)], OK), (ALLOW, &[eq(0, 1)], OK)], one);
    check("3", &[(ALLOW, &[eq(0, 1)], OK), (TRAP, &[eq(0, 1)], EXIST)], one);
    let after_failure: Given<'_> =
        &[(ALLOW, &[eq(0, 1)], OK), (TRAP, &[eq(0, 1)], EXIST), (ALLOW, &[eq(0, 2)], OK)];
    check("37", after_failure, &[(&[1], ALLOW), (&[2], ALLOW)]);
}

#[test]
fn rules_without_comparisons_hide_all_others() {
    let trap: Expected<'_> = &[(&[1], TRAP), (&[2], TRAP)];
    check("4", &[(ALLOW, &[eq(0, 1)], OK), (TRAP, &[], OK)], trap);
    check("5", &[(TRAP, &[], OK), (ALLOW, &[eq(0, 1)], OK)], trap);
    check("6", &[(TRAP, &[], OK), (ALLOW, &[], OK)], trap);
}

#[test]
fn prefixes_conflict_absorb_or_hide() {
    let long: &[ArgCmp] = &[eq(0, 1), eq(1, 2)];
    let short: &[ArgCmp] = &[eq(0, 1)];
    check("7", &[(ALLOW, long, OK), (TRAP, short, EXIST)], &[(&[1, 2], ALLOW), (&[1, 3], KILL)]);
    let hidden: Expected<'_> = &[(&[1, 2], TRAP), (&[1, 3], TRAP), (&[2, 2], KILL)];
    check("8", &[(TRAP, short, OK), (ALLOW, long, OK)], hidden);
    check("9", &[(ALLOW, long, OK), (ALLOW, short, OK)], &[(&[1, 9], ALLOW), (&[2, 2], KILL)]);
    let split: Given<'_> = &[(ALLOW, long, OK), (TRAP, &[eq(0, 1), eq(1, 3)], OK)];
    check("25", split, &[(&[1, 2], ALLOW), (&[1, 3], TRAP), (&[1, 4], KILL)]);
    let parts: Given<'_> = &[(ALLOW, &[eq(0, 0), eq(1, 1)], OK), (ALLOW, &[eq(1, 1)], OK)];
    check("21", parts, &[(&[5, 1], ALLOW), (&[0, 0], KILL)]);
}

#[test]
fn later_arguments_are_asked_first() {
    let table: Expected<'_> =
        &[(&[1, 2], TRAP), (&[1, 3], ALLOW), (&[2, 2], TRAP), (&[2, 3], KILL)];
    both("10", [(ALLOW, &[eq(0, 1)]), (TRAP, &[eq(1, 2)])], table);
    let table: Expected<'_> = &[(&[1, 2], E2), (&[3, 2], E2), (&[1, 3], KILL)];
    both("35", [(E1, &[eq(0, 1), eq(1, 2)]), (E2, &[eq(1, 2)])], table);
    let rules: Given<'_> = &[(E1, &[eq(0, 1), eq(1, 2)], OK), (E2, &[eq(0, 1), eq(2, 3)], OK)];
    let table: Expected<'_> =
        &[(&[1, 2, 3], E2), (&[1, 2, 0], E1), (&[1, 0, 3], E2), (&[1, 0, 0], KILL)];
    check("36", rules, table);
}

#[test]
fn classes_of_comparisons_have_an_order() {
    let table: Expected<'_> =
        &[(&[5], KILL), (&[6], TRAP), (&[7], ALLOW), (&[8], TRAP), (&[H], TRAP)];
    both("11", [(TRAP, &[gt(0, 5)]), (ALLOW, &[eq(0, 7)])], table);
    let table: Expected<'_> =
        &[(&[3], ALLOW), (&[7], ALLOW), (&[9], ALLOW), (&[10], TRAP), (&[H], TRAP)];
    both("12", [(TRAP, &[gt(0, 5)]), (ALLOW, &[lt(0, 10)])], table);
    let table: Expected<'_> = &[(&[1], E2), (&[4], E2), (&[5], E1), (&[6], E2)];
    both("34", [(E1, &[gt(0, 3)]), (E2, &[ne(0, 5)])], table);
    both(
        "19",
        [(ALLOW, &[ne(0, 1)]), (TRAP, &[eq(0, 1)])],
        &[(&[0], ALLOW), (&[1], TRAP), (&[H + 1], ALLOW)],
    );
    both(
        "20",
        [(ALLOW, &[lt(0, 10)]), (TRAP, &[ge(0, 10)])],
        &[(&[9], ALLOW), (&[10], TRAP), (&[H], TRAP)],
    );
}

#[test]
fn the_tightest_bound_wins_in_every_order() {
    let table: Expected<'_> = &[(&[100], KILL), (&[200], E1), (&[301], E2), (&[H], E2)];
    both("13", [(E1, &[gt(0, 100)]), (E2, &[gt(0, 300)])], table);
    let table: Expected<'_> =
        &[(&[5], E2), (&[H + 49], E2), (&[H + 50], E1), (&[H + 99], E1), (&[H + 100], KILL)];
    both("14", [(E1, &[lt(0, H + 100)]), (E2, &[lt(0, H + 50)])], table);
    let ladder: Given<'_> =
        &[(E1, &[gt(0, 100)], OK), (E3, &[gt(0, 300)], OK), (E2, &[gt(0, 200)], OK)];
    // libseccomp answers E2 to the last one.
    check("15", ladder, &[(&[150], E1), (&[250], E2), (&[350], E3), (&[H], E3)]);
    let first: Given<'_> = &[(E1, &[ge(0, 10)], OK), (E2, &[gt(0, 10)], OK)];
    check("33", first, &[(&[10], E1), (&[11], E1), (&[H], E1)]);
    let second: Given<'_> = &[(E2, &[gt(0, 10)], OK), (E1, &[ge(0, 10)], OK)];
    check("33", second, &[(&[10], E1), (&[11], E2), (&[H], E2)]);
}

#[test]
fn unequal_values_have_one_order_in_all_words() {
    // The larger value first. libseccomp answers E1 to both values with a bit in the high half.
    let table: Expected<'_> = &[(&[5], E2), (&[7], E1), (&[9], E2), (&[H + 5], E2), (&[H + 7], E2)];
    both("16", [(E1, &[ne(0, 5)]), (E2, &[ne(0, 7)])], table);
}

#[test]
fn masks_compare_what_they_cover() {
    let (value, mask): (&[ArgCmp], &[ArgCmp]) = (&[eq(0, 0x105)], &[masked(0, 0xff, 5)]);
    let table: Expected<'_> = &[(&[0x105], E1), (&[0x205], E2), (&[5], E2)];
    check("17", &[(E1, value, OK), (E2, mask, OK)], table);
    check("17b", &[(E2, mask, OK), (E1, value, OK)], &[(&[0x105], E2)]);
    for rules in [[(E1, value, OK), (E2, mask, OK)], [(E2, mask, OK), (E1, value, OK)]] {
        check_on(Arch::X86, "17 on x86", &rules, &[(&[0x105], E1)]);
    }
    let table: Expected<'_> = &[(&[0x55], E2), (&[0x15], E1), (&[0x50], E2)];
    both("18", [(E1, &[masked(0, 0xf, 5)]), (E2, &[masked(0, 0xf0, 0x50)])], table);
    check("22", &[(ALLOW, &[masked(0, 0, 1)], OK)], &[(&[0], ALLOW), (&[1], ALLOW)]);
    let table: Expected<'_> = &[(&[9, 3], ALLOW), (&[9, 4], KILL)];
    check("23", &[(ALLOW, &[masked(0, 0, 1), eq(1, 3)], OK)], table);
    let table: Expected<'_> = &[(&[5], ALLOW), (&[0x15], ALLOW), (&[6], KILL)];
    check("24", &[(ALLOW, &[masked(0, 0xf, 0x15)], OK)], table);
}

#[test]
fn bounds_that_never_or_always_hold_are_accepted() {
    check("39", &[(ALLOW, &[lt(0, 0)], OK)], &[(&[0], KILL), (&[u64::MAX], KILL)]);
    check("40", &[(ALLOW, &[ge(0, 0)], OK)], &[(&[0], ALLOW), (&[u64::MAX], ALLOW)]);
}

#[test]
fn values_are_cut_to_32_bits_on_x86() {
    on_x86("26", &[(ALLOW, &[eq(0, H + 5)], OK)], &[(&[5], ALLOW), (&[H + 5], ALLOW)]);
    on_x86("27", &[(ALLOW, &[gt(0, H)], OK)], &[(&[0], KILL), (&[1], ALLOW)]);
    on_x86("28", &[(ALLOW, &[masked(0, H * 0xffff_ffff, H)], OK)], &[(&[0], ALLOW), (&[7], ALLOW)]);
    let (value, mask): (&[ArgCmp], &[ArgCmp]) = (&[eq(0, 5)], &[masked(0, 0xff, 5)]);
    on_x86("30", &[(E1, value, OK), (E2, mask, OK)], &[(&[5], E1)]);
    on_x86("30", &[(E2, mask, OK), (E1, value, OK)], &[(&[5], E2)]);
}

#[test]
fn a_test_keeps_the_place_of_the_rule_that_brought_it() {
    for arch in [Arch::X86, Arch::X86_64] {
        let rules: Given<'_> =
            &[(E1, &[gt(0, 10)], OK), (E2, &[le(0, 10)], OK), (E3, &[lt(0, 20)], OK)];
        check_on(arch, "32", rules, &[(&[5], E3), (&[15], E3), (&[25], E1)]);
        let rules: Given<'_> =
            &[(E2, &[le(0, 10)], OK), (E1, &[gt(0, 10)], OK), (E3, &[lt(0, 20)], OK)];
        check_on(arch, "32b", rules, &[(&[5], E2), (&[15], E1), (&[25], E1)]);
    }
}
