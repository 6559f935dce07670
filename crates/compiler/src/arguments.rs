//! The graph of one syscall's rules: the shortest of several that mean the same.
//!
//! No order of the words is best for all rules, and some rules are best asked as they were written.
//! The candidates are made apart from the policy's graph, and only the one that takes the fewest
//! instructions joins it.
//!
//! Every candidate but the one as [`written`](mod@crate::written) can outgrow the program it would
//! make. So each has a budget of steps, by how many comparisons there are; what exceeds it is no
//! candidate.

use callgate_memory::{Grow, List, OutOfMemory, Sort};
use callgate_policy::{Comparison, Condition, Operator, Rule, View};
use callgate_syscalls::Endian;

use crate::graph::{Graph, NodeId};
use crate::implied::Walk;
use crate::intervals::{Interval, push_value};
use crate::layout::Layouts;
use crate::ordered::{Diagrams, Id, Limits, Ordered, Stop, VARIABLES_MAX};
use crate::search::Tables;
use crate::table::Table;
use crate::tree::{self, Shape};
use crate::variable::{Halves, Regions, Variable};
use crate::{bits, weights, written};

/// Rule lists with more comparisons than this are tried in one order of the words only.
const ORDERS_MAX: usize = 64;

/// How many steps a diagram may take, and how many more for each comparison.
const STEPS: usize = 2_000;
const STEPS_PER_COMPARISON: usize = 60;

/// How many times the switches of a diagram may be what it takes in instructions, where it asks for
/// several masks of one word: the rest is found to be needless.
const DEPENDENT_FACTOR: usize = 8;

/// How calls lay out their arguments, and what their tests are to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) endian: Endian,
    pub(crate) shape: Shape,
}

/// Room for the making of graphs, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Workshop {
    pub(crate) tables: Tables,
    diagrams: Diagrams,
    walk: Walk,
    layouts: Layouts,
    /// A candidate, and the best one before.
    candidate: Graph,
    best: Graph,
}

/// The graph of a rule list: the first rule that holds decides, else `fallback`.
pub(crate) fn rules(
    graph: &mut Graph,
    form: Form,
    rules: &[Rule],
    fallback: NodeId,
    workshop: &mut Workshop,
) -> Result<NodeId, OutOfMemory> {
    let (rules, fallback) = conditional(graph, rules, fallback)?;
    if matches!(form.shape, Shape::Written | Shape::FastWritten) {
        return Ok(written::shared(graph, form.endian, rules, fallback)?.entry);
    }
    let comparisons: usize = rules.iter().map(|rule| rule.condition().comparisons()).sum();
    if comparisons <= 1 || is_shortest_as_written(rules) {
        return written::rules(graph, form.endian, rules, fallback);
    }
    let table = Table::of(rules, form.endian)?;
    if let Some(table) = table.as_ref().filter(|_| comparisons > ORDERS_MAX) {
        let mut switches = Switches { shape: form.shape, tables: &mut workshop.tables };
        return table.graph(graph, &table.order(true)?, fallback, &mut switches);
    }
    let orders = match &table {
        Some(table) => Some((table.order(true)?, table.order(false)?)),
        None => None,
    };
    if let Some((table, (frequent, natural))) = table.as_ref().zip(orders.as_ref()) {
        if frequent == natural {
            // There is nothing to compare it with.
            let mut switches = Switches { shape: form.shape, tables: &mut workshop.tables };
            return table.graph(graph, natural, fallback, &mut switches);
        }
    }
    let mut candidates = Candidates { rules, form, fallback, best: None, workshop };
    match table.as_ref().zip(orders) {
        Some((table, (frequent, natural))) => {
            candidates.try_table(graph, table, [&frequent, &natural])?;
        }
        None => candidates.try_all(graph, comparisons)?,
    }
    candidates.join(graph)
}

/// The rules up to the first that always holds, and what decides where none of them does.
pub(crate) fn conditional<'a>(
    graph: &mut Graph,
    rules: &'a [Rule],
    fallback: NodeId,
) -> Result<(&'a [Rule], NodeId), OutOfMemory> {
    match rules.iter().position(|rule| rule.condition().is_always()) {
        Some(last) => Ok((&rules[..last], graph.ret(rules[last].action())?)),
        None => Ok((rules, fallback)),
    }
}

/// Whether a list is one rule of equalities that asks for each field once: nothing can be shared.
fn is_shortest_as_written(rules: &[Rule]) -> bool {
    let [rule] = rules else { return false };
    let View::All(parts) = rule.condition().view() else { return false };
    let field = |part: &Condition| match part.view() {
        View::Compare(comparison) => {
            let is_equality = matches!(comparison.operator(), Operator::Eq | Operator::Ne);
            is_equality.then_some(comparison.field())
        }
        View::All(_) | View::Any(_) => None,
    };
    let is_new = |(index, part): (usize, &Condition)| {
        field(part).is_some_and(|own| !parts[..index].iter().any(|p| field(p) == Some(own)))
    };
    parts.iter().enumerate().all(is_new)
}

