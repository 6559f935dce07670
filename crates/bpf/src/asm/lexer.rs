//! Words, numbers and signs of a line.

use std::borrow::Cow;

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
        self.text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+'))
    }
}

/// The text with blanks in place of its `/* */` comments, so that every place stays where it is.
///
/// # Errors
/// Where a comment begins that does not end.
pub(super) fn without_comments(text: &str) -> Result<Cow<'_, str>, Position> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(begin) = comment(rest) {
        plain.push_str(&rest[..begin]);
        let Some(length) = rest[begin + 2..].find("*/") else {
            let (line, last) = plain.split('\n').enumerate().last().unwrap_or_default();
            return Err(Position { line: line + 1, column: last.chars().count() + 1 });
        };
        let end = begin + 2 + length + 2;
        plain.extend(rest[begin..end].chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = &rest[end..];
    }
    if plain.is_empty() {
        return Ok(Cow::Borrowed(text));
    }
    plain.push_str(rest);
    Ok(Cow::Owned(plain))
}

/// Where the next `/*` is that stands in no comment of one line.
fn comment(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = text.get(at..)?;
        let begin = line_comment(line);
        if line[begin..].starts_with("/*") {
            return Some(at + begin);
        }
        at += begin + line[begin..].find('\n')? + 1;
    }
}

/// The length of a text up to its first comment or the end of its line. A line that begins with
/// `#` is one of a preprocessor's, which `bpf_asm` passes over.
fn line_comment(text: &str) -> usize {
    let begin = text.len() - text.trim_start_matches([' ', '\t']).len();
    let begins = |rest: &[u8]| matches!(rest, [b'\n' | b';', ..] | [b'/', b'/' | b'*', ..]);
    match text.as_bytes().get(begin) {
        Some(b'#') => begin,
        _ => {
            let bytes = text.as_bytes();
            (begin..bytes.len()).find(|at| begins(&bytes[*at..])).unwrap_or(bytes.len())
        }
    }
}

/// The tokens of a line up to its comment.
pub(super) struct Line<'a> {
    rest: &'a str,
    position: Position,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a str, line: usize) -> Self {
        Self { rest: &text[..line_comment(text)], position: Position { line, column: 1 } }
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
        let word_len = |text: &str| text.find(|c| !is_word(c)).unwrap_or(text.len());
        let is_signed = |rest: &str| {
            matches!(first, '-' | '+') && rest[1..].starts_with(|c: char| c.is_ascii_digit())
        };
        let length = match first {
            first if is_word(first) => word_len(self.rest),
            _ if is_signed(self.rest) => 1 + word_len(&self.rest[1..]),
            _ => first.len_utf8(),
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

    /// The same for a word, in upper or lower case.
    pub(super) fn take_word(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.text.eq_ignore_ascii_case(text));
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

    /// A number up to `max`: decimal, `0x10`, `0b10` or `020`; a negative one is meant in 32 bits.
    pub(super) fn number(&mut self, max: u32, expected: &'static str) -> Result<u32, AsmError> {
        let Some(token) = self.peek().filter(Token::is_number) else {
            return Err(self.expected(expected));
        };
        let (negative, text) = match token.text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, token.text.trim_start_matches('+')),
        };
        let (digits, radix) = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("0x") => (&text[2..], 16),
            Some("0b") => (&text[2..], 2),
            Some(_) if text.starts_with('0') => (&text[1..], 8),
            _ => (text, 10),
        };
        if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
            return Err(self.expected(expected));
        }
        self.advance(token.text.len());
        let value = u32::from_str_radix(digits, radix).ok();
        let value = value.map(|value| if negative { value.wrapping_neg() } else { value });
        value.filter(|value| *value <= max).ok_or_else(|| {
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
