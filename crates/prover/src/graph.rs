//! The part of a program that looks at arguments, as a graph of tests, and the diagrams of its nodes.
//!
//! Each fork in each state is one node. Nodes are evaluated from the end of the program to its start, so nothing
//! recurses over the program. A run of tests that lead to the same two ends is first joined to one condition, whatever
//! order it tests the bits in; only then it is put in front of what follows. That keeps a chain of rules linear: a
//! rule's condition is small, and what follows is passed through along one path instead of being rebuilt.

use crate::budget::Undecided;
use crate::diagram::{Diagrams, NodeId};
use crate::hash::FastMap;
use crate::machine::{Machine, Stop, Way};
use crate::state::Place;

/// The tests that have been found.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    index: FastMap<Place, TestId>,
    tests: Vec<TestNode>,
}

/// A node of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TestId(usize);

/// The end of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A function.
    Result(NodeId),
    /// A further test.
    Test(TestId),
}

#[derive(Clone, Copy, Debug)]
struct TestNode {
    place: Place,
    condition: NodeId,
    then: Target,
    other: Target,
    /// How many edges lead here.
    uses: usize,
}

/// The functions of all tests that are used from outside or more than once.
#[derive(Debug)]
pub(crate) struct Functions(Vec<Function>);

#[derive(Clone, Copy, Debug)]
enum Function {
    Known(NodeId),
    /// Used once: `then` where the condition holds, else `other`, not put together yet.
    Open(Choice),
}

#[derive(Clone, Copy, Debug)]
struct Choice {
    condition: NodeId,
    then: NodeId,
    other: NodeId,
}

impl Graph {
    /// The target for a stop of the dispatch, with everything that is reachable from it.
    pub(crate) fn root(&mut self, m: &mut Machine<'_>, stop: Stop) -> Result<Target, Undecided> {
        let mut unexplored = Vec::new();
        let target = self.target(stop, &mut unexplored);
        if let Target::Test(id) = target {
            // A second use, so that the function will be put together.
            self.tests[id.0].uses += 1;
        }
        while let Some(id) = unexplored.pop() {
            let fork = m.fork(&self.tests[id.0].place)?;
            let [then, other] = [fork.then, fork.other].map(|way: Way| m.advance(way));
            let then = self.target(then?, &mut unexplored);
            let other = self.target(other?, &mut unexplored);
            let test = &mut self.tests[id.0];
            (test.condition, test.then, test.other) = (fork.condition, then, other);
        }
        Ok(target)
    }

    fn target(&mut self, stop: Stop, unexplored: &mut Vec<TestId>) -> Target {
        let place = match stop {
            Stop::Result(result) => return Target::Result(result),
            Stop::Fork(place) => place,
        };
        let tests = &mut self.tests;
        let id = *self.index.entry(place).or_insert_with(|| {
            let id = TestId(tests.len());
            let open = Target::Result(crate::diagram::OUTSIDE);
            let condition = crate::diagram::FALSE;
            tests.push(TestNode { place, condition, then: open, other: open, uses: 0 });
            unexplored.push(id);
            id
        });
        self.tests[id.0].uses += 1;
        Target::Test(id)
    }

    /// The functions of all tests.
    pub(crate) fn evaluate(&self, d: &mut Diagrams) -> Result<Functions, Undecided> {
        let mut order: Vec<usize> = (0..self.tests.len()).collect();
        // Edges lead to later instructions only.
        order.sort_unstable_by_key(|&id| std::cmp::Reverse(self.tests[id].place.index));
        let unknown = Function::Known(crate::diagram::OUTSIDE);
        let mut functions = Functions(vec![unknown; self.tests.len()]);
        for id in order {
            let TestNode { condition, then, other, uses, .. } = self.tests[id];
            let choice = functions.choice(d, condition, then, other)?;
            functions.0[id] = match uses {
                1 => Function::Open(choice),
                _ => Function::Known(choice.close(d)?),
            };
        }
        Ok(functions)
    }
}

impl Functions {
    /// The function of a target that came from [`Graph::root`].
    pub(crate) fn of(&self, d: &mut Diagrams, target: Target) -> Result<NodeId, Undecided> {
        match self.function(target) {
            Function::Known(node) => Ok(node),
            Function::Open(choice) => choice.close(d),
        }
    }

    fn function(&self, target: Target) -> Function {
        match target {
            Target::Result(node) => Function::Known(node),
            Target::Test(id) => self.0[id.0],
        }
    }

    /// A choice between two targets, joined with the choices there where they have an end in common.
    fn choice(
        &self,
        d: &mut Diagrams,
        condition: NodeId,
        then: Target,
        other: Target,
    ) -> Result<Choice, Undecided> {
        let (then, other) = (self.function(then), self.function(other));
        if let (Function::Open(t), Function::Open(o)) = (then, other) {
            if let Some(o) = o.turned_to(d, t.then, t.other)? {
                let condition = d.ite(condition, t.condition, o.condition)?;
                return Ok(Choice { condition, ..t });
            }
        }
        // Where only one end is common, it is common with the closed form of the other side.
        if let Function::Open(t) = then {
            let closed = other.close(d)?;
            if let Some(t) = t.ending_in(d, closed)? {
                let condition = d.and(condition, t.condition)?;
                return Ok(Choice { condition, ..t });
            }
        }
        let closed = then.close(d)?;
        if let Function::Open(o) = other {
            if let Some(o) = o.ending_in(d, closed)? {
                let rest = d.not(condition)?;
                let condition = d.and(rest, o.condition)?;
                return Ok(Choice { condition, ..o });
            }
        }
        Ok(Choice { condition, then: closed, other: other.close(d)? })
    }
}

impl Function {
    fn close(self, d: &mut Diagrams) -> Result<NodeId, Undecided> {
        match self {
            Self::Known(node) => Ok(node),
            Self::Open(choice) => choice.close(d),
        }
    }
}

impl Choice {
    fn close(self, d: &mut Diagrams) -> Result<NodeId, Undecided> {
        d.ite(self.condition, self.then, self.other)
    }

    /// The same choice with that node as `other`, where it is one of the two ends.
    fn ending_in(self, d: &mut Diagrams, other: NodeId) -> Result<Option<Self>, Undecided> {
        if self.other == other {
            Ok(Some(self))
        } else if self.then == other {
            self.turned(d).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The same choice with these ends in this order, where they are its ends.
    fn turned_to(
        self,
        d: &mut Diagrams,
        then: NodeId,
        other: NodeId,
    ) -> Result<Option<Self>, Undecided> {
        match self.ending_in(d, other)? {
            Some(turned) if turned.then == then => Ok(Some(turned)),
            _ => Ok(None),
        }
    }

    fn turned(self, d: &mut Diagrams) -> Result<Self, Undecided> {
        let condition = d.not(self.condition)?;
        Ok(Self { condition, then: self.other, other: self.then })
    }
}
