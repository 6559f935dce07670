//! Texts with a name, and where in them something stands.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

/// One of several texts that are read together: a file, or one that it includes.
///
/// The number of a [`Source`] in its [`Sources`]; a source that stands alone has the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A range of bytes in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    source: SourceId,
    start: u32,
    end: u32,
}

/// A line and a column, both from 1. Columns count characters (Unicode scalar values), not bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line. Lines end at `\n`.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// A text with its name.
///
/// A byte order mark at the beginning is taken off: offsets count from behind it.
///
/// ```
/// use callgate_rules::{Position, Source};
///
/// let source = Source::new("a.json", "\u{feff}{\n  \"é\": 1\n}")?;
/// let one = source.text().find('1').unwrap();
/// assert_eq!(source.position(one), Position { line: 2, column: 8 });
/// assert_eq!(source.line(2), Some("  \"é\": 1"));
/// # Ok::<(), callgate_rules::SourceError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Source {
    id: SourceId,
    name: String,
    text: String,
    has_byte_order_mark: bool,
    /// Where each line begins; found when a place is first asked for.
    lines: OnceLock<Vec<u32>>,
}

/// The sources that belong together, in the order in which they were read.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

/// Why bytes are not a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// The file cannot be read.
    Unreadable {
        /// The file.
        name: String,
        /// The system's reason.
        reason: String,
    },
    /// The text is longer than [`Source::BYTES_MAX`].
    TooLong {
        /// The name of the source.
        name: String,
    },
    /// The bytes are not UTF-8.
    NotUtf8 {
        /// The name of the source.
        name: String,
        /// The first byte that is wrong. Its column counts the characters before it.
        position: Position,
    },
}

const BYTE_ORDER_MARK: &str = "\u{feff}";

impl Span {
    /// A range of bytes of a source. A range that ends before it begins is empty.
    #[must_use]
    pub fn new(source: SourceId, range: Range<usize>) -> Self {
        // No source is longer than `Source::BYTES_MAX`, so that nothing saturates.
        let offset = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        let start = offset(range.start);
        Self { source, start, end: offset(range.end).max(start) }
    }

    /// The source.
    #[must_use]
    pub const fn source(self) -> SourceId {
        self.source
    }

    /// The bytes.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The first byte.
    #[must_use]
    pub const fn start(self) -> usize {
        self.start as usize
    }

    /// The byte behind the last.
    #[must_use]
    pub const fn end(self) -> usize {
        self.end as usize
    }

    /// The smallest range that holds both; this one, where the other is in another source.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.source != other.source {
            return self;
        }
        let (start, end) = (self.start.min(other.start), self.end.max(other.end));
        Self { start, end, ..self }
    }
}

impl Source {
    /// The largest size of a source in bytes: 4 MiB. Docker's default profile has 13 kB.
    pub const BYTES_MAX: usize = 4 << 20;

    /// A text under the name that messages give it.
    ///
    /// # Errors
    /// [`SourceError::TooLong`].
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Result<Self, SourceError> {
        let (name, mut text) = (name.into(), text.into());
        if text.len() > Self::BYTES_MAX {
            return Err(SourceError::TooLong { name });
        }
        let has_byte_order_mark = text.starts_with(BYTE_ORDER_MARK);
        if has_byte_order_mark {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        let id = SourceId::default();
        Ok(Self { id, name, text, has_byte_order_mark, lines: OnceLock::new() })
    }

    /// The text that the bytes are in UTF-8.
    ///
    /// # Errors
    /// [`SourceError::TooLong`], [`SourceError::NotUtf8`].
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, SourceError> {
        let name = name.into();
        if bytes.len() > Self::BYTES_MAX {
            return Err(SourceError::TooLong { name });
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::new(name, text),
            Err(error) => {
                let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let before = String::from_utf8_lossy(valid);
                Err(SourceError::NotUtf8 { name, position: position_behind(&before) })
            }
        }
    }

    /// Reads a file; messages name it by its path.
    ///
    /// # Errors
    /// Every [`SourceError`].
    pub fn load(path: &Path) -> Result<Self, SourceError> {
        let name = path.display().to_string();
        let limit = u64::try_from(Self::BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        match read {
            Ok(_) => Self::from_bytes(name, bytes),
            Err(error) => Err(SourceError::Unreadable { name, reason: error.to_string() }),
        }
    }

    /// Which of its [`Sources`] this is.
    #[must_use]
    pub const fn id(&self) -> SourceId {
        self.id
    }

    /// The name, mostly the path of a file as the user gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, without a byte order mark.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the file begins with a byte order mark, which an editor of the file keeps.
    #[must_use]
    pub const fn has_byte_order_mark(&self) -> bool {
        self.has_byte_order_mark
    }

    /// The span of a range of this source's bytes.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.id, range)
    }

    /// The text of a span, where it is one of this source and cuts no character in two.
    #[must_use]
    pub fn slice(&self, span: Span) -> Option<&str> {
        self.text.get(span.range()).filter(|_| span.source == self.id)
    }

    /// The line and column of a byte. Behind the end of the text, the position of the end.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let bytes = self.text.as_bytes();
        // Mostly one place is asked for, or a few: to count is quicker than to note where each line
        // begins.
        let before = &bytes[..offset.min(bytes.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        // A byte within a character stands at the character.
        let end = (start..=before.len()).rev().find(|end| self.text.is_char_boundary(*end));
        let column = 1 + self.text[start..end.unwrap_or(start)].chars().count();
        Position { line, column }
    }

    /// The byte at a line and column; `None` where the text has no such line. Behind the end of a
    /// line, its end.
    #[must_use]
    pub fn offset(&self, position: Position) -> Option<usize> {
        let line = self.line(position.line)?;
        let start = self.line_starts()[position.line - 1] as usize;
        let before = position.column.saturating_sub(1);
        Some(start + line.char_indices().nth(before).map_or(line.len(), |(at, _)| at))
    }

    /// A line without its end (`\n` or `\r\n`).
    #[must_use]
    pub fn line(&self, line: usize) -> Option<&str> {
        let lines = self.line_starts();
        let start = *lines.get(line.checked_sub(1)?)? as usize;
        let end = lines.get(line).map_or(self.text.len(), |next| *next as usize);
        let text = &self.text[start..end];
        Some(text.strip_suffix("\r\n").or(text.strip_suffix('\n')).unwrap_or(text))
    }

    /// `name:line:column` of the beginning of a span.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        format!("{}:{}", self.name, self.position(span.start()))
    }

    fn line_starts(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = self.text.bytes().zip(1u32..).filter(|(byte, _)| *byte == b'\n');
            std::iter::once(0).chain(ends.map(|(_, next)| next)).collect()
        })
    }
}

