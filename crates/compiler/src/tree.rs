//! The tests that tell intervals of numbers apart, at the least expected cost.
//!
//! Two shapes are combined. A *split* asks `nr >= k` and leaves fewer intervals on each side. A *chain* settles a run of
//! intervals of one meaning that is broken only by single numbers: it asks `nr == k` for each of those, and all else is
//! the common meaning. The cost of a tree is how many tests a call meets, weighted by how often the call is made, plus a
//! little for each test's place in the program.
//!
//! The tree is found by dynamic programming over all runs of at most [`WINDOW`] intervals. Where a run is best split moves
//! with its ends (Knuth, Optimum binary search trees, 1971), so that few splits are tried for each. Longer lists are first
//! halved by weight, which far from the leaves is as good.

use std::ops::Range;

use callgate_bpf::Test;

use crate::chains;
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

/// What counts: how many tests a call meets, or how many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// The least expected cost.
    Fast,
    /// Few tests, by chains of at most that many single numbers.
    Chains(usize),
}

/// The longest list of intervals for which the best tree is searched for.
const WINDOW: usize = 96;

/// Lists longer than this are parted into shorter runs: where there are so many, time matters more.
const LONG: usize = 2 * WINDOW;

/// The longest run of such a list for which the best tree is searched for.
const PART: usize = 48;

/// The most single numbers that one chain asks for. Longer chains never pay.
const CHAIN_MAX: usize = 6;

/// The longest run that one chain settles.
const CHAINED_MAX: usize = 2 * CHAIN_MAX + 1;

/// The longest run in which chains disturb the order of the best splits enough to matter.
const SLACK_MAX: usize = 6;

/// A test costs its place in the program as much as this fraction of all calls meeting one test more.
const PLACE_FRACTION: u64 = 64;

/// The graph that leads each number to its interval's entry. The first interval starts at 0.
pub(crate) fn build(
    graph: &mut Graph,
    variable: Variable,
    intervals: &[Interval],
    shape: Shape,
) -> NodeId {
    if let Shape::Chains(singles_max) = shape {
        return chains::build(graph, variable, intervals, singles_max);
    }
    let len = intervals.len();
    let window = if len <= LONG { WINDOW } else { PART };
    let total: u64 = intervals.iter().map(|interval| u64::from(interval.weight)).sum();
    halve(graph, variable, intervals, 0..len, window, total / PLACE_FRACTION + 1)
}

/// Splits by weight until the best tree can be searched for. Each level at least halves weight or count, so that
/// recursion stays shallow.
fn halve(
    graph: &mut Graph,
    variable: Variable,
    intervals: &[Interval],
    run: Range<usize>,
    window: usize,
    place: u64,
) -> NodeId {
    if run.len() <= window {
        return Search::new(variable, intervals, run, place).tree(graph);
    }
    // Every interval weighs something, else a run of empty ones would make the tree as deep as the run is long.
    let weight = |index: usize| u64::from(intervals[index].weight) + place;
    let total: u64 = run.clone().map(weight).sum();
    let mut left = 0;
    let mut best = (u64::MAX, run.start + 1);
    for middle in run.start + 1..run.end {
        left += weight(middle - 1);
        best = best.min((left.abs_diff(total - left), middle));
    }
    let middle = best.1;
    let low = halve(graph, variable, intervals, run.start..middle, window, place);
    let high = halve(graph, variable, intervals, middle..run.end, window, place);
    graph.ask(variable.question(Test::GreaterOrEqual, intervals[middle].start), high, low)
}

/// The single numbers of a chain; there are few, and the search looks at hundreds of chains.
struct Singles {
    count: usize,
    indices: [usize; CHAIN_MAX],
}

impl Singles {
    fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.indices[..self.count].iter().copied()
    }
}

/// A run in which every second interval is a single number and the others mean the same.
#[derive(Clone, Copy, Debug)]
enum Chain {
    /// The first interval is a single number.
    SinglesFirst,
    /// The second one is.
    CommonFirst,
}

