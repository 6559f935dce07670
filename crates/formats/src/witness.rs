//! Finds a call with a given property among those where the rules of a syscall could change their
//! mind.

use std::collections::BTreeSet;

use callgate_order::Test;

use crate::chain::Args;

/// How many calls are tried. Rules in practice need dozens; the limit is for those written to be
/// slow.
const ATTEMPTS_MAX: u64 = 1 << 14;

/// How many values of one argument are tried.
const VALUES_MAX: usize = 256;

/// A call for which `wanted` holds, where one is found: arguments are at, just below and just above
/// the values of the tests, inside and outside their masks, with and without high bits; those
/// without tests are zero.
///
/// Nothing is proved by not finding one.
pub(crate) fn find(tests: &[Test], wanted: impl Fn(&Args) -> bool) -> Option<Args> {
    let values: Vec<Vec<u64>> = (0..6).map(|argument| values(argument, tests)).collect();
    let product = values
        .iter()
        .try_fold(1u64, |all, list| all.checked_mul(u64::try_from(list.len()).unwrap_or(u64::MAX)));
    let product = product.unwrap_or(u64::MAX);
    // An odd step spreads the attempts where there are more combinations than attempts.
    let step = if product > ATTEMPTS_MAX { 0x9e37_79b9_7f4a_7c15 } else { 1 };
    (0..product.min(ATTEMPTS_MAX))
        .map(|attempt| combination(&values, attempt.wrapping_mul(step) % product))
        .find(|args| wanted(args))
}

fn combination(values: &[Vec<u64>], mut index: u64) -> Args {
    let mut args = [0; 6];
    for (arg, list) in args.iter_mut().zip(values) {
        let length = u64::try_from(list.len()).unwrap_or(1).max(1);
        let chosen = usize::try_from(index % length).unwrap_or(0);
        *arg = list.get(chosen).copied().unwrap_or(0);
        index /= length;
    }
    args
}

/// The values worth trying for one argument, ascending.
fn values(argument: u8, tests: &[Test]) -> Vec<u64> {
    let tests: Vec<&Test> = tests.iter().filter(|test| test.arg == argument).collect();
    let mut values = BTreeSet::from([0]);
    for test in &tests {
        let Test { datum, mask, .. } = **test;
        let lowest = mask & mask.wrapping_neg();
        let around = [datum, datum.wrapping_sub(1), datum.wrapping_add(1)];
        values.extend(around);
        values.extend([
            datum | !mask,
            datum ^ lowest,
            datum | 1 << 32,
            datum & u64::from(u32::MAX),
        ]);
    }
    // Each equality also in the company of the other tests' values.
    let plain: Vec<u64> = values.iter().copied().take(VALUES_MAX).collect();
    for test in &tests {
        values.extend(plain.iter().map(|value| value & !test.mask | test.datum));
        if values.len() > VALUES_MAX {
            break;
        }
    }
    values.into_iter().take(VALUES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use callgate_order::StoredOperator::{self, Equal, Greater, GreaterOrEqual};

    use super::*;

    fn test(arg: u8, stored: StoredOperator, mask: u64, datum: u64) -> Test {
        Test { arg, stored, mask, datum }
    }

    fn holds(test: &Test, args: &Args) -> bool {
        test.stored.operator().holds(args[usize::from(test.arg)] & test.mask, test.datum)
    }

    #[test]
    fn finds_calls_that_meet_all_of_several_tests() {
        let all = [
            test(0, Equal, 0xf0, 0x50),
            test(0, Equal, 0x0f, 0x03),
            test(1, Greater, u64::MAX, 7),
            test(5, GreaterOrEqual, u64::MAX, 1),
        ];
        let found = find(&all, |args| all.iter().all(|test| holds(test, args)));
        assert_eq!(found, Some([0x53, 8, 0, 0, 0, 1]));
    }

    #[test]
    fn gives_up_on_what_cannot_be() {
        let never = [test(0, Greater, u64::MAX, u64::MAX)];
        assert_eq!(find(&never, |args| holds(&never[0], args)), None);
    }

    #[test]
    fn many_tests_take_bounded_time() {
        let tests: Vec<Test> =
            (0..6000).map(|n| test((n % 6) as u8, Equal, u64::MAX, n * 1000)).collect();
        assert_eq!(find(&tests, |_| false), None);
    }
}
