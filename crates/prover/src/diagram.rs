//! Reduced ordered decision diagrams over the 16 words of a call, with actions at their leaves.
//!
//! A node compares some bits of one word with a value: `word & mask == value` leads to `yes`, everything else to `no`.
//! An equality of a whole word is one node, one of 64 bits two.
//!
//! # Why equal nodes mean equal functions
//! Take the diagram that tests bit after bit: words in the order of [`Rank`], in each word the highest bit first, never a
//! bit whose value does not matter, and every node once. It is unique: two functions are equal exactly if they have the
//! same such diagram (Bryant, 1986). Ours is that diagram with chains folded up: where a node's bit leads, with one value,
//! to a further node of the same word, and with the other value to where that node's chain leads when it breaks, both
//! nodes are one. Whether they are is decided by the two functions below a node alone, never by the way in which they
//! were made: [`Diagrams::choice`] folds whatever can be folded, and is the one place where nodes are made. So folding
//! is a map from the unique diagram to ours, unfolding is its inverse, and **two diagrams are the same function
//! exactly if they are the same node**: that is all the prover compares. `tests` in this module build every function of
//! four bits in two words, each in several ways, and find as many nodes as functions.
//!
//! Boolean diagrams are those whose leaves are [`FALSE`] and [`TRUE`].
//!
//! Nothing here recurses: operations keep their open work in a list of at most 512 entries.
//!
//! # What was tried
//! Bits alone, until November 2026: an equality of 64 bits takes 64 nodes, and making them was most of a proof.
//!
//! | policy and program | nodes of bits | nodes now | time of both meanings, bits | now |
//! |---|---|---|---|---|
//! | `container`, x86_64, x86 and x32 | 599 | 67 | 110 us | 39 us |
//! | 300 pairs of 64-bit equalities | 56,335 | 915 | 3.6 ms | 0.18 ms |
//! | 1,200 such pairs | 217,365 | 3,615 | 17.5 ms | 0.82 ms |
//! | 300 such pairs over 300 syscalls | 80,801 | 2,407 | 5.7 ms | 0.57 ms |
//!
//! (2026-11-28, two shared cores of an x86_64 machine, the best of 40 and of 60 runs.)
//!
//! Sorted intervals of a word, as one node with many children, were weighed and not built. A mask such as `& 1` makes
//! 2^31 intervals, so words under masks need another form beside it, and each node that was made before a mask was seen
//! has to be made again. A chain of n tests of one word, each put in front of the others, copies n lists of up to n
//! children. Folded chains need no second form, and two long lists share what they have in common. An order comparison
//! takes up to 32 nodes instead of one, one for each run of equal bits in its constant; so runs of such tests are put
//! together as lists of intervals first (`segments.rs`) and become nodes only then.
//!
//! Kept libraries of diagrams were measured as well, on a chain of 1,200 rules: biodivine-lib-bdd keeps each function as a
//! table of its own, so a chain costs the square of its length (993 ms); oxidd was twice as fast as our bits, but its
//! empty manager takes longer than the whole proof of Docker's profile, and it brings 36 crates.

mod apply;
mod build;
mod operations;
mod word;

use std::hash::{Hash, Hasher};

use callgate_memory::{Interner, List};
use callgate_syscalls::Action;

use crate::budget::{Budget, Halt};

pub(crate) use build::{Segment, WordTest};
pub(crate) use operations::Combine;
pub(crate) use word::{Fields, Loads, Order, Rank};

/// A node of a diagram, and by that the function of the diagram below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(u32);

/// The condition that never holds.
pub(crate) const FALSE: NodeId = NodeId(0);
/// The condition that always holds.
pub(crate) const TRUE: NodeId = NodeId(1);
/// The result differs between kernels: a shift by 32 or more.
pub(crate) const DEPENDS: NodeId = NodeId(2);
/// Input that is not asked about.
pub(crate) const OUTSIDE: NodeId = NodeId(3);

/// Some bits of a word and the value they have to have: `value` has no bit outside of `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pattern {
    pub(crate) mask: u32,
    pub(crate) value: u32,
}

