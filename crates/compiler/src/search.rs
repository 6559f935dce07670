//! The best tree over a short list of intervals, by dynamic programming over all its runs.
//!
//! Where a run is best split moves with its ends (Knuth, Optimum binary search trees, 1971), so
//! that few splits are tried for each.

use std::ops::Range;

use callgate_bpf::Test;
use callgate_memory::{Grow, OutOfMemory};

use crate::chains;
use crate::graph::{Graph, NodeId};
use crate::intervals::{Interval, is_single};
use crate::variable::Variable;

/// The longest list of intervals for which the best tree is searched for.
pub(crate) const WINDOW: usize = 96;

/// The most single numbers that one chain asks for. Longer chains never pay.
const CHAIN_MAX: usize = 6;

/// The longest run that one chain settles.
const CHAINED_MAX: usize = 2 * CHAIN_MAX + 1;

/// The longest run in which chains disturb the order of the best splits enough to matter.
const SLACK_MAX: usize = 6;

/// Room for searches, one after the other.
///
/// The best tree depends on how much its intervals weigh and which of them a chain can settle, not
/// on their numbers. Long lists of values are cut into windows that are alike in that, so what the
/// search before found out is kept. Of the 16 windows of 300 pairs of values, 3 are searched, in 4
/// % of the instructions of the compilation; all 16 took 1.6 million of 7.8 (2026-11-28,
/// callgrind).
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// The intervals that were searched.
    shapes: Vec<Shape>,
    /// What a test's place cost.
    place: u32,
    places: Vec<Reach>,
    /// How long a row of the next two is: a place for each interval of a window and its end. Small
    /// windows have short rows, which are quickly zeroed.
    width: usize,
    /// What the best tree costs for the run of intervals from `i` to before `j`, in row `i` at `j`
    /// and in row `j` at `i`, so that the costs of both parts of a run lie in rows for all its
    /// splits.
    costs: Vec<u32>,
    /// Before which interval that run is best split, in row `j` at `i`. A single interval counts as
    /// split before itself.
    splits: Vec<u8>,
    /// What is left to do of a tree that is being made, and the parts that are made.
    open: Vec<Step>,
    made: Vec<NodeId>,
}

/// What a search needs to know of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    weight: u32,
    is_single: bool,
    /// Whether the next interval but one means the same; unknown at the end of a window.
    alike: Option<bool>,
}

/// A step of making a tree.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The tree of a run.
    Run(usize, usize),
    /// The split before that interval, of the two parts made last.
    Split(usize),
}

/// The best trees for all runs of a window of intervals.
struct Search<'a> {
    variable: Variable,
    window: &'a [Interval],
    /// Where the window begins in the tables.
    base: usize,
    tables: &'a mut Tables,
}

/// What is known of an interval and those after it, or of the end.
#[derive(Clone, Copy, Debug)]
struct Reach {
    weight: u32,
    /// The weight of the intervals before.
    before: u32,
    /// Where the longest chain ends that begins here with a common interval, and with a single
    /// number.
    ends: [usize; 2],
    /// By how many single numbers a chain asks for from here on: the weights that are spared tests,
    /// because of each two single numbers the heavier one is asked for first.
    spared: [u32; CHAIN_MAX + 1],
}

/// A run in which every second interval is a single number and the others mean the same: where the
/// first single number is.
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
) -> Result<NodeId, OutOfMemory> {
    const { assert!(WINDOW <= u8::MAX as usize, "a split is noted in a byte") }
    let window = &intervals[run.clone()];
    let weight: u64 = window.iter().map(|interval| u64::from(interval.weight)).sum();
    let scale = Scale::of(weight + place);
    let base = tables.prepare(intervals, run, scale, scale.apply(place))?;
    Search { variable, window, base, tables }.emit(graph)
}

