//! The tests that tell intervals of numbers apart, at the least expected cost.
//!
//! Two shapes are combined. A *split* asks `nr >= k` and leaves fewer intervals on each side. A *chain* settles a run of
//! intervals of one meaning that is broken only by single numbers: it asks `nr == k` for each of those, and all else is
//! the common meaning. The cost of a tree is how many tests a call meets, weighted by how often the call is made, plus a
//! little for each test's place in the program.
//!
//! The best tree of at most [`WINDOW`] intervals is [searched](search) for. Longer lists are first halved by weight, which
//! far from the leaves is as good.

use std::ops::Range;

use callgate_bpf::Test;

use crate::chains;
use crate::graph::{Graph, NodeId};
use crate::search::{self, Tables};
use crate::variable::Variable;

/// A run of numbers of equal meaning, from `start` to the next interval's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) start: u32,
    pub(crate) entry: NodeId,
    /// How often its numbers are called, all together.
    pub(crate) weight: u32,
}

/// What counts: how many tests a call meets, or how many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// The least expected cost.
    Fast,
    /// Few tests, by chains of at most that many single numbers.
    Chains(usize),
}

/// The longest list of intervals for which the best tree is searched for.
pub(crate) const WINDOW: usize = 96;

/// The longest run of a longer list for which the best tree is searched for: where there are so many, time matters more.
const PART: usize = 48;

/// A test costs its place in the program as much as this fraction of all calls meeting one test more.
const PLACE_FRACTION: u64 = 64;

/// The graph that leads each number to its interval's entry. The first interval starts at 0.
pub(crate) fn build(
    graph: &mut Graph,
    variable: Variable,
    intervals: &[Interval],
    shape: Shape,
    tables: &mut Tables,
) -> NodeId {
    if let Shape::Chains(singles_max) = shape {
        return chains::build(graph, variable, intervals, singles_max);
    }
    let len = intervals.len();
    let window = if len <= WINDOW { WINDOW } else { PART };
    let total: u64 = intervals.iter().map(|interval| u64::from(interval.weight)).sum();
    let place = total / PLACE_FRACTION + 1;
    Halving { variable, intervals, window, place, tables }.build(graph, 0..len)
}

/// The parting of a list into windows.
struct Halving<'a> {
    variable: Variable,
    intervals: &'a [Interval],
    /// The longest run for which the best tree is searched for.
    window: usize,
    /// What a test's place costs.
    place: u64,
    tables: &'a mut Tables,
}

impl Halving<'_> {
    /// Splits by weight until the best tree can be searched for. Each level at least halves weight or count, so that
    /// recursion stays shallow.
    fn build(&mut self, graph: &mut Graph, run: Range<usize>) -> NodeId {
        let Self { variable, intervals, place, .. } = *self;
        if run.len() <= self.window {
            return search::best(graph, variable, intervals, run, place, self.tables);
        }
        let middle = self.middle(run.clone());
        let low = self.build(graph, run.start..middle);
        let high = self.build(graph, middle..run.end);
        graph.ask(variable.question(Test::GreaterOrEqual, intervals[middle].start), high, low)
    }

    /// Where both sides of a run weigh most nearly the same.
    fn middle(&self, run: Range<usize>) -> usize {
        // Every interval weighs something, else a run of empty ones would make the tree as deep as the run is long.
        let weight = |index: usize| u64::from(self.intervals[index].weight) + self.place;
        let total: u64 = run.clone().map(weight).sum();
        let mut left = 0;
        let mut best = (u64::MAX, run.start + 1);
        for middle in run.start + 1..run.end {
            left += weight(middle - 1);
            best = best.min((left.abs_diff(total - left), middle));
        }
        best.1
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
