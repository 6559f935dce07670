//! One policy as several filters on top of each other, for policies that take more than one filter
//! may have.
//!
//! The kernel runs all filters and the strictest action wins, so each filter decides its part of
//! the calls and allows all others. A graph is parted at a node: one filter has the node replaced
//! by ALLOW; the other has only the way to the node and what lies beyond, and ALLOW everywhere
//! else. A call either passes the node or does not, so that exactly one of the two decides it.

use callgate_bpf::{Hardening, PATH_LEN_MAX, Program, Stack};
use callgate_memory::{Grow, List, OutOfMemory};
use callgate_policy::{Action, Policy};

use crate::arguments::Workshop;
use crate::dispatch::{Dispatched, dispatch};
use crate::graph::{Graph, Node, NodeId};
use crate::layout::Layouts;
use crate::tree::Shape;
use crate::{Error, Options};

/// The most filters that a policy is parted into: more do not fit the kernel's budget.
const FILTERS_MAX: usize = 16;

/// Compiles a policy to as few filters as it takes, to be loaded one after the other.
///
/// Each costs every call that it is run for, so one filter ([`compile_with`](crate::compile_with))
/// is better where one suffices for fast searches; then the result is the same. Slow searches that
/// only [`compile_with`](crate::compile_with) resorts to cost more than another filter. For stacks
/// ALLOW and ALLOW with data are the same action: compare what they mean by effect.
///
/// # Errors
/// [`Error::TooLong`] where the kernel's budget for all filters of a process does not suffice, as
/// it counts where its JIT hides constants.
pub fn compile_stacked(policy: &Policy, options: &Options) -> Result<Stack, Error> {
    let mut graph = Graph::default();
    let mut layouts = Layouts::default();
    let dispatched = dispatch(policy, options, Shape::Fast, &mut graph, &mut Workshop::default())?;
    // How long one filter would be: the first is tried whole.
    let mut whole = None;
    let mut programs = Vec::new();
    let mut open = Vec::new();
    open.try_push(dispatched.root)?;
    while let Some(root) = open.pop() {
        let len = match layouts.program(&graph, root)? {
            Ok(instructions) => {
                whole.get_or_insert(instructions.len());
                let program = Program::new(instructions);
                programs.try_push(program.map_err(|reason| Error::Rejected { reason })?)?;
                continue;
            }
            Err(len) => *whole.get_or_insert(len),
        };
        match part(&mut graph, root)? {
            Some(parts) if programs.len() + open.len() < FILTERS_MAX => open.try_extend(parts)?,
            _ => return Err(too_long(len, &graph, &dispatched)?),
        }
    }
    let stack = Stack::new(programs);
    // With a hardened JIT, constants are blinded and programs count for more.
    if stack.path_len(Hardening::On) <= PATH_LEN_MAX {
        return Ok(stack);
    }
    Err(too_long(whole.unwrap_or_default(), &graph, &dispatched)?)
}

fn too_long(len: usize, graph: &Graph, dispatched: &Dispatched) -> Result<Error, OutOfMemory> {
    Ok(Error::TooLong { len, costliest: dispatched.costliest(graph)? })
}

/// Two graphs that decide what one does, each with about half of its nodes; `None` where none of
/// the tried nodes parts it into smaller ones.
fn part(graph: &mut Graph, root: NodeId) -> Result<Option<[NodeId; 2]>, OutOfMemory> {
    let whole = graph.below(root)?.len();
    let Some(node) = middle(graph, root, whole)? else { return Ok(None) };
    let rest = cut(graph, root, node, Side::Rest)?;
    let beyond = cut(graph, root, node, Side::Beyond)?;
    let is_smaller = graph.below(rest)?.len() < whole && graph.below(beyond)?.len() < whole;
    Ok(is_smaller.then_some([rest, beyond]))
}

/// The first node on the way along larger sides below which at most about half of the graph lies.
fn middle(graph: &Graph, root: NodeId, whole: usize) -> Result<Option<NodeId>, OutOfMemory> {
    let mut id = root;
    loop {
        let Node::Ask { yes, no, .. } = graph.node(id) else { return Ok(None) };
        let (yes_size, no_size) = (graph.below(yes)?.len(), graph.below(no)?.len());
        let (next, size) = if yes_size > no_size { (yes, yes_size) } else { (no, no_size) };
        id = next;
        if size <= whole * 5 / 9 {
            return Ok(Some(id));
        }
    }
}

/// Which calls keep their action.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Those that do not pass the node.
    Rest,
    /// Those that do.
    Beyond,
}

/// The graph in which all calls but those of one side are allowed.
fn cut(graph: &mut Graph, root: NodeId, node: NodeId, side: Side) -> Result<NodeId, OutOfMemory> {
    let allow = graph.ret(Action::ALLOW)?;
    let mut copies: List<Option<NodeId>> = List::new();
    copies.try_resize(root.index() + 1, None)?;
    copies[node.index()] = Some(if side == Side::Rest { allow } else { node });
    // What a node leads to was made before it, so that its copies are made first.
    for id in graph.below(root)? {
        if copies[id.index()].is_some() {
            continue;
        }
        let copy = match graph.node(id) {
            Node::Return(_) if side == Side::Beyond => allow,
            Node::Return(_) => id,
            Node::Ask { question, yes, no } => {
                let copy = |side: NodeId| copies[side.index()].unwrap_or(side);
                graph.ask(question, copy(yes), copy(no))?
            }
        };
        copies[id.index()] = Some(copy);
    }
    Ok(copies[root.index()].unwrap_or(root))
}
