//! Breaking statements into lines.

use super::tokens::{self, Piece};
use super::{INDENT, Line, WIDTH};
use crate::syntax::SyntaxKind::{Comma, LeftBrace, LeftParen, RightBrace, RightParen, Word};
use crate::syntax::words;

/// Writes one statement to lines.
pub(super) struct Lines<'a> {
    indent: usize,
    out: &'a mut Vec<Line>,
    /// The line that is being written.
    line: Line,
}

impl<'a> Lines<'a> {
    pub(super) fn new(indent: usize, out: &'a mut Vec<Line>) -> Self {
        Self { indent, out, line: Line { indent, ..Line::default() } }
    }

    /// Writes all tokens of a statement.
    pub(super) fn write(mut self, pieces: &[Piece]) {
        let one_line = tokens::text(pieces);
        if self.fits(&one_line) && !is_broken(pieces) {
            self.line.text = one_line;
        } else {
            let mut rest = pieces;
            while let Some((part, behind)) = next_part(rest) {
                self.write_part(part, rest.len() < pieces.len());
                rest = behind;
            }
        }
        self.end_line();
    }

    fn fits(&self, text: &str) -> bool {
        self.indent + text.chars().count() <= WIDTH
    }

    /// Writes a part of a statement: what stands before `where`, or what begins with `where`,
    /// `and`, `or`, `because`.
    fn write_part(&mut self, part: &[Piece], is_later: bool) {
        if is_later && !self.line.text.starts_with('}') {
            self.break_line(self.indent + INDENT);
        }
        let text = tokens::text(part);
        let width = self.line.indent + self.line.text.chars().count() + 1 + text.chars().count();
        if width <= WIDTH && !is_broken(part) {
            self.append(&text, true);
        } else {
            self.fill(part);
        }
    }

    /// Writes tokens, breaking where a set or a line is full.
    fn fill(&mut self, pieces: &[Piece]) {
        let base = self.line.indent;
        // For each open bracket whether its content stands on lines of its own, and whether on one
        // for each part.
        let mut open: Vec<Option<bool>> = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let depth = open.iter().flatten().count();
            let inner = base + INDENT * depth.max(1);
            if piece.is_comment() {
                self.comment(piece, inner);
                continue;
            }
            let is_close = matches!(piece.kind, RightBrace | RightParen);
            let closes = if is_close { open.pop().flatten() } else { None };
            if closes.is_some() {
                self.break_line(base + INDENT * (depth - 1));
            }
            let left = index.checked_sub(1).map(|left| &pieces[left]);
            if left.is_some_and(tokens::may_break) {
                let each = open.last().copied().flatten().unwrap_or(false);
                if each || !self.has_room(&pieces[index..]) {
                    self.break_line(inner);
                }
            }
            let space = left.is_none_or(|left| left.is_comment() || tokens::has_space(left, piece));
            self.append(&piece.text, space);
            if matches!(piece.kind, LeftBrace | LeftParen) {
                let group = group(&pieces[index..]);
                let expands = piece.kind == LeftBrace && (is_broken(group) || !self.has_all(group));
                let each = expands && has_last_comma(group);
                open.push(expands.then_some(each));
                if expands {
                    let depth = open.iter().flatten().count();
                    self.break_line(base + INDENT * depth);
                }
            }
        }
    }

    fn comment(&mut self, piece: &Piece, indent: usize) {
        if piece.on_new_line || self.line.text.is_empty() {
            self.break_line(indent);
        }
        self.line.comment = Some(piece.text.clone());
        self.end_line();
        self.line = Line { indent, ..Line::default() };
    }

    /// Whether the tokens up to the next place for a break fit on the line.
    fn has_room(&self, pieces: &[Piece]) -> bool {
        let end = pieces.iter().position(tokens::may_break).map_or(pieces.len(), |end| end + 1);
        // Not looked for beyond that: sets can be long, and this is asked at each of their parts.
        let close = pieces[..end].iter().position(|piece| piece.kind == RightBrace);
        self.has_all(&pieces[..close.unwrap_or(end).max(1)])
    }

    fn has_all(&self, pieces: &[Piece]) -> bool {
        let text = tokens::text(pieces).chars().count();
        self.line.indent + self.line.text.chars().count() + 1 + text <= WIDTH
    }

    fn append(&mut self, text: &str, space: bool) {
        if space && !self.line.text.is_empty() {
            self.line.text.push(' ');
        }
        self.line.text.push_str(text);
    }

    /// Ends the line unless nothing stands on it, and begins another.
    fn break_line(&mut self, indent: usize) {
        self.end_line();
        self.line = Line { indent, ..Line::default() };
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.text.is_empty() || line.comment.is_some() {
            self.out.push(line);
        }
    }
}

/// Splits off what stands before the next `where`, `because`, `and` or `or` outside of brackets.
fn next_part(pieces: &[Piece]) -> Option<(&[Piece], &[Piece])> {
    if pieces.is_empty() {
        return None;
    }
    let mut nesting = 0usize;
    for (index, piece) in pieces.iter().enumerate() {
        match piece.kind {
            LeftBrace | LeftParen => nesting += 1,
            RightBrace | RightParen => nesting = nesting.saturating_sub(1),
            Word if index > 0 && nesting == 0 && words::RESUMES.contains(&piece.text.as_str()) => {
                return Some(pieces.split_at(index));
            }
            _ => {}
        }
    }
    Some((pieces, &[]))
}

/// Whether tokens cannot stand on one line: because of comments, or because of a comma behind the
/// last part of a set.
fn is_broken(pieces: &[Piece]) -> bool {
    pieces.iter().any(Piece::is_comment)
        || pieces.windows(2).any(|pair| pair[0].kind == Comma && pair[1].kind == RightBrace)
}

/// The tokens from an opening bracket to the one that closes it.
fn group(pieces: &[Piece]) -> &[Piece] {
    let mut nesting = 0usize;
    for (index, piece) in pieces.iter().enumerate() {
        match piece.kind {
            LeftBrace | LeftParen => nesting += 1,
            RightBrace | RightParen => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        if nesting == 0 {
            return &pieces[..=index];
        }
    }
    pieces
}

/// Whether a comma stands behind the last part of a set.
fn has_last_comma(group: &[Piece]) -> bool {
    group.iter().rev().filter(|piece| !piece.is_comment()).nth(1).is_some_and(|p| p.kind == Comma)
}
