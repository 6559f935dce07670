//! Diagrams against tables, numbers and each other.

use std::collections::BTreeSet;

use callgate_bpf::{DataWord, Test};
use callgate_testkit::Rng;

use super::*;
use crate::{Options, Undecided};

fn diagrams() -> Diagrams {
    Diagrams::new(Budget::new(&Options::default())).unwrap()
}

/// The two words that these tests are about, in the order of diagrams.
const WORDS: [DataWord; 2] = [DataWord::ARCH, DataWord::NR];

/// The leaf that a call leads to.
fn leaf(d: &Diagrams, mut node: NodeId, arch: u32, nr: u32) -> NodeId {
    while let View::Test { rank, pattern, yes, no } = d.view(node) {
        node = if pattern.holds(if rank == Rank::ARCH { arch } else { nr }) { yes } else { no };
    }
    node
}

/// Two bits of each word, of which the second word's are not neighbours: the inputs are numbers of four bits.
const BITS: [(Rank, u32); 4] = [(Rank::ARCH, 1), (Rank::ARCH, 0), (Rank::NR, 31), (Rank::NR, 5)];

fn input(assignment: u32) -> (u32, u32) {
    let mut words = [0, 0];
    for (index, (rank, bit)) in BITS.into_iter().enumerate() {
        words[rank.index()] |= (assignment >> index & 1) << bit;
    }
    (words[0], words[1])
}

/// The function with this table of 16 rows, made bit by bit from the last.
fn by_bits(d: &mut Diagrams, table: u32) -> NodeId {
    let mut rows: Vec<NodeId> =
        (0..16).map(|row| if table >> row & 1 == 1 { TRUE } else { FALSE }).collect();
    for index in (0..4).rev() {
        let (rank, bit) = BITS[index];
        let half = rows.len() / 2;
        let pattern = Pattern { mask: 1 << bit, value: 1 << bit };
        rows = (0..half)
            .map(|row| d.choice(rank, pattern, rows[row | half], rows[row]).unwrap())
            .collect();
    }
    rows[0]
}

/// The same, as the union of its rows: operations on whole patterns.
fn by_rows(d: &mut Diagrams, table: u32) -> NodeId {
    (0..16).filter(|row| table >> row & 1 == 1).fold(FALSE, |acc, row| {
        let (arch, nr) = input(row);
        let mask = 1 << 31 | 1 << 5;
        let low = d.choice(Rank::NR, Pattern { mask, value: nr }, TRUE, FALSE).unwrap();
        let row = d.choice(Rank::ARCH, Pattern { mask: 3, value: arch }, low, FALSE).unwrap();
        d.or(acc, row).unwrap()
    })
}

/// The same, by its negation, with the patterns in another order.
fn by_absent_rows(d: &mut Diagrams, table: u32) -> NodeId {
    (0..16).rev().filter(|row| table >> row & 1 == 0).fold(TRUE, |acc, row| {
        let (arch, nr) = input(row);
        let mut row = TRUE;
        for (rank, bit) in BITS {
            let word = if rank == Rank::ARCH { arch } else { nr };
            let literal = Pattern { mask: 1 << bit, value: word & 1 << bit };
            let literal = d.choice(rank, literal, TRUE, FALSE).unwrap();
            row = d.and(row, literal).unwrap();
        }
        let absent = d.not(row).unwrap();
        d.and(acc, absent).unwrap()
    })
}

#[test]
fn each_function_of_four_bits_is_one_node() {
    let mut d = diagrams();
    let mut nodes = BTreeSet::new();
    for table in 0..1 << 16 {
        let node = by_bits(&mut d, table);
        assert!(nodes.insert(node), "{table:#b} is a function of its own");
        for row in 0..16 {
            let (arch, nr) = input(row);
            assert_eq!(leaf(&d, node, arch, nr) == TRUE, table >> row & 1 == 1, "{table:#b} {row}");
        }
        // Each of a few thousand in two more ways: all would take a minute.
        if table % 13 == 0 {
            assert_eq!(by_rows(&mut d, table), node, "{table:#b}");
            assert_eq!(by_absent_rows(&mut d, table), node, "{table:#b}");
        }
    }
    assert_eq!(nodes.len(), 1 << 16);
}