/// The graphs that are compared.
struct Candidates<'a> {
    rules: &'a [Rule],
    form: Form,
    fallback: NodeId,
    best: Option<Best>,
    workshop: &'a mut Workshop,
}

/// The best graph so far.
#[derive(Clone, Copy)]
struct Best {
    root: NodeId,
    fallback: NodeId,
    /// How many instructions it takes.
    len: usize,
    kind: Kind,
}

/// What a candidate is; of several of one length the first of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Frequent,
    Natural,
    Written,
    Shared,
}

impl Candidates<'_> {
    /// Tries what there is for equalities on the same words: nothing is shorter than a diagram in
    /// some order of them.
    fn try_table(
        &mut self,
        graph: &Graph,
        table: &Table,
        orders: [&[usize]; 2],
    ) -> Result<(), OutOfMemory> {
        let shape = self.form.shape;
        for (order, kind) in orders.into_iter().zip([Kind::Frequent, Kind::Natural]) {
            self.try_made(graph, kind, |Making { graph, tables, fallback, .. }| {
                table.graph(graph, order, fallback, &mut Switches { shape, tables })
            })?;
        }
        Ok(())
    }

    fn try_all(&mut self, graph: &Graph, comparisons: usize) -> Result<(), OutOfMemory> {
        let (rules, endian) = (self.rules, self.form.endian);
        // These are quickly made, and diagrams that come to be longer are given up on.
        self.try_made(graph, Kind::Written, |Making { graph, walk, fallback, .. }| {
            let entry = written::rules(graph, endian, rules, fallback)?;
            walk.remove(graph, entry)
        })?;
        if written::begin_alike(rules) {
            self.try_made(graph, Kind::Shared, |Making { graph, fallback, .. }| {
                Ok(written::shared(graph, endian, rules, fallback)?.entry)
            })?;
        }
        if let Some(mut counted) = variables(rules, endian)? {
            let mut natural = Vec::with_room(counted.len())?;
            natural.try_extend(counted.iter().map(|(variable, _)| *variable))?;
            // Words with few constants are shared by many rules, so test them first.
            counted.sort_in_place_by_key(|(variable, constants)| {
                (*constants, variable.natural_order(endian))
            });
            let mut frequent = Vec::with_room(counted.len())?;
            frequent.try_extend(counted.iter().map(|(variable, _)| *variable))?;
            let steps = STEPS + STEPS_PER_COMPARISON * comparisons;
            self.try_ordered(graph, (&frequent, Kind::Frequent), steps)?;
            if comparisons <= ORDERS_MAX && natural != frequent {
                self.try_ordered(graph, (&natural, Kind::Natural), steps)?;
            }
        }
        Ok(())
    }

    /// Copies the best candidate to the policy's graph.
    fn join(self, graph: &mut Graph) -> Result<NodeId, OutOfMemory> {
        let Some(Best { root, fallback, .. }) = self.best else { return Ok(self.fallback) };
        graph.import(&self.workshop.best, root, (fallback, self.fallback))
    }

    /// Tries the graph that asks for the variables in that order.
    fn try_ordered(
        &mut self,
        graph: &Graph,
        (order, kind): (&[Variable], Kind),
        steps: usize,
    ) -> Result<(), OutOfMemory> {
        let Form { endian, shape } = self.form;
        let mut sorted = Vec::with_room(order.len())?;
        sorted.try_extend(order.iter().map(|variable| variable.word))?;
        sorted.sort_in_place();
        let dependent = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        // Of masks of one word, many switches ask what others have answered.
        let factor = if dependent { DEPENDENT_FACTOR } else { 1 };
        let switches = self.best.map_or(usize::MAX, |best| best.len.saturating_mul(factor));
        let limits = Limits { steps, switches };
        let root = match self.workshop.diagrams.build(self.rules, endian, order, limits) {
            Ok(root) => root,
            Err(Stop::Work) => return Ok(()),
            Err(Stop::Memory(error)) => return Err(error),
        };
        self.try_made(graph, kind, |Making { graph, walk, diagrams, tables, fallback }| {
            let mut switches = Switches { shape, tables };
            let entry = lower(graph, diagrams, root, fallback, &mut switches)?;
            // Only masks of one word can imply each other: each variable is asked once.
            if dependent { walk.remove(graph, entry) } else { Ok(entry) }
        })
    }

    /// Keeps what is made if it is shorter than the best before.
    fn try_made(
        &mut self,
        graph: &Graph,
        kind: Kind,
        make: impl FnOnce(Making<'_>) -> Result<NodeId, OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        let Workshop { tables, diagrams, walk, layouts, candidate, best } = &mut *self.workshop;
        candidate.clear();
        // The fallback is a return: what a syscall does without rules.
        let fallback = candidate.leaf(graph.node(self.fallback))?;
        let making = Making { graph: candidate, walk, diagrams, tables, fallback };
        let root = make(making)?;
        let len = layouts.len(candidate, root)?;
        if self.best.is_none_or(|best| (len, kind) < (best.len, best.kind)) {
            self.best = Some(Best { root, fallback, len, kind });
            std::mem::swap(candidate, best);
        }
        Ok(())
    }
}

