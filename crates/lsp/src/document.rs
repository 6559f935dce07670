//! A text in an editor, and its places: lines and columns from 0, columns in the unit that the
//! editor counts in.

use std::path::PathBuf;

use lsp_types::{Position, PositionEncodingKind, Range, Uri};

/// What an editor counts columns in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes, where the editor offers them.
    Utf8,
    /// What every editor knows.
    Utf16,
}

impl Unit {
    /// The best of those that an editor offers.
    pub(crate) fn best(offered: &[PositionEncodingKind]) -> Self {
        match offered.contains(&PositionEncodingKind::UTF8) {
            true => Self::Utf8,
            false => Self::Utf16,
        }
    }

    pub(crate) fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
        }
    }

    fn len(self, character: char) -> usize {
        match self {
            Self::Utf8 => character.len_utf8(),
            Self::Utf16 => character.len_utf16(),
        }
    }
}

/// A text that is open in an editor.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) uri: Uri,
    pub(crate) text: String,
    pub(crate) unit: Unit,
}

impl Document {
    /// The file, for texts that are files.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let path = self.uri.as_str().strip_prefix("file://")?;
        Some(PathBuf::from(decoded(path)?))
    }

    /// Whether this is a table of tests and not a policy.
    pub(crate) fn is_table(&self) -> bool {
        self.uri.as_str().ends_with(".tests")
    }

    /// The byte at a place; behind the end of a line, the line's end.
    pub(crate) fn offset(&self, position: Position) -> usize {
        let mut start = 0;
        for _ in 0..position.line {
            match self.text[start..].find('\n') {
                Some(end) => start += end + 1,
                None => return self.text.len(),
            }
        }
        let mut column = 0;
        for (at, character) in self.text[start..].char_indices() {
            if column >= position.character as usize || character == '\n' {
                return start + at;
            }
            column += self.unit.len(character);
        }
        self.text.len()
    }

    /// The place of a byte.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let before = &self.text[..self.boundary(offset)];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let line = number(before.bytes().filter(|byte| *byte == b'\n').count());
        let column = before[start..].chars().map(|character| self.unit.len(character)).sum();
        Position { line, character: number(column) }
    }

    pub(crate) fn range(&self, bytes: std::ops::Range<usize>) -> Range {
        Range { start: self.position(bytes.start), end: self.position(bytes.end) }
    }

    /// The last place at or before a byte where a character begins.
    fn boundary(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        (0..=offset).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }
}

/// A path without the `%20` of addresses.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(match byte {
            b'%' => u8::try_from((digit()? << 4) | digit()?).ok()?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, unit: Unit) -> Document {
        Document { uri: "file:///a%20b/%C3%A9.gate".parse().unwrap(), text: text.to_owned(), unit }
    }

    #[test]
    fn columns_are_counted_as_the_editor_does() {
        let text = "ab\né\u{1f980}x\r\n\nlast";
        for (unit, columns) in [(Unit::Utf8, [0, 2, 6, 7]), (Unit::Utf16, [0, 1, 3, 4])] {
            let document = document(text, unit);
            for (offset, column) in [3, 5, 9, 10].into_iter().zip(columns) {
                let position = Position { line: 1, character: column };
                assert_eq!(document.position(offset), position);
                assert_eq!(document.offset(position), offset);
            }
            assert_eq!(document.offset(Position { line: 1, character: 99 }), 11, "behind the \\r");
            assert_eq!(document.offset(Position { line: 9, character: 0 }), text.len());
            assert_eq!(document.offset(Position { line: 3, character: 9 }), text.len());
            assert_eq!(document.position(usize::MAX), Position { line: 3, character: 4 });
        }
    }

    #[test]
    fn addresses_of_files_are_paths() {
        let file = document("", Unit::Utf8);
        assert_eq!(file.path(), Some(PathBuf::from("/a b/é.gate")));
        let untitled = Document { uri: "untitled:1".parse().unwrap(), ..file };
        assert_eq!(untitled.path(), None);
    }
}
