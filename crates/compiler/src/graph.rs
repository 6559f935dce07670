//! The decision graph that all passes work on.
//!
//! Nodes are hash-consed: equal nodes have equal identity, so shared tails cost nothing and
//! comparing meanings of two syscalls is comparing two numbers. A node refers only to nodes made
//! before it, so a graph has no cycles.

use std::hash::{Hash, Hasher};

use callgate_bpf::{DataWord, Test};
use callgate_memory::{Grow, Interner, List, OutOfMemory};
use callgate_policy::Action;

/// The identity of a node in its [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(u32);

impl NodeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// End with an action.
    Return(Action),
    /// Go on at `yes` if the question's answer is yes, else at `no`.
    Ask { question: Question, yes: NodeId, no: NodeId },
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Return(action) => state.write_u32(action.raw()),
            Self::Ask { question: Question { word, mask, test, value }, yes, no } => {
                let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
                let what = u32::from(word.index()) << 8 | *test as u32;
                state.write_u64(pair(*value, what) ^ u64::from(!mask).rotate_left(16));
                state.write_u64(pair(yes.0, no.0));
            }
        }
    }
}

/// `(word & mask) test value`, on a 32-bit word of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Question {
    pub(crate) word: DataWord,
    pub(crate) mask: u32,
    pub(crate) test: Test,
    pub(crate) value: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: Interner<Node>,
    /// The return asked for last: most syscalls of a policy have the same.
    returned: Option<(Action, NodeId)>,
}

impl Graph {
    pub(crate) fn node(&self, id: NodeId) -> Node {
        self.nodes[id.0]
    }

    pub(crate) fn is_question(&self, id: NodeId) -> bool {
        matches!(self.node(id), Node::Ask { .. })
    }

    /// The node made at that place in the order of making.
    pub(crate) fn id(&self, index: usize) -> Option<NodeId> {
        let id = u32::try_from(index).ok().filter(|_| index < self.nodes.len());
        id.map(NodeId)
    }

    /// Forgets all nodes and keeps their room.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.returned = None;
    }

    pub(crate) fn ret(&mut self, action: Action) -> Result<NodeId, OutOfMemory> {
        match self.returned {
            Some((known, id)) if known == action => Ok(id),
            _ => {
                let id = self.intern(Node::Return(action))?;
                self.returned = Some((action, id));
                Ok(id)
            }
        }
    }

    /// The node that returns what that leaf does.
    pub(crate) fn leaf(&mut self, leaf: Node) -> Result<NodeId, OutOfMemory> {
        self.intern(leaf)
    }

    /// The copy of another graph's node and all that it leads to, with some nodes given their
    /// copies.
    pub(crate) fn import(
        &mut self,
        other: &Self,
        root: NodeId,
        known: (NodeId, NodeId),
    ) -> Result<NodeId, OutOfMemory> {
        let mut copies: List<Option<NodeId>> = List::new();
        copies.try_resize(root.index() + 1, None)?;
        let mut last = root;
        for id in other.below(root)? {
            last = match other.node(id) {
                _ if id == known.0 => known.1,
                Node::Ask { question, yes, no } => {
                    let copy = |side: NodeId| copies[side.index()].unwrap_or(side);
                    self.intern(Node::Ask { question, yes: copy(yes), no: copy(no) })?
                }
                leaf @ Node::Return(_) => self.intern(leaf)?,
            };
            copies[id.index()] = Some(last);
        }
        Ok(last)
    }

    /// The nodes reachable from one, itself included, each after those it leads to.
    pub(crate) fn below(&self, root: NodeId) -> Result<Vec<NodeId>, OutOfMemory> {
        let mut reached: List<bool> = List::new();
        reached.try_resize(root.index() + 1, false)?;
        reached[root.index()] = true;
        let mut found = Vec::new();
        // A node leads to nodes made before it, so one pass from the last to the first reaches all.
        for id in (0..=root.0).rev().map(NodeId) {
            if reached[id.index()] {
                found.try_push(id)?;
                if let Node::Ask { yes, no, .. } = self.node(id) {
                    reached[yes.index()] = true;
                    reached[no.index()] = true;
                }
            }
        }
        found.reverse();
        Ok(found)
    }

    /// The node that asks a question, or one of its answers where the question is idle.
    pub(crate) fn ask(
        &mut self,
        question: Question,
        yes: NodeId,
        no: NodeId,
    ) -> Result<NodeId, OutOfMemory> {
        let (question, swapped) = question.simplest();
        let (yes, no) = if swapped { (no, yes) } else { (yes, no) };
        match question.constant() {
            Some(true) => Ok(yes),
            Some(false) => Ok(no),
            None if yes == no => Ok(yes),
            None => self.intern(Node::Ask { question, yes, no }),
        }
    }

    fn intern(&mut self, node: Node) -> Result<NodeId, OutOfMemory> {
        self.nodes.insert(node).map(NodeId)
    }
}