/// A test with its two functions, or a leaf: of rank [`Rank::LEAF`], with an action as value under the mask
/// [`ACTION`], or the number of one of the four constants under the mask 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    rank: Rank,
    pattern: Pattern,
    yes: NodeId,
    no: NodeId,
}

const ACTION: u32 = u32::MAX;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Compares bits of a word.
    Test {
        /// The word.
        rank: Rank,
        /// What its bits have to be.
        pattern: Pattern,
        /// The function where they are.
        yes: NodeId,
        /// The function where any is not.
        no: NodeId,
    },
    /// Returns an action.
    Action(Action),
    /// [`FALSE`], [`TRUE`], [`DEPENDS`] or [`OUTSIDE`].
    Other,
}

/// All diagrams of one prover.
#[derive(Debug)]
pub(crate) struct Diagrams {
    nodes: Interner<Node>,
    /// Results of operations, each overwritten by the next that falls on its place.
    cache: List<apply::Cached>,
    /// The open work of an operation, kept for the next one.
    frames: Vec<apply::Frame>,
    tasks: Vec<build::Task>,
    /// A list without members, kept for its memory.
    pub(crate) spare: Vec<Segment>,
    /// Whether a node leads to [`DEPENDS`].
    depends: bool,
    /// How many operations there were whose results hold for one set of parameters only.
    epoch: u32,
    pub(crate) order: Order,
    pub(crate) budget: Budget,
}

/// A node with its share of the table.
const NODE_BYTES: usize = size_of::<Node>() + 16;

impl Diagrams {
    /// No diagrams, not even constants: [`Diagrams::prepare`] has to come first.
    pub(crate) fn empty(budget: Budget) -> Self {
        let (nodes, cache) = (Interner::new(), List::new());
        let (frames, tasks, spare) = (Vec::new(), Vec::new(), Vec::new());
        let order = Order::APART;
        Self { nodes, cache, frames, tasks, spare, depends: false, epoch: 0, order, budget }
    }

