//! Words, numbers, texts and signs of the forms that have an expression language.

use crate::context::{Context, code};
use crate::piece::Piece;

/// What separates the tokens of a form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// What begins a comment up to the end of the line.
    pub(crate) comments: &'static [&'static str],
    /// Whether `/* */` is a comment.
    pub(crate) has_block_comments: bool,
    /// Which characters words have beside letters, digits and `_`.
    pub(crate) word: &'static str,
    /// Whether the end of a line is a sign, unless `\` stands before it.
    pub(crate) has_lines: bool,
    /// Signs of more than one character, the longest first.
    pub(crate) signs: &'static [&'static str],
}

/// A token with its place. Texts have their quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind,
    pub(crate) piece: Piece<'t>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or a number.
    Word,
    /// A text in quotes.
    Quoted,
    /// Anything else.
    Sign,
    /// The end of the text.
    End,
}

/// The tokens of a text, and the next one.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
}

/// How deep parentheses may nest.
pub(crate) const DEPTH_MAX: usize = 50;

/// Cuts a text into tokens.
pub(crate) fn tokens<'t>(whole: Piece<'t>, style: Style, context: &mut Context<'_>) -> Tokens<'t> {
    let mut tokens = Vec::new();
    let mut rest = whole;
    loop {
        rest = behind_blanks(rest, style, context);
        let Some(first) = rest.text.chars().next() else { break };
        let (kind, length) = length(rest.text, first, style);
        let piece = rest.part(0..length);
        if kind == Kind::Quoted && (length == 1 || !piece.text.ends_with(first)) {
            context.error(code::SYNTAX, piece, "this text has no end");
        }
        tokens.push(Token { kind, piece });
        rest = rest.from(length);
    }
    tokens.push(Token { kind: Kind::End, piece: rest });
    Tokens { tokens, at: 0 }
}

fn length(text: &str, first: char, style: Style) -> (Kind, usize) {
    let is_word = |character: char| {
        character.is_alphanumeric() || character == '_' || style.word.contains(character)
    };
    if let Some(sign) = style.signs.iter().find(|sign| text.starts_with(**sign)) {
        return (Kind::Sign, sign.len());
    }
    if is_word(first) {
        return (Kind::Word, text.find(|c| !is_word(c)).unwrap_or(text.len()));
    }
    if first == '"' || first == '\'' {
        let mut is_escaped = false;
        for (at, character) in text.char_indices().skip(1) {
            if character == first && !is_escaped {
                return (Kind::Quoted, at + 1);
            }
            if character == '\n' {
                return (Kind::Quoted, at);
            }
            is_escaped = character == '\\' && !is_escaped;
        }
        return (Kind::Quoted, text.len());
    }
    (Kind::Sign, first.len_utf8())
}

/// Skips blanks and comments.
fn behind_blanks<'t>(mut rest: Piece<'t>, style: Style, context: &mut Context<'_>) -> Piece<'t> {
    loop {
        let text = rest.text;
        let is_blank = |c: char| c.is_whitespace() && !(style.has_lines && c == '\n');
        let blanks = text.find(|c| !is_blank(c)).unwrap_or(text.len());
        if blanks > 0 {
            rest = rest.from(blanks);
        } else if style.comments.iter().any(|mark| text.starts_with(mark)) {
            rest = rest.from(text.find('\n').unwrap_or(text.len()));
        } else if style.has_block_comments && text.starts_with("/*") {
            let end = text[2..].find("*/");
            if end.is_none() {
                context.error(code::SYNTAX, rest.part(0..2), "this comment has no end");
            }
            rest = rest.from(end.map_or(text.len(), |end| end + 4));
        } else if style.has_lines && (text.starts_with("\\\n") || text.starts_with("\\\r\n")) {
            rest = rest.from(text.find('\n').unwrap_or(0) + 1);
        } else {
            return rest;
        }
    }
}

impl<'t> Tokens<'t> {
    /// The next token.
    pub(crate) fn peek(&self) -> Token<'t> {
        self.peek_behind(0)
    }

    /// The token behind that many others.
    pub(crate) fn peek_behind(&self, count: usize) -> Token<'t> {
        // The last token is the end, which is never passed.
        self.tokens[(self.at + count).min(self.tokens.len() - 1)]
    }

    /// Takes the next token.
    pub(crate) fn next(&mut self) -> Token<'t> {
        let token = self.peek();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.peek().kind == Kind::End
    }

    /// Whether the next token is this sign or word.
    pub(crate) fn is(&self, text: &str) -> bool {
        let token = self.peek();
        token.piece.text == text && matches!(token.kind, Kind::Sign | Kind::Word)
    }

    /// Takes the next token, where it is this sign or word.
    pub(crate) fn take(&mut self, text: &str) -> Option<Piece<'t>> {
        self.is(text).then(|| self.next().piece)
    }

    /// Takes the next token, which must be this sign or word.
    pub(crate) fn expect(&mut self, text: &str, context: &mut Context<'_>) -> Option<Piece<'t>> {
        let taken = self.take(text);
        if taken.is_none() {
            self.unexpected(&format!("`{text}`"), context);
        }
        taken
    }

    /// Takes the next token, which must be a word.
    pub(crate) fn word(&mut self, expected: &str, context: &mut Context<'_>) -> Option<Piece<'t>> {
        if self.peek().kind == Kind::Word {
            return Some(self.next().piece);
        }
        self.unexpected(expected, context);
        None
    }

    /// Says what was expected instead of the next token.
    pub(crate) fn unexpected(&self, expected: &str, context: &mut Context<'_>) {
        let token = self.peek();
        let found = match (token.kind, token.piece.text) {
            (Kind::End, _) => "the end of the text".to_owned(),
            (_, "\n") => "the end of the line".to_owned(),
            (_, text) => format!("`{}`", crate::context::shortened(text)),
        };
        context.error(code::SYNTAX, token.piece, format!("expected {expected}, found {found}"));
    }

    /// Skips up to one of these signs and says whether there is one.
    pub(crate) fn skip_to(&mut self, signs: &[&str]) -> bool {
        while !self.is_at_end() && !signs.iter().any(|sign| self.is(sign)) {
            self.next();
        }
        !self.is_at_end()
    }
}
