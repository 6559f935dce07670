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

/// How changes are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "what a caller knows of the terminal and of its user"
)]
pub struct Layout {
    /// The columns of the terminal.
    pub columns: usize,
    /// Whether everything is named, however long it gets.
    pub whole: bool,
}

/// What names everything, for those who miss something.
const WHOLE: &str = "--all";

/// The most calls of one change that are named.
const NAMED_MAX: usize = 40;

/// The most bytes of a condition that are shown: about four lines.
pub(crate) const WHEN_MAX: usize = 320;

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

/// The changes for a terminal.
#[must_use]
pub fn text(changes: &[Folded<'_>], layout: Layout) -> Vec<Span> {
    let mut spans = vec![line(Tone::Heading, &summary(changes))];
    let mut last = None;
    for change in changes {
        if last != Some(change.direction) {
            last = Some(change.direction);
            spans.push(line(Tone::Plain, ""));
            spans.push(line(Tone::Heading, heading(change.direction)));
        }
        write(&mut spans, change, layout);
    }
    spans
}

/// The most differences that are listed where what changed from one to the other is no question.
const SIDES_MAX: usize = 20;

/// What two filters do with calls that they decide differently, the most telling first.
#[must_use]
pub fn sides(changes: &[Folded<'_>], layout: Layout) -> Vec<Span> {
    let mut spans = Vec::new();
    let shown_max = if layout.whole { usize::MAX } else { SIDES_MAX };
    for change in changes.iter().take(shown_max) {
        let what = layout.what(change);
        let arches = change.arches.join(", ");
        let sentence = format!("{what} on {arches}: {} in A, {} in B", change.from, change.to);
        let lines = wrapped(&sentence, layout.columns, "  ", "    ");
        spans.extend(lines.iter().map(|full| line(Tone::Plain, full)));
        about(&mut spans, change);
    }
    match changes.len().saturating_sub(shown_max) {
        0 => {}
        more => spans.push(line(
            Tone::Plain,
            &format!("  and {more} more kinds of calls ({WHOLE} has them)"),
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

fn write(spans: &mut Vec<Span>, change: &Folded<'_>, layout: Layout) {
    let tone = match change.direction {
        Direction::Looser => Tone::Looser,
        Direction::Stricter => Tone::Stricter,
        Direction::Other => Tone::Plain,
    };
    let (from, to) = (change.from, change.to);
    let what = layout.what(change);
    let sentence = format!("{what} on {}: was {from}, is {to}", change.arches.join(", "));
    let mut lines = wrapped(&sentence, layout.columns, "  ", "    ");
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
    let Some(tried) = &change.tried else { return };
    let mut about = vec![format!("e.g. {}", tried.example)];
    about.extend(tried.from_by.iter().map(|by| format!("A: {by}")));
    about.extend(tried.to_by.iter().map(|by| format!("B: {by}")));
    spans.extend(about.iter().map(|text| line(Tone::Faint, &format!("    {text}"))));
}

impl Layout {
    /// The calls and the condition.
    fn what(self, change: &Folded<'_>) -> String {
        if self.whole {
            return what(change, usize::MAX, usize::MAX);
        }
        let left = change.subjects.len().saturating_sub(NAMED_MAX);
        let is_cut = left > 0 || change.when.is_some_and(|when| when.len() > WHEN_MAX);
        let hint = if is_cut { format!(" ({WHOLE} has it whole)") } else { String::new() };
        format!("{}{hint}", what(change, NAMED_MAX, WHEN_MAX))
    }
}

/// The calls and the condition, with at most so many calls and bytes of the condition.
pub(crate) fn what(change: &Folded<'_>, named_max: usize, when_max: usize) -> String {
    let left = change.subjects.len().saturating_sub(named_max);
    let named: Vec<&str> = change.subjects.iter().take(named_max).map(String::as_str).collect();
    let more = if left > 0 { format!(" and {left} more") } else { String::new() };
    let when = match change.when {
        None => String::new(),
        Some(when) if when.len() <= when_max => format!(" where {when}"),
        Some(_) => " where a longer condition holds".to_owned(),
    };
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
        assert_eq!(
            text(&[], Layout { columns: 80, whole: false }),
            [line(Tone::Heading, "no difference")]
        );
    }

    #[test]
    fn what_is_left_out_is_named_when_asked_for() {
        let many: Vec<String> = (0..50).map(|number| format!("call{number}")).collect();
        let change = Folded {
            direction: Direction::Looser,
            subjects: many,
            arches: vec!["x86_64"],
            when: None,
            from: "ERRNO(1)",
            to: "ALLOW",
            tried: None,
        };
        let shown = |whole| -> String {
            let changes = vec![change.clone(); SIDES_MAX + 1];
            let layout = Layout { columns: 100, whole };
            let both = [text(&changes[..1], layout), sides(&changes, layout)].concat();
            both.into_iter().map(|span| span.text).collect()
        };
        let short = shown(false);
        assert!(short.contains("and 10 more (--all has it whole)"), "{short}");
        assert!(short.contains("and 1 more kinds of calls (--all has them)"), "{short}");
        let whole = shown(true);
        assert!(whole.contains("call49") && !whole.contains(" more"), "{whole}");
    }
}
