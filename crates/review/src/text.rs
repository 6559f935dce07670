//! Changes as lines for a terminal.

use crate::{Direction, Folded};

/// How a part of a line is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "what a terminal tells apart")]
pub enum Tone {
    /// As it is.
    Plain,
    /// A heading.
    Heading,
    /// What permits more.
    Looser,
    /// What permits less.
    Stricter,
    /// What may be overlooked.
    Faint,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a text and how it is shown")]
pub struct Span {
    /// How it is shown.
    pub tone: Tone,
    /// The text, with its line ends.
    pub text: String,
}

/// The most calls of one change that are named.
const NAMED_MAX: usize = 40;

/// What changes, in a line: `2 looser, 1 stricter`.
#[must_use]
pub fn summary(changes: &[Folded<'_>]) -> String {
    let count = |direction| changes.iter().filter(|change| change.direction == direction).count();
    let kinds = [
        (Direction::Looser, "looser"),
        (Direction::Stricter, "stricter"),
        (Direction::Other, "other"),
    ];
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|(direction, word)| (count(direction), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if parts.is_empty() { "no difference".to_owned() } else { parts.join(", ") }
}

/// The changes for a terminal of that many columns.
#[must_use]
pub fn text(changes: &[Folded<'_>], columns: usize) -> Vec<Span> {
    let mut spans = vec![line(Tone::Heading, &summary(changes))];
    let mut last = None;
    for change in changes {
        if last != Some(change.direction) {
            last = Some(change.direction);
            spans.push(line(Tone::Plain, ""));
            spans.push(line(Tone::Heading, heading(change.direction)));
        }
        write(&mut spans, change, columns);
    }
    spans
}

/// The most differences that are listed where what changed from one to the other is no question.
const SIDES_MAX: usize = 20;

/// What two filters do with calls that they decide differently, the most telling first.
#[must_use]
pub fn sides(changes: &[Folded<'_>], columns: usize) -> Vec<Span> {
    let mut spans = Vec::new();
    for change in changes.iter().take(SIDES_MAX) {
        let what = what(change, NAMED_MAX);
        let arches = change.arches.join(", ");
        let sentence = format!("{what} on {arches}: {} in A, {} in B", change.from, change.to);
        let lines = wrapped(&sentence, columns, "  ", "    ");
        spans.extend(lines.iter().map(|full| line(Tone::Plain, full)));
        about(&mut spans, change);
    }
    match changes.len().saturating_sub(SIDES_MAX) {
        0 => {}
        more => spans.push(line(
            Tone::Plain,
            &format!("  and {more} more kinds of calls: --format json has all"),
        )),
    }
    spans
}

pub(crate) const fn heading(direction: Direction) -> &'static str {
    match direction {
        Direction::Looser => "looser: B permits what A refuses",
        Direction::Stricter => "stricter: B refuses what A permits",
        Direction::Other => "other: refused or handled in another way",
    }
}

fn write(spans: &mut Vec<Span>, change: &Folded<'_>, columns: usize) {
    let tone = match change.direction {
        Direction::Looser => Tone::Looser,
        Direction::Stricter => Tone::Stricter,
        Direction::Other => Tone::Plain,
    };
    let (from, to) = (change.from, change.to);
    let what = what(change, NAMED_MAX);
    let sentence = format!("{what} on {}: was {from}, is {to}", change.arches.join(", "));
    let mut lines = wrapped(&sentence, columns, "  ", "    ");
    let end = lines.pop().unwrap_or_default();
    spans.extend(lines.iter().map(|full| line(Tone::Plain, full)));
    // What it is now is what one looks for.
    let before = end.strip_suffix(to).unwrap_or(&end);
    spans.push(Span { tone: Tone::Plain, text: before.to_owned() });
    spans.push(line(tone, &end[before.len()..]));
    about(spans, change);
}

/// A call that was tried, and who decides about it on both sides.
fn about(spans: &mut Vec<Span>, change: &Folded<'_>) {
    let Some(tried) = change.tried else { return };
    let mut about = Vec::new();
    if let Some(example) = &tried.example {
        about.push(format!("e.g. {example}"));
    }
    about.extend(tried.from_by.iter().map(|by| format!("A: {by}")));
    about.extend(tried.to_by.iter().map(|by| format!("B: {by}")));
    spans.extend(about.iter().map(|text| line(Tone::Faint, &format!("    {text}"))));
}

/// The calls and the condition.
pub(crate) fn what(change: &Folded<'_>, named_max: usize) -> String {
    let left = change.subjects.len().saturating_sub(named_max);
    let named: Vec<&str> = change.subjects.iter().take(named_max).map(String::as_str).collect();
    let more = if left > 0 { format!(" and {left} more") } else { String::new() };
    let when = change.when.map_or(String::new(), |when| format!(" where {when}"));
    format!("{}{more}{when}", named.join(", "))
}

fn line(tone: Tone, text: &str) -> Span {
    Span { tone, text: format!("{text}\n") }
}

/// A text in lines of at most that many columns, where its words are not longer.
fn wrapped(text: &str, columns: usize, first: &str, others: &str) -> Vec<String> {
    let mut lines = vec![first.to_owned()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let begins = lines[last].trim().is_empty();
        if begins || lines[last].chars().count() + 1 + word.chars().count() <= columns {
            if !begins {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        } else {
            lines.push(format!("{others}{word}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_the_terminal_does() {
        let lines = wrapped("read, write, close, openat", 16, "  ", "    ");
        assert_eq!(lines, ["  read, write,", "    close,", "    openat"]);
        assert_eq!(wrapped("x", 0, "  ", "    "), ["  x"]);
    }

    #[test]
    fn no_change_is_said() {
        assert_eq!(text(&[], 80), [line(Tone::Heading, "no difference")]);
    }
}
