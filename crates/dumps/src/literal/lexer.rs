//! Words, numbers, strings and signs of sources.

use super::Language;
use crate::Error;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    Number,
    /// A string; the text is its inside.
    Text,
    Sign,
    /// A line for C's preprocessor.
    Directive,
}

/// A part of a source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) offset: usize,
}

/// The tokens of a source, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    language: Language,
    /// Nothing but white space stood before on this line.
    begins_line: bool,
}

/// The signs of two characters.
const SIGNS: [&str; 12] = ["<<", ">>", "::", "==", "!=", "<=", ">=", "->", "=>", "&&", "||", "##"];

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str, language: Language) -> Self {
        Self { text, at: 0, language, begins_line: true }
    }

    /// The whole text.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    /// The next token.
    ///
    /// # Errors
    /// A string or comment that does not end.
    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, Error> {
        self.skip_blank()?;
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let begins_line = std::mem::replace(&mut self.begins_line, false);
        let offset = self.at;
        if first == '#' && begins_line && self.language == Language::C {
            let length = directive_len(rest);
            self.at += length;
            self.begins_line = true;
            return Ok(Some(Token { kind: Kind::Directive, text: &rest[..length], offset }));
        }
        if first == '"' || first == '\'' && self.quotes(rest) {
            return self.string(first).map(Some);
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let (kind, length) = if first.is_ascii_digit() {
            (Kind::Number, rest.find(|c| !is_word(c)).unwrap_or(rest.len()))
        } else if is_word(first) {
            (Kind::Name, rest.find(|c| !is_word(c)).unwrap_or(rest.len()))
        } else {
            let double = SIGNS.iter().any(|sign| rest.starts_with(sign));
            (Kind::Sign, if double { 2 } else { first.len_utf8() })
        };
        self.at += length;
        Ok(Some(Token { kind, text: &rest[..length], offset }))
    }

    /// Whether an apostrophe begins a string or character: in Rust it may be a lifetime.
    fn quotes(&self, rest: &str) -> bool {
        let is_character = || {
            let mut chars = rest[1..].chars();
            chars.next().is_some_and(|c| c == '\\') || chars.next() == Some('\'')
        };
        self.language != Language::Rust || is_character()
    }

    fn string(&mut self, quote: char) -> Result<Token<'a>, Error> {
        let offset = self.at;
        let inside = &self.text[offset + 1..];
        let mut escaped = false;
        let end = inside.find(|c: char| {
            let closes = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        let Some(end) = end else {
            return Err(Error::expected("a closing quote", self.text, self.text.len()).at(offset));
        };
        self.at = offset + end + 2;
        Ok(Token { kind: Kind::Text, text: &inside[..end], offset })
    }

    fn skip_blank(&mut self) -> Result<(), Error> {
        loop {
            let rest = &self.text[self.at..];
            let is_blank = |c: char| c.is_whitespace() || c == '\\';
            let blank = rest.find(|c| !is_blank(c)).unwrap_or(rest.len());
            self.begins_line |= rest[..blank].contains('\n');
            self.at += blank;
            let rest = &self.text[self.at..];
            let line_comment = match self.language {
                Language::Python => rest.starts_with('#'),
                Language::C | Language::Rust | Language::Json => rest.starts_with("//"),
            };
            if line_comment {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") && self.language != Language::Python {
                let end = rest[2..].find("*/");
                let unclosed = || Error::expected("*/", self.text, self.text.len()).at(self.at);
                self.at += end.ok_or_else(unclosed)? + 4;
            } else {
                return Ok(());
            }
        }
    }
}

/// A directive with the lines that continue it.
fn directive_len(text: &str) -> usize {
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        length += line.len();
        if !line.trim_end().ends_with('\\') {
            break;
        }
    }
    length
}
