//! From the rules of one syscall to tests of 32-bit words.

use callgate_bpf::Test;
use callgate_policy::{Comparison, Condition, Operator, Rule, View};
use callgate_syscalls::Endian;

use crate::graph::{Graph, NodeId, Question};
use crate::variable::{Half, halves, word};

/// The graph of a rule list: the first rule that holds decides, else `fallback`.
pub(crate) fn rules(graph: &mut Graph, endian: Endian, rules: &[Rule], fallback: NodeId) -> NodeId {
    rules.iter().rev().fold(fallback, |otherwise, rule| {
        let action = graph.ret(rule.action());
        condition(graph, endian, rule.condition(), action, otherwise)
    })
}

/// The graph that goes on at `yes` where the condition holds, else at `no`.
///
/// Recursion is bounded: a condition nests at most [`Condition::DEPTH_MAX`] deep.
fn condition(
    graph: &mut Graph,
    endian: Endian,
    cond: &Condition,
    yes: NodeId,
    no: NodeId,
) -> NodeId {
    match cond.view() {
        View::Compare(comparison) => compare(graph, endian, comparison, yes, no),
        View::All(list) => {
            list.iter().rev().fold(yes, |rest, part| condition(graph, endian, part, rest, no))
        }
        View::Any(list) => {
            list.iter().rev().fold(no, |rest, part| condition(graph, endian, part, yes, rest))
        }
    }
}

/// A comparison of 64 bits in at most three tests, one of the high word first because it decides.
fn compare(
    graph: &mut Graph,
    endian: Endian,
    comparison: &Comparison,
    yes: NodeId,
    no: NodeId,
) -> NodeId {
    let (yes, no, test) = match comparison.operator() {
        Operator::Eq => (yes, no, Test::Equal),
        Operator::Ne => (no, yes, Test::Equal),
        Operator::Gt => (yes, no, Test::Greater),
        Operator::Le => (no, yes, Test::Greater),
        Operator::Ge => (yes, no, Test::GreaterOrEqual),
        _ => (no, yes, Test::GreaterOrEqual),
    };
    let (mask_high, mask_low) = halves(comparison.mask());
    let (value_high, value_low) = halves(comparison.value());
    let high = |test| {
        Question::new(word(comparison.field(), Half::High, endian), mask_high, test, value_high)
    };
    let low = Question::new(word(comparison.field(), Half::Low, endian), mask_low, test, value_low);
    let low = graph.ask(low, yes, no);
    let same_high = graph.ask(high(Test::Equal), low, no);
    match test {
        Test::Equal | Test::AnyBit => same_high,
        Test::Greater | Test::GreaterOrEqual => graph.ask(high(Test::Greater), yes, same_high),
    }
}
