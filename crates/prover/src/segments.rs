//! Searches over one word, as the functions that its values lead to.

use callgate_bpf::Test;
use callgate_memory::Grow;

use crate::budget::Halt;
use crate::diagram::{Diagrams, NodeId, Rank, Segment, WordTest};
use crate::numbers::Interval;

/// The functions that the values of a word lead to: ascending, the last segment ends at the highest value. Most lead to the
/// same for all values, so that needs no list.
#[derive(Debug)]
pub(crate) struct Segments {
    rank: Rank,
    /// What all values lead to where the list is empty.
    constant: NodeId,
    list: Vec<Segment>,
}

/// The values for which a test of a whole word holds: `None` where they are not one interval.
pub(crate) fn held((test, _, mask, constant): WordTest) -> Option<Option<Interval>> {
    if mask != u32::MAX {
        return None;
    }
    match test {
        Test::Equal => Some(Some(Interval::point(constant))),
        Test::GreaterOrEqual => Some(Interval::new(constant, u32::MAX)),
        Test::Greater => {
            Some(constant.checked_add(1).and_then(|first| Interval::new(first, u32::MAX)))
        }
        Test::AnyBit => None,
    }
}

impl Segments {
    /// A function that does not read the word, but only later ones.
    pub(crate) fn constant(rank: Rank, node: NodeId) -> Self {
        Self { rank, constant: node, list: Vec::new() }
    }

    pub(crate) const fn rank(&self) -> Rank {
        self.rank
    }

    /// The diagram. The list is kept for the next search.
    pub(crate) fn close(mut self, d: &mut Diagrams) -> Result<NodeId, Halt> {
        if self.list.is_empty() {
            return Ok(self.constant);
        }
        let node = d.of_segments(self.rank, &self.list)?;
        self.list.clear();
        d.spare = self.list;
        Ok(node)
    }

    /// The same with other functions for the values of an interval.
    pub(crate) fn with(
        mut self,
        d: &mut Diagrams,
        values: Option<Interval>,
        inside: Self,
    ) -> Result<Self, Halt> {
        let Some(Interval { first, last }) = values else { return Ok(self) };
        if self.list.is_empty() {
            self.list = std::mem::take(&mut d.spare);
            self.list.try_push(Segment { last: u32::MAX, node: self.constant })?;
        }
        let start = self.begin_at(first)?;
        let end = match last.checked_add(1) {
            Some(behind) => self.begin_at(behind)?,
            None => self.list.len(),
        };
        match inside.list.as_slice() {
            [] => self.replace(start, end, &[Segment { last, node: inside.constant }])?,
            list => {
                let from = list.partition_point(|segment| segment.last < first);
                let to = list.partition_point(|segment| segment.last < last);
                self.replace(start, end, &list[from..=to])?;
                self.list[start + to - from].last = last;
            }
        }
        Ok(self)
    }

    /// Has a segment begin at a value; gives its place.
    fn begin_at(&mut self, value: u32) -> Result<usize, Halt> {
        let Some(before) = value.checked_sub(1) else { return Ok(0) };
        let place = self.list.partition_point(|segment| segment.last < before);
        if self.list[place].last != before {
            let node = self.list[place].node;
            self.list.try_insert(place, Segment { last: before, node })?;
        }
        Ok(place + 1)
    }

    /// Puts segments in the place of others.
    fn replace(&mut self, start: usize, end: usize, new: &[Segment]) -> Result<(), Halt> {
        let len = self.list.len();
        let behind = start + new.len();
        let grown = behind + (len - end);
        if grown > len {
            self.list.try_resize(grown, Segment { last: u32::MAX, node: self.constant })?;
        }
        self.list.copy_within(end..len, behind);
        self.list.truncate(grown);
        self.list[start..behind].copy_from_slice(new);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