#[test]
fn choices_of_several_bits_are_the_choices_of_each() {
    let mut d = diagrams();
    // Every pattern of the second word above every pair of functions of one bit of it.
    let mut ends = vec![TRUE, FALSE];
    let further = [(2, 2), (1, 1), (3, 0), (3, 1), (3, 2), (3, 3)];
    for (mask, value) in further {
        for (yes, no) in [(TRUE, FALSE), (FALSE, TRUE), (TRUE, DEPENDS), (DEPENDS, FALSE)] {
            ends.push(d.choice(Rank::NR, Pattern { mask, value }, yes, no).unwrap());
        }
    }
    let mut checked = 0;
    for mask in 1..8_u32 {
        for value in (0..8).filter(|value| value & !mask == 0) {
            for (yes, no) in ends.iter().flat_map(|&yes| ends.iter().map(move |&no| (yes, no))) {
                let pattern = Pattern { mask: mask << 2, value: value << 2 };
                let whole = d.choice(Rank::NR, pattern, yes, no).unwrap();
                let mut node = yes;
                for bit in (0..3).filter(|bit| mask >> bit & 1 == 1) {
                    let pattern =
                        Pattern { mask: 4 << bit, value: (value >> bit & 1) << (bit + 2) };
                    node = d.choice(Rank::NR, pattern, node, no).unwrap();
                }
                assert_eq!(whole, node, "{pattern:?}");
                for nr in 0..32 {
                    let end = if pattern.holds(nr) { yes } else { no };
                    assert_eq!(leaf(&d, whole, 0, nr), leaf(&d, end, 0, nr));
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 10_000, "{checked}");
}

/// A function of both words in which every operation of the machine may have had a part.
fn random(d: &mut Diagrams, rng: &mut Rng, actions: &[NodeId]) -> NodeId {
    let mut pool: Vec<NodeId> = actions.to_vec();
    for _ in 0..rng.usize(1..12) {
        let test = [Test::Equal, Test::Greater, Test::GreaterOrEqual, Test::AnyBit][rng.usize(..4)];
        let mask = [u32::MAX, 7, 0xf0, 0x8000_0003, 1][rng.usize(..5)];
        let constant = [0, 1, 2, 6, 0x70, 0x8000_0001, u32::MAX][rng.usize(..7)];
        let sides = [pool[rng.usize(..pool.len())], pool[rng.usize(..pool.len())]];
        let word = WORDS[rng.usize(..2)];
        pool.push(d.where_word((test, word, mask, constant), sides).unwrap());
    }
    pool[pool.len() - 1]
}

const SAMPLES: [u32; 10] = [0, 1, 2, 3, 6, 7, 0x70, 0x8000_0000, 0x8000_0001, u32::MAX];

#[test]
fn operations_do_at_each_call_what_they_do_with_actions() {
    let mut d = diagrams();
    let raw = [0x7fff_0000, 0x0005_0001, 0x0005_2002, 0x7ffe_0003, 0x7ff0_0007];
    let actions: Vec<NodeId> = raw.map(|raw| d.action(Action::from_raw(raw)).unwrap()).to_vec();
    let mut rng = Rng::with_seed(5);
    for _ in 0..300 {
        let [a, b] = [(); 2].map(|()| random(&mut d, &mut rng, &actions));
        let hows = [Combine::Strictest, Combine::Loosest, Combine::Freest];
        let joined = hows.map(|how| d.combine(how, a, b).unwrap());
        let differ = d.differ(a, b).unwrap();
        let open = d.first(actions[0], a, b).unwrap();
        let condition = d.where_action(a, Action::from_raw(raw[1])).unwrap();
        let chosen = d.ite(condition, b, a).unwrap();
        let normalised = d.normalised(a).unwrap();
        for (arch, nr) in SAMPLES.into_iter().flat_map(|arch| SAMPLES.map(|nr| (arch, nr))) {
            let at = |node| leaf(&d, node, arch, nr);
            let [View::Action(l), View::Action(r)] = [a, b].map(|node| d.view(at(node))) else {
                panic!("an action")
            };
            for (how, node) in hows.into_iter().zip(joined) {
                assert_eq!(d.view(at(node)), View::Action(how.apply(l, r)));
            }
            assert_eq!(at(differ) == TRUE, l != r);
            assert_eq!(at(open), if at(a) == actions[0] { at(b) } else { at(a) });
            assert_eq!(at(chosen), if l.raw() == raw[1] { at(b) } else { at(a) });
            assert_eq!(d.view(at(normalised)), View::Action(l.normalised()));
        }
    }
}

#[test]
fn the_freest_choice_is_that_of_all_choices() {
    let mut d = diagrams();
    let actions: Vec<NodeId> = [0x7fff_0000, 0x0005_0001, 0x0005_0000, 0x7ffe_0000]
        .map(|raw| d.action(Action::from_raw(raw)).unwrap())
        .to_vec();
    let mut rng = Rng::with_seed(6);
    for round in 0..200 {
        // Functions of the low three bits of both words only, so that 64 calls are all there are.
        let mut low = |d: &mut Diagrams| {
            let function = random(d, &mut rng, &actions);
            let zero = |rank, function, d: &mut Diagrams| {
                let high = Pattern { mask: !7, value: 0 };
                let high = d.choice(rank, high, TRUE, FALSE).unwrap();
                d.ite(high, function, actions[1]).unwrap()
            };
            let function = zero(Rank::ARCH, function, d);
            zero(Rank::NR, function, d)
        };
        let functions = [low(&mut d), low(&mut d)];
        let mut chosen = [0; Rank::COUNT];
        (chosen[0], chosen[1]) = (round % 8, round / 8 % 8);
        let freest = d.freest_over(functions, &chosen).unwrap();
        for (function, freest) in functions.into_iter().zip(freest) {
            for (arch, nr) in (0..8).flat_map(|arch| (0..8).map(move |nr| (arch, nr))) {
                let all = (0..8).flat_map(|a| (0..8).map(move |n| (a & chosen[0], n & chosen[1])));
                let at = all.map(|(a, n)| {
                    let words = (arch & !chosen[0] | a, nr & !chosen[1] | n);
                    match d.view(leaf(&d, function, words.0, words.1)) {
                        View::Action(action) => action,
                        _ => panic!("an action"),
                    }
                });
                let expected = at.reduce(|l, r| Combine::Freest.apply(l, r)).unwrap();
                assert_eq!(d.view(leaf(&d, freest, arch, nr)), View::Action(expected));
            }
        }
    }
}

#[test]
fn tests_of_words_agree_with_numbers() {
    let mut d = diagrams();
    for test in [Test::Equal, Test::Greater, Test::GreaterOrEqual, Test::AnyBit] {
        for (mask, constant) in (0..16).flat_map(|m| (0..32).map(move |c| (m, c))) {
            for high in [0, 0x8000_0000, 0xffff_ff00] {
                let (mask, constant) = (mask | high, constant | high);
                let function = (test, DataWord::NR, mask, constant);
                let node = d.where_word(function, [TRUE, FALSE]).unwrap();
                for nr in (0..32).flat_map(|nr| [nr, nr | 0x8000_0000, nr | high]) {
                    let holds = test.holds(nr & mask, constant);
                    assert_eq!(leaf(&d, node, 0, nr) == TRUE, holds, "{function:?} {nr:#x}");
                }
            }
        }
    }
}

#[test]
fn segments_are_what_tests_of_their_ends_make() {
    let mut d = diagrams();
    let ends = [TRUE, FALSE, DEPENDS, OUTSIDE];
    let mut rng = Rng::with_seed(3);
    for _ in 0..3_000 {
        let small = rng.usize(..2) == 0;
        let count = rng.usize(..12);
        let mut lasts: Vec<u32> =
            (0..count).map(|_| if small { rng.u32(..24) } else { rng.u32(..) }).collect();
        lasts.push(u32::MAX);
        lasts.sort_unstable();
        lasts.dedup();
        let some = rng.usize(1..5);
        let segments: Vec<Segment> =
            lasts.iter().map(|&last| Segment { last, node: ends[rng.usize(..some)] }).collect();
        let mut slow = segments[segments.len() - 1].node;
        for segment in segments.iter().rev() {
            let test = (Test::Greater, DataWord::NR, u32::MAX, segment.last);
            slow = d.where_word(test, [slow, segment.node]).unwrap();
        }
        assert_eq!(d.of_segments(Rank::NR, &segments).unwrap(), slow, "{segments:?}");
    }
}

#[test]
fn memory_and_work_end_at_the_budget() {
    // The first bit below a node that is there already takes one node more.
    let bit = |d: &mut Diagrams, bit| d.bit(Rank::NR, bit);
    for room in [0, 1, 5] {
        let options = Options { bytes_max: room * NODE_BYTES, ..Options::default() };
        let mut d = Diagrams::new(Budget::new(&options)).unwrap();
        let made = (0..32).map_while(|place| bit(&mut d, place).ok()).count();
        assert_eq!(made, room);
        let bytes_max = options.bytes_max;
        assert_eq!(bit(&mut d, 31), Err(Halt::Undecided(Undecided::Memory { bytes_max })));
    }
    let steps = |tests_max| {
        let mut d =
            Diagrams::new(Budget::new(&Options { tests_max, ..Options::default() })).unwrap();
        let [a, b] = [3, 7].map(|place| bit(&mut d, place).unwrap());
        d.xor(a, b)
    };
    let needed = (0..).find(|&tests_max| steps(tests_max).is_ok()).unwrap();
    assert_eq!(steps(needed - 1), Err(Halt::Undecided(Undecided::Work { tests_max: needed - 1 })));
    assert!(steps(needed + 1).is_ok());
}
