//! The tests that tell intervals of numbers apart, at the least expected cost.
//!
//! Two shapes are combined. A *split* asks `nr >= k` and leaves fewer intervals on each side. A *chain* settles a run of
//! intervals of one meaning that is broken only by single numbers: it asks `nr == k` for each of those, and all else is
//! the common meaning. The cost of a tree is how many tests a call meets, weighted by how often the call is made, plus a
//! little for each test's place in the program.
//!
//! The tree is found by dynamic programming over runs of at most [`WINDOW`] intervals, with splits near the middle of each
//! run's weight; longer lists are first halved by weight, which far from the leaves is as good.

use callgate_bpf::Test;

use crate::graph::{Graph, NodeId};
use crate::variable::Variable;

/// A run of numbers of equal meaning, from `start` to the next interval's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) start: u32,
    pub(crate) entry: NodeId,
    /// How often its numbers are called, all together.
    pub(crate) weight: u32,
}

/// How many intervals the search for the best tree looks at together.
const WINDOW: usize = 96;

/// How far from the middle of a run's weight it is split. Farther splits have not been seen to pay.
const RADIUS: usize = 2;

/// The most single numbers that one chain asks for. Longer chains never pay.
const CHAIN_MAX: usize = 6;

/// A test costs its place in the program as much as this fraction of all calls meeting one test more.
const PLACE_FRACTION: u64 = 64;

/// The graph that leads each number to its interval's entry. The first interval starts at 0.
pub(crate) fn build(graph: &mut Graph, variable: Variable, intervals: &[Interval]) -> NodeId {
    let total: u64 = intervals.iter().map(|interval| u64::from(interval.weight)).sum();
    halve(graph, variable, intervals, 0, intervals.len(), total / PLACE_FRACTION + 1)
}

/// Splits by weight until the best tree can be searched for. Each level at least halves weight or count, so that
/// recursion stays shallow.
fn halve(
    graph: &mut Graph,
    variable: Variable,
    intervals: &[Interval],
    first: usize,
    end: usize,
    place: u64,
) -> NodeId {
    if end - first <= WINDOW {
        return Search::new(variable, intervals, first, end, place).tree(graph);
    }
    // Every interval weighs something, else a run of empty ones would make the tree as deep as the run is long.
    let weight = |index: usize| u64::from(intervals[index].weight) + place;
    let total: u64 = (first..end).map(weight).sum();
    let mut left = 0;
    let mut best = (u64::MAX, first + 1);
    for middle in first + 1..end {
        left += weight(middle - 1);
        best = best.min((left.abs_diff(total - left), middle));
    }
    let middle = best.1;
    let low = halve(graph, variable, intervals, first, middle, place);
    let high = halve(graph, variable, intervals, middle, end, place);
    graph.ask(variable.question(Test::GreaterOrEqual, intervals[middle].start), high, low)
}

/// How a run of intervals is told apart.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// It is one interval.
    Leaf,
    /// `nr >= start of middle`, which lies in a window and so is a small number.
    Split { middle: u8 },
    /// Every second interval, beginning with the first or the second, is a single number; the others mean the same.
    Chain { singles_first: bool },
}

/// The single numbers of a chain; there are few, and the search looks at thousands of chains.
struct Singles {
    count: usize,
    indices: [usize; CHAIN_MAX],
}

impl Singles {
    fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.indices[..self.count].iter().copied()
    }
}

