//! One tree for two architectures under one token.
//!
//! x32's numbers are x86_64's with [`X32_BIT`] set, and most mean the same call. So x86_64's tree
//! asks for the number without that bit, and x32's tells apart only where the two differ: elsewhere
//! it goes on within x86_64's. A number of x86_64 is the same without the bit, so that nothing is
//! added on its way.

use std::ops::Range;

use callgate_bpf::{DataWord, Test};
use callgate_memory::{Collect, Grow, OutOfMemory};
use callgate_syscalls::X32_BIT;

use crate::dispatch::{Entries, cut};
use crate::graph::{Graph, Node, NodeId, Question};
use crate::intervals::{Interval, push};
use crate::search::Tables;
use crate::tree::{self, Shape};
use crate::variable::Variable;

/// The number without x32's bit.
const COMMON: Variable = Variable { word: DataWord::NR, mask: !X32_BIT };

/// Where both mean the same, numbers that lead to one node at this depth of x86_64's tree are not
/// told apart by x32's. Less makes x32's tree smaller and its calls meet more tests.
const DEPTH: usize = 2;

/// The graph for the numbers of both; `None` where one can't do without the bit, or where they
/// differ so much that two trees are smaller.
pub(crate) fn build(
    graph: &mut Graph,
    [x86_64, x32]: [&Entries<'_>; 2],
    shape: Shape,
    tables: &mut Tables,
) -> Result<Option<NodeId>, OutOfMemory> {
    // -1 is x86_64's, and has the bit: it must mean what x32's far numbers do.
    let is_far = |&(nr, ..): &(u32, NodeId, u32)| nr & !X32_BIT >= X32_BIT;
    let is_known_far =
        |entries: &&Entries<'_>| entries.within.is_some_and(|(last, _)| last & !X32_BIT >= X32_BIT);
    if x86_64.gap != x32.gap
        || x86_64.numbers.iter().chain(&x32.numbers).any(is_far)
        || [x86_64, x32].iter().any(is_known_far)
    {
        return Ok(None);
    }
    let mut own = Vec::new();
    cut(0, X32_BIT - 1, x86_64, &mut |interval| push(&mut own, interval))?;
    let mut pieces: Vec<Interval> = Vec::with_room(x32.numbers.len())?;
    cut(X32_BIT, u32::MAX, x32, &mut |piece| {
        pieces.try_push(Interval { start: piece.start - X32_BIT, ..piece })
    })?;
    let segments = segments(&own, &pieces)?;
    let alone = pieces.chunk_by(|one, next| one.entry == next.entry).count();
    if segments.len() >= alone {
        return Ok(None);
    }
    let root = tree::build(graph, COMMON, &own, shape, tables)?;
    let ways = segments.iter().map(|segment| Way::new(graph, root, &own, segment));
    let ways: Vec<Way> = ways.try_collect_results()?;
    let mut told_apart = Vec::with_room(ways.len())?;
    for way in &ways {
        let (start, entry, weight) = (way.start, way.target(), way.weight);
        push(&mut told_apart, Interval { start, entry, weight })?;
    }
    let tree = tree::build(graph, COMMON, &told_apart, shape, tables)?;
    let tree = enter(graph, tree, &ways)?;
    let has_bit = Question::whole(DataWord::NR, Test::GreaterOrEqual, X32_BIT);
    graph.ask(has_bit, tree, root).map(Some)
}

/// A run of x32's numbers, without their bit.
struct Segment {
    start: u32,
    weight: u32,
    leads: Leads,
}

/// Where the numbers of a segment lead.
enum Leads {
    To(NodeId),
    /// Where they do on x86_64: in these of its intervals.
    Alike(Range<usize>),
}

/// The segments of x32's numbers beside x86_64's intervals. Both begin at 0.
fn segments(own: &[Interval], pieces: &[Interval]) -> Result<Vec<Segment>, OutOfMemory> {
    let mut segments: Vec<Segment> = Vec::with_room(own.len())?;
    let mut at = 0;
    for (index, piece) in pieces.iter().enumerate() {
        let end = pieces.get(index + 1).map(|next| next.start);
        let is_before_end = |start: u32| end.is_none_or(|end| start < end);
        let (mut start, mut weight) = (piece.start, piece.weight);
        loop {
            let leads = if own[at].entry == piece.entry {
                Leads::Alike(at..at + 1)
            } else {
                Leads::To(piece.entry)
            };
            add(&mut segments, Segment { start, weight, leads })?;
            match own.get(at + 1) {
                Some(next) if is_before_end(next.start) => (start, weight) = (next.start, 0),
                Some(next) if end == Some(next.start) => {
                    at += 1;
                    break;
                }
                _ => break,
            }
            at += 1;
        }
    }
    Ok(segments)
}

/// Appends a segment, joined with the last one where both lead alike.
fn add(segments: &mut Vec<Segment>, segment: Segment) -> Result<(), OutOfMemory> {
    let Some(last) = segments.last_mut() else { return segments.try_push(segment) };
    match (&mut last.leads, &segment.leads) {
        (Leads::To(one), Leads::To(other)) if one == other => {}
        (Leads::Alike(intervals), Leads::Alike(other)) => intervals.end = other.end,
        _ => return segments.try_push(segment),
    }
    last.weight += segment.weight;
    Ok(())
}

/// The way of a segment's numbers through x32's tree and on.
struct Way {
    start: u32,
    weight: u32,
    /// The nodes of x86_64's tree that all its numbers pass, from the root on; or only where they
    /// lead.
    path: Vec<NodeId>,
}

impl Way {
    fn new(
        graph: &Graph,
        root: NodeId,
        own: &[Interval],
        segment: &Segment,
    ) -> Result<Self, OutOfMemory> {
        let &Segment { start, weight, ref leads } = segment;
        let mut passed = Vec::new();
        match leads {
            Leads::To(entry) => passed.try_push(*entry)?,
            Leads::Alike(intervals) => {
                for (index, interval) in own[intervals.clone()].iter().enumerate() {
                    let other = path(graph, root, interval.start)?;
                    if index == 0 {
                        passed = other;
                    } else {
                        passed.truncate(common(&passed, &other));
                    }
                }
            }
        }
        Ok(Self { start, weight, path: passed })
    }

    /// Where x32's tree leads at first.
    fn target(&self) -> NodeId {
        self.path[DEPTH.min(self.path.len() - 1)]
    }

    /// The path from that node on.
    fn on(&self) -> &[NodeId] {
        &self.path[DEPTH.min(self.path.len() - 1)..]
    }
}

/// With how many nodes both paths begin.
fn common(one: &[NodeId], other: &[NodeId]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// The nodes that ask for the number on its way, and where they lead.
fn path(graph: &Graph, root: NodeId, number: u32) -> Result<Vec<NodeId>, OutOfMemory> {
    let mut path = Vec::with_room(16)?;
    path.try_push(root)?;
    let mut id = root;
    while let Node::Ask { question, yes, no } = graph.node(id) {
        if question.word != DataWord::NR {
            break;
        }
        id = if question.holds(number) { yes } else { no };
        path.try_push(id)?;
    }
    Ok(path)
}

/// A step of [`enter`].
enum Step {
    /// The tree from a node for those of the ways between two places.
    Enter(NodeId, Range<usize>),
    /// The question before the two trees made last.
    Ask(Question),
}

/// The tree in which numbers enter x86_64's as deep as all do that get there on one way.
fn enter(graph: &mut Graph, tree: NodeId, ways: &[Way]) -> Result<NodeId, OutOfMemory> {
    let mut ways: Vec<&Way> = ways.iter().try_collect_vec()?;
    let mut others = Vec::new();
    let (mut open, mut made) = (Vec::new(), Vec::new());
    open.try_push(Step::Enter(tree, 0..ways.len()))?;
    while let Some(step) = open.pop() {
        match step {
            Step::Enter(id, range) => {
                let inside = &mut ways[range.clone()];
                let (Some(question), Node::Ask { yes, no, .. }) =
                    (open_question(graph, id, inside), graph.node(id))
                else {
                    made.try_push(deepest(id, inside))?;
                    continue;
                };
                let holds = part(inside, &mut others, |way| question.holds(way.start))?;
                let middle = range.start + holds;
                let (yes, no) =
                    (Step::Enter(yes, range.start..middle), Step::Enter(no, middle..range.end));
                open.try_extend([Step::Ask(question), no, yes])?;
            }
            Step::Ask(question) => {
                let (Some(no), Some(yes)) = (made.pop(), made.pop()) else { break };
                made.try_push(graph.ask(question, yes, no)?)?;
            }
        }
    }
    Ok(made.pop().unwrap_or(tree))
}

/// The question of a node if not all of the ways there have left x32's tree.
fn open_question(graph: &Graph, id: NodeId, ways: &[&Way]) -> Option<Question> {
    match graph.node(id) {
        Node::Ask { question, .. } if ways.iter().any(|way| way.target() != id) => Some(question),
        Node::Ask { .. } | Node::Return(_) => None,
    }
}

/// The last node that all ways pass from one on.
fn deepest(id: NodeId, ways: &[&Way]) -> NodeId {
    let Some((first, others)) = ways.split_first() else { return id };
    if ways.iter().any(|way| way.target() != id) {
        return id;
    }
    let first = first.on();
    let passed = others.iter().fold(first.len(), |len, way| common(&first[..len], way.on()));
    first[..passed].last().copied().unwrap_or(id)
}

/// Moves those that are meant before the others, both in the order that they had; says how many are
/// meant.
fn part<T: Copy>(
    list: &mut [T],
    others: &mut Vec<T>,
    is_meant: impl Fn(T) -> bool,
) -> Result<usize, OutOfMemory> {
    others.clear();
    let mut count = 0;
    for index in 0..list.len() {
        if is_meant(list[index]) {
            list[count] = list[index];
            count += 1;
        } else {
            others.try_push(list[index])?;
        }
    }
    list[count..].copy_from_slice(others);
    Ok(count)
}