/// The best trees for all runs of a window of intervals.
struct Search<'a> {
    variable: Variable,
    window: &'a [Interval],
    /// What a test's place costs.
    place: u32,
    /// What the best tree costs for the run of intervals from `i` to before `j`, at `j * (len + 1) + i`.
    costs: Vec<u32>,
    /// Before which interval that run is best split, at the same place.
    splits: Vec<u8>,
    places: Vec<Place>,
}

/// What is known of an interval and those after it, or of the end.
#[derive(Clone, Copy, Debug)]
struct Place {
    weight: u32,
    /// The weight of the intervals before.
    before: u32,
    /// Where the longest chain ends that begins here with a common interval, and with a single number.
    common_first: usize,
    singles_first: usize,
}

impl<'a> Search<'a> {
    fn new(variable: Variable, intervals: &'a [Interval], run: Range<usize>, place: u64) -> Self {
        let window = &intervals[run.clone()];
        let len = window.len();
        let weight: u64 = window.iter().map(|interval| u64::from(interval.weight)).sum();
        let scale = Scale::of(weight + place);
        let end = Place { weight: 0, before: 0, common_first: len, singles_first: len };
        let mut places = vec![end; len + 1];
        let mut before = 0;
        for (place, interval) in places.iter_mut().zip(window) {
            (place.weight, place.before) = (scale.apply(interval.weight.into()), before);
            before += place.weight;
        }
        places[len].before = before;
        note_chains(&mut places, intervals, run);
        const { assert!(WINDOW <= u8::MAX as usize, "a split is noted in a byte") }
        let costs = vec![0; (len + 1) * (len + 1)];
        let mut splits = vec![0; costs.len()];
        for (index, single) in (0..).zip(splits[len + 1..].iter_mut().step_by(len + 2)) {
            *single = index;
        }
        Self { variable, window, place: scale.apply(place), costs, splits, places }
    }

    fn tree(mut self, graph: &mut Graph) -> NodeId {
        let len = self.window.len();
        for to in 2..=len {
            for from in (0..to - 1).rev() {
                let (split, at) = self.split(from, to);
                let cost = split + self.weight(from, to) + self.place;
                self.costs[to * (len + 1) + from] = match to - from <= CHAINED_MAX {
                    true => cost.min(self.chain(from, to, Chain::CommonFirst)).min(self.chain(
                        from,
                        to,
                        Chain::SinglesFirst,
                    )),
                    false => cost,
                };
                self.splits[to * (len + 1) + from] = u8::try_from(at).unwrap_or(u8::MAX);
            }
        }
        self.emit(graph, 0, len)
    }

    fn weight(&self, from: usize, to: usize) -> u32 {
        self.places[to].before - self.places[from].before
    }

    /// What the parts of a run cost where it is split best, and the split: between that of the run without its last
    /// interval and that of the one without its first, or a little beyond where chains can disturb that order.
    fn split(&self, from: usize, to: usize) -> (u32, usize) {
        let stride = self.window.len() + 1;
        let row = to * stride;
        let slack = usize::from(to - from <= SLACK_MAX);
        // A single interval counts as split before itself.
        let without_last = usize::from(self.splits[row - stride + from]);
        let without_first = usize::from(self.splits[row + from + 1]);
        let first = without_last.saturating_sub(slack).max(from + 1);
        let last = (without_first + slack).min(to - 1).max(first);
        let mut column = first * stride + from;
        let (mut least, mut split) = (u32::MAX, 0);
        for middle in first..last + 1 {
            let cost = self.costs[column] + self.costs[row + middle];
            if cost < least {
                (least, split) = (cost, middle);
            }
            column += stride;
        }
        (least, split)
    }

