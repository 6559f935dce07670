//! Operations on diagrams: what they make of two or three functions, by what they make of them for some bits at a time.

use callgate_memory::Grow;

use super::operations::Operation;
use super::{Diagrams, FALSE, Node, NodeId, Pattern, Rank};
use crate::budget::Halt;

/// Up to three functions; those that an operation does not need are a leaf.
pub(super) type Operands = [NodeId; 3];

/// A result that may be needed again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cached {
    operation: u32,
    operands: Operands,
    result: NodeId,
}

const VACANT: Cached = Cached { operation: u32::MAX, operands: [FALSE; 3], result: FALSE };
const CACHE_LEN_MIN: usize = 1 << 5;
const CACHE_LEN_MAX: usize = 1 << 16;

/// An operation that waits for what it makes of its operands where some bits have their value, or where they have not.
#[derive(Debug)]
pub(super) struct Frame {
    operands: Operands,
    split: Split,
    /// The result where the bits have their value, once it is known.
    matched: Option<NodeId>,
}

/// Functions, taken apart by bits of the first word that any of them reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    pub(crate) rank: Rank,
    pub(crate) pattern: Pattern,
    /// The functions where the bits have this value.
    pub(crate) matched: [NodeId; 3],
    /// The functions elsewhere.
    pub(crate) other: [NodeId; 3],
}

impl Diagrams {
    /// Applies an operation.
    pub(super) fn apply(&mut self, op: &Operation<'_>, operands: Operands) -> Result<NodeId, Halt> {
        if let Some(result) = self.settled(op, operands)? {
            return Ok(result);
        }
        // An operation that finishes with another one leaves its own frames out of reach.
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        let result = self.run(op, operands, &mut frames);
        self.frames = frames;
        result
    }

    fn run(
        &mut self,
        op: &Operation<'_>,
        operands: Operands,
        frames: &mut Vec<Frame>,
    ) -> Result<NodeId, Halt> {
        let mut operands = operands;
        loop {
            let Some(mut result) = self.known(op, operands)? else {
                self.budget.test()?;
                let split = self.split(operands)?;
                frames.try_push(Frame { operands, split, matched: None })?;
                operands = split.matched;
                continue;
            };
            // What was waited for is there: on to the other side, or up.
            loop {
                let Some(frame) = frames.last_mut() else { return Ok(result) };
                let Some(matched) = frame.matched else {
                    frame.matched = Some(result);
                    operands = frame.split.other;
                    break;
                };
                let Frame { operands, split: Split { rank, pattern, .. }, .. } = *frame;
                frames.pop();
                result = self.finish(op, (rank, pattern), matched, result)?;
                self.remember(op, operands, result)?;
            }
        }
    }

    /// The result where it needs no splitting.
    #[inline]
    fn known(&mut self, op: &Operation<'_>, operands: Operands) -> Result<Option<NodeId>, Halt> {
        match self.settled(op, operands)? {
            Some(result) => Ok(Some(result)),
            None => Ok(self.cached(op, operands)),
        }
    }

