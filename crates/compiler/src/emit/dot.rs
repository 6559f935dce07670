//! The decision graph in Graphviz's language, laid out for the eye.
//!
//! A filter has few actions and a hundred ways to each, so that a return is drawn at every question
//! that leads to it; questions are drawn once.

use std::collections::BTreeSet;
use std::fmt::Write;

use callgate_bpf::{DataWord, Test};
use callgate_memory::OutOfMemory;
use callgate_policy::{ActionKind, Arch, Policy, SyscallNr};

use super::Shown;
use crate::graph::{Graph, Node, NodeId, Question};

/// Solid edges are for yes, dashed ones for no.
pub(super) fn dot(graph: &Graph, root: NodeId, policy: &Policy) -> Result<String, OutOfMemory> {
    let mut text = String::from(
        "digraph filter {\n  rankdir=LR;\n  node [fontname=monospace, style=filled, fillcolor=white];\n",
    );
    let tokens = reaching_tokens(graph, root, policy)?;
    for id in graph.below(root)?.into_iter().rev() {
        let index = id.index();
        match graph.node(id) {
            Node::Return(_) if id != root => {}
            Node::Return(_) => leaf(&mut text, graph, id, &format!("n{index}")),
            Node::Ask { question, yes, no } => {
                let label = label(question, &tokens[index]);
                // Writing to a string does not fail.
                let _ = writeln!(text, "  n{index} [label=\"{label}\", shape=box];");
                edge(&mut text, graph, (id, yes, "yes"), "");
                edge(&mut text, graph, (id, no, "no"), " [style=dashed]");
            }
        }
    }
    text.push_str("}\n");
    Ok(text)
}

fn edge(text: &mut String, graph: &Graph, (from, to, answer): (NodeId, NodeId, &str), style: &str) {
    let name = match graph.node(to) {
        Node::Return(_) => format!("n{}_{answer}", from.index()),
        Node::Ask { .. } => format!("n{}", to.index()),
    };
    leaf(text, graph, to, &name);
    let _ = writeln!(text, "  n{} -> {name}{style};", from.index());
}

/// Draws a node if it is a return.
fn leaf(text: &mut String, graph: &Graph, id: NodeId, name: &str) {
    if let Node::Return(action) = graph.node(id) {
        let colour = match action.kind() {
            ActionKind::Allow => "palegreen",
            ActionKind::Log | ActionKind::Trace | ActionKind::UserNotify => "khaki",
            ActionKind::Errno | ActionKind::Trap => "orange",
            ActionKind::KillProcess | ActionKind::KillThread | ActionKind::Unknown => "tomato",
        };
        let _ = writeln!(text, "  {name} [label=\"{action}\", shape=ellipse, fillcolor={colour}];");
    }
}

/// The question, with the name of the syscall where the way to the node settles the architecture.
fn label(question: Question, tokens: &BTreeSet<u32>) -> String {
    let name = || {
        let [token] = tokens.iter().copied().collect::<Vec<_>>()[..] else { return None };
        let nr = SyscallNr::new(question.value);
        let arch = Arch::ALL.into_iter().filter(|arch| arch.token().raw() == token);
        arch.filter_map(|arch| arch.syscall_at(nr)).map(|syscall| syscall.name).next()
    };
    match question.word == DataWord::NR && question.test != Test::AnyBit {
        true => match name() {
            Some(name) => format!("{} ({name})", Shown(question)),
            None => Shown(question).to_string(),
        },
        false => Shown(question).to_string(),
    }
}

/// For each node, which of the policy's architecture tokens calls can have that reach it.
fn reaching_tokens(
    graph: &Graph,
    root: NodeId,
    policy: &Policy,
) -> Result<Vec<BTreeSet<u32>>, OutOfMemory> {
    let mut reaching = vec![BTreeSet::new(); root.index() + 1];
    reaching[root.index()] = policy.arches().map(|(arch, _)| arch.token().raw()).collect();
    for id in graph.below(root)?.into_iter().rev() {
        let Node::Ask { question, yes, no } = graph.node(id) else { continue };
        let is_arch = question.word == DataWord::ARCH && question.test == Test::Equal;
        for token in reaching[id.index()].clone() {
            let passes = |answer: bool| !is_arch || (token == question.value) == answer;
            for (side, answer) in [(yes, true), (no, false)] {
                if passes(answer) {
                    reaching[side.index()].insert(token);
                }
            }
        }
    }
    Ok(reaching)
}
