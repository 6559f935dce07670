//! The part of a program that looks at arguments, as a graph of tests, and the diagrams of its nodes.
//!
//! Each fork in each state is one node. Nodes are evaluated from the end of the program to its start, so nothing
//! recurses over the program. Two shapes make up real filters and are kept from becoming diagrams too early:
//!
//! - Searches: many tests of one word, each of which leads to a further one. They are collected as intervals of the
//!   word ([`Segments`]) and become one diagram where the search begins.
//! - Chains of rules: tests of different words that all lead to the same next rule where they fail. They are joined to
//!   one condition first, whatever order they test the words in, and only then put in front of what follows. That keeps a
//!   chain linear: a rule's condition is small, and what follows is passed through along one path instead of being rebuilt.

use callgate_memory::{Grow, List};

use crate::budget::Halt;
use crate::diagram::{Diagrams, FALSE, NodeId, OUTSIDE, Rank, TRUE};
use crate::machine::{Asked, Machine, Stop};
use crate::segments::{Segments, held};
use crate::state::Pending;

/// The tests that have been found.
#[derive(Debug)]
pub(crate) struct Graph {
    /// For each instruction, the last test found there.
    heads: Vec<Option<TestId>>,
    tests: List<TestNode>,
    unexplored: Vec<TestId>,
}

/// A node of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TestId(u32);

/// The end of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A function.
    Result(NodeId),
    /// A further test.
    Test(TestId),
}

#[derive(Debug)]
struct TestNode {
    place: Pending,
    /// The test found before it at the same instruction.
    before: Option<TestId>,
    asked: Asked,
    then: Target,
    other: Target,
    /// How many edges lead here.
    uses: u32,
    function: Function,
}

/// The function of a test, or what it is made of.
#[derive(Debug)]
enum Function {
    Known(NodeId),
    /// Used once: `then` where the condition holds, else `other`, not put together yet.
    Open(Choice),
    /// Used once: what the values of a word lead to.
    Search(Segments),
}

#[derive(Clone, Copy, Debug)]
struct Choice {
    condition: NodeId,
    then: NodeId,
    other: NodeId,
}

impl Graph {
    /// A graph of the tests of a program of that length.
    pub(crate) fn new(len: usize) -> Result<Self, Halt> {
        let mut heads = Vec::with_room(len)?;
        heads.try_resize(len, None)?;
        Ok(Self { heads, tests: List::new(), unexplored: Vec::new() })
    }

    /// The target for a stop of the dispatch, with everything that is reachable from it.
    pub(crate) fn root(&mut self, m: &mut Machine<'_>, stop: Stop) -> Result<Target, Halt> {
        let target = self.target(m, stop)?;
        if let Target::Test(id) = target {
            // A second use, so that the function will be put together.
            self.test(id).uses += 1;
        }
        while let Some(id) = self.unexplored.pop() {
            let place = self.test(id).place;
            let fork = m.fork(&place)?;
            let then = m.advance(fork.then)?;
            let then = self.target(m, then)?;
            let other = m.advance(fork.other)?;
            let other = self.target(m, other)?;
            let test = self.test(id);
            (test.asked, test.then, test.other) = (fork.asked, then, other);
        }
        Ok(target)
    }

    fn target(&mut self, m: &mut Machine<'_>, stop: Stop) -> Result<Target, Halt> {
        let place = match stop {
            Stop::Result(result) => return Ok(Target::Result(result)),
            Stop::Fork(place) => place,
        };
        let before = self.heads[place.index];
        let mut next = before;
        while let Some(id) = next {
            let test = self.test(id);
            if test.place == place {
                test.uses += 1;
                return Ok(Target::Test(id));
            }
            m.diagrams.budget.test()?;
            next = test.before;
        }
        m.diagrams.budget.take(size_of::<TestNode>())?;
        let id = TestId(u32::try_from(self.tests.len()).unwrap_or(u32::MAX));
        let (asked, open) = (Asked::Condition(FALSE), Target::Result(OUTSIDE));
        let function = Function::Known(OUTSIDE);
        self.tests.try_push(TestNode {
            place,
            before,
            asked,
            then: open,
            other: open,
            uses: 1,
            function,
        })?;
        self.heads[place.index] = Some(id);
        self.unexplored.try_push(id)?;
        Ok(Target::Test(id))
    }

    fn test(&mut self, id: TestId) -> &mut TestNode {
        &mut self.tests[id.0 as usize]
    }

    /// Makes the functions of all tests that are used from outside or more than once.
    pub(crate) fn evaluate(&mut self, d: &mut Diagrams) -> Result<(), Halt> {
        // Edges lead to later instructions only.
        for index in (0..self.heads.len()).rev() {
            let mut next = self.heads[index];
            while let Some(id) = next {
                d.budget.test()?;
                let test = self.test(id);
                let (asked, uses, before) = (test.asked, test.uses, test.before);
                let (then, other) = (test.then, test.other);
                let (then, other) = (self.take(then), self.take(other));
                let function = asked_first(d, asked, then, other)?;
                self.test(id).function = match uses {
                    1 => function,
                    _ => Function::Known(function.close(d)?),
                };
                next = before;
            }
        }
        Ok(())
    }

