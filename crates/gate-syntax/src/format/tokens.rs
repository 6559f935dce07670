//! The tokens of a statement and the spaces between them.

use rowan::NodeOrToken;

use crate::syntax::{Node, SyntaxKind};

use SyntaxKind::{
    Ampersand, ArchItem, Argument, Arguments, Comma, Comment, DotDot, LeftBrace, LeftParen, Minus,
    Newline, Operand, Pipe, Provenance, Range, RightBrace, RightParen, Set, Term, Whitespace,
};

/// A token of a statement.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) kind: SyntaxKind,
    pub(super) parent: SyntaxKind,
    pub(super) text: String,
    /// Whether a line feed stood before it.
    pub(super) on_new_line: bool,
}

impl Piece {
    pub(super) const fn is_comment(&self) -> bool {
        matches!(self.kind, Comment | Provenance)
    }
}

/// All tokens of a statement but spaces and line feeds.
pub(super) fn of(node: &Node) -> Vec<Piece> {
    pieces(node.descendants_with_tokens().filter_map(NodeOrToken::into_token))
}

/// The tokens of a block up to its `{`, with the comments between them.
pub(super) fn head(block: &Node) -> Vec<Piece> {
    let tokens = block.children_with_tokens().filter_map(NodeOrToken::into_token);
    let mut head = pieces(tokens);
    let open = head.iter().position(|piece| piece.kind == LeftBrace);
    head.truncate(open.map_or(head.len(), |open| open + 1));
    head
}

fn pieces(tokens: impl Iterator<Item = crate::syntax::Token>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut on_new_line = false;
    for token in tokens {
        match token.kind() {
            Whitespace => {}
            Newline => on_new_line = true,
            kind => {
                let parent = token.parent().map_or(SyntaxKind::File, |parent| parent.kind());
                let text = token.text().trim_end().to_owned();
                pieces.push(Piece { kind, parent, text, on_new_line });
                on_new_line = false;
            }
        }
    }
    pieces
}

/// The tokens on one line.
pub(super) fn text(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 && has_space(&pieces[index - 1], piece) {
            text.push(' ');
        }
        text.push_str(&piece.text);
    }
    text
}

/// Whether a space stands between two neighbours.
pub(super) fn has_space(left: &Piece, right: &Piece) -> bool {
    match (left.kind, right.kind) {
        (LeftBrace, RightBrace) => false,
        (LeftBrace, _) if left.parent == Set => false,
        (_, RightBrace) if right.parent == Set => false,
        (_, Comma | RightParen | Pipe) | (LeftParen | Pipe, _) => false,
        (_, LeftParen) => !matches!(right.parent, Operand | Arguments),
        (_, DotDot) if right.parent == Range => false,
        (DotDot, _) if left.parent == Range => false,
        (Minus, _) if left.parent == Term => false,
        (Ampersand, _) | (_, Ampersand) => true,
        _ => true,
    }
}

/// Whether a line may be broken between these neighbours without ending the statement.
pub(super) fn may_break(left: &Piece) -> bool {
    matches!(left.kind, Comma | Pipe) && !matches!(left.parent, ArchItem | Argument)
}
