//! The order in which the rules of one syscall are asked.
//!
//! Rules are kept as independent lists of comparisons. **The first rule that holds decides**; which is first depends on
//! their comparisons, taken by ascending argument, and not on the order in which they were added:
//!
//! 1. rules that begin with a higher argument go first;
//! 2. then EQ, NE and MASKED_EQ before LT and LE before GT and GE;
//! 3. then LT and LE by ascending value, all others by descending value; for EQ, NE and MASKED_EQ on a 64-bit
//!    architecture first by the high half, with rules of one test of the high half together, then by the low half;
//! 4. then as added.
//!
//! Rules with the same first comparison, or one that is its negation, have one place, that of the rule added first; among
//! them the next comparison decides in the same way.
//!
//! So the rules form a tree of comparisons, each with rules below its two answers. It is built here, from the rules in the
//! order in which they were added, and read from front to back. This is what libseccomp's trees of word tests mean where
//! they mean anything consistent.

use callgate_syscalls::Arch;

use crate::chain::{Class, Step, StoredOperator, Test, halves};
use crate::rules::{Listed, Rule};

/// The rules of a list that are in force, in the order in which they are asked.
#[must_use]
pub fn ordered(arch: Arch, log: &[Listed]) -> Vec<&Rule> {
    let width = if arch.word_bits() == 64 { Width::Two } else { Width::One };
    let mut top = Level::new();
    for (index, listed) in log.iter().enumerate() {
        for &removed in &listed.removes {
            remove(&mut top, removed);
        }
        insert(&mut top, &listed.rule.chain, index, width);
    }
    let mut order = Vec::new();
    read(&top, &mut order);
    order.into_iter().map(|index| &log[index].rule).collect()
}

/// How many 32-bit words an argument has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    One,
    Two,
}

type Level = Vec<Node>;

struct Node {
    test: Test,
    class: Class,
    no: Side,
    yes: Side,
}

/// What one answer leads to: a rule that ends here, then rules with further comparisons.
#[derive(Default)]
struct Side {
    rule: Option<usize>,
    level: Level,
}

impl Node {
    fn new(step: &Step) -> Self {
        let Step { test, class, .. } = *step;
        Self { test, class, no: Side::default(), yes: Side::default() }
    }

    const fn side(&mut self, answer: bool) -> &mut Side {
        if answer { &mut self.yes } else { &mut self.no }
    }
}

/// Enters a rule. Recursion is bounded: a rule has at most six steps.
fn insert(level: &mut Level, steps: &[Step], rule: usize, width: Width) {
    let Some((step, rest)) = steps.split_first() else { return };
    let place = match find(level, step, width) {
        Place::Same(place) => place,
        Place::Before(place) => {
            level.insert(place, Node::new(step));
            place
        }
    };
    let side = level[place].side(step.answer);
    match rest.is_empty() {
        // Rules of equal comparisons are never listed twice.
        true => side.rule = side.rule.or(Some(rule)),
        false => insert(&mut side.level, rest, rule, width),
    }
}

enum Place {
    Same(usize),
    Before(usize),
}

/// Where a step belongs: at the node of its test, or before the first node that must come after it.
fn find(level: &Level, step: &Step, width: Width) -> Place {
    let mut in_group = false;
    for (place, node) in level.iter().enumerate() {
        if node.test == step.test {
            return Place::Same(place);
        }
        let together = width == Width::Two && same_high_test(&step.test, &node.test);
        if in_group && !together || precedes(step, node, together, width) {
            return Place::Before(place);
        }
        in_group = together;
    }
    Place::Before(level.len())
}

/// Whether two tests for equality ask the same of the high half.
fn same_high_test(a: &Test, b: &Test) -> bool {
    let high = |test: &Test| (test.arg, test.stored, halves(test.mask).0, halves(test.datum).0);
    matches!(a.stored, StoredOperator::Equal | StoredOperator::MaskedEqual) && high(a) == high(b)
}

/// Whether a new step must come before a node. Ties keep the order of insertion.
fn precedes(step: &Step, node: &Node, together: bool, width: Width) -> bool {
    let by_arg = node.test.arg.cmp(&step.test.arg);
    let by_class = by_arg.then(step.class.cmp(&node.class));
    let order = by_class.then_with(|| {
        let (new, old) = (step.test.datum, node.test.datum);
        match step.class {
            Class::Less => new.cmp(&old),
            Class::Equality if width == Width::Two && !together => {
                halves(old).0.cmp(&halves(new).0)
            }
            Class::Equality | Class::Greater => old.cmp(&new),
        }
    });
    order.is_lt()
}

/// Takes a rule out, and the nodes that it leaves empty.
fn remove(level: &mut Level, rule: usize) {
    level.retain_mut(|node| {
        for side in [&mut node.no, &mut node.yes] {
            side.rule = side.rule.filter(|&known| known != rule);
            remove(&mut side.level, rule);
        }
        [&node.no, &node.yes].iter().any(|side| side.rule.is_some() || !side.level.is_empty())
    });
}

/// Reads the rules of a level from front to back. Both answers of a test exclude each other.
fn read(level: &Level, order: &mut Vec<usize>) {
    for node in level {
        for side in [&node.yes, &node.no] {
            order.extend(side.rule);
            read(&side.level, order);
        }
    }
}
