//! The tree of decisions as a picture: rows of text that hang on lines, as wide as a page, with a
//! mark of its own shape and colour for what becomes of calls.

use maud::{Markup, html as markup};

use super::tree::{Branch, Outcome, branches};
use super::{Report, Verdict};

/// The width of a picture, in its own units; it is shown as wide as there is room.
const WIDTH: usize = 960;
/// The height of a row.
const ROW: usize = 19;
/// How far each level is indented.
const INDENT: usize = 22;
/// The width of a letter of the size that is used.
const LETTER_TENTHS: usize = 75;
/// What stands above the rows of a picture of its own.
const TOP: usize = 12;

/// A row of a picture.
struct Row {
    level: usize,
    mark: Option<Verdict>,
    text: String,
    /// Whether it goes on with the row before.
    goes_on: bool,
}

/// The decisions of a filter as a picture that needs nothing else, with a legend.
#[must_use]
pub fn svg(report: &Report<'_>) -> String {
    let mut rows = vec![
        row(0, None, &format!("What {} decides", report.title)),
        row(1, Some(Verdict::Allowed), "executed, whatever the arguments"),
        row(1, Some(Verdict::Depends), "depends on the arguments"),
        row(1, Some(Verdict::Refused), "never executed"),
        row(0, None, ""),
        row(0, None, &format!("a call of another architecture {}", report.foreign)),
    ];
    for (arches, default) in report.defaults_alike() {
        rows.push(row(0, None, &format!("on {arches}, a number that is not named {default}")));
    }
    for branch in branches(&report.calls) {
        rows.push(row(0, None, ""));
        rows.push(row(0, None, &title(&branch)));
        rows.extend(of_branch(&branch, 1));
    }
    let style = include_str!("picture.css");
    let (height, drawn) = drawn(&rows);
    let picture = markup! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (height) }
            width=(WIDTH) height=(height) class="decisions" {
            title { "What " (report.title) " decides" }
            style { (maud::PreEscaped(style)) }
            rect.paper width=(WIDTH) height=(height) {}
            (drawn)
        }
    };
    picture.into_string()
}

/// A branch as a picture within a page, which has the legend.
pub(crate) fn within(branch: &Branch, id: &str) -> Markup {
    let rows: Vec<Row> = of_branch(branch, 0).collect();
    let (height, drawn) = drawn(&rows);
    markup! {
        svg viewBox={ "0 0 " (WIDTH) " " (height) } class="decisions" role="img" aria-labelledby=(id) {
            title id=(id) { "Decisions on " (branch.arches) ", as in the table of every call" }
            (drawn)
        }
    }
}

/// What the marks mean.
pub(crate) fn legend() -> Markup {
    let one = |verdict: Verdict, text: &str| {
        markup! {
            li {
                svg.decisions.mark viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" {
                    (mark(verdict, 7, 7))
                }
                " " (text)
            }
        }
    };
    markup! {
        ul.legend {
            (one(Verdict::Allowed, "executed, whatever the arguments"))
            (one(Verdict::Depends, "depends on the arguments"))
            (one(Verdict::Refused, "never executed"))
        }
    }
}

/// A branch in a line.
pub(crate) fn title(branch: &Branch) -> String {
    let [allowed, depends, refused] = branch.counts();
    let parts = [(allowed, "allowed"), (depends, "depend"), (refused, "refused")];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, word)| format!("{count} {word}")).collect();
    format!("on {}: {}", branch.arches, parts.join(", "))
}

fn of_branch(branch: &Branch, level: usize) -> impl Iterator<Item = Row> {
    branch.outcomes.iter().flat_map(move |outcome| of_outcome(outcome, level))
}

/// What becomes of calls, and which these are; of calls that depend on something, the calls first.
fn of_outcome(outcome: &Outcome, level: usize) -> Vec<Row> {
    let calls = outcome.calls.join(", ");
    let mut rows = Vec::new();
    let one_case = outcome.says.len() == 1;
    let first = if one_case { &outcome.says[0] } else { &calls };
    let counted = match (one_case, outcome.count) {
        (true, 1) => format!("1 call {first}:"),
        (true, count) => format!("{count} calls, each {first}:"),
        (false, _) => first.clone(),
    };
    wrap(&mut rows, level, Some(outcome.verdict), &counted);
    let below = if one_case { std::slice::from_ref(&calls) } else { &outcome.says };
    for text in below {
        let mark = (!one_case).then(|| Verdict::of_sentence(text));
        wrap(&mut rows, level + 1, mark, text);
    }
    rows
}

fn row(level: usize, mark: Option<Verdict>, text: &str) -> Row {
    Row { level, mark, text: text.to_owned(), goes_on: false }
}

/// Adds a text in as many rows as it takes.
fn wrap(rows: &mut Vec<Row>, level: usize, mark: Option<Verdict>, text: &str) {
    let letters = (WIDTH - (level + 2) * INDENT) * 10 / LETTER_TENTHS;
    let mut line = String::new();
    let mut goes_on = false;
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > letters {
            let text = std::mem::take(&mut line);
            rows.push(Row { level, mark: mark.filter(|_| !goes_on), text, goes_on });
            goes_on = true;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    rows.push(Row { level, mark: mark.filter(|_| !goes_on), text: line, goes_on });
}

/// Rows with their lines and marks, and how high they are.
fn drawn(rows: &[Row]) -> (usize, Markup) {
    let height = TOP + rows.len() * ROW;
    let middle = |index: usize| TOP + index * ROW + ROW / 2 - 4;
    let picture = markup! {
        @for (index, row) in rows.iter().enumerate() {
            @let (x, y) = (6 + row.level * INDENT, middle(index));
            @if row.level > 0 && !row.goes_on {
                path d={ "M" (x - INDENT + 1) " " (middle(hangs_on(rows, index)) + 8)
                    "V" (y) "H" (x - 7) } {}
            }
            @if let Some(verdict) = row.mark { (mark(verdict, x, y)) }
            @let text = x + if row.mark.is_some() || row.goes_on { 12 } else { 0 };
            text x=(text) y=(y + 4) class=[class(row)] { (row.text) }
        }
    };
    (height, picture)
}

fn class(row: &Row) -> Option<&'static str> {
    let title = (row.level == 0).then_some("title");
    row.mark.map(Verdict::word).or(title)
}

/// The row that another hangs on.
fn hangs_on(rows: &[Row], index: usize) -> usize {
    let level = rows[index].level;
    rows[..index].iter().rposition(|above| above.level < level).unwrap_or(0)
}

/// A circle, a diamond or a square, so that colours are not needed.
fn mark(verdict: Verdict, x: usize, y: usize) -> Markup {
    let class = verdict.word();
    markup! {
        @match verdict {
            Verdict::Allowed => circle class=(class) cx=(x) cy=(y) r="5" {},
            Verdict::Depends => {
                path class=(class) d={ "M" (x - 6) " " (y) "l6 -6l6 6l-6 6z" } {}
            },
            Verdict::Refused => {
                rect class=(class) x=(x - 5) y=(y - 5) width="10" height="10" {}
            },
        }
    }
}
