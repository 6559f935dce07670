//! Removes tests whose outcome the path to them already decides.
//!
//! Walks a syscall's graph from its entry with what is known of each word: the range it lies in. A question that the
//! range answers is skipped. Work is bounded by [`VISITS_MAX`]; a graph that needs more stays as it is, which is never
//! wrong, only longer.

use callgate_bpf::{DataWord, Test};

use crate::graph::{Graph, Node, NodeId, Question};
use crate::hash::FastMap;

/// The most nodes a walk may visit.
const VISITS_MAX: usize = 20_000;

/// The deepest path a walk may follow, so that recursion stays within small stacks.
const DEPTH_MAX: usize = 500;

/// The graph with the same meaning as that from `entry`, with fewer tests where the walk finds any to remove.
pub(crate) fn remove(graph: &mut Graph, entry: NodeId) -> NodeId {
    let mut walk = Walk { visits: 0, done: FastMap::default() };
    walk.visit(graph, entry, &Facts::default(), 0).unwrap_or(entry)
}

/// The ranges of the words that are known to be smaller than everything, sorted by word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Facts(Vec<(DataWord, u32, u32)>);

struct Walk {
    visits: usize,
    done: FastMap<(NodeId, Facts), NodeId>,
}

impl Walk {
    /// The simplified node, or `None` where the budget ran out.
    fn visit(
        &mut self,
        graph: &mut Graph,
        id: NodeId,
        facts: &Facts,
        depth: usize,
    ) -> Option<NodeId> {
        let mut id = id;
        let (question, yes, no) = loop {
            self.visits += 1;
            let Node::Ask { question, yes, no } = graph.node(id) else { return Some(id) };
            match facts.answer(&question) {
                Some(true) => id = yes,
                Some(false) => id = no,
                None => break (question, yes, no),
            }
        };
        let key = (id, facts.clone());
        if let Some(&done) = self.done.get(&key) {
            return Some(done);
        }
        if self.visits > VISITS_MAX || depth > DEPTH_MAX {
            return None;
        }
        let yes = self.visit(graph, yes, &facts.after(&question, true), depth + 1)?;
        let no = self.visit(graph, no, &facts.after(&question, false), depth + 1)?;
        let simplified = graph.ask(question, yes, no);
        self.done.insert(key, simplified);
        Some(simplified)
    }
}

impl Facts {
    fn range(&self, word: DataWord) -> (u32, u32) {
        let known = self.0.iter().find(|(known, ..)| *known == word);
        known.map_or((0, u32::MAX), |&(_, low, high)| (low, high))
    }

    /// The answer to a question if every value in the word's range gives the same.
    fn answer(&self, question: &Question) -> Option<bool> {
        let (low, high) = self.range(question.word);
        let holds = |word: u32| question.holds(word);
        if low == high {
            return Some(holds(low));
        }
        if question.mask != u32::MAX {
            return None;
        }
        match question.test {
            Test::Equal => (question.value < low || question.value > high).then_some(false),
            Test::Greater | Test::GreaterOrEqual => (holds(low) == holds(high)).then(|| holds(low)),
            Test::AnyBit => None,
        }
    }

    /// What is known after a question got an answer.
    fn after(&self, question: &Question, answer: bool) -> Self {
        let (low, high) = self.range(question.word);
        let Question { mask: u32::MAX, value, .. } = *question else { return self.clone() };
        // The question was open, so each side of a comparison is a proper part of the range and nothing overflows.
        let (low, high) = match (question.test, answer) {
            (Test::Equal, true) => (value, value),
            (Test::Equal, false) if value == low => (low + 1, high),
            (Test::Equal, false) if value == high => (low, high - 1),
            (Test::Greater, true) => (value + 1, high),
            (Test::Greater, false) => (low, value),
            (Test::GreaterOrEqual, true) => (value, high),
            (Test::GreaterOrEqual, false) => (low, value - 1),
            _ => (low, high),
        };
        let mut facts = self.clone();
        facts.0.retain(|(word, ..)| *word != question.word);
        if (low, high) != (0, u32::MAX) {
            let place = facts.0.partition_point(|(word, ..)| *word < question.word);
            facts.0.insert(place, (question.word, low, high));
        }
        facts
    }
}
