//! Sets of 32-bit words as intervals: the syscall numbers or arch tokens that take the same way through a program.

use callgate_bpf::Test;

/// The words `first..=last`; `first <= last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Interval {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl Interval {
    pub(crate) const ALL: Self = Self { first: 0, last: u32::MAX };

    pub(crate) const fn new(first: u32, last: u32) -> Option<Self> {
        if first <= last { Some(Self { first, last }) } else { None }
    }

    pub(crate) const fn point(word: u32) -> Self {
        Self { first: word, last: word }
    }

    /// The only word, where there is only one.
    pub(crate) const fn single(self) -> Option<u32> {
        if self.first == self.last { Some(self.first) } else { None }
    }

    pub(crate) const fn contains(self, word: u32) -> bool {
        self.first <= word && word <= self.last
    }

    pub(crate) fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// The parts of this interval where the members of a sorted list hold and where they do not, in order.
    pub(crate) fn cut(self, list: &[Self]) -> (Intervals, Intervals) {
        Intervals(vec![self]).split(list)
    }
}

/// A set of words: intervals that do not touch each other, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Intervals(Vec<Interval>);

impl Intervals {
    pub(crate) fn all() -> Self {
        Self(vec![Interval::ALL])
    }

    pub(crate) fn as_slice(&self) -> &[Interval] {
        &self.0
    }

    /// Whether there are at most that many members.
    pub(crate) fn within(&self, count_max: u64) -> bool {
        let count = self.0.iter().map(|i| u64::from(i.last - i.first) + 1).sum::<u64>();
        count <= count_max
    }

    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The union of sets of which no two have a common member.
    pub(crate) fn union(disjoint: Vec<Self>) -> Self {
        let mut list: Vec<Interval> = disjoint.into_iter().flat_map(|set| set.0).collect();
        list.sort_unstable();
        list.dedup_by(|next, kept| {
            let touching = kept.last.checked_add(1) == Some(next.first);
            if touching {
                kept.last = next.last;
            }
            touching
        });
        Self(list)
    }

    /// The members inside and outside of a sorted list of disjoint intervals.
    pub(crate) fn split(mut self, list: &[Interval]) -> (Self, Self) {
        let mut inside = Vec::new();
        for &cut in list {
            let start = self.0.partition_point(|own| own.last < cut.first);
            let end = self.0.partition_point(|own| own.first <= cut.last);
            let Some(touched) = self.0.get(start..end) else { continue };
            let (Some(&head), Some(&tail)) = (touched.first(), touched.last()) else { continue };
            inside.extend(touched.iter().filter_map(|own| own.intersection(cut)));
            let before = cut.first.checked_sub(1).and_then(|last| Interval::new(head.first, last));
            let after = cut.last.checked_add(1).and_then(|first| Interval::new(first, tail.last));
            self.0.splice(start..end, before.into_iter().chain(after));
        }
        (Self(inside), self)
    }
}

/// The words of which a masked test against a constant holds, ascending, where they are few intervals.
pub(crate) fn holding(test: Test, mask: u32, constant: u32) -> Option<Vec<Interval>> {
    let one = |interval: Option<Interval>| Some(interval.into_iter().collect());
    match test {
        Test::Equal if mask == u32::MAX => one(Some(Interval::point(constant))),
        Test::Greater if mask == u32::MAX => {
            one(constant.checked_add(1).and_then(|first| Interval::new(first, u32::MAX)))
        }
        Test::GreaterOrEqual if mask == u32::MAX => one(Interval::new(constant, u32::MAX)),
        Test::AnyBit => blocks(mask & constant, |word| word & mask & constant != 0),
        Test::Equal => stretches(mask, Interval::point(constant))
            .or_else(|| blocks(mask, |word| word & mask == constant)),
        Test::Greater | Test::GreaterOrEqual => {
            let least =
                if test == Test::Greater { constant.checked_add(1) } else { Some(constant) };
            let Some(values) = least.and_then(|first| Interval::new(first, u32::MAX)) else {
                return Some(Vec::new());
            };
            stretches(mask, values).or_else(|| blocks(mask, |word| values.contains(word & mask)))
        }
    }
}

