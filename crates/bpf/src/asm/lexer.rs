//! Words, numbers and signs of a line.

use super::{AsmError, AsmErrorKind};

/// A place in the text, both from 1.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    pub(super) fn error(self, kind: AsmErrorKind) -> AsmError {
        AsmError { line: self.line, column: self.column, kind }
    }
}

/// A part of a line. The text of numbers begins with a digit, that of names with a letter, `_` or
/// `.`; the rest are single signs.
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) position: Position,
    pub(super) text: &'a str,
}

impl Token<'_> {
    pub(super) fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '.'))
    }

    pub(super) fn is_number(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
    }
}

/// The tokens of a line up to its comment.
pub(super) struct Line<'a> {
    rest: &'a str,
    position: Position,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a str, line: usize) -> Self {
        let code = [";", "//"].into_iter().fold(text, |code, comment| {
            code.split_once(comment).map_or(code, |(before, _)| before)
        });
        Self { rest: code, position: Position { line, column: 1 } }
    }

    /// Where the next token begins.
    pub(super) fn position(&mut self) -> Position {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.advance(blank);
        self.position
    }

    pub(super) fn peek(&mut self) -> Option<Token<'a>> {
        let position = self.position();
        let first = self.rest.chars().next()?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let length = match is_word(first) {
            true => self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len()),
            false => first.len_utf8(),
        };
        Some(Token { position, text: &self.rest[..length] })
    }

    /// Takes the next token if it is this.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.text == text);
        if found {
            self.advance(text.len());
        }
        found
    }

    pub(super) fn expect(&mut self, text: &str, expected: &'static str) -> Result<(), AsmError> {
        if self.take(text) { Ok(()) } else { Err(self.expected(expected)) }
    }

    pub(super) fn name(&mut self, expected: &'static str) -> Result<Token<'a>, AsmError> {
        match self.peek() {
            Some(token) if token.is_name() => {
                self.advance(token.text.len());
                Ok(token)
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// A number, decimal or with `0x`, up to `max`.
    pub(super) fn number(&mut self, max: u32, expected: &'static str) -> Result<u32, AsmError> {
        let Some(token) = self.peek().filter(Token::is_number) else {
            return Err(self.expected(expected));
        };
        let (digits, radix) = match token.text.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None => (token.text, 10),
        };
        if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
            return Err(self.expected(expected));
        }
        self.advance(token.text.len());
        u32::from_str_radix(digits, radix).ok().filter(|value| *value <= max).ok_or_else(|| {
            token.position.error(AsmErrorKind::TooLarge { number: token.text.to_owned(), max })
        })
    }

    /// The error that something else stands here.
    pub(super) fn expected(&mut self, expected: &'static str) -> AsmError {
        let found = self.peek().map(|token| token.text.to_owned()).unwrap_or_default();
        self.position.error(AsmErrorKind::Expected { expected, found })
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.position.column += passed.chars().count();
        self.rest = rest;
    }
}
