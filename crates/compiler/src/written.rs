//! Rules as they are written: each word of a comparison is tested where the rule names it.
//!
//! Takes at most three tests for each comparison, whatever the rules: what nothing else finds a
//! short program for, this does. Neighbouring rules that begin alike share their first tests, which
//! is how libseccomp lays out its trees too.

use callgate_bpf::Test;
use callgate_memory::{Grow, OutOfMemory};
use callgate_policy::{Comparison, Condition, Operator, Rule, View};
use callgate_syscalls::Endian;

use crate::graph::{Graph, NodeId, Question};
use crate::variable::{Half, halves, word};

/// A rule list as written, and where its rules are asked.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) entry: NodeId,
    /// The groups of rules that begin with the same test, last to first: the first rule, and the
    /// node where it is asked.
    pub(crate) groups: Vec<(usize, NodeId)>,
}

/// The graph of a rule list: the first rule that holds decides, else `fallback`.
pub(crate) fn rules(
    graph: &mut Graph,
    endian: Endian,
    rules: &[Rule],
    fallback: NodeId,
) -> Result<NodeId, OutOfMemory> {
    let mut entry = fallback;
    for rule in rules.iter().rev() {
        let action = graph.ret(rule.action())?;
        entry = condition(graph, endian, rule.condition(), action, entry)?;
    }
    Ok(entry)
}

/// As [`rules`], where neighbours share the tests that they begin with.
pub(crate) fn shared(
    graph: &mut Graph,
    endian: Endian,
    rules: &[Rule],
    fallback: NodeId,
) -> Result<Written, OutOfMemory> {
    let steps = Steps::of(rules, endian)?;
    let mut groups = Vec::new();
    // Where to go on at each depth of the tests that the current rule shares with those behind it:
    // to the rules behind it that share as many. Rules are taken from the last to the first.
    let mut level = Vec::new();
    level.try_push(fallback)?;
    for index in (0..rules.len()).rev() {
        let own = steps.of_rule(index);
        let shared_before = index.checked_sub(1).map_or(0, |b| common(steps.of_rule(b), own));
        let miss = level[level.len() - 1];
        while level.len() <= shared_before {
            level.try_push(miss)?;
        }
        let depth = level.len() - 1;
        let mut entry = graph.ret(rules[index].action())?;
        for step in own[depth..].iter().rev() {
            entry = step.ask(graph, endian, entry, miss)?;
        }
        level[depth] = entry;
        while level.len() > shared_before + 1 {
            let Some(yes) = level.pop() else { break };
            let last = level.len() - 1;
            level[last] = own[last].ask(graph, endian, yes, level[last])?;
        }
        if shared_before == 0 {
            groups.try_push((index, level[0]))?;
        }
    }
    Ok(Written { entry: level[0], groups })
}

/// Whether neighbouring rules may share tests that they begin with.
pub(crate) fn begin_alike(rules: &[Rule]) -> bool {
    let first = |rule: &Rule| match rule.condition().view() {
        View::Compare(comparison) => Some(comparison.field()),
        View::All(list) | View::Any(list) => list.first().and_then(|part| match part.view() {
            View::Compare(comparison) => Some(comparison.field()),
            View::All(_) | View::Any(_) => None,
        }),
    };
    rules.windows(2).any(|pair| first(&pair[0]) == first(&pair[1]))
}

/// With how many steps both begin.
fn common(one: &[Step<'_>], other: &[Step<'_>]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// What a rule asks, one after the other; it holds where all hold.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step<'a> {
    Word(Question),
    Comparison(&'a Comparison),
    Condition(&'a Condition),
}

impl Step<'_> {
    fn ask(
        self,
        graph: &mut Graph,
        endian: Endian,
        yes: NodeId,
        no: NodeId,
    ) -> Result<NodeId, OutOfMemory> {
        match self {
            Self::Word(question) => graph.ask(question, yes, no),
            Self::Comparison(comparison) => compare(graph, endian, comparison, yes, no),
            Self::Condition(part) => condition(graph, endian, part, yes, no),
        }
    }
}

/// The steps of all rules of a list.
struct Steps<'a> {
    steps: Vec<Step<'a>>,
    /// Where the steps of each rule end.
    ends: Vec<usize>,
}

