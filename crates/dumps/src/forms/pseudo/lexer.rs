//! Words, numbers and operators. Line breaks mean nothing; `#` begins a comment.

use crate::Error;

/// A part of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) offset: usize,
}

/// The tokens of a text.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

/// The operators of more than one character, the longest first.
const OPERATORS: [&str; 15] =
    [">>=", "<<=", "==", "!=", ">=", "<=", ">>", "<<", "+=", "-=", "*=", "/=", "&=", "|=", "^="];

impl<'a> Tokens<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn peek(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = &self.text[self.at..];
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            let rest = &self.text[self.at..];
            if !rest.starts_with('#') {
                break;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$');
        let operator = || OPERATORS.iter().find(|operator| rest.starts_with(**operator));
        let length = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => operator().map_or(first.len_utf8(), |operator| operator.len()),
        };
        Some(Token { text: &rest[..length], offset: self.at })
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        let token = self.peek()?;
        self.at += token.text.len();
        Some(token)
    }

    /// Takes the next token if it is this, in any case.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.text.eq_ignore_ascii_case(text));
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, text: &str, expected: &'static str) -> Result<(), Error> {
        if self.take(text) { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// Takes a word.
    pub(super) fn word(&mut self, expected: &'static str) -> Result<Token<'a>, Error> {
        let is_word = |token: &Token<'_>| {
            token.text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
        };
        match self.peek().filter(is_word) {
            Some(token) => {
                self.next();
                Ok(token)
            }
            None => Err(self.expected(expected)),
        }
    }

    /// Takes a word with a colon behind it.
    pub(super) fn takes_label(&mut self) -> bool {
        let begin = self.at;
        let is_label = self.word("a label").is_ok() && self.text[self.at..].starts_with(':');
        self.at = if is_label { self.at + 1 } else { begin };
        is_label
    }

    /// The error that something else stands here.
    pub(super) fn expected(&mut self, expected: &'static str) -> Error {
        let offset = self.peek().map_or(self.text.len(), |token| token.offset);
        Error::expected(expected, self.text, offset)
    }
}