    /// Takes functions apart by as many bits as all that read them agree on. Not all of them are leaves.
    pub(crate) fn split(&mut self, operands: [NodeId; 3]) -> Result<Split, Halt> {
        let nodes = operands.map(|id| self.node(id));
        let [a, b, c] = nodes.map(|node| node.rank);
        let rank = a.min(b).min(c);
        // The first bit of each that reads the word; without a common beginning that bit alone is taken.
        let mask = |node: &Node| if node.rank == rank { node.pattern.mask } else { 0 };
        let top = highest(mask(&nodes[0]) | mask(&nodes[1]) | mask(&nodes[2]));
        let reads = |node: &Node| mask(node) & top != 0;
        let mut first: Option<Pattern> = None;
        // Bits on which the functions do not agree, with all bits below the highest of them.
        let mut apart = 0;
        for node in &nodes {
            match first {
                _ if !reads(node) => apart |= mask(node),
                None => first = Some(node.pattern),
                Some(Pattern { mask, value }) => {
                    apart |= mask ^ node.pattern.mask | value ^ node.pattern.value;
                }
            }
        }
        let common = first.unwrap_or(Pattern { mask: top, value: top });
        let run =
            common.mask & !(highest(apart) | highest(apart).wrapping_sub(u32::from(apart != 0)));
        let pattern = match run {
            0 => Pattern { mask: top, value: top },
            run => Pattern { mask: run, value: common.value & run },
        };
        let mut split = Split { rank, pattern, matched: operands, other: operands };
        for (index, node) in nodes.iter().enumerate().filter(|(_, node)| reads(node)) {
            let rest = self.rest(node, pattern.mask)?;
            let agrees = node.pattern.value & pattern.mask == pattern.value;
            let (matched, other) = if agrees { (rest, node.no) } else { (node.no, rest) };
            (split.matched[index], split.other[index]) = (matched, other);
        }
        Ok(split)
    }

    /// The functions where a bit of a word is 0 and where it is 1, the first that the function may read.
    pub(crate) fn halves(&mut self, id: NodeId, rank: Rank, bit: u32) -> Result<[NodeId; 2], Halt> {
        let node = self.node(id);
        if node.rank != rank || node.pattern.mask & bit == 0 {
            return Ok([id, id]);
        }
        let rest = self.rest(&node, bit)?;
        Ok(if node.pattern.value & bit == 0 { [rest, node.no] } else { [node.no, rest] })
    }

    /// What a node goes on with where its first bits have their value.
    fn rest(&mut self, node: &Node, first: u32) -> Result<NodeId, Halt> {
        let Node { rank, pattern: Pattern { mask, value }, yes, no } = *node;
        let (mask, value) = (mask & !first, value & !first);
        if mask == 0 {
            return Ok(yes);
        }
        // The end of a chain is folded already, because the chain is.
        self.single(Node { rank, pattern: Pattern { mask, value }, yes, no })
    }

    fn cached(&self, op: &Operation<'_>, operands: Operands) -> Option<NodeId> {
        let place = place(op.key(), operands) & self.cache.len().checked_sub(1)?;
        let entry = self.cache.get(place)?;
        (entry.operation == op.key() && entry.operands == operands).then_some(entry.result)
    }

    fn remember(
        &mut self,
        op: &Operation<'_>,
        operands: Operands,
        result: NodeId,
    ) -> Result<(), Halt> {
        if self.cache.len() < self.nodes.len().min(CACHE_LEN_MAX) {
            self.widen_cache()?;
        }
        let place = place(op.key(), operands) & (self.cache.len() - 1);
        self.cache[place] = Cached { operation: op.key(), operands, result };
        Ok(())
    }

    #[cold]
    fn widen_cache(&mut self) -> Result<(), Halt> {
        let len = (self.cache.len() * 2).max(CACHE_LEN_MIN);
        self.budget.take((len - self.cache.len()) * size_of::<Cached>())?;
        let before = std::mem::take(&mut self.cache);
        self.cache.try_resize(len, VACANT)?;
        for entry in before.iter().filter(|entry| entry.operation != VACANT.operation) {
            self.cache[place(entry.operation, entry.operands) & (len - 1)] = *entry;
        }
        Ok(())
    }
}

/// The highest bit of a mask.
const fn highest(mask: u32) -> u32 {
    if mask == 0 { 0 } else { 1 << mask.ilog2() }
}

/// A place in the cache; its lower bits count.
#[inline]
const fn place(operation: u32, [a, b, c]: Operands) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = ((a.0 as u64) << 32 | b.0 as u64).wrapping_mul(ODD);
    let mixed = (mixed.rotate_left(23) ^ ((c.0 as u64) << 32 | operation as u64)).wrapping_mul(ODD);
    (mixed >> 32) as usize
}
