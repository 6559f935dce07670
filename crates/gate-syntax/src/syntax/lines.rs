//! Which line feeds end a statement.
//!
//! One statement stands on one line. Its line goes on behind an open parenthesis or set, behind an
//! operator, and where the next line begins with a word that begins no statement (`where`, `and`,
//! `or`, `because`) or with `{`. So that a forgotten `}` does not swallow the rest of the file, a line inside a
//! set that can only be a statement ends the set.

use super::SyntaxKind::{self, *};
use super::lexer::Token;
use super::words;

/// For each token whether it is a line feed that ends a statement.
pub(crate) fn ends(tokens: &[Token<'_>]) -> Vec<bool> {
    let mut ends = vec![false; tokens.len()];
    let mut statement = Statement::default();
    for (index, &(kind, text)) in tokens.iter().enumerate() {
        match kind {
            Newline => {
                let open = statement.is_open();
                if !(if open {
                    // Behind `on`, `machine` begins no line of the header.
                    statement.last == Some(Arrow)
                        || statement.opens_block
                        || continues(tokens, index)
                } else {
                    resumes(tokens, index)
                }) {
                    ends[index] = true;
                    statement = Statement::default();
                }
            }
            _ if kind.is_trivia() => {}
            _ => statement.take(kind, text),
        }
    }
    ends
}

/// What has been read of a statement.
#[derive(Default)]
struct Statement {
    /// Open parentheses and sets.
    nesting: usize,
    /// Whether the statement begins with a word whose `{` opens a block of statements.
    opens_block: bool,
    last: Option<SyntaxKind>,
    last_is_joint: bool,
}

impl Statement {
    fn take(&mut self, kind: SyntaxKind, text: &str) {
        match (self.last, kind) {
            (None, Word) => self.opens_block = matches!(text, "on" | "group"),
            (_, LeftBrace) if self.opens_block => {
                *self = Self::default();
                return;
            }
            // The end of a block begins a statement's place anew, as `;` between header lines does.
            (_, RightBrace | Semicolon) if self.nesting == 0 => {
                *self = Self::default();
                return;
            }
            _ => {}
        }
        match kind {
            LeftBrace | LeftParen => self.nesting += 1,
            RightBrace | RightParen => self.nesting = self.nesting.saturating_sub(1),
            _ => {}
        }
        self.last_is_joint = self.last.is_some() && kind == Word && words::JOINTS.contains(&text);
        self.last = Some(kind);
    }

    /// Whether something must follow.
    fn is_open(&self) -> bool {
        let operator = matches!(
            self.last,
            Some(
                Comma
                    | Pipe
                    | Ampersand
                    | Plus
                    | Equal
                    | NotEqual
                    | Less
                    | LessEqual
                    | Greater
                    | GreaterEqual
                    | Arrow
            )
        );
        self.nesting > 0 || operator || self.last_is_joint
    }
}

/// Whether an open statement goes on behind this line feed: unless what follows can only be a
/// statement.
fn continues(tokens: &[Token<'_>], newline: usize) -> bool {
    let significant = |token: &(usize, &Token<'_>)| !token.1.0.is_trivia();
    let mut rest = tokens.iter().enumerate().skip(newline).filter(significant);
    let Some((index, (Word, first))) = rest.next() else { return true };
    // What follows on the same line.
    let second = tokens[index + 1..].iter().find(|(kind, _)| *kind != Whitespace);
    let second = second.map_or(End, |(kind, _)| *kind);
    let begins = words::STATEMENTS.contains(first)
        && matches!(second, Word | LeftBrace | Block | Family | Text | Number | Version);
    !begins
}

/// Whether a statement that is complete goes on behind this line feed.
fn resumes(tokens: &[Token<'_>], newline: usize) -> bool {
    // An empty line ends every statement.
    let mut rest = tokens[newline + 1..].iter().filter(|(kind, _)| *kind != Whitespace);
    match rest.next() {
        Some((Word, text)) => words::RESUMES.contains(text),
        // No line begins so: it opens the block or set that stands before.
        Some((LeftBrace, _)) => true,
        _ => false,
    }
}
