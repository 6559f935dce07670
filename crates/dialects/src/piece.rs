//! Parts of a text that know where they stand.

use std::ops::Range;

use callgate_rules::{SourceId, Span};

/// A part of a source's text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'t> {
    pub(crate) text: &'t str,
    start: usize,
    source: SourceId,
}

impl<'t> Piece<'t> {
    /// The whole text of a source.
    pub(crate) const fn whole(text: &'t str, source: SourceId) -> Self {
        Self { text, start: 0, source }
    }

    /// Where it stands.
    pub(crate) fn span(self) -> Span {
        Span::new(self.source, self.start..self.start + self.text.len())
    }

    /// A part of it; empty at its end, where the range is no part.
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        match self.text.get(range.clone()) {
            Some(text) => Self { text, start: self.start + range.start, ..self },
            None => Self { text: "", start: self.start + self.text.len(), ..self },
        }
    }

    /// The part from a byte on.
    pub(crate) fn from(self, start: usize) -> Self {
        self.part(start..self.text.len())
    }

    /// Without blanks around.
    pub(crate) fn trim(self) -> Self {
        let start = self.text.len() - self.text.trim_start().len();
        self.part(start..start.max(self.text.trim_end().len()))
    }

    /// Both sides of the first of a character.
    pub(crate) fn split_once(self, at: char) -> Option<(Self, Self)> {
        let found = self.text.find(at)?;
        Some((self.part(0..found), self.from(found + at.len_utf8())))
    }

    /// The parts between characters.
    pub(crate) fn split(self, at: impl Fn(char) -> bool + 't) -> impl Iterator<Item = Self> + 't {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let start = next?;
            let rest = &self.text[start..];
            let found = rest.char_indices().find(|(_, character)| at(*character));
            next = found.map(|(offset, character)| start + offset + character.len_utf8());
            Some(self.part(start..start + found.map_or(rest.len(), |(offset, _)| offset)))
        })
    }

    /// The lines, without their ends.
    pub(crate) fn lines(self) -> impl Iterator<Item = Self> + 't {
        let ends = self.split(|character| character == '\n');
        ends.map(|line| match line.text.strip_suffix('\r') {
            Some(text) => line.part(0..text.len()),
            None => line,
        })
    }

    /// The words between blanks.
    pub(crate) fn words(self) -> impl Iterator<Item = Self> + 't {
        self.split(char::is_whitespace).filter(|word| !word.text.is_empty())
    }

    /// The part before a mark and all that follows it.
    pub(crate) fn before(self, mark: char) -> Self {
        self.part(0..self.text.find(mark).unwrap_or(self.text.len()))
    }

    /// Without something at the beginning, where it stands there.
    pub(crate) fn strip(self, prefix: &str) -> Option<Self> {
        self.text.starts_with(prefix).then(|| self.from(prefix.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'t>(pieces: impl Iterator<Item = Piece<'t>>) -> Vec<(&'t str, usize)> {
        pieces.map(|piece| (piece.text, piece.span().start())).collect()
    }

    #[test]
    fn parts_know_where_they_stand() {
        let whole = Piece::whole("a b\r\n é=c \n", SourceId::default());
        assert_eq!(texts(whole.lines()), [("a b", 0), (" é=c ", 5), ("", 12)]);
        assert_eq!(texts(whole.words()), [("a", 0), ("b", 2), ("é=c", 6)]);
        let (left, right) = whole.split_once('=').unwrap();
        assert_eq!((left.trim().text, left.trim().span().start()), ("a b\r\n é", 0));
        assert_eq!((right.trim().text, right.trim().span().start()), ("c", 9));
        assert_eq!(texts([Piece::whole("  ", SourceId::default()).trim()].into_iter()).len(), 1);
    }
}