/// The words that are among these values under a mask, where the mask drops a few of the high bits only: from one change of
/// a dropped bit to the next, masked words ascend as words do.
fn stretches(mask: u32, values: Interval) -> Option<Vec<Interval>> {
    let low_bits = (!mask).trailing_zeros();
    let last_block = u32::MAX.checked_shr(low_bits).unwrap_or(0);
    if last_block >= BLOCKS_MAX {
        return None;
    }
    let last_of = u32::MAX.checked_shl(low_bits).map_or(u32::MAX, |high| !high);
    let held = (0..=last_block).filter_map(|block| {
        let first = block.checked_shl(low_bits).unwrap_or(0);
        let masked = first & mask;
        let held = values.intersection(Interval { first: masked, last: masked | last_of })?;
        let dropped = first & !mask;
        Some(Intervals(vec![Interval { first: held.first | dropped, last: held.last | dropped }]))
    });
    Some(Intervals::union(held.collect()).0)
}

/// The most blocks that [`blocks`] looks at.
const BLOCKS_MAX: u32 = 256;

/// The words for which a predicate holds that reads only the bits of a mask, where the mask has high bits only.
fn blocks(mask: u32, holds: impl Fn(u32) -> bool) -> Option<Vec<Interval>> {
    let low_bits = mask.trailing_zeros().min(31);
    let last_of = (1_u32 << low_bits) - 1;
    let last_block = u32::MAX >> low_bits;
    if last_block >= BLOCKS_MAX {
        return None;
    }
    let held = (0..=last_block).map(|block| block << low_bits).filter(|&first| holds(first));
    let sets = held.map(|first| Intervals(vec![Interval { first, last: first | last_of }]));
    Some(Intervals::union(sets.collect()).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intervals(list: &[(u32, u32)]) -> Vec<Interval> {
        list.iter().map(|&(first, last)| Interval { first, last }).collect()
    }

    #[test]
    fn splitting_agrees_with_membership() {
        let all_sets = || {
            (0..1_u32 << 8).map(|members| {
                let points = (0..8).filter(move |word| members >> word & 1 == 1);
                let sets = points.map(|word| Intervals(vec![Interval::point(word)])).collect();
                Intervals::union(sets)
            })
        };
        let member = |set: &Intervals, word| set.0.iter().any(|i| i.contains(word));
        for set in all_sets() {
            assert!(set.0.windows(2).all(|w| w[0].last + 1 < w[1].first));
            for cut in all_sets() {
                let (inside, outside) = set.clone().split(&cut.0);
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
            (
                Test::AnyBit,
                max,
                1 << 30,
                intervals(&[(0x4000_0000, 0x7fff_ffff), (0xc000_0000, max)]),
            ),
            (Test::AnyBit, max, 0, vec![]),
            (Test::AnyBit, 0x4000_0000, 0x8000_0000, vec![]),
            (Test::Equal, 0xc000_0000, 0, intervals(&[(0, 0x3fff_ffff)])),
            (Test::Equal, 0xc000_0000, 1, vec![]),
            (Test::Equal, 0xbfff_ffff, 7, intervals(&[(7, 7), (0x4000_0007, 0x4000_0007)])),
            (Test::Equal, 0xbfff_ffff, 0x4000_0000, vec![]),
            (Test::Greater, 0xbfff_ffff, max, vec![]),
            (
                Test::GreaterOrEqual,
                0x7fff_ffff,
                5,
                intervals(&[(5, 0x7fff_ffff), (0x8000_0005, max)]),
            ),
        ] {
            assert_eq!(holding(test, mask, constant), Some(expected), "{test:?} {mask:#x}");
        }
        assert_eq!(holding(Test::Equal, 0xff, 0), None);
    }

    #[test]
    fn holding_words_are_those_of_which_the_test_holds() {
        let masks = [
            u32::MAX,
            0xbfff_ffff,
            0x3fff_ffff,
            0x7eff_ffff,
            0x00ff_ffff,
            0xff00_0000,
            0xc000_0000,
        ];
        let corners = [0u32, 1, 7, 0x00ff_ffff, 0x0100_0000, 0x3fff_ffff, 0x4000_0000, 0x4000_0007];
        let corners = || corners.into_iter().flat_map(|word| [word, !word]);
        for (mask, constant) in masks.into_iter().flat_map(|mask| corners().map(move |k| (mask, k)))
        {
            for test in [Test::Equal, Test::Greater, Test::GreaterOrEqual] {
                let list = holding(test, mask, constant).unwrap();
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
}
