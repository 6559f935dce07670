//! Walking the syntax tree.

use rowan::NodeOrToken;

use crate::syntax::{Node, SyntaxKind, Token};

/// The first child of that kind.
pub(crate) fn child(node: &Node, kind: SyntaxKind) -> Option<Node> {
    children(node, kind).next()
}

/// The children of that kind, in order.
pub(crate) fn children(node: &Node, kind: SyntaxKind) -> impl Iterator<Item = Node> {
    node.children().filter(move |child| child.kind() == kind)
}

/// The tokens directly in a node that have a meaning, in order.
pub(crate) fn tokens(node: &Node) -> impl Iterator<Item = Token> {
    let tokens = node.children_with_tokens().filter_map(NodeOrToken::into_token);
    tokens.filter(|token| !token.kind().is_trivia())
}

/// The first token of that kind directly in a node.
pub(crate) fn token(node: &Node, kind: SyntaxKind) -> Option<Token> {
    tokens(node).find(|token| token.kind() == kind)
}

/// The bytes of a node.
pub(crate) fn range(node: &Node) -> std::ops::Range<usize> {
    node.text_range().into()
}
