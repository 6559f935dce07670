//! The order in which the rules of one syscall are asked.
//!
//! Rules are kept as independent lists of comparisons. **The first rule that holds decides**; which
//! is first depends on their comparisons, taken by ascending argument, and not on the order in
//! which they were added:
//!
//! 1. rules that begin with a higher argument go first;
//! 2. then EQ, NE and MASKED_EQ before LT and LE before GT and GE;
//! 3. then LT and LE by ascending value, all others by descending value; for EQ, NE and MASKED_EQ
//!    on a 64-bit architecture first by the high half, with rules of one test of the high half
//!    together, then by the low half;
//! 4. then as added.
//!
//! Rules with the same first comparison, or one that is its negation, have one place, that of the
//! rule added first; among them the next comparison decides in the same way.
//!
//! So the rules form a tree of comparisons, each with rules below its two answers. It is built
//! here, from the rules in the order in which they were added, and read from front to back. This is
//! what libseccomp's trees of word tests mean where they mean anything consistent.

use callgate_memory::{Collect, Grow, List, OutOfMemory};
use callgate_syscalls::Arch;

use crate::chain::{ArgCmp, Class, Step, StoredOperator, Test, halves};
use crate::rules::{Accepted, Rule};

/// The rules of a list that are in force, in the order in which they are asked.
///
/// # Errors
/// [`OutOfMemory`].
pub fn ordered(arch: Arch, list: &Accepted) -> Result<Vec<&Rule>, OutOfMemory> {
    // One rule, nearly always: there is nothing to order.
    let mut in_force = list.iter();
    if let (Some(only), None) = (in_force.next(), in_force.next()) {
        return std::iter::once(only).try_collect_vec();
    }
    let width = if arch.word_bits() == 64 { Width::Two } else { Width::One };
    let mut tree = Tree { nodes: List::new(), top: Level::new(), width };
    for (listed, rule) in list.rules.iter().zip(0..) {
        for &removed in &listed.removes {
            tree.remove(&list.rules[removed as usize].rule.chain, removed);
        }
        tree.insert(&listed.rule.chain, rule)?;
    }
    tree.read(list)
}

/// How many 32-bit words an argument has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    One,
    Two,
}

/// Comparisons with what follows their answers. Nodes lie in one list and levels name them, so that
/// a node that comes between others moves four bytes of each.
struct Tree {
    nodes: List<Node>,
    top: Level,
    width: Width,
}

/// Nodes that are asked from front to back.
type Level = Vec<u32>;

struct Node {
    test: Test,
    class: Class,
    no: Side,
    yes: Side,
}

/// What one answer leads to: rules with further comparisons, then one that ends here. Both are
/// there only where the shorter one came later, and one of their actions yields.
#[derive(Default)]
struct Side {
    rule: Option<u32>,
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

    fn is_empty(&self) -> bool {
        [&self.no, &self.yes].iter().all(|side| side.rule.is_none() && side.level.is_empty())
    }
}

/// Where a step belongs: at the node of its test, or before the first node that must come after it.
enum Belongs {
    Same(usize),
    Before(usize),
}

/// A level: that of a node's answer, or the top.
type At = Option<(u32, bool)>;

impl Tree {
    fn level(&mut self, at: At) -> &mut Level {
        match at {
            None => &mut self.top,
            Some((node, answer)) => &mut self.nodes[node as usize].side(answer).level,
        }
    }

    /// Enters a rule.
    fn insert(&mut self, steps: &[Step], rule: u32) -> Result<(), OutOfMemory> {
        let mut at = None;
        for step in steps {
            let width = self.width;
            let level = std::mem::take(self.level(at));
            let place = find(&self.nodes, &level, step, width);
            *self.level(at) = level;
            let node = match place {
                Belongs::Same(place) => self.level(at)[place],
                Belongs::Before(place) => {
                    let node = u32::try_from(self.nodes.len()).map_err(|_| OutOfMemory)?;
                    self.nodes.try_push(Node::new(step))?;
                    self.level(at).try_insert(place, node)?;
                    node
                }
            };
            at = Some((node, step.answer));
        }
        if let Some((node, answer)) = at {
            // Rules of equal comparisons are never listed twice.
            let side = self.nodes[node as usize].side(answer);
            side.rule = side.rule.or(Some(rule));
        }
        Ok(())
    }

    /// Takes a rule of these comparisons out, and the nodes that it leaves empty.
    fn remove(&mut self, steps: &[Step], rule: u32) {
        let mut path = [None; ArgCmp::COUNT_MAX];
        let mut at: At = None;
        for (entry, step) in path.iter_mut().zip(steps) {
            let level = std::mem::take(self.level(at));
            let found = level.iter().position(|&n| self.nodes[n as usize].test == step.test);
            let node = found.map(|place| level[place]);
            *self.level(at) = level;
            let Some(node) = node else { return };
            *entry = Some((at, node));
            at = Some((node, step.answer));
        }
        let Some((node, answer)) = at else { return };
        let side = self.nodes[node as usize].side(answer);
        side.rule = side.rule.filter(|&known| known != rule);
        for (at, node) in path.into_iter().rev().flatten() {
            if self.nodes[node as usize].is_empty() {
                self.level(at).retain(|&known| known != node);
            }
        }
    }

    /// Reads the rules from front to back. Both answers of a test exclude each other.
    fn read(self, list: &Accepted) -> Result<Vec<&Rule>, OutOfMemory> {
        let mut order = Vec::new();
        let mut open: Vec<u32> = Vec::new();
        open.try_extend(self.top.iter().rev().copied())?;
        // A node stands three times: before its answer yes, between both answers, and behind its
        // answer no.
        let mut visits = List::new();
        visits.try_resize(self.nodes.len(), 0_u8)?;
        while let Some(node) = open.pop() {
            let Node { no, yes, .. } = &self.nodes[node as usize];
            let visit = visits[node as usize];
            let (behind, below) = match visit {
                0 => (None, Some(yes)),
                1 => (yes.rule, Some(no)),
                _ => (no.rule, None),
            };
            visits[node as usize] = visit + 1;
            if let Some(rule) = behind {
                order.try_push(&list.rules[rule as usize].rule)?;
            }
            if let Some(side) = below {
                open.try_push(node)?;
                open.try_extend(side.level.iter().rev().copied())?;
            }
        }
        Ok(order)
    }
}

fn find(nodes: &List<Node>, level: &[u32], step: &Step, width: Width) -> Belongs {
    let mut in_group = false;
    for (place, &node) in level.iter().enumerate() {
        let node = &nodes[node as usize];
        if node.test == step.test {
            return Belongs::Same(place);
        }
        let together = width == Width::Two && same_high_test(&step.test, &node.test);
        if in_group && !together || precedes(step, node, together, width) {
            return Belongs::Before(place);
        }
        in_group = together;
    }
    Belongs::Before(level.len())
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