impl Search<'_> {
    fn emit(&mut self, graph: &mut Graph) -> Result<NodeId, OutOfMemory> {
        let Self { variable, window, base, .. } = *self;
        self.tables.open.clear();
        self.tables.made.clear();
        self.tables.open.try_push(Step::Run(base, base + window.len()))?;
        while let Some(step) = self.tables.open.pop() {
            match step {
                Step::Run(from, to) => self.emit_run(graph, from, to)?,
                Step::Split(middle) => {
                    let (Some(high), Some(low)) = (self.tables.made.pop(), self.tables.made.pop())
                    else {
                        break;
                    };
                    let question =
                        variable.question(Test::GreaterOrEqual, window[middle - base].start);
                    let entry = graph.ask(question, high, low)?;
                    self.tables.made.try_push(entry)?;
                }
            }
        }
        Ok(self.tables.made.pop().unwrap_or(window[0].entry))
    }

    /// Makes a run that is one interval or a chain; one that is split is left open.
    fn emit_run(&mut self, graph: &mut Graph, from: usize, to: usize) -> Result<(), OutOfMemory> {
        let Self { variable, window, base, .. } = *self;
        let entry = match self.best_chain(from, to) {
            _ if to - from == 1 => window[from - base].entry,
            Some(chain) => {
                let (first_single, first_common) = chain.firsts(from);
                let singles = self.by_weight(first_single, to);
                let singles = singles.iter().map(|index| &window[index - base]);
                chains::ask(graph, variable, singles, window[first_common - base].entry)?
            }
            None => {
                let middle = usize::from(self.tables.splits[to * self.tables.width + from]);
                let steps = [Step::Split(middle), Step::Run(middle, to), Step::Run(from, middle)];
                return self.tables.open.try_extend(steps);
            }
        };
        self.tables.made.try_push(entry)
    }

    /// The chain that settles a run at the least cost, if one does.
    fn best_chain(&self, from: usize, to: usize) -> Option<Chain> {
        if to - from > CHAINED_MAX {
            return None;
        }
        let cost = self.tables.costs[to * self.tables.width + from];
        let places = &self.tables.places;
        let all = places[to].before - places[from].before + self.tables.place;
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
fn cheapest(left: &[u32], right: &[u32], first: usize, last: usize) -> (u32, usize) {
    let (left, right) = (&left[first..last + 1], &right[first..last + 1]);
    let (mut least, mut split) = (u32::MAX, 0);
    for (middle, (left, right)) in left.iter().zip(right).enumerate() {
        let cost = left + right;
        if cost < least {
            (least, split) = (cost, middle);
        }
    }
    (least, first + split)
}

/// A place in a row, as tables note it.
fn in_row(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
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

/// The cost of settling a run by a chain, or more than any tree's where its intervals do not allow
/// it.
fn chained(places: &[Reach], from: usize, to: usize, all: u32) -> u32 {
    let cost = |chain: Chain| chain.cost(places, from, to, all).unwrap_or(u32::MAX);
    cost(Chain::CommonFirst).min(cost(Chain::SinglesFirst))
}

impl Chain {
    /// The cost of settling a run by this chain, whose tests all numbers of the run and a place
    /// meet, but for what is spared; `None` where its intervals do not allow it.
    fn cost(self, places: &[Reach], from: usize, to: usize, all: u32) -> Option<u32> {
        let (first_single, _) = self.firsts(from);
        if to > places[from].ends[self as usize] {
            return None;
        }
        let count = (to - first_single).div_ceil(2);
        let tests = u32::try_from(count).unwrap_or(u32::MAX);
        Some(tests * all - places[first_single].spared[count])
    }

    /// The first single number and the first interval of the common meaning of the chain that
    /// starts there.
    const fn firsts(self, from: usize) -> (usize, usize) {
        match self {
            Self::SinglesFirst => (from, from + 1),
            Self::CommonFirst => (from + 1, from),
        }
    }
}

impl Tables {
    /// Settles all runs of a window; says where in the tables it begins.
    fn prepare(
        &mut self,
        intervals: &[Interval],
        run: Range<usize>,
        scale: Scale,
        place: u32,
    ) -> Result<usize, OutOfMemory> {
        let shape = |index: usize| Shape {
            weight: scale.apply(intervals[index].weight.into()),
            is_single: is_single(intervals, index),
            alike: (index + 2 < run.end)
                .then(|| intervals[index].entry == intervals[index + 2].entry),
        };
        let fits = |base: usize| {
            let known = self.shapes.iter().skip(base);
            let same = known.zip(run.clone()).all(|(known, index)| known.matches(shape(index)));
            // What the first interval is like is known where there are two behind it.
            let is_known = base == 0 || self.shapes.len() > 2;
            place == self.place && same && is_known && base + run.len() <= WINDOW
        };
        let (base, known) = match [0, 1].into_iter().find(|&base| fits(base)) {
            Some(base) => (base, self.shapes.len()),
            None => {
                self.shapes.clear();
                (0, 0)
            }
        };
        self.place = place;
        for (offset, index) in run.clone().enumerate() {
            match self.shapes.get_mut(base + offset) {
                Some(known) => known.alike = known.alike.or(shape(index).alike),
                None => self.shapes.try_push(shape(index))?,
            }
        }
        if self.shapes.len() > known {
            let width = (self.shapes.len() + 1).next_power_of_two();
            // Longer rows have nothing yet.
            let known = if width > self.width { 0 } else { known };
            self.width = width.max(self.width);
            self.note_places()?;
            self.fill(known);
        }
        Ok(base)
    }

    /// Makes room for all runs, and notes what is known of each interval.
    fn note_places(&mut self) -> Result<(), OutOfMemory> {
        let len = self.shapes.len();
        let room = (len + 1) * self.width;
        if self.splits.len() < room {
            // One window is mostly as long as the next.
            self.costs.try_reserve_exact(room - self.costs.len())?;
            self.splits.try_reserve_exact(room - self.splits.len())?;
            self.costs.try_resize(room, 0)?;
            self.splits.try_resize(room, 0)?;
        }
        let end = Reach { weight: 0, before: 0, ends: [len; 2], spared: [0; CHAIN_MAX + 1] };
        self.places.clear();
        self.places.try_resize(len + 1, end)?;
        let mut before = 0;
        for (place, shape) in self.places.iter_mut().zip(&self.shapes) {
            (place.weight, place.before) = (shape.weight, before);
            before += place.weight;
        }
        self.places[len].before = before;
        note_chains(&mut self.places, &self.shapes);
        Ok(())
    }

    /// Settles all runs that end behind the first `known` intervals: those that end first, and of
    /// these the shortest.
    ///
    /// Where every second interval is like the one before it, as in lists of values, so is each run
    /// like that which begins and ends two intervals before it.
    fn fill(&mut self, known: usize) {
        let periodic = self.periodic();
        let Self { shapes, place, places, costs, splits, width, .. } = self;
        let width = *width;
        for to in known + 1..=shapes.len() {
            let alike = if to <= periodic { copy_runs(costs, splits, width, to) } else { None };
            let (without_last, row) = splits[(to - 1) * width..][..2 * width].split_at_mut(width);
            let (before, right) = costs.split_at_mut(to * width);
            let right = &mut right[..width];
            let mut split = to - 1;
            (before[(to - 1) * width + to], right[to - 1], row[to - 1]) = (0, 0, in_row(split));
            let rest = alike.unwrap_or(to - 1);
            if let Some(first_copied) = alike {
                split = row[first_copied].into();
            }
            let before = &mut before[..rest * width];
            let end = places[to].before + *place;
            Ending { to, end, places, before, right, splits: row, without_last }.settle(split);
        }
    }
}

/// The runs that end before one interval.
struct Ending<'t> {
    to: usize,
    /// What all intervals before that one weigh, and a test's place.
    end: u32,
    places: &'t [Reach],
    /// The rows of the intervals with which the runs begin, all but the last.
    before: &'t mut [u32],
    /// The row of the end.
    right: &'t mut [u32],
    splits: &'t mut [u8],
    without_last: &'t [u8],
}

impl Ending<'_> {
    /// Settles the runs, the shortest first; `split` is that of the run before them. A function of its own, because the
    /// search is in this loop most of the time: within its callers, most of what it holds lies on the stack.
    #[inline(never)]
    fn settle(mut self, mut split: usize) {
        let width = self.right.len();
        let runs = self.before.len() / width;
        let disturbed = self.to.saturating_sub(SLACK_MAX).min(runs);
        let chained = self.to.saturating_sub(CHAINED_MAX).min(disturbed);
        for from in (disturbed..runs).rev() {
            split = self.run(from, split, 1, true);
        }
        for from in (chained..disturbed).rev() {
            split = self.run(from, split, 0, true);
        }
        for from in (0..chained).rev() {
            split = self.run(from, split, 0, false);
        }
    }

    /// Settles a run by its best split, or by a chain; gives the split.
    ///
    /// The best split lies between that of the run without its last interval and that of the one without its first, or
    /// a little beyond where chains can disturb that order.
    #[inline(always)]
    fn run(&mut self, from: usize, split: usize, slack: usize, is_short: bool) -> usize {
        let left = &mut self.before[from * self.right.len()..][..self.right.len()];
        let first = usize::from(self.without_last[from]).saturating_sub(slack).max(from + 1);
        let last = (split + slack).min(self.to - 1).max(first);
        let (least, split) = cheapest(left, self.right, first, last);
        let all = self.end - self.places[from].before;
        let mut cost = least + all;
        if is_short {
            cost = cost.min(chained(self.places, from, self.to, all));
        }
        (left[self.to], self.right[from], self.splits[from]) = (cost, cost, in_row(split));
        split
    }
}

