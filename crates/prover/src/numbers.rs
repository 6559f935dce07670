//! Sets of 32-bit words as intervals: the syscall numbers or arch tokens that take the same way through a program.

use callgate_bpf::Test;
use callgate_memory::{Grow, OutOfMemory, Sort};

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
}

/// A set of words: intervals that do not touch each other, ascending. Lists that are only appended to become one by
/// [`Intervals::tidy`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Intervals(Vec<Interval>);

impl Intervals {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn as_slice(&self) -> &[Interval] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has memory, with or without members.
    pub(crate) fn has_room(&self) -> bool {
        self.0.capacity() > 0
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there are at most that many members.
    pub(crate) fn within(&self, count_max: u64) -> bool {
        let count = self.0.iter().map(|i| u64::from(i.last - i.first) + 1).sum::<u64>();
        count <= count_max
    }

    /// Appends an interval; behind the last, or [`Intervals::tidy`] has to follow.
    pub(crate) fn push(&mut self, interval: Interval) -> Result<(), OutOfMemory> {
        self.0.try_push(interval)
    }

    /// Appends another set without a common member; [`Intervals::tidy`] has to follow.
    pub(crate) fn append(&mut self, other: &Self) -> Result<(), OutOfMemory> {
        self.0.try_extend_copies(&other.0)
    }

    /// Takes the last interval off.
    pub(crate) fn pop(&mut self) -> Option<Interval> {
        self.0.pop()
    }

    /// Brings disjoint intervals in falling order: no set any more, but a list to work off.
    pub(crate) fn descend(&mut self) {
        self.0.sort_in_place_by_key(|interval| std::cmp::Reverse(interval.first));
    }

    /// Brings disjoint intervals in order and joins those that touch each other.
    pub(crate) fn tidy(&mut self) {
        self.0.sort_in_place();
        self.0.dedup_by(|next, kept| {
            let touching = kept.last.checked_add(1) == Some(next.first);
            if touching {
                kept.last = next.last;
            }
            touching
        });
    }

    /// Takes the members inside of a sorted list of disjoint intervals out of this set and appends them to another one.
    pub(crate) fn take_out(
        &mut self,
        list: &[Interval],
        inside: &mut Self,
    ) -> Result<(), OutOfMemory> {
        for &cut in list {
            let start = self.0.partition_point(|own| own.last < cut.first);
            let end = start + self.0[start..].partition_point(|own| own.first <= cut.last);
            let Some(touched) = self.0.get(start..end) else { continue };
            let (Some(&head), Some(&tail)) = (touched.first(), touched.last()) else { continue };
            inside.0.try_extend(touched.iter().filter_map(|own| own.intersection(cut)))?;
            let before = cut.first.checked_sub(1).and_then(|last| Interval::new(head.first, last));
            let after = cut.last.checked_add(1).and_then(|first| Interval::new(first, tail.last));
            self.replace(start, end, [before, after])?;
        }
        Ok(())
    }

    /// Puts up to two intervals in the place of one or more.
    fn replace(
        &mut self,
        start: usize,
        end: usize,
        parts: [Option<Interval>; 2],
    ) -> Result<(), OutOfMemory> {
        let mut kept = start;
        for part in parts.into_iter().flatten() {
            if kept < end {
                self.0[kept] = part;
            } else {
                self.0.try_insert(kept, part)?;
            }
            kept += 1;
        }
        if kept < end {
            self.0.drain(kept..end);
        }
        Ok(())
    }
}

/// Appends the words of which a masked test against a constant holds, ascending, where they are few intervals; says
/// whether they are.
pub(crate) fn holding(
    test: Test,
    mask: u32,
    constant: u32,
    list: &mut Intervals,
) -> Result<bool, OutOfMemory> {
    let values = match test {
        Test::AnyBit => return blocks(mask & constant, |word| word & mask & constant != 0, list),
        Test::Equal => Some(Interval::point(constant)),
        Test::GreaterOrEqual => Interval::new(constant, u32::MAX),
        Test::Greater => constant.checked_add(1).and_then(|first| Interval::new(first, u32::MAX)),
    };
    let Some(values) = values else { return Ok(true) };
    if mask == u32::MAX {
        return list.push(values).map(|()| true);
    }
    Ok(stretches(mask, values, list)? || blocks(mask, |word| values.contains(word & mask), list)?)
}

/// The words that are among these values under a mask, where the mask drops a few of the high bits only: from one change of
/// a dropped bit to the next, masked words ascend as words do.
fn stretches(mask: u32, values: Interval, list: &mut Intervals) -> Result<bool, OutOfMemory> {
    let low_bits = (!mask).trailing_zeros();
    let last_block = u32::MAX.checked_shr(low_bits).unwrap_or(0);
    if last_block >= BLOCKS_MAX {
        return Ok(false);
    }
    let last_of = u32::MAX.checked_shl(low_bits).map_or(u32::MAX, |high| !high);
    for block in 0..=last_block {
        let first = block.checked_shl(low_bits).unwrap_or(0);
        let masked = first & mask;
        let held = values.intersection(Interval { first: masked, last: masked | last_of });
        let dropped = first & !mask;
        if let Some(Interval { first, last }) = held {
            list.push(Interval { first: first | dropped, last: last | dropped })?;
        }
    }
    list.tidy();
    Ok(true)
}

/// The most blocks that [`blocks`] looks at.
const BLOCKS_MAX: u32 = 256;

/// The words for which a predicate holds that reads only the bits of a mask, where the mask has high bits only.
fn blocks(
    mask: u32,
    holds: impl Fn(u32) -> bool,
    list: &mut Intervals,
) -> Result<bool, OutOfMemory> {
    let low_bits = mask.trailing_zeros().min(31);
    let last_of = (1_u32 << low_bits) - 1;
    let last_block = u32::MAX >> low_bits;
    if last_block >= BLOCKS_MAX {
        return Ok(false);
    }
    for first in (0..=last_block).map(|block| block << low_bits).filter(|&first| holds(first)) {
        list.push(Interval { first, last: first | last_of })?;
    }
    list.tidy();
    Ok(true)
}

#[cfg(test)]
mod tests;
