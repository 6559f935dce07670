//! The graph of one syscall's rules: the shortest of several that mean the same.
//!
//! No order of the words is best for all rules, and some rules are best asked as they were written. The candidates are
//! made apart from the policy's graph, and only the one that takes the fewest instructions joins it.

use std::cmp::Reverse;

use callgate_policy::{Condition, Rule, View};
use callgate_syscalls::Endian;

use crate::graph::{Graph, Node, NodeId};
use crate::ordered::{self, Diagram, VARIABLES_MAX};
use crate::search::Tables;
use crate::tree::{self, Interval, Shape};
use crate::variable::{Halves, Regions, Variable};
use crate::{bits, condition, implied, layout, weights};

/// Rule lists with more comparisons than this are tried in one order only: what they have in common decides. As written
/// they take a test for each comparison, and a search takes fewer.
const WRITTEN_MAX: usize = 64;

/// How many nodes a candidate has, but for long lists.
const CANDIDATE: usize = 28;

/// How calls lay out their arguments, and what their tests are to be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) endian: Endian,
    pub(crate) shape: Shape,
}

/// The graph of a rule list: the first rule that holds decides, else `fallback`.
pub(crate) fn rules(graph: &mut Graph, form: Form, rules: &[Rule], fallback: NodeId) -> NodeId {
    if let Some(rule) = rules.first().filter(|rule| rule.condition().is_always()) {
        return graph.ret(rule.action());
    }
    let comparisons: usize = rules.iter().map(|rule| rule.condition().comparisons()).sum();
    if comparisons <= 1 {
        return condition::rules(graph, form.endian, rules, fallback);
    }
    match candidates(form, rules, comparisons, graph.node(fallback)) {
        Some((best, root)) => graph.import(&best, root),
        None => {
            let entry = condition::rules(graph, form.endian, rules, fallback);
            implied::remove(graph, entry)
        }
    }
}

/// The shortest candidate, in a graph of its own; `None` where only the one as written is left, which may be large.
fn candidates(
    form: Form,
    rules: &[Rule],
    comparisons: usize,
    fallback: Node,
) -> Option<(Graph, NodeId)> {
    let mut found = Vec::with_capacity(3);
    if let Some(counted) = variables(rules, form.endian) {
        let natural: Vec<Variable> = counted.iter().map(|(variable, _)| *variable).collect();
        let mut counted = counted;
        // What has few constants is common to many rules: asked first, it is asked once.
        counted.sort_unstable_by_key(|(variable, constants)| {
            (*constants, variable.natural_order(form.endian))
        });
        let frequent: Vec<Variable> = counted.into_iter().map(|(variable, _)| variable).collect();
        let mut orders = vec![frequent];
        if comparisons <= WRITTEN_MAX && natural != orders[0] {
            orders.push(natural);
        }
        found.extend(orders.into_iter().filter_map(|order| ordered(form, rules, order, fallback)));
    }
    if comparisons <= WRITTEN_MAX {
        let mut graph = Graph::with_capacity(CANDIDATE);
        let fallback = graph.leaf(fallback);
        let entry = condition::rules(&mut graph, form.endian, rules, fallback);
        let entry = implied::remove(&mut graph, entry);
        found.push((graph, entry));
    }
    if found.len() == 1 {
        return found.pop();
    }
    found.into_iter().min_by_key(|(graph, root)| layout::layout(graph, *root).len())
}

/// The graph that asks for the variables in that order.
fn ordered(
    form: Form,
    rules: &[Rule],
    order: Vec<Variable>,
    fallback: Node,
) -> Option<(Graph, NodeId)> {
    let mut words: Vec<_> = order.iter().map(|variable| variable.word).collect();
    words.sort_unstable();
    let dependent = words.windows(2).any(|pair| pair[0] == pair[1]);
    let diagram = Diagram::of(rules, form.endian, order)?;
    let mut graph = Graph::with_capacity(CANDIDATE);
    let fallback = graph.leaf(fallback);
    let done = vec![None; diagram.root.index() + 1];
    let (shape, tables) = (form.shape, Tables::default());
    let mut lowering = Lowering { graph, diagram: &diagram, shape, fallback, done, tables };
    let root = lowering.lower(diagram.root);
    let mut graph = lowering.graph;
    // Only masks of one word can imply each other: each variable is asked once.
    let root = if dependent { implied::remove(&mut graph, root) } else { root };
    Some((graph, root))
}

/// The making of a graph from a diagram.
struct Lowering<'a> {
    graph: Graph,
    diagram: &'a Diagram,
    shape: Shape,
    fallback: NodeId,
    /// What was made of each node of the diagram.
    done: Vec<Option<NodeId>>,
    tables: Tables,
}

impl Lowering<'_> {
    /// The graph of a diagram's node. Recursion is bounded by the number of variables.
    fn lower(&mut self, id: ordered::Id) -> NodeId {
        if let Some(done) = self.done[id.index()] {
            return done;
        }
        let diagram = self.diagram;
        let entry = match diagram.node(id) {
            ordered::Node::Open => self.fallback,
            ordered::Node::Decided(action) => self.graph.ret(*action),
            ordered::Node::Switch { variable, cases } => {
                let mut intervals: Vec<Interval> = Vec::with_capacity(cases.len());
                for case in cases.iter() {
                    let entry = self.lower(case.next);
                    let weight = weights::of_node(self.graph.node(entry));
                    // Two diagrams can be one graph: a rule may decide what the fallback does.
                    if intervals.last().is_none_or(|last| last.entry != entry) {
                        intervals.push(Interval { start: case.start, entry, weight });
                    }
                }
                self.switch(diagram.variables[*variable], &intervals)
            }
        };
        self.done[id.index()] = Some(entry);
        entry
    }

    fn switch(&mut self, variable: Variable, intervals: &[Interval]) -> NodeId {
        let Self { graph, shape, tables, .. } = self;
        match bits::split(variable, intervals) {
            None => tree::build(graph, variable, intervals, *shape, tables),
            Some(bits::Split { question, yes, no }) => {
                let yes = tree::build(graph, variable, &yes, *shape, tables);
                let no = tree::build(graph, variable, &no, *shape, tables);
                graph.ask(question, yes, no)
            }
        }
    }
}

/// The variables of a rule list in their natural order, with how many constants each is compared with; `None` where
/// there are too many.
fn variables(rules: &[Rule], endian: Endian) -> Option<Vec<(Variable, usize)>> {
    let mut constants: Vec<(Variable, u32)> = Vec::new();
    let mut open: Vec<&Condition> = rules.iter().map(Rule::condition).collect();
    while let Some(condition) = open.pop() {
        match condition.view() {
            View::All(list) | View::Any(list) => open.extend(list),
            View::Compare(comparison) => {
                let halves = Halves::of(comparison, endian);
                for (variable, regions) in [halves.high, halves.low] {
                    let Regions { equal, above } = regions;
                    if let Some(constant) = equal.or(above).filter(|_| regions.differ()) {
                        constants.push((variable, constant));
                    }
                }
            }
        }
    }
    constants.sort_unstable();
    constants.dedup();
    let runs = constants.chunk_by(|a, b| a.0 == b.0);
    let mut counted: Vec<(Variable, usize)> = runs.map(|run| (run[0].0, run.len())).collect();
    counted.sort_unstable_by_key(|(variable, count)| {
        (variable.natural_order(endian), Reverse(*count))
    });
    (counted.len() <= VARIABLES_MAX).then_some(counted)
}