impl Tables {
    /// How many intervals from the first one on are each like the one two before it.
    fn periodic(&self) -> usize {
        let shapes = &self.shapes;
        let like = |index: usize| {
            let (one, two_before) = (shapes[index], shapes[index - 2]);
            // What is unknown at the end of the window is asked of no run within it.
            one.matches(two_before)
        };
        (2..shapes.len()).take_while(|&index| like(index)).last().map_or(0, |last| last + 1)
    }
}

/// Copies what is known of the runs that end two intervals before that one, as that of the runs
/// that end there; gives the first place from which on it did.
fn copy_runs(costs: &mut [u32], splits: &mut [u8], width: usize, to: usize) -> Option<usize> {
    let source = to.checked_sub(2)?;
    let runs = source.checked_sub(1)?;
    let (before, row) = splits.split_at_mut(to * width);
    for (copy, split) in row[2..].iter_mut().zip(&before[source * width..][..runs]) {
        *copy = split + 2;
    }
    costs.copy_within(source * width..source * width + runs, to * width + 2);
    for from in 0..runs {
        costs[(from + 2) * width + to] = costs[from * width + source];
    }
    (runs > 0).then_some(2)
}

impl Shape {
    fn matches(self, other: Self) -> bool {
        let known = self.alike.zip(other.alike);
        (self.weight, self.is_single) == (other.weight, other.is_single)
            && known.is_none_or(|(one, other)| one == other)
    }
}

/// Notes where chains end and what they spare, from each interval of a run on.
fn note_chains(places: &mut [Reach], shapes: &[Shape]) {
    let len = shapes.len();
    // Up to where every second interval means the same, and up to where every second one is a
    // single number.
    let (mut alike, mut single) = ([len; 2], [len; 2]);
    for (index, shape) in shapes.iter().enumerate().rev() {
        let parity = index % 2;
        if shape.alike == Some(false) {
            alike[parity] = index + 2;
        }
        if !shape.is_single {
            single[parity] = index;
        }
        let common_first = alike[parity].min(single[1 - parity]).min(index + CHAINED_MAX);
        let singles_first = alike[1 - parity].min(single[parity]).min(index + CHAINED_MAX - 1);
        places[index].ends = [common_first, singles_first];
        places[index].spared = spared(places, index, single[parity]);
    }
}

/// What chains spare whose single numbers are every second interval from `first` to before `end`,
/// by how many there are.
fn spared(places: &[Reach], first: usize, end: usize) -> [u32; CHAIN_MAX + 1] {
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

/// Makes weights so small that no sum of them overflows: a tree of [`WINDOW`] intervals meets each
/// at most that often.
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
