//! Removes tests whose outcome the path to them already decides.
//!
//! Walks a syscall's graph from its entry with what is known of each word: the range it lies in. A
//! question that the range answers is skipped. Work is bounded by [`VISITS_MAX`]; a graph that
//! needs more stays as it is, which is never wrong, only longer.

use callgate_bpf::{DataWord, Test};
use callgate_memory::{Grow, Interner, Map, OutOfMemory};

use crate::graph::{Graph, Node, NodeId, Question};

/// The most nodes a walk may visit.
const VISITS_MAX: usize = 4_000;

/// Room for a walk, to be used for one after the other.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    facts: Interner<Fact>,
    done: Map<(NodeId, Facts), NodeId>,
    open: Vec<Open>,
}

/// What is known where a walk is: the number of a [`Fact`] and one, or 0 where nothing is.
type Facts = u32;

/// That a word lies in a range, and the facts about the words before it.
///
/// Facts are linked by ascending word, so that equal knowledge is one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Fact {
    before: Facts,
    word: DataWord,
    low: u32,
    high: u32,
}

/// A question that is open where the walk came to it.
#[derive(Clone, Copy, Debug)]
struct Open {
    id: NodeId,
    facts: Facts,
    question: Question,
    no: NodeId,
    /// The graph for the answer yes, where it is made.
    yes: Option<NodeId>,
}

impl Walk {
    /// The graph with the same meaning as that from `entry`, with fewer tests where the walk finds
    /// any to remove.
    pub(crate) fn remove(
        &mut self,
        graph: &mut Graph,
        entry: NodeId,
    ) -> Result<NodeId, OutOfMemory> {
        self.facts.clear();
        self.done.clear();
        self.open.clear();
        let (mut id, mut facts) = (entry, 0);
        for _ in 0..VISITS_MAX {
            let mut done = match graph.node(id) {
                Node::Return(_) => id,
                Node::Ask { question, yes, no } => match self.answer(facts, &question) {
                    Some(answer) => {
                        id = if answer { yes } else { no };
                        continue;
                    }
                    None => match self.done.get(&(id, facts)) {
                        Some(&done) => done,
                        None => {
                            self.open.try_push(Open { id, facts, question, no, yes: None })?;
                            (id, facts) = (yes, self.after(facts, &question, true)?);
                            continue;
                        }
                    },
                },
            };
            // Hands the result to the question that waits for it.
            loop {
                let Some(open) = self.open.last_mut() else { return Ok(done) };
                let Open { question, no, .. } = *open;
                match open.yes {
                    None => {
                        open.yes = Some(done);
                        let known = open.facts;
                        (id, facts) = (no, self.after(known, &question, false)?);
                        break;
                    }
                    Some(yes) => {
                        let key = (open.id, open.facts);
                        done = graph.ask(question, yes, done)?;
                        self.done.insert(key, done)?;
                        self.open.pop();
                    }
                }
            }
        }
        Ok(entry)
    }

    fn fact(&self, facts: Facts) -> Option<Fact> {
        facts.checked_sub(1).and_then(|number| self.facts.get(number)).copied()
    }

    fn range(&self, mut facts: Facts, word: DataWord) -> (u32, u32) {
        while let Some(fact) = self.fact(facts) {
            if fact.word == word {
                return (fact.low, fact.high);
            }
            facts = fact.before;
        }
        (0, u32::MAX)
    }

    /// The answer to a question if every value in the word's range gives the same.
    fn answer(&self, facts: Facts, question: &Question) -> Option<bool> {
        let (low, high) = self.range(facts, question.word);
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
    fn after(
        &mut self,
        facts: Facts,
        question: &Question,
        answer: bool,
    ) -> Result<Facts, OutOfMemory> {
        let Question { word, mask: u32::MAX, value, .. } = *question else { return Ok(facts) };
        let (low, high) = self.range(facts, word);
        // The question was open, so each side of a comparison is a proper part of the range and
        // nothing overflows.
        let narrowed = match (question.test, answer) {
            (Test::Equal, true) => (value, value),
            (Test::Equal, false) if value == low => (low + 1, high),
            (Test::Equal, false) if value == high => (low, high - 1),
            (Test::Greater, true) => (value + 1, high),
            (Test::Greater, false) => (low, value),
            (Test::GreaterOrEqual, true) => (value, high),
            (Test::GreaterOrEqual, false) => (low, value - 1),
            _ => return Ok(facts),
        };
        self.with(facts, word, narrowed)
    }

    /// The facts with another range for a word.
    fn with(
        &mut self,
        facts: Facts,
        word: DataWord,
        (low, high): (u32, u32),
    ) -> Result<Facts, OutOfMemory> {
        let before = match self.fact(facts) {
            Some(last) if last.word > word => return self.with_earlier(facts, word, (low, high)),
            Some(last) if last.word == word => last.before,
            Some(_) | None => facts,
        };
        Ok(self.facts.insert(Fact { before, word, low, high })? + 1)
    }

    /// As [`Walk::with`], for a word before the last one that something is known of.
    fn with_earlier(
        &mut self,
        facts: Facts,
        word: DataWord,
        range: (u32, u32),
    ) -> Result<Facts, OutOfMemory> {
        // The facts about later words are linked anew: a call has 16 words.
        const WORDS: usize = DataWord::COUNT as usize;
        let mut later = [None; WORDS];
        let mut before = facts;
        for place in &mut later {
            let Some(fact) = self.fact(before).filter(|fact| fact.word > word) else { break };
            before = fact.before;
            *place = Some(fact);
        }
        let mut facts = self.with(before, word, range)?;
        for fact in later.into_iter().rev().flatten() {
            facts = self.facts.insert(Fact { before: facts, ..fact })? + 1;
        }
        Ok(facts)
    }
}
