//! Runs of numbers of equal meaning: what switches tell apart, by number and by argument.

use callgate_memory::{Grow, OutOfMemory};

use crate::graph::NodeId;

/// A run of numbers of equal meaning, from `start` to the next interval's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) start: u32,
    pub(crate) entry: NodeId,
    /// How often its numbers are called, all together.
    pub(crate) weight: u32,
}

/// Appends an interval, joined with the last one where the meaning is the same.
pub(crate) fn push(list: &mut Vec<Interval>, interval: Interval) -> Result<(), OutOfMemory> {
    match list.last_mut() {
        Some(last) if last.entry == interval.entry => {
            last.weight += interval.weight;
            Ok(())
        }
        _ => list.try_push(interval),
    }
}

/// Appends an interval unless the last one has the same meaning, and leaves that one's weight as it
/// is.
///
/// For values of arguments: how many there are of one meaning says nothing about how often they
/// occur.
pub(crate) fn push_value(list: &mut Vec<Interval>, interval: Interval) -> Result<(), OutOfMemory> {
    match list.last() {
        Some(last) if last.entry == interval.entry => Ok(()),
        _ => list.try_push(interval),
    }
}

/// Whether an interval is a single number.
pub(crate) fn is_single(intervals: &[Interval], index: usize) -> bool {
    let start = intervals[index].start;
    match intervals.get(index + 1) {
        Some(next) => start.checked_add(1) == Some(next.start),
        None => start == u32::MAX,
    }
}
