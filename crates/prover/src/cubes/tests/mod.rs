//! Lists of masked equalities.

use callgate_policy::{Action, ArchPolicy, Comparison, Field};
use callgate_syscalls::SyscallNr;
use callgate_testkit::Rng;

use super::*;
use crate::Options;
use crate::budget::Budget;
use crate::policy::joined;

type Equality = (Field, u64, u64);

fn all(equalities: impl IntoIterator<Item = Equality>) -> Condition {
    let equal = |(field, mask, value)| Comparison::masked(field, mask, Operator::Eq, value);
    Condition::all(equalities.into_iter().map(equal).map(Condition::from)).unwrap()
}

fn pick<T: Copy, const N: usize>(rng: &mut Rng, list: [T; N]) -> T {
    list[rng.usize(..N)]
}

/// Both diagrams of rules with these errnos.
fn both(rules: Vec<(u16, Condition)>, endian: Endian) -> (Option<NodeId>, NodeId) {
    let nr = SyscallNr::new(1);
    let mut list = ArchPolicy::new(Action::ALLOW);
    for (errno, condition) in rules {
        list.rule(nr, condition, Action::errno(errno).unwrap());
    }
    let mut d = Diagrams::new(Budget::new(&Options::default())).unwrap();
    let otherwise = d.action(Action::errno(2).unwrap()).unwrap();
    let rules = list.rules_for(nr);
    let cubes = function(&mut d, rules, endian, otherwise).unwrap();
    let joined = joined(&mut d, rules, endian, otherwise).unwrap();
    // One rule after the other, the last first.
    let one_by_one = rules.iter().rev().fold(otherwise, |rest, rule| {
        let action = d.action(rule.action()).unwrap();
        d.where_holds(rule.condition(), endian, [action, rest]).unwrap()
    });
    assert_eq!(joined, one_by_one);
    (cubes, joined)
}

#[test]
fn cubes_and_joining_make_the_same_diagrams() {
    let mut rng = Rng::with_seed(7);
    let mut made = 0;
    for _ in 0..2_000 {
        let count = rng.usize(..9);
        let rules = (0..count).map(|_| random_rule(&mut rng)).collect();
        let endian = pick(&mut rng, [Endian::Little, Endian::Big]);
        let (cubes, joined) = both(rules, endian);
        made += usize::from(cubes.is_some());
        assert!(cubes.is_none_or(|cubes| cubes == joined));
    }
    assert!(made > 1_900, "{made}");
}

/// Some are alternatives, some of which there are none.
fn random_rule(rng: &mut Rng) -> (u16, Condition) {
    let errno = pick(rng, [1, 2, 3, 4]);
    let condition = match rng.usize(..4) {
        0 => {
            let count = rng.usize(..4);
            Condition::any((0..count).map(|_| random_cube(rng)).collect::<Vec<_>>()).unwrap()
        }
        _ => random_cube(rng),
    };
    (errno, condition)
}

/// Some have bits outside the mask, some contradict themselves, some hold always.
fn random_cube(rng: &mut Rng) -> Condition {
    let count = rng.usize(..4);
    let equality = |_| {
        let field = pick(rng, [Field::Arg0, Field::Arg5, Field::InstructionPointer]);
        let mask = pick(rng, [u64::MAX, 0xffff_ffff, 7, 5 << 31, 0]);
        (field, mask, pick(rng, [0, 1, 2, 3]) << pick(rng, [0, 31, 62]))
    };
    all((0..count).map(equality).collect::<Vec<Equality>>())
}

#[test]
fn lists_that_would_be_copied_over_and_over_are_left() {
    // Values of the first argument, and of the second beside them: each of the first with all of the second.
    let either = |count: u64| {
        let one = |value| {
            let field = if value % 2 == 0 { Field::Arg0 } else { Field::Arg1 };
            (1, all([(field, u64::MAX, value)]))
        };
        both((0..count).map(one).collect(), Endian::Little)
    };
    let (cubes, joined) = either(40);
    assert_eq!(cubes, Some(joined));
    assert_eq!(either(400).0, None);
}

#[test]
fn lists_that_ask_a_word_under_several_masks_are_left() {
    let rules = |mask| {
        let one = |mask| (1, all([(Field::Arg1, mask, 1), (Field::Arg0, 7, 1)]));
        both(vec![one(1), one(mask)], Endian::Little).0
    };
    assert!(rules(1).is_some());
    assert_eq!(rules(3), None);
}

#[test]
fn only_equalities_are_cubes() {
    let above = Comparison::new(Field::Arg0, Operator::Gt, 4);
    let rules = vec![(1, all([(Field::Arg1, 1, 1)])), (3, above.into())];
    assert_eq!(both(rules, Endian::Little).0, None);
}
