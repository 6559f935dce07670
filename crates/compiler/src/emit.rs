//! The passes' results as text, for people.
#![cfg_attr(
    not(test),
    expect(
        clippy::disallowed_methods,
        clippy::disallowed_macros,
        reason = "text for people, which the C library never makes"
    )
)]

mod dot;

use std::fmt::Write;

use callgate_bpf::{Listing, Style, Test};
use callgate_memory::OutOfMemory;
use callgate_policy::{Arch, Policy};

use crate::arguments::Workshop;
use crate::dispatch::dispatch;
use crate::graph::{Graph, Node, NodeId, Question};
use crate::tree::Shape;
use crate::{Error, Options};

/// Which result of the compiler is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Emit {
    /// The decision graph: one node a line, shared nodes once.
    Graph,
    /// The decision graph as an indented tree; shared nodes are written out where they come first.
    Tree,
    /// The instructions.
    Layout,
    /// The decision graph in Graphviz's language: `dot -Tsvg` draws it. Solid edges are for yes,
    /// dashed ones for no.
    Dot,
}

/// Writes what the compiler makes of a policy. What has no limit of length can be written of any
/// policy.
///
/// # Errors
/// For [`Emit::Layout`] those of [`compile_with`](crate::compile_with).
///
/// # Examples
/// ```
/// use callgate_compiler::{Emit, Options, emit};
/// use callgate_policy::{Action, Arch, ArchPolicy, Condition, Policy, SyscallNr};
///
/// let mut x86_64 = ArchPolicy::new(Action::KILL_PROCESS);
/// x86_64.rule(SyscallNr::new(60), Condition::always(), Action::ALLOW);
/// let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, x86_64).build()?;
/// let tree = emit(&policy, &Options::default(), Emit::Tree)?;
/// assert!(tree.contains("nr == 60"), "{tree}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn emit(policy: &Policy, options: &Options, what: Emit) -> Result<String, Error> {
    if what == Emit::Layout {
        let program = crate::compile_with(policy, options)?;
        return Ok(Listing::new(&program, Style::default()).to_string());
    }
    let mut graph = Graph::default();
    let mut workshop = Workshop::default();
    let root = dispatch(policy, options, Shape::Fast, &mut graph, &mut workshop)?.root;
    Ok(match what {
        Emit::Graph | Emit::Layout => lines(&graph, root)?,
        Emit::Tree => tree(&graph, root),
        Emit::Dot => dot::dot(&graph, root, policy)?,
    })
}

fn lines(graph: &Graph, root: NodeId) -> Result<String, OutOfMemory> {
    let mut text = String::new();
    for id in graph.below(root)?.into_iter().rev() {
        let _ = match graph.node(id) {
            Node::Return(action) => writeln!(text, "n{}: {action}", id.index()),
            Node::Ask { question, yes, no } => {
                let (yes, no) = (yes.index(), no.index());
                writeln!(text, "n{}: {} ? n{yes} : n{no}", id.index(), Shown(question))
            }
        };
    }
    Ok(text)
}

fn tree(graph: &Graph, root: NodeId) -> String {
    let mut text = String::new();
    let mut written = vec![false; root.index() + 1];
    let mut open = vec![(root, 0, "")];
    while let Some((id, depth, answer)) = open.pop() {
        let _ = write!(text, "{:width$}{answer}", "", width = 2 * depth);
        let _ = match graph.node(id) {
            Node::Return(action) => writeln!(text, "{action}"),
            Node::Ask { .. } if std::mem::replace(&mut written[id.index()], true) => {
                writeln!(text, "as n{}", id.index())
            }
            Node::Ask { question, yes, no } => {
                open.push((no, depth + 1, "no: "));
                open.push((yes, depth + 1, "yes: "));
                writeln!(text, "n{}: {}", id.index(), Shown(question))
            }
        };
    }
    text
}

/// A question as an expression.
struct Shown(Question);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Question { word, mask, test, value } = self.0;
        let masked = mask != u32::MAX;
        match word.index() {
            0 => f.write_str("nr")?,
            1 => f.write_str("arch")?,
            index @ (2 | 3) => write!(f, "ip.word{}", index % 2)?,
            index => write!(f, "args[{}].word{}", index / 2 - 2, index % 2)?,
        }
        if masked {
            write!(f, " & {mask:#x}")?;
        }
        let sign = match test {
            Test::Equal => "==",
            Test::Greater => ">",
            Test::GreaterOrEqual => ">=",
            Test::AnyBit => "has any of",
        };
        let arch = Arch::ALL.into_iter().find(|arch| arch.token().raw() == value);
        match (word.index(), arch) {
            // The bit of x32's numbers, and what lies beyond.
            (0, _) if value >= 1 << 30 => write!(f, " {sign} {value:#x}"),
            (0, _) => write!(f, " {sign} {value}"),
            (1, Some(arch)) if !masked => write!(f, " {sign} {arch}"),
            _ => write!(f, " {sign} {value:#x}"),
        }
    }
}
