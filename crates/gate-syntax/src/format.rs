//! The one way to write a file: `callgate fmt`.
//!
//! Only spaces and line feeds change. A statement that fits stands on one line; a longer one is
//! broken within its set, before `where`, `because`, `and` and `or`, or behind a comma. A comma
//! behind the last part of a set keeps one part a line, and `;` keeps lines of the header together
//! where they fit. Comments stay where they are; those behind
//! neighbouring lines are aligned.

mod layout;
mod tokens;

use crate::syntax::{File, Node, SyntaxKind, Token};

use layout::Lines;

/// The columns that a line should not exceed. Comments are not broken.
const WIDTH: usize = 100;

/// How far a block, a set and a line that goes on are indented.
const INDENT: usize = 4;

/// The deepest column at which comments of neighbouring lines are aligned.
const ALIGN_MAX: usize = 80;

/// A line of the result.
#[derive(Debug, Default)]
struct Line {
    indent: usize,
    text: String,
    /// A comment behind the text, or alone where there is no text.
    comment: Option<String>,
    /// Whether an empty line stands before it.
    gap: bool,
}

/// A text as it should be written; `None` for one that has errors.
///
/// ```
/// let file = callgate_gate_syntax::File::parse("policy   1\n\n\n\nallow {read,write}  # both\n");
/// assert_eq!(callgate_gate_syntax::format(&file).as_deref(), Some("policy 1\n\nallow { read, write }  # both\n"));
/// ```
#[must_use]
pub fn format(file: &File) -> Option<String> {
    if !file.errors().is_empty() {
        return None;
    }
    let mut out = Vec::new();
    write_lines(&file.root(), 0, &mut out);
    Some(joined(&out))
}

/// Writes the lines of a file or block. Blocks nest no deeper than the parser allows.
fn write_lines(node: &Node, indent: usize, out: &mut Vec<Line>) {
    let first = out.len();
    // As behind a line feed, so that a comment at the beginning stands alone.
    let mut newlines = 1;
    let is_block = node.kind() != SyntaxKind::File;
    let mut inside = !is_block;
    let mut goes_on = false;
    for element in node.children_with_tokens() {
        match element {
            rowan::NodeOrToken::Token(token) => match token.kind() {
                SyntaxKind::LeftBrace => (inside, newlines) = (true, 0),
                SyntaxKind::RightBrace => inside = false,
                SyntaxKind::Newline => newlines += 1,
                SyntaxKind::Semicolon => goes_on = true,
                SyntaxKind::Comment | SyntaxKind::Provenance if inside => {
                    let text = token.text().trim_end().to_owned();
                    let last =
                        out.last_mut().filter(|line| newlines == 0 && line.comment.is_none());
                    match last {
                        Some(line) => line.comment = Some(text),
                        None => out.push(Line {
                            indent,
                            comment: Some(text),
                            gap: newlines > 1 && out.len() > first,
                            ..Line::default()
                        }),
                    }
                    newlines = 0;
                }
                _ => {}
            },
            rowan::NodeOrToken::Node(item) if std::mem::take(&mut goes_on) => {
                write_behind(&item, indent, out);
                newlines = 0;
            }
            rowan::NodeOrToken::Node(item) => {
                let start = out.len();
                write_item(&item, indent, out);
                if let Some(line) = out.get_mut(start) {
                    line.gap = newlines > 1 && start > first;
                }
                newlines = 0;
            }
        }
    }
}

/// Writes a part of the header behind the one before it, or on a line of its own.
fn write_behind(item: &Node, indent: usize, out: &mut Vec<Line>) {
    let pieces = tokens::of(item);
    let text = tokens::text(&pieces);
    let width = |line: &Line| line.indent + line.text.chars().count() + 2 + text.chars().count();
    match out.last_mut() {
        Some(line) if width(line) <= WIDTH && !pieces.iter().any(tokens::Piece::is_comment) => {
            line.text += "; ";
            line.text += &text;
        }
        _ => write_item(item, indent, out),
    }
}

fn write_item(item: &Node, indent: usize, out: &mut Vec<Line>) {
    if !matches!(item.kind(), SyntaxKind::On | SyntaxKind::Group) {
        Lines::new(indent, out).write(&tokens::of(item));
        return;
    }
    if let Some(line) = one_line(item, indent) {
        out.push(Line { indent, text: line, ..Line::default() });
        return;
    }
    let (comments, head): (Vec<_>, Vec<_>) =
        tokens::head(item).into_iter().partition(tokens::Piece::is_comment);
    // A comment ends a line, and a head stands on one.
    let alone =
        |piece: tokens::Piece| Line { indent, comment: Some(piece.text), ..Line::default() };
    out.extend(comments.into_iter().map(alone));
    out.push(Line { indent, text: tokens::text(&head), ..Line::default() });
    write_lines(item, indent + INDENT, out);
    out.push(Line { indent, text: "}".to_owned(), ..Line::default() });
}

/// A block with one statement that was written on one line and fits there.
fn one_line(block: &Node, indent: usize) -> Option<String> {
    let is_broken = |token: &Token| {
        matches!(token.kind(), SyntaxKind::Newline | SyntaxKind::Comment | SyntaxKind::Provenance)
    };
    let tokens = || block.descendants_with_tokens().filter_map(rowan::NodeOrToken::into_token);
    let statements = block.children().count();
    if statements != 1 || tokens().any(|token| is_broken(&token)) {
        return None;
    }
    let line = tokens::text(&tokens::of(block));
    (indent + line.chars().count() <= WIDTH).then_some(line)
}

/// The lines as a text.
fn joined(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut column = 0;
    for (index, line) in lines.iter().enumerate() {
        let begins_run = index == 0 || line.gap || !lines[index - 1].has_both();
        if line.has_both() && begins_run {
            column = comment_column(&lines[index..]);
        }
        if line.gap {
            text.push('\n');
        }
        let start = text.len();
        text.extend(std::iter::repeat_n(' ', line.indent));
        text.push_str(&line.text);
        if let Some(comment) = &line.comment {
            if !line.text.is_empty() {
                let width = text[start..].chars().count();
                let spaces = column.saturating_sub(width).max(2);
                text.extend(std::iter::repeat_n(' ', spaces));
            }
            text.push_str(comment);
        }
        text.push('\n');
    }
    text
}

/// Where the comments of a run of lines begin.
fn comment_column(lines: &[Line]) -> usize {
    let run = lines
        .iter()
        .enumerate()
        .take_while(|(index, line)| line.has_both() && (*index == 0 || !line.gap));
    let width = |line: &Line| line.indent + line.text.chars().count();
    let widest = run.map(|(_, line)| width(line)).filter(|width| *width <= ALIGN_MAX).max();
    widest.map_or(0, |width| width + 2)
}

impl Line {
    fn has_both(&self) -> bool {
        !self.text.is_empty() && self.comment.is_some()
    }
}

#[cfg(test)]
mod tests;
