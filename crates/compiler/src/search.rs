//! The best tree over a short list of intervals, by dynamic programming over all its runs.
//!
//! Where a run is best split moves with its ends (Knuth, Optimum binary search trees, 1971), so that few splits are tried
//! for each.

use std::ops::Range;

use callgate_bpf::Test;

use crate::chains;
use crate::graph::{Graph, NodeId};
use crate::tree::{Interval, WINDOW, is_single};
use crate::variable::Variable;

/// The most single numbers that one chain asks for. Longer chains never pay.
const CHAIN_MAX: usize = 6;

/// The longest run that one chain settles.
const CHAINED_MAX: usize = 2 * CHAIN_MAX + 1;

/// The longest run in which chains disturb the order of the best splits enough to matter.
const SLACK_MAX: usize = 6;

/// The length of a row of a table: a power of two, so that an index is cut to it without a look at the length.
const WIDTH: usize = 128;

/// A number for each place of a window and its end.
type Row<T> = [T; WIDTH];

/// Room for a search, to be used for one after the other.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    places: Vec<Place>,
    /// What the best tree costs for the run of intervals from `i` to before `j`, in row `i` at `j` and in row `j` at `i`, so
    /// that the costs of both parts of a run lie in rows for all its splits.
    costs: Vec<Row<u32>>,
    /// Before which interval that run is best split, in row `j` at `i`. A single interval counts as split before itself.
    splits: Vec<Row<u8>>,
}

/// The best trees for all runs of a window of intervals.
struct Search<'a> {
    variable: Variable,
    window: &'a [Interval],
    /// What a test's place costs.
    place: u32,
    tables: &'a mut Tables,
}

/// What is known of an interval and those after it, or of the end.
#[derive(Clone, Copy, Debug)]
struct Place {
    weight: u32,
    /// The weight of the intervals before.
    before: u32,
    /// Where the longest chain ends that begins here with a common interval, and with a single number.
    ends: [usize; 2],
    /// By how many single numbers a chain asks for from here on: the weights that are spared tests, because of each two
    /// single numbers the heavier one is asked for first.
    spared: [u32; CHAIN_MAX + 1],
}

/// A run in which every second interval is a single number and the others mean the same: where the first single number is.
#[derive(Clone, Copy, Debug)]
enum Chain {
    CommonFirst = 0,
    SinglesFirst = 1,
}

/// The best tree over a run of intervals. A test's place costs `place`.
pub(crate) fn best(
    graph: &mut Graph,
    variable: Variable,
    intervals: &[Interval],
    run: Range<usize>,
    place: u64,
    tables: &mut Tables,
) -> NodeId {
    const { assert!(WINDOW < WIDTH && WIDTH <= u8::MAX as usize, "a split is noted in a byte") }
    let window = &intervals[run.clone()];
    let weight: u64 = window.iter().map(|interval| u64::from(interval.weight)).sum();
    let scale = Scale::of(weight + place);
    tables.prepare(intervals, run, scale);
    let mut search = Search { variable, window, place: scale.apply(place), tables };
    search.fill();
    search.emit(graph, 0, window.len())
}

impl Search<'_> {
    /// Settles all runs: those that end first, and of these the shortest.
    fn fill(&mut self) {
        let Tables { places, costs, splits } = &mut *self.tables;
        for to in 1..=self.window.len() {
            let [.., without_last, row] = &mut splits[..=to] else { return };
            let (before, right) = costs.split_at_mut(to);
            let Some(right) = right.first_mut() else { return };
            let mut split = to - 1;
            (before[to - 1][to], right[to - 1], row[to - 1]) = (0, 0, in_row(split));
            for (from, left) in before[..to - 1].iter_mut().enumerate().rev() {
                let slack = usize::from(to - from <= SLACK_MAX);
                // The best split lies between that of the run without its last interval and that of the one without its
                // first, or a little beyond where chains can disturb that order.
                let first = usize::from(without_last[from]).saturating_sub(slack).max(from + 1);
                let last = (split + slack).min(to - 1).max(first);
                let least;
                (least, split) = cheapest(left, right, first, last);
                let all = places[to].before - places[from].before + self.place;
                let mut cost = least + all;
                if to - from <= CHAINED_MAX {
                    cost = cost.min(chained(places, from, to, all));
                }
                (left[to], right[from], row[from]) = (cost, cost, in_row(split));
            }
        }
    }

    /// Recursion is as deep as the tree, which has at most [`WINDOW`] intervals.
    fn emit(&self, graph: &mut Graph, from: usize, to: usize) -> NodeId {
        if to - from == 1 {
            return self.window[from].entry;
        }
        let Some(chain) = self.best_chain(from, to, self.tables.costs[to][from]) else {
            let middle = usize::from(self.tables.splits[to][from]);
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

    /// The chain that settles a run at that cost.
    fn best_chain(&self, from: usize, to: usize, cost: u32) -> Option<Chain> {
        let places = &self.tables.places;
        let all = places[to].before - places[from].before + self.place;
        let is_best = |chain: &Chain| chain.cost(places, from, to, all) == Some(cost);
        [Chain::CommonFirst, Chain::SinglesFirst].into_iter().find(is_best)
    }

    /// Every second interval of a run, the heaviest first.
    fn by_weight(&self, first: usize, to: usize) -> Singles {
        let places = &self.tables.places;
        let mut singles = Singles { count: 0, indices: [0; CHAIN_MAX] };
        for index in (first..to).step_by(2).take(CHAIN_MAX) {
            let weight = places[index].weight;
            let mut place = singles.count;
            while place > 0 && places[singles.indices[place - 1]].weight < weight {
                singles.indices[place] = singles.indices[place - 1];
                place -= 1;
            }
            singles.indices[place] = index;
            singles.count += 1;
        }
        singles
    }
}

/// What the parts of a run cost where it is split best, and that split.
fn cheapest(left: &Row<u32>, right: &Row<u32>, first: usize, last: usize) -> (u32, usize) {
    let cost = |middle: usize| left[middle % WIDTH] + right[middle % WIDTH];
    let (mut least, mut split) = (cost(first), first);
    for middle in first + 1..last + 1 {
        let cost = cost(middle);
        if cost < least {
            (least, split) = (cost, middle);
        }
    }
    (least, split)
}

/// A place in a row, as tables note it.
fn in_row(index: usize) -> u8 {
    u8::try_from(index % WIDTH).unwrap_or(u8::MAX)
}

/// The single numbers of a chain; there are few, and a tree has many chains.
struct Singles {
    count: usize,
    indices: [usize; CHAIN_MAX],
}

impl Singles {
    fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.indices[..self.count].iter().copied()
    }
}

