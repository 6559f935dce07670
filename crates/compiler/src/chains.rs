//! The fewest tests that tell intervals of numbers apart, for policies that take too many otherwise.
//!
//! A chain asks for one single number after the other, and a list of single numbers takes one test for each that way
//! where a tree takes a split for some of them besides. Calls meet more tests for it.

use std::cmp::Reverse;
use std::ops::Range;

use callgate_bpf::Test;

use crate::graph::{Graph, NodeId};
use crate::tree::{Interval, is_single};
use crate::variable::Variable;

/// A run of intervals that one chain settles: every second one is a single number and the others mean the same.
struct Run {
    range: Range<usize>,
    first_single: usize,
}

/// The graph that leads each number to its interval's entry, by chains of at most that many single numbers. The first
/// interval starts at 0.
pub(crate) fn build(
    graph: &mut Graph,
    variable: Variable,
    intervals: &[Interval],
    singles_max: usize,
) -> NodeId {
    let mut runs = Vec::new();
    let mut next = 0;
    while next < intervals.len() {
        let run = longest_run(intervals, next, singles_max);
        next = run.range.end;
        runs.push(run);
    }
    split(graph, variable, intervals, &runs)
}

/// Splits between runs. Recursion is as deep as halving them takes.
fn split(graph: &mut Graph, variable: Variable, intervals: &[Interval], runs: &[Run]) -> NodeId {
    let (low, high) = match runs {
        [run] => return chain(graph, variable, intervals, run),
        _ => runs.split_at(runs.len() / 2),
    };
    let start = intervals[high[0].range.start].start;
    let low = split(graph, variable, intervals, low);
    let high = split(graph, variable, intervals, high);
    graph.ask(variable.question(Test::GreaterOrEqual, start), high, low)
}

/// Asks for the single numbers of a run, the heaviest first.
fn chain(graph: &mut Graph, variable: Variable, intervals: &[Interval], run: &Run) -> NodeId {
    let Range { start, end } = run.range;
    let mut singles: Vec<&Interval> = intervals[run.first_single..end].iter().step_by(2).collect();
    singles.sort_unstable_by_key(|single| (Reverse(single.weight), single.start));
    let common = if run.first_single == start { start + 1 } else { start };
    ask(graph, variable, singles.into_iter(), intervals[common].entry)
}

/// Asks for single numbers one after the other; all else leads to `common`.
pub(crate) fn ask<'a>(
    graph: &mut Graph,
    variable: Variable,
    singles: impl DoubleEndedIterator<Item = &'a Interval>,
    common: NodeId,
) -> NodeId {
    singles.rev().fold(common, |otherwise, single| {
        graph.ask(variable.question(Test::Equal, single.start), single.entry, otherwise)
    })
}

/// The longest run from an interval on, or that interval alone. One that starts with a single number has two at least.
fn longest_run(intervals: &[Interval], from: usize, singles_max: usize) -> Run {
    let len_max = singles_max.saturating_mul(2);
    let common_first = end(intervals, from, from + 1, len_max.saturating_add(1));
    let singles_first = end(intervals, from, from, len_max);
    match common_first >= singles_first {
        true => Run { range: from..common_first, first_single: from + 1 },
        false => Run { range: from..singles_first, first_single: from },
    }
}

/// Where the run ends whose single numbers are every second interval from `first_single` on.
fn end(intervals: &[Interval], from: usize, first_single: usize, len_max: usize) -> usize {
    let is_single_place = |index: usize| (index - from) % 2 == first_single - from;
    let belongs = |index: usize| match is_single_place(index) {
        true => is_single(intervals, index),
        false => index < from + 2 || intervals[index].entry == intervals[index - 2].entry,
    };
    let last = intervals.len().min(from.saturating_add(len_max));
    (from..last).find(|&index| !belongs(index)).unwrap_or(last)
}
