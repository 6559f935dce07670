//! Sets of words, against membership.

use super::*;

fn intervals(list: &[(u32, u32)]) -> Vec<Interval> {
    list.iter().map(|&(first, last)| Interval { first, last }).collect()
}

fn held(test: Test, mask: u32, constant: u32) -> Option<Vec<Interval>> {
    let mut list = Intervals::new();
    holding(test, mask, constant, &mut list).unwrap().then_some(list.0)
}

#[test]
fn splitting_agrees_with_membership() {
    let all_sets = || {
        (0..1_u32 << 8).map(|members| {
            let mut set = Intervals::new();
            let points = (0..8).rev().filter(|word| members >> word & 1 == 1);
            points.for_each(|word| set.push(Interval::point(word)).unwrap());
            set.tidy();
            set
        })
    };
    let member = |set: &Intervals, word| set.0.iter().any(|i| i.contains(word));
    for set in all_sets() {
        assert!(set.0.windows(2).all(|w| w[0].last + 1 < w[1].first));
        for cut in all_sets() {
            let (mut inside, mut outside) = (Intervals::new(), Intervals(set.0.clone()));
            outside.take_out(&cut.0, &mut inside).unwrap();
            for word in 0..8 {
                let cut_here = member(&set, word) && member(&cut, word);
                assert_eq!(member(&inside, word), cut_here);
                assert_eq!(member(&outside, word), member(&set, word) && !cut_here);
            }
        }
    }
}

#[test]
fn holding_words_are_exact_at_the_ends() {
    let max = u32::MAX;
    for (test, mask, constant, expected) in [
        (Test::Equal, max, 7, intervals(&[(7, 7)])),
        (Test::Greater, max, max, vec![]),
        (Test::Greater, max, max - 1, intervals(&[(max, max)])),
        (Test::GreaterOrEqual, max, 0, intervals(&[(0, max)])),
        (Test::AnyBit, max, 1 << 30, intervals(&[(0x4000_0000, 0x7fff_ffff), (0xc000_0000, max)])),
        (Test::AnyBit, max, 0, vec![]),
        (Test::AnyBit, 0x4000_0000, 0x8000_0000, vec![]),
        (Test::Equal, 0xc000_0000, 0, intervals(&[(0, 0x3fff_ffff)])),
        (Test::Equal, 0xc000_0000, 1, vec![]),
        (Test::Equal, 0xbfff_ffff, 7, intervals(&[(7, 7), (0x4000_0007, 0x4000_0007)])),
        (Test::Equal, 0xbfff_ffff, 0x4000_0000, vec![]),
        (Test::Greater, 0xbfff_ffff, max, vec![]),
        (Test::GreaterOrEqual, 0x7fff_ffff, 5, intervals(&[(5, 0x7fff_ffff), (0x8000_0005, max)])),
    ] {
        assert_eq!(held(test, mask, constant), Some(expected), "{test:?} {mask:#x}");
    }
    assert_eq!(held(Test::Equal, 0xff, 0), None);
}

#[test]
fn holding_words_are_those_of_which_the_test_holds() {
    let masks =
        [u32::MAX, 0xbfff_ffff, 0x3fff_ffff, 0x7eff_ffff, 0x00ff_ffff, 0xff00_0000, 0xc000_0000];
    let corners = [0u32, 1, 7, 0x00ff_ffff, 0x0100_0000, 0x3fff_ffff, 0x4000_0000, 0x4000_0007];
    let corners = || corners.into_iter().flat_map(|word| [word, !word]);
    for (mask, constant) in masks.into_iter().flat_map(|mask| corners().map(move |k| (mask, k))) {
        for test in [Test::Equal, Test::Greater, Test::GreaterOrEqual] {
            let list = held(test, mask, constant).unwrap();
            let ends = list.iter().flat_map(|i| [i.first, i.last]);
            let near = ends.flat_map(|word| [word.wrapping_sub(1), word, word.wrapping_add(1)]);
            for word in corners().chain(near) {
                let held = list.iter().any(|interval| interval.contains(word));
                assert_eq!(
                    held,
                    test.holds(word & mask, constant),
                    "{word:#x} & {mask:#x} {test:?} {constant:#x}"
                );
            }
        }
    }
}
