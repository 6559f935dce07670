//! From a text to a flat list of its values, without recursion.
//!
//! What is read is JSON of RFC 8259, and as people write it by hand: comments (`//` to the end of
//! the line, `/* */`) and a comma behind the last element are skipped. Nothing else is forgiven.
//!
//! Why not a crate: those that keep places and allow comments need a newer Rust than the library
//! may (jsonc-parser, nojson), or in their older versions recurse without a limit or take missing
//! commas.

use std::ops::Range;

/// The deepest nesting of arrays and objects.
pub(crate) const DEPTH_MAX: usize = 128;

/// A value, or the key of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    /// The first byte of the value, and the one behind its last.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The position in the list behind this value and all that is in it.
    pub(crate) next: u32,
}

/// The kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    True,
    False,
    Number,
    /// A text without escapes: what it says is what stands between its quotes.
    Plain,
    /// A text with escapes.
    Escaped,
    Array,
    /// Keys and values alternate.
    Object,
}

/// Why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) span: Range<usize>,
    pub(crate) reason: String,
}

/// Reads the text of at most 4 GiB, whose values come in their order: an object or array before
/// what is in it.
pub(crate) fn scan(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    // Profiles have a value in about 20 bytes.
    let entries = Vec::with_capacity(text.len() / 16);
    let mut scanner = Scanner { text, at: 0, entries, open: Vec::new() };
    scanner.run()?;
    Ok(scanner.entries)
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    entries: Vec<Entry>,
    /// The positions of the objects and arrays that are not closed yet.
    open: Vec<usize>,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// A value.
    Value,
    /// A value, or the end of an array.
    ValueOrEnd,
    /// A key, or the end of an object.
    KeyOrEnd,
    /// A comma, or the end of what is open; the end of the text, where nothing is.
    Separator,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), SyntaxError> {
        let mut expected = Expected::Value;
        loop {
            self.skip_blanks()?;
            let byte = self.peek();
            expected = match expected {
                Expected::Separator if self.open.is_empty() => {
                    return match byte {
                        None => Ok(()),
                        Some(_) => Err(self.unexpected("the text goes on behind its value")),
                    };
                }
                Expected::Separator => self.separator(byte)?,
                Expected::ValueOrEnd if byte == Some(b']') => self.close(),
                Expected::KeyOrEnd if byte == Some(b'}') => self.close(),
                Expected::KeyOrEnd => self.key(byte)?,
                Expected::Value | Expected::ValueOrEnd => self.value(byte)?,
            };
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            let bytes = self.text.as_bytes();
            let mut at = self.at;
            while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
                at += 1;
            }
            self.at = at;
            match bytes.get(at) {
                Some(b'/') => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), SyntaxError> {
        let rest = &self.text[self.at..];
        if rest.starts_with("//") {
            self.at += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(inside) = rest.strip_prefix("/*") {
            let Some(end) = inside.find("*/") else {
                return Err(self.error(self.at..self.at + 2, "this comment has no end"));
            };
            self.at += 2 + end + 2;
        } else {
            return Err(self.unexpected("a comment begins with `//` or `/*`"));
        }
        Ok(())
    }

    fn value(&mut self, byte: Option<u8>) -> Result<Expected, SyntaxError> {
        match byte {
            Some(b'{') => self.open(Kind::Object, Expected::KeyOrEnd),
            Some(b'[') => self.open(Kind::Array, Expected::ValueOrEnd),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'a'..=b'z' | b'A'..=b'Z') => self.word(),
            Some(_) => Err(self.unexpected("expected a value")),
            None => Err(self.unexpected("the text ends where a value is expected")),
        }
    }

    fn open(&mut self, kind: Kind, inside: Expected) -> Result<Expected, SyntaxError> {
        if self.open.len() == DEPTH_MAX {
            let reason = format!("nests deeper than the limit of {DEPTH_MAX}");
            return Err(self.error(self.at..self.at + 1, reason));
        }
        self.open.push(self.entries.len());
        self.push(kind, self.at + 1);
        Ok(inside)
    }

    /// Closes the innermost object or array, whose closing bracket comes next.
    fn close(&mut self) -> Expected {
        self.at += 1;
        if let Some(position) = self.open.pop() {
            let next = offset(self.entries.len());
            let entry = &mut self.entries[position];
            entry.end = offset(self.at);
            entry.next = next;
        }
        Expected::Separator
    }

    /// What is behind a value within an object or array.
    fn separator(&mut self, byte: Option<u8>) -> Result<Expected, SyntaxError> {
        let is_object = self.is_in_object();
        match byte {
            Some(b',') => {
                self.at += 1;
                Ok(if is_object { Expected::KeyOrEnd } else { Expected::ValueOrEnd })
            }
            Some(b'}') if is_object => Ok(self.close()),
            Some(b']') if !is_object => Ok(self.close()),
            Some(_) if is_object => Err(self.unexpected("expected `,` or `}`")),
            Some(_) => Err(self.unexpected("expected `,` or `]`")),
            None => Err(self.unclosed()),
        }
    }

    fn is_in_object(&self) -> bool {
        self.open.last().is_some_and(|open| self.entries[*open].kind == Kind::Object)
    }

    /// The text ends in an object or array, and the place where that begins is the interesting one.
    fn unclosed(&self) -> SyntaxError {
        match self.open.last().map(|open| self.entries[*open]) {
            Some(Entry { kind: Kind::Object, start, .. }) => {
                let start = start as usize;
                self.error(start..start + 1, "the text ends within this object: `}` is missing")
            }
            Some(Entry { start, .. }) => {
                let start = start as usize;
                self.error(start..start + 1, "the text ends within this array: `]` is missing")
            }
            None => self.unexpected("the text ends early"),
        }
    }

    /// A key and the colon behind it.
    fn key(&mut self, byte: Option<u8>) -> Result<Expected, SyntaxError> {
        match byte {
            Some(b'"') => self.string()?,
            Some(_) => return Err(self.unexpected("expected a key in double quotes, or `}`")),
            None => return Err(self.unclosed()),
        };
        self.skip_blanks()?;
        if self.peek() != Some(b':') {
            let reason = "expected `:` between a key and its value";
            return Err(if self.peek().is_none() {
                self.unclosed()
            } else {
                self.unexpected(reason)
            });
        }
        self.at += 1;
        Ok(Expected::Value)
    }

    fn string(&mut self) -> Result<Expected, SyntaxError> {
        let bytes = self.text.as_bytes();
        let (start, mut at) = (self.at, self.at + 1);
        let mut kind = Kind::Plain;
        loop {
            let is_special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
            let Some(plain) = bytes[at..].iter().position(is_special) else {
                return Err(self.error(start..start + 1, "this text has no end: `\"` is missing"));
            };
            at += plain;
            match bytes[at] {
                b'"' => break,
                b'\\' => {
                    kind = Kind::Escaped;
                    at = self.escape(at)?;
                }
                _ => {
                    let reason = "control characters in texts are written as `\\n` or `\\u0000`";
                    return Err(self.error(at..at + 1, reason));
                }
            }
        }
        self.push(kind, at + 1);
        Ok(Expected::Separator)
    }

    /// Checks an escape and returns where the text goes on.
    fn escape(&self, at: usize) -> Result<usize, SyntaxError> {
        let bytes = self.text.as_bytes();
        match bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => match unicode_escape(self.text, at) {
                Some((_, length)) => Ok(at + length),
                None => {
                    let end = (at + 6).min(self.text.len());
                    // What stands there instead of digits may be a longer character.
                    let end = (end..).find(|end| self.text.is_char_boundary(*end)).unwrap_or(end);
                    Err(self.error(
                        at..end,
                        "`\\u` needs four hexadecimal digits, and a surrogate its other half",
                    ))
                }
            },
            _ => {
                let end = self.character_behind(at + 1);
                Err(self.error(at..end, "there is no such escape in JSON"))
            }
        }
    }

    fn number(&mut self) -> Result<Expected, SyntaxError> {
        let bytes = self.text.as_bytes();
        let digits = |from: usize| {
            from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let first = self.at + usize::from(bytes[self.at] == b'-');
        let mut end = digits(first);
        let mut is_valid = end > first && (bytes[first] != b'0' || end == first + 1);
        if bytes.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            is_valid &= fraction > end + 1;
            end = fraction;
        }
        if let Some(b'e' | b'E') = bytes.get(end) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            is_valid &= exponent > end + 1 + sign;
            end = exponent;
        }
        if !is_valid || bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
            let end = self.word_end();
            let word = &self.text[self.at..end];
            return Err(self.error(self.at..end, format!("`{word}` is not a number of JSON")));
        }
        self.push(Kind::Number, end);
        Ok(Expected::Separator)
    }

    fn word(&mut self) -> Result<Expected, SyntaxError> {
        let end = self.word_end();
        let kind = match &self.text[self.at..end] {
            "null" => Kind::Null,
            "true" => Kind::True,
            "false" => Kind::False,
            word => {
                let reason = format!("expected a value; words such as `{word}` need double quotes");
                return Err(self.error(self.at..end, reason));
            }
        };
        self.push(kind, end);
        Ok(Expected::Separator)
    }

    /// Where a word or number ends that is only looked at to be named in an error, at most 40 bytes
    /// on.
    fn word_end(&self) -> usize {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(byte);
        self.at + self.text.as_bytes()[self.at..].iter().take(40).take_while(|b| is_part(b)).count()
    }

    fn push(&mut self, kind: Kind, end: usize) {
        let next = offset(self.entries.len() + 1);
        self.entries.push(Entry { kind, start: offset(self.at), end: offset(end), next });
        self.at = end;
    }

    fn character_behind(&self, at: usize) -> usize {
        let rest = self.text.get(at..).and_then(|rest| rest.chars().next());
        at + rest.map_or(0, char::len_utf8)
    }

    /// An error about the next character.
    fn unexpected(&self, reason: &str) -> SyntaxError {
        self.error(self.at..self.character_behind(self.at), reason)
    }

    fn error(&self, span: Range<usize>, reason: impl Into<String>) -> SyntaxError {
        SyntaxError { span, reason: reason.into() }
    }
}

/// The text between the quotes of a value that [`scan`] has found, with its escapes resolved.
pub(crate) fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut at = 0;
    while let Some(length) = inner[at..].find('\\') {
        out.push_str(&inner[at..at + length]);
        at += length;
        let (character, length) = match inner.as_bytes().get(at + 1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            // Both were checked when the text was scanned.
            Some(b'u') => unicode_escape(inner, at).unwrap_or((char::REPLACEMENT_CHARACTER, 6)),
            Some(&other) => (char::from(other), 2),
            None => break,
        };
        out.push(character);
        at += length;
    }
    out.push_str(inner.get(at..).unwrap_or_default());
    out
}

/// The character of an escape `\uXXXX`, or of two that are the halves of a surrogate pair, and the
/// length of what stands for it.
fn unicode_escape(text: &str, at: usize) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        // `from_str_radix` would take a sign.
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        are_digits.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    let first = unit(at)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let second = unit(at + 6)?;
    if !(0xd800..0xdc00).contains(&first) || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let character = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?;
    Some((character, 12))
}

/// No text is longer than `Source::BYTES_MAX`, so that nothing saturates.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
