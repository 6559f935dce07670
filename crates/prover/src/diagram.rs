//! Reduced ordered decision diagrams over the 512 bits of a call, with actions at their leaves.
//!
//! A diagram tests bits in one fixed order, never tests a bit whose value does not matter, and every node exists once.
//! So **two diagrams are the same function exactly if they are the same node**: that is all the prover compares.
//! Boolean diagrams are those whose leaves are [`FALSE`] and [`TRUE`].
//!
//! The order of bits is: arch, number, then instruction pointer and arguments, the second word of each field first (the
//! high half on little endian), in each word the highest bit first. So an ordered comparison of a field with a constant
//! takes a node a bit.
//!
//! Recursion is bounded by the 512 levels, never by the size of a program or policy.
//!
//! # Why an own core
//! The library for C programs links this crate, so it should bring no others and build with an old compiler. Two kept
//! libraries were measured on a chain of rules, each an equality of the low words of two arguments: the diagram alone, on
//! two shared cores of an x86_64 machine, medians.
//!
//! | rules | biodivine-lib-bdd 0.6.3 | oxidd 0.11.0 | these diagrams |
//! |---|---|---|---|
//! | 100 | 10.0 ms | 0.9 ms | 0.9 ms |
//! | 400 | 101 ms | 3.0 ms | 4.7 ms |
//! | 1,200 | 993 ms | 9.2 ms | 19.9 ms |
//! | none | | 1.4 ms | 0.02 ms |
//! | further crates | 14 | 36 | 0 |
//!
//! biodivine-lib-bdd keeps each function as a table of its own, so a chain costs the square of its length. oxidd is made for
//! large diagrams and is twice as fast on them, but its empty manager takes longer than the whole proof of Docker's profile
//! for three architectures (0.9 ms), and a library below systemd can't bring 36 crates for what fits in this module.

mod actions;
mod input;

use callgate_syscalls::Action;

use crate::budget::{Budget, Undecided};

pub(crate) use actions::Combine;
pub(crate) use input::InputBit;

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

/// The number of input bits, and the level of leaves.
const LEVELS: u32 = 512;
const WORD_BITS: u32 = 32;
/// The level of the first bit that belongs neither to arch nor number.
const ARGUMENT_LEVEL: u32 = 2 * WORD_BITS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    level: u32,
    low: NodeId,
    high: NodeId,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Tests a bit.
    Test {
        /// The bit.
        bit: InputBit,
        /// The function where the bit is 0.
        low: NodeId,
        /// The function where the bit is 1.
        high: NodeId,
    },
    /// Returns an action.
    Action(Action),
    /// [`FALSE`], [`TRUE`], [`DEPENDS`] or [`OUTSIDE`].
    Other,
}

/// All diagrams of one prover.
#[derive(Debug)]
pub(crate) struct Diagrams {
    nodes: Vec<Node>,
    /// Open addressing over `nodes`: ids plus one, 0 where free.
    unique: Vec<u32>,
    /// Results of operations, each overwritten by the next that falls on its place.
    cache: Vec<Cached>,
    budget: Budget,
}

#[derive(Clone, Copy, Debug)]
struct Cached {
    operands: [NodeId; 3],
    result: NodeId,
}

const TABLE_LEN_MIN: usize = 1 << 12;
const CACHE_LEN_MAX: usize = 1 << 19;
const VACANT: Cached = Cached { operands: [NodeId(u32::MAX); 3], result: FALSE };

impl Diagrams {
    pub(crate) fn new(budget: Budget) -> Self {
        let special = |id: NodeId| Node { level: LEVELS, low: id, high: FALSE };
        Self {
            nodes: [FALSE, TRUE, DEPENDS, OUTSIDE].map(special).to_vec(),
            unique: vec![0; TABLE_LEN_MIN],
            cache: vec![VACANT; TABLE_LEN_MIN],
            budget,
        }
    }

    /// The number of nodes made so far.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The id for one more value that is kept as 32 diagrams; it counts as 32 nodes.
    pub(crate) fn vector_id(&self, vectors: usize) -> Result<u32, Undecided> {
        self.budget.node(self.nodes.len() + vectors * WORD_BITS as usize)?;
        self.budget.node(vectors)
    }

