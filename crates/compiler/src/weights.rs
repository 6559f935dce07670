//! How often calls are made.

use callgate_policy::{Action, ActionKind};

use crate::graph::Node;

/// How often a syscall is made that the policy lets through, against [`REFUSED`]: programs under a filter seldom make
/// calls that it refuses.
const PASSED: u32 = 16;
const REFUSED: u32 = 1;

/// The weight of a call that reaches a node.
pub(crate) const fn of_node(node: Node) -> u32 {
    match node {
        Node::Return(action) => of_action(action),
        Node::Ask { .. } => PASSED,
    }
}

const fn of_action(action: Action) -> u32 {
    match action.kind() {
        ActionKind::Allow | ActionKind::Log | ActionKind::UserNotify | ActionKind::Trace => PASSED,
        _ => REFUSED,
    }
}
