//! Sets of values that differ in bits which do not matter.
//!
//! `{0, 8, 0x20000, 0x20008}` is `x & ~0x20008 == 0`: one test instead of one for each value. Such
//! sets are what flag arguments are compared with.

use callgate_bpf::Test;
use callgate_memory::{Grow, OutOfMemory};

use crate::graph::Question;
use crate::intervals::{Interval, is_single, push_value};
use crate::variable::Variable;

/// The most values that are looked at together: twice as many as any known set of flags has.
const VALUES_MAX: usize = 64;

/// The fewest values for which a bit test pays.
const VALUES_MIN: usize = 3;

/// A question about bits, and what is left to tell apart after each answer.
pub(crate) struct Split {
    pub(crate) question: Question,
    pub(crate) yes: Interval,
    pub(crate) no: Vec<Interval>,
}

/// A question that settles several single values of one meaning at once, where there is one.
pub(crate) fn split(
    variable: Variable,
    intervals: &[Interval],
) -> Result<Option<Split>, OutOfMemory> {
    let is_candidate = variable.mask == u32::MAX && intervals.len() > VALUES_MIN;
    if !is_candidate || !is_single(intervals, 0) {
        return Ok(None);
    }
    // The last interval counts as a run, though it may be the single value u32::MAX.
    let alike = |&index: &usize| {
        index + 1 < intervals.len()
            && intervals[index].entry == intervals[0].entry
            && is_single(intervals, index)
    };
    let (mut values, mut count) = ([0; VALUES_MAX], 0);
    for index in (0..intervals.len()).filter(alike) {
        if count == VALUES_MAX {
            return Ok(None);
        }
        values[count] = intervals[index].start;
        count += 1;
    }
    let free = free_bits(&values[..count]);
    if 1usize << free.count_ones() < VALUES_MIN {
        return Ok(None);
    }
    let no = without(intervals, |start| start & !free == 0)?;
    let question = Question::new(variable.word, !free, Test::Equal, 0);
    Ok(Some(Split { question, yes: Interval { start: 0, ..intervals[0] }, no }))
}

/// Bits of which every combination is among the values.
fn free_bits(values: &[u32]) -> u32 {
    let mut free = 0u32;
    for &bit in values.iter().filter(|value| value.is_power_of_two()) {
        if subsets(free).all(|subset| values.binary_search(&(subset | bit)).is_ok()) {
            free |= bit;
        }
    }
    free
}

/// All values that have no bit outside these.
fn subsets(bits: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(0u32), move |&subset| {
        let next = subset.wrapping_sub(bits) & bits;
        (next != 0).then_some(next)
    })
}

/// The intervals without single values that are settled already: those take their neighbour's
/// meaning.
fn without(
    intervals: &[Interval],
    settled: impl Fn(u32) -> bool,
) -> Result<Vec<Interval>, OutOfMemory> {
    let mut rest: Vec<Interval> = Vec::with_room(intervals.len())?;
    for (index, interval) in intervals.iter().enumerate() {
        let is_last = index + 1 == intervals.len();
        if is_last || !is_single(intervals, index) || !settled(interval.start) {
            let start = if rest.is_empty() { 0 } else { interval.start };
            push_value(&mut rest, Interval { start, ..*interval })?;
        }
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_all_and_no_others() {
        assert_eq!(subsets(0).collect::<Vec<_>>(), [0]);
        assert_eq!(subsets(0b1010).collect::<Vec<_>>(), [0, 0b10, 0b1000, 0b1010]);
    }

    #[test]
    fn bits_are_free_only_in_every_combination() {
        assert_eq!(free_bits(&[0, 8, 0x2_0000, 0x2_0008]), 0x2_0008);
        assert_eq!(free_bits(&[0, 8, 0x2_0000]), 8);
        assert_eq!(free_bits(&[0, 3, 5]), 0);
        assert_eq!(free_bits(&[0, 1, 2, 3, 4]), 3);
    }
}