/// The cost of settling a run by a chain, or more than any tree's where its intervals do not allow it.
fn chained(places: &[Place], from: usize, to: usize, all: u32) -> u32 {
    let cost = |chain: Chain| chain.cost(places, from, to, all).unwrap_or(u32::MAX);
    cost(Chain::CommonFirst).min(cost(Chain::SinglesFirst))
}

impl Chain {
    /// The cost of settling a run by this chain, whose tests all numbers of the run and a place meet, but for what is
    /// spared; `None` where its intervals do not allow it.
    fn cost(self, places: &[Place], from: usize, to: usize, all: u32) -> Option<u32> {
        let (first_single, _) = self.firsts(from);
        if to > places[from].ends[self as usize] {
            return None;
        }
        let count = (to - first_single).div_ceil(2);
        let tests = u32::try_from(count).unwrap_or(u32::MAX);
        Some(tests * all - places[first_single].spared[count])
    }

    /// The first single number and the first interval of the common meaning of the chain that starts there.
    const fn firsts(self, from: usize) -> (usize, usize) {
        match self {
            Self::SinglesFirst => (from, from + 1),
            Self::CommonFirst => (from + 1, from),
        }
    }
}

impl Tables {
    /// Makes room for a run, and notes what is known of its intervals. What the other tables hold from earlier searches is
    /// written before it is read.
    fn prepare(&mut self, intervals: &[Interval], run: Range<usize>, scale: Scale) {
        let len = run.len();
        if self.splits.len() <= len {
            self.costs = vec![[0; WIDTH]; len + 1];
            self.splits = vec![[0; WIDTH]; len + 1];
        }
        let end = Place { weight: 0, before: 0, ends: [len; 2], spared: [0; CHAIN_MAX + 1] };
        self.places.clear();
        self.places.resize(len + 1, end);
        let mut before = 0;
        for (place, interval) in self.places.iter_mut().zip(&intervals[run.clone()]) {
            (place.weight, place.before) = (scale.apply(interval.weight.into()), before);
            before += place.weight;
        }
        self.places[len].before = before;
        note_chains(&mut self.places, intervals, run);
    }
}

/// Notes where chains end and what they spare, from each interval of a run on.
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
        let common_first = alike[parity].min(single[1 - parity]).min(index + CHAINED_MAX);
        let singles_first = alike[1 - parity].min(single[parity]).min(index + CHAINED_MAX - 1);
        places[index].ends = [common_first, singles_first];
        places[index].spared = spared(places, index, single[parity]);
    }
}

/// What chains spare whose single numbers are every second interval from `first` to before `end`, by how many there are.
fn spared(places: &[Place], first: usize, end: usize) -> [u32; CHAIN_MAX + 1] {
    let mut spared = [0; CHAIN_MAX + 1];
    let mut sum = 0;
    for (count, index) in (first..end).step_by(2).take(CHAIN_MAX).enumerate() {
        let weight = places[index].weight;
        let others = (first..index).step_by(2);
        sum += others.map(|other| weight.max(places[other].weight)).sum::<u32>();
        spared[count + 1] = sum;
    }
    spared
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
