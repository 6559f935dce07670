//! The syntax of the language: a lossless tree that holds every byte of a text, also of one that is
//! wrong.

mod condition;
mod fault;
mod grammar;
mod header;
mod kind;
mod lexer;
mod lines;
mod parser;
pub mod words;

use rowan::GreenNode;

pub use fault::SyntaxError;
pub use kind::SyntaxKind;

pub(crate) use fault::Fault;

/// The language's syntax, for the tree's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {}

/// A node of the tree.
pub type Node = rowan::SyntaxNode<Gate>;

/// A token of the tree.
pub type Token = rowan::SyntaxToken<Gate>;

/// A text that has been read: its tree, and what of it was not understood.
///
/// ```
/// let file = callgate_gate_syntax::File::parse("policy 1\nallow read   # a comment\n");
/// assert!(file.errors().is_empty());
/// assert_eq!(file.root().text().to_string(), "policy 1\nallow read   # a comment\n");
/// ```
#[derive(Clone, Debug)]
pub struct File {
    green: GreenNode,
    errors: Vec<SyntaxError>,
}

impl File {
    /// Reads a text. Every text has a tree; what is wrong with it is in [`File::errors`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (green, errors) = parser::parse(text);
        Self { green, errors }
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Node {
        Node::new_root(self.green.clone())
    }

    /// What was not understood, in the order of the text.
    #[must_use]
    pub fn errors(&self) -> &[SyntaxError] {
        &self.errors
    }
}

impl rowan::Language for Gate {
    type Kind = SyntaxKind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> SyntaxKind {
        // Trees are made by the parser alone, of kinds.
        SyntaxKind::from_raw(raw.0).unwrap_or(SyntaxKind::Unknown)
    }

    fn kind_to_raw(kind: SyntaxKind) -> rowan::SyntaxKind {
        kind.into()
    }
}

impl From<SyntaxKind> for rowan::SyntaxKind {
    fn from(kind: SyntaxKind) -> Self {
        Self(kind as u16)
    }
}

/// What a text in quotes says; `None` without its closing quote. A backslash takes the next
/// character as it is.
#[must_use]
pub fn unquoted(literal: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = literal.strip_prefix('"')?.chars();
    loop {
        match rest.next()? {
            '"' => return rest.next().is_none().then_some(text),
            '\\' => text.push(rest.next()?),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
