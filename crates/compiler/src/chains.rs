//! The fewest tests that tell intervals of numbers apart, for policies that take too many
//! otherwise.
//!
//! A chain asks for one single number after the other, and a list of single numbers takes one test
//! for each that way where a tree takes a split for some of them besides. Calls meet more tests for
//! it.

use std::cmp::Reverse;
use std::ops::Range;

use callgate_bpf::Test;
use callgate_memory::{Collect, Grow, OutOfMemory, Sort};

use crate::graph::{Graph, NodeId};
use crate::intervals::{Interval, is_single};
use crate::variable::Variable;

/// A run of intervals that one chain settles: every second one is a single number and the others
/// mean the same.
struct Run {
    range: Range<usize>,
    first_single: usize,
}

/// The graph that leads each number to its interval's entry, by chains of at most that many single
/// numbers. The first interval starts at 0.
pub(crate) fn build(
    graph: &mut Graph,
    variable: Variable,
    intervals: &[Interval],
    singles_max: usize,
) -> Result<NodeId, OutOfMemory> {
    // The chains, each with the number it begins at.
    let mut parts: Vec<(u32, NodeId)> = Vec::new();
    let mut next = 0;
    while next < intervals.len() {
        let run = longest_run(intervals, next, singles_max);
        parts.try_push((intervals[next].start, chain(graph, variable, intervals, &run)?))?;
        next = run.range.end;
    }
    balanced(graph, variable, parts)
}

/// Splits between parts, neighbours first: a part more or less is one test more or less.
pub(crate) fn balanced(
    graph: &mut Graph,
    variable: Variable,
    mut parts: Vec<(u32, NodeId)>,
) -> Result<NodeId, OutOfMemory> {
    while parts.len() > 1 {
        let mut kept = 0;
        for index in (0..parts.len()).step_by(2) {
            let (start, low) = parts[index];
            parts[kept] = match parts.get(index + 1) {
                Some(&(middle, high)) => {
                    let question = variable.question(Test::GreaterOrEqual, middle);
                    (start, graph.ask(question, high, low)?)
                }
                None => (start, low),
            };
            kept += 1;
        }
        parts.truncate(kept);
    }
    Ok(parts[0].1)
}

/// Asks for the single numbers of a run, the heaviest first.
fn chain(
    graph: &mut Graph,
    variable: Variable,
    intervals: &[Interval],
    run: &Run,
) -> Result<NodeId, OutOfMemory> {
    let Range { start, end } = run.range;
    let singles = intervals[run.first_single..end].iter().step_by(2);
    let mut singles: Vec<&Interval> = singles.try_collect_vec()?;
    singles.sort_in_place_by_key(|single| (Reverse(single.weight), single.start));
    let common = if run.first_single == start { start + 1 } else { start };
    ask(graph, variable, singles.into_iter(), intervals[common].entry)
}

/// Asks for single numbers one after the other; all else leads to `common`.
pub(crate) fn ask<'a>(
    graph: &mut Graph,
    variable: Variable,
    singles: impl DoubleEndedIterator<Item = &'a Interval>,
    common: NodeId,
) -> Result<NodeId, OutOfMemory> {
    singles.rev().try_fold(common, |otherwise, single| {
        graph.ask(variable.question(Test::Equal, single.start), single.entry, otherwise)
    })
}

/// The longest run from an interval on, or that interval alone. One that starts with a single
/// number has two at least.
fn longest_run(intervals: &[Interval], from: usize, singles_max: usize) -> Run {
    let len_max = singles_max.saturating_mul(2);
    let common_first = end(intervals, from, from + 1, len_max.saturating_add(1));
    let singles_first = end(intervals, from, from, len_max);
    if common_first >= singles_first {
        Run { range: from..common_first, first_single: from + 1 }
    } else {
        Run { range: from..singles_first, first_single: from }
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