    pub(crate) const fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }

    /// What a node is.
    pub(crate) fn view(&self, id: NodeId) -> View {
        let Node { level, low, high } = self.node(id);
        if level < LEVELS {
            View::Test { bit: InputBit(level), low, high }
        } else if high == TRUE {
            View::Action(Action::from_raw(low.0))
        } else {
            View::Other
        }
    }

    /// Whether any diagram of more than a leaf has a leaf [`DEPENDS`]. Few programs shift by so much, and looking at the nodes once is much less
    /// than following each function.
    pub(crate) fn any_depends(&self) -> bool {
        let depends = |node: &Node| node.low == DEPENDS || node.high == DEPENDS;
        self.nodes.iter().any(|node| node.level < LEVELS && depends(node))
    }

    /// Whether the function depends on the arch token or the number.
    pub(crate) fn reads_class(&self, id: NodeId) -> bool {
        self.node(id).level < ARGUMENT_LEVEL
    }

    /// Whether a function reads only bits after that one.
    pub(crate) fn comes_before(&self, bit: InputBit, id: NodeId) -> bool {
        bit.0 < self.node(id).level
    }

    /// The function that returns an action.
    pub(crate) fn action(&mut self, action: Action) -> Result<NodeId, Undecided> {
        self.intern(Node { level: LEVELS, low: NodeId(action.raw()), high: TRUE })
    }

    /// The condition that a bit is set.
    pub(crate) fn bit(&mut self, bit: InputBit) -> Result<NodeId, Undecided> {
        self.test(bit, FALSE, TRUE)
    }

    /// `low` where a bit is 0, `high` where it is 1; both test later bits only.
    pub(crate) fn test(
        &mut self,
        bit: InputBit,
        low: NodeId,
        high: NodeId,
    ) -> Result<NodeId, Undecided> {
        debug_assert!(bit.0 < self.node(low).level && bit.0 < self.node(high).level);
        if low == high { Ok(low) } else { self.intern(Node { level: bit.0, low, high }) }
    }

    /// `then` where a condition holds, `other` elsewhere.
    pub(crate) fn ite(
        &mut self,
        condition: NodeId,
        then: NodeId,
        other: NodeId,
    ) -> Result<NodeId, Undecided> {
        if condition == TRUE || then == other {
            return Ok(then);
        }
        if condition == FALSE {
            return Ok(other);
        }
        if then == TRUE && other == FALSE {
            return Ok(condition);
        }
        let operands = [condition, then, other];
        if let Some(result) = self.cached(operands) {
            return Ok(result);
        }
        self.budget.step()?;
        let level = operands.map(|id| self.node(id).level).into_iter().fold(LEVELS, u32::min);
        let [(c0, c1), (t0, t1), (o0, o1)] = operands.map(|id| self.cofactors(id, level));
        let low = self.ite(c0, t0, o0)?;
        let high = self.ite(c1, t1, o1)?;
        let result = self.test(InputBit(level), low, high)?;
        self.remember(operands, result);
        Ok(result)
    }

    pub(crate) fn and(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, Undecided> {
        self.ite(left, right, FALSE)
    }

    pub(crate) fn or(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, Undecided> {
        self.ite(left, TRUE, right)
    }

    pub(crate) fn not(&mut self, condition: NodeId) -> Result<NodeId, Undecided> {
        self.ite(condition, FALSE, TRUE)
    }

    pub(crate) fn xor(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, Undecided> {
        let inverse = self.not(right)?;
        self.ite(left, inverse, right)
    }

    /// The two functions that remain of one when the bit at a level, its first or an earlier one, is 0 and 1.
    fn cofactors(&self, id: NodeId, level: u32) -> (NodeId, NodeId) {
        let node = self.node(id);
        if node.level == level { (node.low, node.high) } else { (id, id) }
    }

    fn node(&self, id: NodeId) -> Node {
        self.nodes[id.0 as usize]
    }

    fn intern(&mut self, node: Node) -> Result<NodeId, Undecided> {
        if self.nodes.len() * 2 >= self.unique.len() {
            self.grow();
        }
        let mut place = hash([node.level, node.low.0, node.high.0], self.unique.len());
        while let Some(id) = self.unique[place].checked_sub(1) {
            if self.nodes[id as usize] == node {
                return Ok(NodeId(id));
            }
            place = (place + 1) & (self.unique.len() - 1);
        }
        let id = self.budget.node(self.nodes.len())?;
        self.nodes.push(node);
        self.unique[place] = id + 1;
        Ok(NodeId(id))
    }

    /// Doubles the table of nodes and gives the cache, up to its limit, a fourth of its length.
    fn grow(&mut self) {
        let len = self.unique.len() * 2;
        let mut unique = vec![0; len];
        for &entry in self.unique.iter().filter(|&&entry| entry != 0) {
            let node = self.nodes[entry as usize - 1];
            let mut place = hash([node.level, node.low.0, node.high.0], len);
            while unique[place] != 0 {
                place = (place + 1) & (len - 1);
            }
            unique[place] = entry;
        }
        self.unique = unique;
        let cache_len = (len / 4).min(CACHE_LEN_MAX);
        if cache_len > self.cache.len() {
            let mut cache = vec![VACANT; cache_len];
            for &entry in &self.cache {
                cache[hash(entry.operands.map(|id| id.0), cache_len)] = entry;
            }
            self.cache = cache;
        }
    }

    fn cached(&self, operands: [NodeId; 3]) -> Option<NodeId> {
        let entry = self.cache[hash(operands.map(|id| id.0), self.cache.len())];
        (entry.operands == operands).then_some(entry.result)
    }

    fn remember(&mut self, operands: [NodeId; 3], result: NodeId) {
        let place = hash(operands.map(|id| id.0), self.cache.len());
        self.cache[place] = Cached { operands, result };
    }
}

/// A place in a table whose length is a power of two.
fn hash([a, b, c]: [u32; 3], len: usize) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(ODD) ^ u64::from(c);
    let mixed = mixed.wrapping_mul(ODD);
    // The high half is mixed best, and tables have at most 2^32 places.
    (mixed >> 32) as usize & (len - 1)
}

#[cfg(test)]
mod tests {
    use callgate_bpf::DataWord;

    use super::*;
    use crate::Options;

    fn diagrams() -> Diagrams {
        Diagrams::new(Budget::new(&Options::default()))
    }

    #[test]
    fn equal_functions_of_three_bits_are_the_same_node() {
        let mut d = diagrams();
        let bits: Vec<NodeId> =
            (0..3).map(|bit| d.bit(InputBit::new(DataWord::NR, bit)).unwrap()).collect();
        let minterm = |d: &mut Diagrams, assignment: u32| {
            (0..3).fold(TRUE, |acc, i| {
                let literal =
                    if assignment >> i & 1 == 1 { bits[i] } else { d.not(bits[i]).unwrap() };
                d.and(acc, literal).unwrap()
            })
        };
        let mut nodes = std::collections::BTreeSet::new();
        for table in 0..256_u32 {
            let rows: Vec<u32> = (0..8).filter(|row| table >> row & 1 == 1).collect();
            let up = rows.iter().fold(FALSE, |acc, &row| {
                let m = minterm(&mut d, row);
                d.or(acc, m).unwrap()
            });
            let absent = (0..8).filter(|row| table >> row & 1 == 0);
            let down = absent.fold(TRUE, |acc, row| {
                let m = minterm(&mut d, row);
                let m = d.not(m).unwrap();
                d.and(m, acc).unwrap()
            });
            assert_eq!(up, down, "{table:#b}");
            assert!(nodes.insert(up), "{table:#b} is a function of its own");
        }
    }

    #[test]
    fn nodes_end_at_the_budget() {
        let options = Options { nodes_max: 16, ..Options::default() };
        let mut d = Diagrams::new(Budget::new(&options));
        let made = (0..32).map_while(|bit| d.bit(InputBit::new(DataWord::NR, bit)).ok()).count();
        assert_eq!(made, 12, "16 nodes less four constants");
        let next = InputBit::new(DataWord::ARCH, 0);
        assert_eq!(d.bit(next), Err(Undecided::Nodes { nodes_max: 16 }));
    }
}