impl<'a> Steps<'a> {
    fn of(rules: &'a [Rule], endian: Endian) -> Result<Self, OutOfMemory> {
        let mut steps = Vec::new();
        let mut ends = Vec::with_room(rules.len())?;
        for rule in rules {
            let parts = match rule.condition().view() {
                View::All(list) => list,
                View::Compare(_) | View::Any(_) => std::slice::from_ref(rule.condition()),
            };
            for part in parts {
                match part.view() {
                    View::Compare(comparison) => push(&mut steps, comparison, endian)?,
                    View::All(_) | View::Any(_) => steps.try_push(Step::Condition(part))?,
                }
            }
            ends.try_push(steps.len())?;
        }
        Ok(Self { steps, ends })
    }

    fn of_rule(&self, index: usize) -> &[Step<'a>] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.steps[start..self.ends[index]]
    }
}

/// Appends the steps of a comparison.
fn push<'a>(
    steps: &mut Vec<Step<'a>>,
    comparison: &'a Comparison,
    endian: Endian,
) -> Result<(), OutOfMemory> {
    if comparison.operator() != Operator::Eq {
        return steps.try_push(Step::Comparison(comparison));
    }
    let [high, low] = questions(comparison, Test::Equal, endian);
    // A mask without high bits leaves nothing to ask of the high word.
    if high.mask != 0 || high.value != 0 {
        steps.try_push(Step::Word(high))?;
    }
    steps.try_push(Step::Word(low))
}

/// The graph that goes on at `yes` where the condition holds, else at `no`.
fn condition(
    graph: &mut Graph,
    endian: Endian,
    cond: &Condition,
    yes: NodeId,
    no: NodeId,
) -> Result<NodeId, OutOfMemory> {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut next = Open { parts: std::slice::from_ref(cond), all: true, yes, no };
    loop {
        // The last part is made first, because those before it lead to it.
        let Some((part, before)) = next.parts.split_last() else {
            let entry = if next.all { next.yes } else { next.no };
            let Some(outer) = open.pop() else { return Ok(entry) };
            next = outer.after(entry);
            continue;
        };
        next.parts = before;
        let (yes, no) = (next.yes, next.no);
        match part.view() {
            View::Compare(comparison) => {
                next = next.after(compare(graph, endian, comparison, yes, no)?);
            }
            View::All(parts) => {
                open.try_push(std::mem::replace(&mut next, Open { parts, all: true, yes, no }))?;
            }
            View::Any(parts) => {
                open.try_push(std::mem::replace(&mut next, Open { parts, all: false, yes, no }))?;
            }
        }
    }
}

/// Parts of a condition whose graph is being made.
struct Open<'a> {
    /// Those that are left.
    parts: &'a [Condition],
    /// Whether all must hold.
    all: bool,
    yes: NodeId,
    no: NodeId,
}

impl Open<'_> {
    /// With the graph of the last part made: the one before it leads there where it does not
    /// decide.
    const fn after(mut self, entry: NodeId) -> Self {
        if self.all {
            self.yes = entry;
        } else {
            self.no = entry;
        }
        self
    }
}

/// A comparison of 64 bits in at most three tests, one of the high word first because it decides.
fn compare(
    graph: &mut Graph,
    endian: Endian,
    comparison: &Comparison,
    yes: NodeId,
    no: NodeId,
) -> Result<NodeId, OutOfMemory> {
    let (yes, no, test) = match comparison.operator() {
        Operator::Eq => (yes, no, Test::Equal),
        Operator::Ne => (no, yes, Test::Equal),
        Operator::Gt => (yes, no, Test::Greater),
        Operator::Le => (no, yes, Test::Greater),
        Operator::Ge => (yes, no, Test::GreaterOrEqual),
        Operator::Lt => (no, yes, Test::GreaterOrEqual),
    };
    let [high, low] = questions(comparison, test, endian);
    let low = graph.ask(low, yes, no)?;
    let same_high = graph.ask(Question { test: Test::Equal, ..high }, low, no)?;
    match test {
        Test::Equal | Test::AnyBit => Ok(same_high),
        Test::Greater | Test::GreaterOrEqual => {
            graph.ask(Question { test: Test::Greater, ..high }, yes, same_high)
        }
    }
}

/// What a comparison asks of the high and of the low word, by that test.
fn questions(comparison: &Comparison, test: Test, endian: Endian) -> [Question; 2] {
    let (mask_high, mask_low) = halves(comparison.mask());
    let (value_high, value_low) = halves(comparison.value());
    let question = |half, mask, value| {
        Question::new(word(comparison.field(), half, endian), mask, test, value)
    };
    [question(Half::High, mask_high, value_high), question(Half::Low, mask_low, value_low)]
}