    /// The cost of settling a run by a chain, or more than any tree's where its intervals do not allow it.
    fn chain(&self, from: usize, to: usize, chain: Chain) -> u32 {
        let Place { common_first, singles_first, .. } = self.places[from];
        let (end, first_single) = match chain {
            Chain::CommonFirst => (common_first, from + 1),
            Chain::SinglesFirst => (singles_first, from),
        };
        if to > end {
            return u32::MAX;
        }
        // All meet all tests, but of each two single numbers the heavier one is spared that for the other.
        let all = self.weight(from, to) + self.place;
        let mut cost = 0;
        for index in (first_single..to).step_by(2) {
            cost += all;
            for other in (first_single..index).step_by(2) {
                cost -= self.places[index].weight.max(self.places[other].weight);
            }
        }
        cost
    }

    /// Every second interval of a run, the heaviest first.
    fn by_weight(&self, first: usize, to: usize) -> Singles {
        let mut singles = Singles { count: 0, indices: [0; CHAIN_MAX] };
        for index in (first..to).step_by(2).take(CHAIN_MAX) {
            let weight = self.places[index].weight;
            let mut place = singles.count;
            while place > 0 && self.places[singles.indices[place - 1]].weight < weight {
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
        if to - from == 1 {
            return self.window[from].entry;
        }
        let at = to * (self.window.len() + 1) + from;
        let chains = [Chain::CommonFirst, Chain::SinglesFirst];
        let Some(chain) = chains.into_iter().find(|chain| self.is_best(*chain, from, to)) else {
            let middle = usize::from(self.splits[at]);
            let low = self.emit(graph, from, middle);
            let high = self.emit(graph, middle, to);
            let start = self.window[middle].start;
            return graph.ask(self.variable.question(Test::GreaterOrEqual, start), high, low);
        };
        let (first_single, first_common) = chain.firsts(from);
        let singles = self.by_weight(first_single, to);
        let singles = singles.iter().map(|index| &self.window[index]);
        chains::ask(graph, self.variable, singles, self.window[first_common].entry)
    }

    /// Whether a run is best settled by that chain.
    fn is_best(&self, chain: Chain, from: usize, to: usize) -> bool {
        self.chain(from, to, chain) == self.costs[to * (self.window.len() + 1) + from]
    }
}

impl Chain {
    /// The first single number and the first interval of the common meaning of the chain that starts there.
    const fn firsts(self, from: usize) -> (usize, usize) {
        match self {
            Self::SinglesFirst => (from, from + 1),
            Self::CommonFirst => (from + 1, from),
        }
    }
}

/// Notes where chains end, from each interval of a run on.
fn note_chains(places: &mut [Place], intervals: &[Interval], run: Range<usize>) {
    let len = run.len();
    // Up to where every second interval means the same, and up to where every second one is a single number.
    let (mut alike, mut single) = ([len; 2], [len; 2]);
    for index in (0..len).rev() {
        let parity = index % 2;
        let at = run.start + index;
        if index + 2 < len && intervals[at].entry != intervals[at + 2].entry {
            alike[parity] = index + 2;
        }
        if !is_single(intervals, at) {
            single[parity] = index;
        }
        let place = &mut places[index];
        place.common_first = alike[parity].min(single[1 - parity]).min(index + CHAINED_MAX);
        place.singles_first = alike[1 - parity].min(single[parity]).min(index + CHAINED_MAX - 1);
    }
}

/// Makes weights so small that no sum of them overflows: a tree of [`WINDOW`] intervals meets each at most that often.
#[derive(Clone, Copy)]
struct Scale {
    shift: u32,
}

impl Scale {
    fn of(total: u64) -> Self {
        let most = u32::MAX / 256;
        Self { shift: (u64::BITS - total.leading_zeros()).saturating_sub(most.ilog2()) }
    }

    fn apply(self, weight: u64) -> u32 {
        u32::try_from(weight >> self.shift).unwrap_or(u32::MAX / 256)
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