impl Sources {
    /// No sources.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a source and says which it is now.
    pub fn add(&mut self, mut source: Source) -> SourceId {
        // Sources are files that a user names: there are never 2^32.
        let id = SourceId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        source.id = id;
        self.0.push(source);
        id
    }

    /// A source of this list.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.0.get(id.0 as usize)
    }

    /// The sources in the order in which they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Source> {
        self.0.iter()
    }

    /// `name:line:column` of the beginning of a span, where it is in one of these sources.
    #[must_use]
    pub fn place(&self, span: Span) -> Option<String> {
        self.get(span.source).map(|source| source.place(span))
    }
}

impl From<Source> for Sources {
    fn from(source: Source) -> Self {
        let mut sources = Self::new();
        sources.add(source);
        sources
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { name, reason } => write!(f, "{name}: cannot read: {reason}"),
            Self::TooLong { name } => {
                write!(f, "{name}: longer than {} bytes, which no filter needs", Source::BYTES_MAX)
            }
            Self::NotUtf8 { name, position } => write!(f, "{name}:{position}: not UTF-8 text"),
        }
    }
}

impl std::error::Error for SourceError {}

fn position_behind(text: &str) -> Position {
    let line = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position { line, column: last.chars().count() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("f", text).unwrap()
    }

    #[test]
    fn every_character_has_its_line_and_column() {
        let source = source("ab\r\né∀\u{1f980}x\n\nlast");
        let mut expected = Position { line: 1, column: 1 };
        for (offset, character) in source.text().char_indices() {
            assert_eq!(source.position(offset), expected, "{character:?}");
            // A place between the bytes of a character is the character's.
            assert_eq!(source.position(offset + character.len_utf8() - 1), expected);
            if character != '\r' && character != '\n' {
                assert_eq!(source.offset(expected), Some(offset));
            }
            match character {
                '\n' => expected = Position { line: expected.line + 1, column: 1 },
                _ => expected.column += 1,
            }
        }
        assert_eq!(source.position(usize::MAX), expected);
        let lines: Vec<_> = (0..6).map(|line| source.line(line)).collect();
        assert_eq!(lines, [None, Some("ab"), Some("é∀\u{1f980}x"), Some(""), Some("last"), None]);
        assert_eq!(source.offset(Position { line: 2, column: 99 }), Some(14));
        assert_eq!(source.offset(Position { line: 9, column: 1 }), None);
    }

    #[test]
    fn the_byte_order_mark_is_not_part_of_the_text() {
        let marked = source("\u{feff}a");
        assert_eq!((marked.text(), marked.has_byte_order_mark()), ("a", true));
        assert_eq!(marked.position(0), Position { line: 1, column: 1 });
        assert!(!source("a").has_byte_order_mark());
    }

    #[test]
    fn an_empty_text_has_one_line() {
        let empty = source("");
        assert_eq!(source("\r").line(1), Some("\r"), "which ends no line");
        assert_eq!(empty.line(1), Some(""));
        assert_eq!(empty.position(0), Position { line: 1, column: 1 });
    }

    #[test]
    fn what_is_not_text_is_refused_with_its_place() {
        let error = Source::from_bytes("f", b"\xc3\xa9\n\xc3\xa9\xff".to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "f:2:2: not UTF-8 text");
        let limit = |bytes| Source::from_bytes("f", vec![b' '; bytes]);
        assert!(limit(Source::BYTES_MAX - 1).is_ok() && limit(Source::BYTES_MAX).is_ok());
        let too_long = SourceError::TooLong { name: "f".to_owned() };
        assert_eq!(limit(Source::BYTES_MAX + 1).unwrap_err(), too_long);
        let missing = Source::load(Path::new("/nonexistent")).unwrap_err();
        assert!(missing.to_string().starts_with("/nonexistent: cannot read: "), "{missing}");
    }

    #[test]
    fn several_sources_are_told_apart() {
        let mut sources = Sources::from(source("one"));
        let second = sources.add(Source::new("g", "\n two").unwrap());
        let two = sources.get(second).unwrap();
        let span = two.span(2..5);
        assert_eq!(two.slice(span), Some("two"));
        assert_eq!(sources.place(span).as_deref(), Some("g:2:2"));
        let first = sources.iter().next().unwrap();
        assert_eq!(first.slice(span), None);
        assert_eq!(first.span(0..1).to(span), first.span(0..1));
        assert_eq!(two.span(3..4).to(two.span(1..2)), two.span(1..4));
        let reversed = Range { start: 4, end: 2 };
        assert!(two.span(reversed).range().is_empty());
    }
}
