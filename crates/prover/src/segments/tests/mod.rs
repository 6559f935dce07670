//! Searches against tests that are joined one by one.

use callgate_bpf::DataWord;
use callgate_testkit::Rng;

use super::*;
use crate::Options;
use crate::budget::Budget;
use crate::diagram::{DEPENDS, FALSE, OUTSIDE, TRUE};

#[test]
fn searches_are_the_diagrams_of_their_tests() {
    let mut d = Diagrams::new(Budget::new(&Options::default())).unwrap();
    let mut rng = Rng::with_seed(11);
    let ends = [TRUE, FALSE, DEPENDS, OUTSIDE];
    for _ in 0..2_000 {
        let mut pool: Vec<(Segments, NodeId)> = Vec::new();
        for _ in 0..rng.usize(1..24) {
            let mut side = |pool: &mut Vec<(Segments, NodeId)>| match pool.pop() {
                Some(side) if rng.usize(..3) > 0 => side,
                _ => {
                    let end = ends[rng.usize(..4)];
                    (Segments::constant(Rank::NR, end), end)
                }
            };
            let (then, other) = (side(&mut pool), side(&mut pool));
            let test = [Test::Equal, Test::Greater, Test::GreaterOrEqual][rng.usize(..3)];
            let constant = [rng.u32(..9), u32::MAX - rng.u32(..3), rng.u32(..)][rng.usize(..3)];
            let test = (test, DataWord::NR, u32::MAX, constant);
            let slow = d.where_word(test, [then.1, other.1]).unwrap();
            let fast = other.0.with(&mut d, held(test).unwrap(), then.0).unwrap();
            assert!(fast.list.windows(2).all(|pair| pair[0].last < pair[1].last));
            let copy = Segments { list: fast.list.clone(), ..fast };
            assert_eq!(copy.close(&mut d).unwrap(), slow);
            pool.push((fast, slow));
        }
    }
}
