//! One policy as several filters on top of each other, for policies that take more than one filter may have.
//!
//! The kernel runs all filters and the strictest action wins, so each filter decides its part of the calls and allows
//! all others. A graph is parted at a node: one filter has the node replaced by ALLOW; the other has only the way to the
//! node and what lies beyond, and ALLOW everywhere else. A call either passes the node or does not, so that exactly one
//! of the two decides it.

use callgate_bpf::{Hardening, PATH_LEN_MAX, Program, Stack};
use callgate_policy::{Action, Policy};

use crate::dispatch::{Dispatched, dispatch};
use crate::graph::{Graph, Node, NodeId};
use crate::layout::layout;
use crate::tree::Shape;
use crate::{Error, Options};

/// The most filters that a policy is parted into: more do not fit the kernel's budget.
const FILTERS_MAX: usize = 16;

/// Compiles a policy to as few filters as it takes, to be loaded one after the other.
///
/// Each costs every call that it is run for, so one filter ([`compile_with`](crate::compile_with)) is better where one
/// suffices for fast searches; then the result is the same. Slow searches that only
/// [`compile_with`](crate::compile_with) resorts to cost more than another filter. For stacks ALLOW and ALLOW with data
/// are the same action: compare what they mean by effect.
///
/// # Errors
/// [`Error::TooLong`] where the kernel's budget for all filters of a process does not suffice, as it counts where its JIT
/// hides constants.
pub fn compile_stacked(policy: &Policy, options: &Options) -> Result<Stack, Error> {
    let mut graph = Graph::new();
    let dispatched = dispatch(policy, options, Shape::Fast, &mut graph);
    // How long one filter would be: the first is tried whole.
    let mut whole = None;
    let too_long = |len: usize, graph: &Graph, dispatched: &Dispatched| Error::TooLong {
        len,
        costliest: dispatched.costliest(graph),
    };
    let mut programs = Vec::new();
    let mut open = vec![dispatched.root];
    while let Some(root) = open.pop() {
        let instructions = layout(&graph, root);
        let whole = *whole.get_or_insert(instructions.len());
        if instructions.len() <= Program::LEN_MAX {
            programs.push(Program::new(instructions).map_err(|reason| Error::Rejected { reason })?);
            continue;
        }
        match part(&mut graph, root) {
            Some(parts) if programs.len() + open.len() < FILTERS_MAX => open.extend(parts),
            _ => return Err(too_long(whole, &graph, &dispatched)),
        }
    }
    let stack = Stack::new(programs);
    // With a hardened JIT, constants are blinded and programs count for more.
    match stack.path_len(Hardening::On) <= PATH_LEN_MAX {
        true => Ok(stack),
        false => Err(too_long(whole.unwrap_or_default(), &graph, &dispatched)),
    }
}

/// Two graphs that decide what one does, each with about half of its nodes; `None` where none of the tried nodes parts
/// it into smaller ones.
fn part(graph: &mut Graph, root: NodeId) -> Option<[NodeId; 2]> {
    let whole = graph.below(root).len();
    let node = middle(graph, root, whole)?;
    let rest = cut(graph, root, node, Side::Rest);
    let beyond = cut(graph, root, node, Side::Beyond);
    let smaller = |part: NodeId| graph.below(part).len() < whole;
    (smaller(rest) && smaller(beyond)).then_some([rest, beyond])
}

/// The first node on the way along larger sides below which at most about half of the graph lies.
fn middle(graph: &Graph, root: NodeId, whole: usize) -> Option<NodeId> {
    let mut id = root;
    loop {
        let Node::Ask { yes, no, .. } = graph.node(id) else { return None };
        let (yes_size, no_size) = (graph.below(yes).len(), graph.below(no).len());
        let (next, size) = if yes_size > no_size { (yes, yes_size) } else { (no, no_size) };
        id = next;
        if size <= whole * 5 / 9 {
            return Some(id);
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
fn cut(graph: &mut Graph, root: NodeId, node: NodeId, side: Side) -> NodeId {
    let allow = graph.ret(Action::ALLOW);
    let mut copies: Vec<Option<NodeId>> = vec![None; root.index() + 1];
    copies[node.index()] = Some(if side == Side::Rest { allow } else { node });
    // What a node leads to was made before it, so that its copies are made first.
    for id in graph.below(root) {
        if copies[id.index()].is_some() {
            continue;
        }
        let copy = match graph.node(id) {
            Node::Return(_) if side == Side::Beyond => allow,
            Node::Return(_) => id,
            Node::Ask { question, yes, no } => {
                let copy = |side: NodeId| copies[side.index()].unwrap_or(side);
                graph.ask(question, copy(yes), copy(no))
            }
        };
        copies[id.index()] = Some(copy);
    }
    copies[root.index()].unwrap_or(root)
}