impl Question {
    pub(crate) const fn new(word: DataWord, mask: u32, test: Test, value: u32) -> Self {
        Self { word, mask, test, value }
    }

    /// A question about a whole word.
    pub(crate) const fn whole(word: DataWord, test: Test, value: u32) -> Self {
        Self::new(word, u32::MAX, test, value)
    }

    /// The answer for a word.
    pub(crate) fn holds(&self, word: u32) -> bool {
        self.test.holds(word & self.mask, self.value)
    }

    /// The answer if every word gives the same.
    const fn constant(&self) -> Option<bool> {
        let Self { mask, value, .. } = *self;
        match self.test {
            Test::Equal if value & !mask != 0 => Some(false),
            Test::Equal if mask == 0 => Some(true),
            Test::Greater if value >= mask => Some(false),
            Test::GreaterOrEqual if value == 0 => Some(true),
            Test::GreaterOrEqual if value > mask => Some(false),
            Test::AnyBit if value & mask == 0 => Some(false),
            Test::Equal | Test::Greater | Test::GreaterOrEqual | Test::AnyBit => None,
        }
    }

    /// The cheapest question that tells the same words apart, and whether its answers are swapped.
    ///
    /// A mask takes an instruction and loses the word, so that bits are asked for by `AnyBit` where
    /// that can be, and masks of high bits become comparisons. Of several questions that cost the
    /// same, one is chosen always, so that nodes can be shared.
    fn simplest(self) -> (Self, bool) {
        let Self { word, mask, test, value } = self;
        let any_bit = |bits| Self::new(word, u32::MAX, Test::AnyBit, bits).as_comparison();
        match test {
            Test::AnyBit => (any_bit(value & mask), false),
            // A number without some bit stays in the accumulator for all that is asked about it.
            _ if mask == u32::MAX || word == DataWord::NR => (self, false),
            Test::Equal if value == 0 => (any_bit(mask), true),
            Test::Equal if value == mask && mask.is_power_of_two() => (any_bit(mask), false),
            Test::Greater if value == 0 => (any_bit(mask), false),
            Test::GreaterOrEqual if value == 1 => (any_bit(mask), false),
            _ if !has_high_bits_only(mask) => (self, false),
            // The bits that the mask drops are the low ones: they do not change which of two
            // different values is larger.
            Test::Equal if value & !mask == 0 && value | !mask == u32::MAX => {
                (Self::whole(word, Test::GreaterOrEqual, value), false)
            }
            Test::Equal => (self, false),
            Test::GreaterOrEqual if value & !mask == 0 => (Self::whole(word, test, value), false),
            Test::Greater | Test::GreaterOrEqual => {
                (Self::whole(word, Test::Greater, value | !mask), false)
            }
        }
    }

    /// A bit test for all bits from one up is a comparison.
    fn as_comparison(self) -> Self {
        match self.value != 0 && has_high_bits_only(self.value) {
            true => Self::whole(self.word, Test::Greater, !self.value),
            false => self,
        }
    }
}

/// Whether a mask keeps the bits from some bit up, and no other.
pub(crate) const fn has_high_bits_only(mask: u32) -> bool {
    !mask & (!mask).wrapping_add(1) == 0
}