/// The best trees for all runs of a window of intervals.
struct Search<'a> {
    variable: Variable,
    window: &'a [Interval],
    place: u64,
    /// For the run of intervals from `i` to before `j`, at `i * (window.len() + 1) + j`. Apart from the shapes, because
    /// the search reads hundreds of costs for each shape.
    costs: Vec<u64>,
    shapes: Vec<Shape>,
    /// The weight of the intervals before each one.
    before: Vec<u64>,
    /// Up to which interval every second one, from each one on, means the same.
    alike_until: Vec<usize>,
    /// Up to which interval every second one, from each one on, is a single number.
    single_until: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(
        variable: Variable,
        intervals: &'a [Interval],
        first: usize,
        end: usize,
        place: u64,
    ) -> Self {
        let window = &intervals[first..end];
        let len = window.len();
        let mut before = vec![0; len + 1];
        for (index, interval) in window.iter().enumerate() {
            before[index + 1] = before[index] + u64::from(interval.weight);
        }
        let single = |index: usize| is_single(intervals, first + index);
        let (mut alike_until, mut single_until) = (vec![len; len], vec![len; len]);
        for index in (0..len).rev() {
            if index + 2 < len {
                let alike = window[index].entry == window[index + 2].entry;
                alike_until[index] = if alike { alike_until[index + 2] } else { index + 2 };
                single_until[index] = single_until[index + 2];
            }
            if !single(index) {
                single_until[index] = index;
            }
        }
        let costs = vec![0; (len + 1) * (len + 1)];
        // A table of whole words would be so large that the allocator would map it anew for each window.
        let shapes = vec![Shape::Leaf; costs.len()];
        Self { variable, window, place, costs, shapes, before, alike_until, single_until }
    }

    fn tree(mut self, graph: &mut Graph) -> NodeId {
        let len = self.window.len();
        self.solve(0, len);
        self.emit(graph, 0, len)
    }

    const fn at(&self, from: usize, to: usize) -> usize {
        from * (self.window.len() + 1) + to
    }

    /// The cost of the best tree for a run, which is noted with its shape.
    ///
    /// Recursion is as deep as a run is long, at most [`WINDOW`].
    fn solve(&mut self, from: usize, to: usize) -> u64 {
        let at = self.at(from, to);
        // No run of several intervals costs nothing.
        if to - from == 1 || self.costs[at] != 0 {
            return self.costs[at];
        }
        let mut best = (u64::MAX, Shape::Leaf);
        let test = self.before[to] - self.before[from] + self.place;
        for middle in self.middles(from, to) {
            let cost = self.solve(from, middle) + self.solve(middle, to) + test;
            if cost < best.0 {
                best = (cost, Shape::Split { middle: small(middle) });
            }
        }
        // Longer runs have more single numbers than a chain may.
        let chains = if to - from <= 2 * CHAIN_MAX + 1 { &[false, true][..] } else { &[] };
        for &singles_first in chains {
            if let Some(cost) = self.chain(from, to, singles_first).filter(|&cost| cost < best.0) {
                best = (cost, Shape::Chain { singles_first });
            }
        }
        (self.costs[at], self.shapes[at]) = best;
        best.0
    }

    /// Where splitting a run is tried: around where it falls into halves of equal weight.
    fn middles(&self, from: usize, to: usize) -> std::ops::Range<usize> {
        let half = self.before[from] + (self.before[to] - self.before[from]) / 2;
        let middle = from + self.before[from..to].partition_point(|&before| before < half);
        let first = middle.saturating_sub(RADIUS).clamp(from + 1, to - 1);
        first..(middle + RADIUS).clamp(first + 1, to)
    }

    /// The cost of settling a run by a chain, where its intervals allow one.
    fn chain(&self, from: usize, to: usize, singles_first: bool) -> Option<u64> {
        let first_common = from + usize::from(singles_first);
        let first_single = from + usize::from(!singles_first);
        if to.saturating_sub(first_single).div_ceil(2) > CHAIN_MAX
            || self.alike_until[first_common] < to
            || self.single_until[first_single] < to
        {
            return None;
        }
        let mut left = self.before[to] - self.before[from];
        let mut cost = 0;
        for index in self.by_weight(first_single, to).iter() {
            cost += left + self.place;
            left -= u64::from(self.window[index].weight);
        }
        Some(cost)
    }

    /// Every second interval of a run, the heaviest first.
    fn by_weight(&self, first: usize, to: usize) -> Singles {
        let mut singles = Singles { count: 0, indices: [0; CHAIN_MAX] };
        for index in (first..to).step_by(2).take(CHAIN_MAX) {
            let weight = self.window[index].weight;
            let mut place = singles.count;
            while place > 0 && self.window[singles.indices[place - 1]].weight < weight {
                singles.indices[place] = singles.indices[place - 1];
                place -= 1;
            }
            singles.indices[place] = index;
            singles.count += 1;
        }
        singles
    }

    /// Recursion is as deep as the tree, which has at most [`WINDOW`] intervals.
    fn emit(&self, graph: &mut Graph, from: usize, to: usize) -> NodeId {
        match self.shapes[self.at(from, to)] {
            Shape::Leaf => self.window[from].entry,
            Shape::Split { middle } => {
                let middle = usize::from(middle);
                let low = self.emit(graph, from, middle);
                let high = self.emit(graph, middle, to);
                let start = self.window[middle].start;
                graph.ask(self.variable.question(Test::GreaterOrEqual, start), high, low)
            }
            Shape::Chain { singles_first } => {
                let common = self.window[from + usize::from(singles_first)].entry;
                let singles = self.by_weight(from + usize::from(!singles_first), to);
                singles.iter().rev().fold(common, |otherwise, index| {
                    let Interval { start, entry, .. } = self.window[index];
                    let is = self.variable.question(Test::Equal, start);
                    graph.ask(is, entry, otherwise)
                })
            }
        }
    }
}

/// A place in a window.
fn small(place: usize) -> u8 {
    const { assert!(WINDOW <= u8::MAX as usize) }
    u8::try_from(place).unwrap_or(u8::MAX)
}

/// Whether an interval is a single number.
fn is_single(intervals: &[Interval], index: usize) -> bool {
    let start = intervals[index].start;
    match intervals.get(index + 1) {
        Some(next) => start.checked_add(1) == Some(next.start),
        None => start == u32::MAX,
    }
}