    /// The function of a target that came from [`Graph::root`].
    pub(crate) fn of(&mut self, d: &mut Diagrams, target: Target) -> Result<NodeId, Halt> {
        let function = self.take(target).close(d)?;
        if let Target::Test(id) = target {
            self.test(id).function = Function::Known(function);
        }
        Ok(function)
    }

    /// The function of a target. One that is not put together is used once only and does not stay.
    fn take(&mut self, target: Target) -> Function {
        match target {
            Target::Result(node) => Function::Known(node),
            Target::Test(id) => {
                let function = &mut self.test(id).function;
                let known = if let Function::Known(node) = function { *node } else { OUTSIDE };
                std::mem::replace(function, Function::Known(known))
            }
        }
    }
}

/// A choice between two functions by what a test asks.
fn asked_first(
    d: &mut Diagrams,
    asked: Asked,
    then: Function,
    other: Function,
) -> Result<Function, Halt> {
    let (then, other, condition) = match asked {
        Asked::Condition(condition) => (then, other, condition),
        Asked::Word(test) => {
            let rank = d.order.rank(test.1);
            let (then, other) = (then.behind(d, rank)?, other.behind(d, rank)?);
            match (then, other, held(test)) {
                (Side::Fits(then), Side::Fits(other), Some(values)) => {
                    return Ok(Function::Search(other.with(d, values, then)?));
                }
                (then, other, _) => {
                    (then.function(d)?, other.function(d)?, d.where_word(test, [TRUE, FALSE])?)
                }
            }
        }
    };
    joined(d, condition, then, other).map(Function::Open)
}

/// A function, as intervals of a word where it reads only that word and later ones.
enum Side {
    Fits(Segments),
    Other(Function),
}

impl Side {
    fn function(self, d: &mut Diagrams) -> Result<Function, Halt> {
        match self {
            Self::Fits(segments) => Ok(Function::Known(segments.close(d)?)),
            Self::Other(function) => Ok(function),
        }
    }
}

/// A choice between two functions, joined with the choices there where they have an end in common.
fn joined(
    d: &mut Diagrams,
    condition: NodeId,
    then: Function,
    other: Function,
) -> Result<Choice, Halt> {
    if let (Function::Open(t), Function::Open(o)) = (&then, &other) {
        if let Some(o) = o.turned_to(d, t.then, t.other)? {
            let condition = d.ite(condition, t.condition, o.condition)?;
            return Ok(Choice { condition, ..*t });
        }
    }
    // Where only one end is common, it is common with the closed form of the other side.
    let (then, other) = match then {
        Function::Open(t) => {
            let closed = other.close_in_place(d)?;
            if let Some(t) = t.ending_in(d, closed.0)? {
                let condition = d.and(condition, t.condition)?;
                return Ok(Choice { condition, ..t });
            }
            (t.close(d)?, closed.1)
        }
        then => (then.close(d)?, other),
    };
    if let Function::Open(o) = other {
        if let Some(o) = o.ending_in(d, then)? {
            let rest = d.not(condition)?;
            let condition = d.and(rest, o.condition)?;
            return Ok(Choice { condition, ..o });
        }
    }
    Ok(Choice { condition, then, other: other.close(d)? })
}

impl Function {
    fn close(self, d: &mut Diagrams) -> Result<NodeId, Halt> {
        match self {
            Self::Known(node) => Ok(node),
            Self::Open(choice) => choice.close(d),
            Self::Search(segments) => segments.close(d),
        }
    }

    /// The function, and itself, a choice still being one.
    fn close_in_place(self, d: &mut Diagrams) -> Result<(NodeId, Self), Halt> {
        match self {
            Self::Open(choice) => Ok((choice.close(d)?, self)),
            other => {
                let node = other.close(d)?;
                Ok((node, Self::Known(node)))
            }
        }
    }

    /// The function as intervals of a word, where it can be.
    fn behind(self, d: &mut Diagrams, rank: Rank) -> Result<Side, Halt> {
        let node = match self {
            Self::Search(segments) if segments.rank() == rank => return Ok(Side::Fits(segments)),
            Self::Open(choice) if !choice.is_behind(d, rank) => return Ok(Side::Other(self)),
            function => function.close(d)?,
        };
        match d.rank(node) > rank {
            true => Ok(Side::Fits(Segments::constant(rank, node))),
            false => Ok(Side::Other(Self::Known(node))),
        }
    }
}

impl Choice {
    fn close(self, d: &mut Diagrams) -> Result<NodeId, Halt> {
        d.ite(self.condition, self.then, self.other)
    }

    /// Whether it reads only words after that one.
    fn is_behind(self, d: &Diagrams, rank: Rank) -> bool {
        [self.condition, self.then, self.other].into_iter().all(|node| d.rank(node) > rank)
    }

    /// The same choice with that node as `other`, where it is one of the two ends.
    fn ending_in(self, d: &mut Diagrams, other: NodeId) -> Result<Option<Self>, Halt> {
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
    ) -> Result<Option<Self>, Halt> {
        match self.ending_in(d, other)? {
            Some(turned) if turned.then == then => Ok(Some(turned)),
            _ => Ok(None),
        }
    }

    fn turned(self, d: &mut Diagrams) -> Result<Self, Halt> {
        let condition = d.not(self.condition)?;
        Ok(Self { condition, then: self.other, other: self.then })
    }
}
