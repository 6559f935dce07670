//! The tests that tell intervals of numbers apart, at the least expected cost.
//!
//! Two shapes are combined. A *split* asks `nr >= k` and leaves fewer intervals on each side. A *chain* settles a run of
//! intervals of one meaning that is broken only by single numbers: it asks `nr == k` for each of those, and all else is
//! the common meaning. The cost of a tree is how many tests a call meets, weighted by how often the call is made, plus a
//! little for each test's place in the program.
//!
//! The best tree of at most [`WINDOW`] intervals is [searched](search) for. Longer lists are first
//! halved by weight, which far from the leaves is as good.

use std::ops::Range;

use callgate_bpf::Test;
use callgate_memory::{Grow, OutOfMemory};

use crate::chains;
use crate::graph::{Graph, NodeId};
use crate::intervals::{Interval, is_single};
use crate::search::{self, Tables, WINDOW};
use crate::variable::Variable;

/// What counts: how many tests a call meets, or how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// The least expected cost.
    Fast,
    /// Few tests, by chains of at most that many single numbers.
    Chains(usize),
    /// As few tests as there can be for numbers, and rules [as they are written](crate::written).
    Written,
    /// The least expected cost for numbers, and rules as they are written.
    FastWritten,
}

/// The longest run of a longer list for which the best tree is searched for: where there are so
/// many, time matters more. 300 pairs of values take 968 instructions with 48 as with 96, which
/// takes a third longer, and 984 with 24.
const PART: usize = 48;

/// Each test is also charged this fraction of all weight for the space it takes.
const PLACE_FRACTION: u64 = 64;

/// The graph that leads each number to its interval's entry. The first interval starts at 0.
pub(crate) fn build(
    graph: &mut Graph,
    variable: Variable,
    intervals: &[Interval],
    shape: Shape,
    tables: &mut Tables,
) -> Result<NodeId, OutOfMemory> {
    match (shape, intervals) {
        (_, [only]) => return Ok(only.entry),
        // Two or three intervals around one single number, which any search would find.
        (_, [_, single, rest]) if rest.entry == intervals[0].entry && is_single(intervals, 1) => {
            let question = variable.question(Test::Equal, single.start);
            return graph.ask(question, single.entry, rest.entry);
        }
        (Shape::Chains(singles_max), _) => {
            return chains::build(graph, variable, intervals, singles_max);
        }
        (Shape::Written, _) => return chains::build(graph, variable, intervals, usize::MAX),
        (Shape::Fast | Shape::FastWritten, _) => {}
    }
    let window = if intervals.len() <= WINDOW { WINDOW } else { PART };
    let total: u64 = intervals.iter().map(|interval| u64::from(interval.weight)).sum();
    let halving = Halving { variable, intervals, window, place: total / PLACE_FRACTION + 1 };
    if intervals.len() <= window {
        return halving.search(graph, 0..intervals.len(), tables);
    }
    halving.build(graph, tables)
}

/// The parting of a list into windows.
#[derive(Clone, Copy)]
struct Halving<'a> {
    variable: Variable,
    intervals: &'a [Interval],
    /// The longest run for which the best tree is searched for.
    window: usize,
    /// What a test's place costs.
    place: u64,
}

/// A step of the parting.
enum Step {
    /// The tree of a run.
    Run(Range<usize>),
    /// The split before that interval, of the two parts made last.
    Split(usize),
}

impl Halving<'_> {
    /// Splits by weight until the best tree can be searched for. Each level at least halves weight
    /// or count, so that few steps are open at a time.
    fn build(self, graph: &mut Graph, tables: &mut Tables) -> Result<NodeId, OutOfMemory> {
        let (mut open, mut made) = (Vec::new(), Vec::new());
        open.try_push(Step::Run(0..self.intervals.len()))?;
        while let Some(step) = open.pop() {
            match step {
                Step::Run(run) if run.len() <= self.window => {
                    made.try_push(self.search(graph, run, tables)?)?;
                }
                Step::Run(run) => {
                    let middle = self.middle(run.clone());
                    let (low, high) = (run.start..middle, middle..run.end);
                    open.try_extend([Step::Split(middle), Step::Run(high), Step::Run(low)])?;
                }
                Step::Split(middle) => {
                    let (Some(high), Some(low)) = (made.pop(), made.pop()) else { break };
                    let start = self.intervals[middle].start;
                    let question = self.variable.question(Test::GreaterOrEqual, start);
                    made.try_push(graph.ask(question, high, low)?)?;
                }
            }
        }
        Ok(made.pop().unwrap_or(self.intervals[0].entry))
    }

    fn search(
        self,
        graph: &mut Graph,
        run: Range<usize>,
        tables: &mut Tables,
    ) -> Result<NodeId, OutOfMemory> {
        search::best(graph, self.variable, self.intervals, run, self.place, tables)
    }

    /// Where both sides of a run weigh most nearly the same.
    fn middle(self, run: Range<usize>) -> usize {
        // Every interval weighs something, else a run of empty ones would make the tree as deep as
        // the run is long.
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
