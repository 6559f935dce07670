//! One tree for two architectures under one token.
//!
//! x32's numbers are x86_64's with [`X32_BIT`] set, and most mean the same call. So x86_64's tree asks for the number
//! without that bit, and x32's tells apart only where the two differ: elsewhere it goes on within x86_64's. A number of
//! x86_64 is the same without the bit, so that nothing is added on its way.

use std::ops::Range;

use callgate_bpf::{DataWord, Test};
use callgate_syscalls::X32_BIT;

use crate::dispatch::{self, Entries};
use crate::graph::{Graph, Node, NodeId, Question};
use crate::search::Tables;
use crate::tree::{self, Interval, Shape};
use crate::variable::Variable;

/// The number without x32's bit.
const COMMON: Variable = Variable { word: DataWord::NR, mask: !X32_BIT };

/// Where both mean the same, numbers that lead to one node at this depth of x86_64's tree are not told apart by x32's.
/// Less makes x32's tree smaller and its calls meet more tests.
const DEPTH: usize = 2;

/// The graph for the numbers of both; `None` where one can't do without the bit, or where they differ so much that two
/// trees are smaller.
pub(crate) fn build(
    graph: &mut Graph,
    [x86_64, x32]: [&Entries<'_>; 2],
    shape: Shape,
    tables: &mut Tables,
) -> Option<NodeId> {
    // -1 is x86_64's, and has the bit: it must mean what x32's far numbers do.
    let is_far = |&(nr, ..): &(u32, NodeId, u32)| nr & !X32_BIT >= X32_BIT;
    let is_known_far =
        |entries: &&Entries<'_>| entries.within.is_some_and(|(last, _)| last & !X32_BIT >= X32_BIT);
    if x86_64.gap != x32.gap
        || x86_64.numbers.iter().chain(&x32.numbers).any(is_far)
        || [x86_64, x32].iter().any(is_known_far)
    {
        return None;
    }
    let mut own = Vec::with_capacity(128);
    dispatch::cut(0, X32_BIT - 1, x86_64, &mut |interval| dispatch::push(&mut own, interval));
    let mut pieces = Vec::with_capacity(2 * x32.numbers.len());
    dispatch::cut(X32_BIT, u32::MAX, x32, &mut |piece| {
        pieces.push(Interval { start: piece.start - X32_BIT, ..piece });
    });
    let segments = segments(&own, &pieces);
    let alone = pieces.chunk_by(|one, next| one.entry == next.entry).count();
    if segments.len() >= alone {
        return None;
    }
    let root = tree::build(graph, COMMON, &own, shape, tables);
    let ways: Vec<Way> =
        segments.iter().map(|segment| Way::new(graph, root, &own, segment)).collect();
    let mut told_apart = Vec::with_capacity(ways.len());
    for way in &ways {
        let (start, entry, weight) = (way.start, way.target(), way.weight);
        dispatch::push(&mut told_apart, Interval { start, entry, weight });
    }
    let tree = tree::build(graph, COMMON, &told_apart, shape, tables);
    let tree = enter(graph, tree, &ways.iter().collect::<Vec<_>>());
    let has_bit = Question::whole(DataWord::NR, Test::GreaterOrEqual, X32_BIT);
    Some(graph.ask(has_bit, tree, root))
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
fn segments(own: &[Interval], pieces: &[Interval]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::with_capacity(own.len());
    let mut at = 0;
    for (index, piece) in pieces.iter().enumerate() {
        let end = pieces.get(index + 1).map(|next| next.start);
        let is_before_end = |start: u32| end.is_none_or(|end| start < end);
        let (mut start, mut weight) = (piece.start, piece.weight);
        loop {
            let leads = match own[at].entry == piece.entry {
                true => Leads::Alike(at..at + 1),
                false => Leads::To(piece.entry),
            };
            add(&mut segments, Segment { start, weight, leads });
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
    segments
}

/// Appends a segment, joined with the last one where both lead alike.
fn add(segments: &mut Vec<Segment>, segment: Segment) {
    let Some(last) = segments.last_mut() else { return segments.push(segment) };
    match (&mut last.leads, &segment.leads) {
        (Leads::To(one), Leads::To(other)) if one == other => {}
        (Leads::Alike(intervals), Leads::Alike(other)) => intervals.end = other.end,
        _ => return segments.push(segment),
    }
    last.weight += segment.weight;
}

/// The way of a segment's numbers through x32's tree and on.
struct Way {
    start: u32,
    weight: u32,
    /// The nodes of x86_64's tree that all its numbers pass, from the root on; or only where they lead.
    path: Vec<NodeId>,
}

impl Way {
    fn new(graph: &Graph, root: NodeId, own: &[Interval], segment: &Segment) -> Self {
        let &Segment { start, weight, ref leads } = segment;
        let path = match leads {
            Leads::To(entry) => vec![*entry],
            Leads::Alike(intervals) => {
                let mut all = own[intervals.clone()].iter();
                let first = all.next().map_or(Vec::new(), |first| path(graph, root, first.start));
                all.fold(first, |mut passed, interval| {
                    let other = path(graph, root, interval.start);
                    passed.truncate(common(&passed, &other));
                    passed
                })
            }
        };
        Self { start, weight, path }
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
fn path(graph: &Graph, root: NodeId, number: u32) -> Vec<NodeId> {
    let mut path = Vec::with_capacity(16);
    path.push(root);
    let mut id = root;
    while let Node::Ask { question, yes, no } = graph.node(id) {
        if question.word != DataWord::NR {
            break;
        }
        id = if question.holds(number) { yes } else { no };
        path.push(id);
    }
    path
}

/// The tree in which numbers enter x86_64's as deep as all do that get there on one way. Recursion is as deep as the tree.
fn enter(graph: &mut Graph, id: NodeId, ways: &[&Way]) -> NodeId {
    let Some((first, others)) = ways.split_first() else { return id };
    if ways.iter().all(|way| way.target() == id) {
        let first = first.on();
        let passed = others.iter().fold(first.len(), |len, way| common(&first[..len], way.on()));
        return first[..passed].last().copied().unwrap_or(id);
    }
    let Node::Ask { question, yes, no } = graph.node(id) else { return id };
    let (holds, other): (Vec<&Way>, Vec<&Way>) =
        ways.iter().partition(|way| question.holds(way.start));
    let yes = enter(graph, yes, &holds);
    let no = enter(graph, no, &other);
    graph.ask(question, yes, no)
}