/// What a candidate is made with.
struct Making<'a> {
    graph: &'a mut Graph,
    walk: &'a mut Walk,
    diagrams: &'a Diagrams,
    tables: &'a mut Tables,
    fallback: NodeId,
}

/// The making of tests that tell values of a word apart.
pub(crate) struct Switches<'a> {
    pub(crate) shape: Shape,
    pub(crate) tables: &'a mut Tables,
}

impl Switches<'_> {
    pub(crate) fn switch(
        &mut self,
        graph: &mut Graph,
        variable: Variable,
        intervals: &[Interval],
    ) -> Result<NodeId, OutOfMemory> {
        let Self { shape, tables } = self;
        match bits::split(variable, intervals)? {
            None => tree::build(graph, variable, intervals, *shape, tables),
            Some(bits::Split { question, yes, no }) => {
                let no = tree::build(graph, variable, &no, *shape, tables)?;
                graph.ask(question, yes.entry, no)
            }
        }
    }
}

/// The graph of a diagram.
fn lower(
    graph: &mut Graph,
    diagrams: &Diagrams,
    root: Id,
    fallback: NodeId,
    switches: &mut Switches<'_>,
) -> Result<NodeId, OutOfMemory> {
    let mut reached: List<bool> = List::new();
    reached.try_resize(root.index() + 1, false)?;
    reached[root.index()] = true;
    for id in Diagrams::up_to(root).rev() {
        if let (true, Ordered::Switch { first, end, .. }) = (reached[id.index()], diagrams.node(id))
        {
            for case in diagrams.cases(first, end) {
                reached[case.next.index()] = true;
            }
        }
    }
    let mut made: List<NodeId> = List::new();
    made.try_resize(root.index() + 1, fallback)?;
    let mut intervals: Vec<Interval> = Vec::new();
    for id in Diagrams::up_to(root) {
        if !reached[id.index()] {
            continue;
        }
        made[id.index()] = match diagrams.node(id) {
            Ordered::Open => fallback,
            Ordered::Decided(action) => graph.ret(action)?,
            Ordered::Switch { variable, first, end } => {
                intervals.clear();
                for case in diagrams.cases(first, end) {
                    let entry = made[case.next.index()];
                    let weight = weights::of_node(graph.node(entry));
                    // Two diagrams can be one graph: a rule may decide what the fallback does.
                    push_value(&mut intervals, Interval { start: case.start, entry, weight })?;
                }
                switches.switch(graph, diagrams.variables()[variable], &intervals)?
            }
        };
    }
    Ok(made[root.index()])
}

/// The variables of a rule list in their natural order, with how many constants each is compared
/// with; `None` where there are too many.
fn variables(
    rules: &[Rule],
    endian: Endian,
) -> Result<Option<Vec<(Variable, usize)>>, OutOfMemory> {
    let mut constants: Vec<(Variable, u32)> = Vec::new();
    let mut open: Vec<&Condition> = Vec::with_room(rules.len())?;
    open.try_extend(rules.iter().map(Rule::condition))?;
    while let Some(condition) = open.pop() {
        match condition.view() {
            View::All(list) | View::Any(list) => open.try_extend(list)?,
            View::Compare(comparison) => note(&mut constants, comparison, endian)?,
        }
    }
    constants.sort_in_place();
    constants.dedup();
    let mut counted: Vec<(Variable, usize)> = Vec::new();
    for run in constants.chunk_by(|a, b| a.0 == b.0) {
        counted.try_push((run[0].0, run.len()))?;
    }
    counted.sort_in_place_by_key(|(variable, _)| variable.natural_order(endian));
    Ok((counted.len() <= VARIABLES_MAX).then_some(counted))
}

/// Notes what a comparison compares with what.
fn note(
    constants: &mut Vec<(Variable, u32)>,
    comparison: &Comparison,
    endian: Endian,
) -> Result<(), OutOfMemory> {
    let halves = Halves::of(comparison, endian);
    for (variable, regions) in [halves.high, halves.low] {
        let Regions { equal, above } = regions;
        if let Some(constant) = equal.or(above).filter(|_| regions.differ()) {
            constants.try_push((variable, constant))?;
        }
    }
    Ok(())
}