    /// Makes the constants, unless they are there.
    pub(crate) fn prepare(&mut self) -> Result<(), Halt> {
        for number in u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)..4 {
            let pattern = Pattern { mask: 0, value: number };
            self.nodes.insert(Node { rank: Rank::LEAF, pattern, yes: FALSE, no: FALSE })?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn new(budget: Budget) -> Result<Self, Halt> {
        let mut diagrams = Self::empty(budget);
        diagrams.prepare()?;
        Ok(diagrams)
    }

    /// The number of nodes made so far.
    pub(crate) const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// What a node is.
    pub(crate) fn view(&self, id: NodeId) -> View {
        let Node { rank, pattern, yes, no } = self.node(id);
        if rank != Rank::LEAF {
            View::Test { rank, pattern, yes, no }
        } else if pattern.mask == ACTION {
            View::Action(Action::from_raw(pattern.value))
        } else {
            View::Other
        }
    }

    /// Whether any diagram of more than a leaf has a leaf [`DEPENDS`].
    pub(crate) const fn any_depends(&self) -> bool {
        self.depends
    }

    /// Whether the function depends on the arch token or the number.
    pub(crate) fn reads_class(&self, id: NodeId) -> bool {
        self.rank(id) <= Rank::NR
    }

    /// The first word that a function reads; [`Rank::LEAF`] where it reads none.
    #[inline]
    pub(crate) fn rank(&self, id: NodeId) -> Rank {
        self.node(id).rank
    }

    /// The function that returns an action.
    pub(crate) fn action(&mut self, action: Action) -> Result<NodeId, Halt> {
        let pattern = Pattern { mask: ACTION, value: action.raw() };
        self.intern(Node { rank: Rank::LEAF, pattern, yes: FALSE, no: FALSE })
    }

    /// The condition that a bit of a word is set.
    pub(crate) fn bit(&mut self, rank: Rank, bit: u32) -> Result<NodeId, Halt> {
        let bit = 1 << bit;
        self.choice(rank, Pattern { mask: bit, value: bit }, TRUE, FALSE)
    }

    /// The first function where bits of a word have a value, the second elsewhere. Both read what comes after these bits
    /// only.
    #[inline]
    pub(crate) fn choice(
        &mut self,
        rank: Rank,
        pattern: Pattern,
        yes: NodeId,
        no: NodeId,
    ) -> Result<NodeId, Halt> {
        if pattern.mask == 0 || yes == no {
            return Ok(yes);
        }
        debug_assert!(
            self.follows(yes, rank, pattern.mask) && self.follows(no, rank, pattern.mask)
        );
        let on = self.node(yes);
        if on.rank == rank {
            if let Some((further, on)) = on.breaking_to(no) {
                return self.intern(Node { rank, pattern: pattern.with(further), yes: on, no });
            }
        }
        let off = self.node(no);
        if off.rank == rank {
            if let Some((further, off)) = off.breaking_to(yes) {
                return self.fold_last(rank, pattern, (further, off), yes, no);
            }
        }
        self.single(Node { rank, pattern, yes, no })
    }

    /// A choice whose last bit goes on, where it is wrong, to a chain that breaks to `yes`: `further` leads to `off`.
    fn fold_last(
        &mut self,
        rank: Rank,
        Pattern { mask, value }: Pattern,
        (further, off): (Pattern, NodeId),
        yes: NodeId,
        no: NodeId,
    ) -> Result<NodeId, Halt> {
        let last = 1 << mask.trailing_zeros();
        let wrong = Pattern { mask: last, value: last & !value };
        let node = self.intern(Node { rank, pattern: wrong.with(further), yes: off, no: yes })?;
        let before = Pattern { mask: mask & !last, value: value & !last };
        if before.mask == 0 {
            return Ok(node);
        }
        self.single(Node { rank, pattern: before, yes: node, no })
    }

    /// Interns a node. Of a single bit, `yes` is where it is set.
    fn single(&mut self, node: Node) -> Result<NodeId, Halt> {
        let Node { rank, pattern: Pattern { mask, value }, yes, no } = node;
        if value == 0 && mask.is_power_of_two() {
            return self.intern(Node {
                rank,
                pattern: Pattern { mask, value: mask },
                yes: no,
                no: yes,
            });
        }
        self.intern(node)
    }

    /// Whether a function reads only what comes after these bits.
    fn follows(&self, id: NodeId, rank: Rank, mask: u32) -> bool {
        let node = self.node(id);
        node.rank > rank
            || node.rank == rank && node.pattern.mask.leading_zeros() > 31 - mask.trailing_zeros()
    }

    #[inline]
    fn node(&self, id: NodeId) -> Node {
        self.nodes[id.0]
    }

    fn intern(&mut self, node: Node) -> Result<NodeId, Halt> {
        let (id, new) = self.nodes.entry(node)?;
        if new {
            self.budget.take(NODE_BYTES)?;
            self.depends |= node.yes == DEPENDS || node.no == DEPENDS;
        }
        Ok(NodeId(id))
    }
}

impl Node {
    /// The pattern that this node goes on with, and where it leads then, where it leads to `end` otherwise.
    #[inline]
    const fn breaking_to(&self, end: NodeId) -> Option<(Pattern, NodeId)> {
        let Pattern { mask, value } = self.pattern;
        if self.no.0 == end.0 {
            Some((self.pattern, self.yes))
        } else if self.yes.0 == end.0 && mask.is_power_of_two() {
            Some((Pattern { mask, value: mask & !value }, self.no))
        } else {
            None
        }
    }
}

impl Pattern {
    /// The bits of both.
    #[inline]
    pub(crate) const fn with(self, other: Self) -> Self {
        Self { mask: self.mask | other.mask, value: self.value | other.value }
    }

    /// Whether a word has these bits.
    pub(crate) const fn holds(self, word: u32) -> bool {
        word & self.mask == self.value
    }
}

impl Hash for Node {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let joined = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        state.write_u64(joined(self.pattern.mask, self.pattern.value));
        state.write_u64(joined(self.yes.0, self.no.0));
        self.rank.hash(state);
    }
}

#[cfg(test)]
mod tests;
