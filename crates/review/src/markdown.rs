//! Changes as tables for a pull request.

use std::fmt::Write as _;

use crate::text::{WHEN_MAX, heading, what};
use crate::{Folded, summary};

/// The most calls of one change that are named: hosts cut comments that are too long.
const NAMED_MAX: usize = 60;

/// The changes, a table for each direction.
#[must_use]
pub fn markdown(changes: &[Folded<'_>]) -> String {
    if changes.is_empty() {
        return "No difference.\n".to_owned();
    }
    let mut text = format!("**{}**\n", summary(changes));
    let mut last = None;
    for change in changes {
        if last != Some(change.direction) {
            last = Some(change.direction);
            let heading = heading(change.direction);
            // Writing to a string cannot fail.
            let _ = write!(text, "\n### {heading}\n\n");
            text += "| calls | architectures | was | is | for example |\n|---|---|---|---|---|\n";
        }
        row(&mut text, change);
    }
    text
}

/// A text as code in a cell: names of files may hold what would end it.
pub(crate) fn code(text: &str) -> String {
    let harmless = |c: char| match c {
        '`' => '\'',
        c if c.is_control() => ' ',
        c => c,
    };
    format!("`{}`", text.chars().map(harmless).collect::<String>().replace('|', "\\|"))
}

fn row(text: &mut String, change: &Folded<'_>) {
    let tried = change.tried.as_ref();
    let example = tried.map_or(String::new(), |tried| code(&tried.example));
    let by = |side: &str, by: Option<&String>| {
        by.map_or(String::new(), |by| format!("<br>{side}: {}", code(by)))
    };
    let (from_by, to_by) =
        tried.map_or((None, None), |tried| (tried.from_by.as_ref(), tried.to_by.as_ref()));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {example}{}{} |",
        code(&what(change, NAMED_MAX, WHEN_MAX)),
        change.arches.join(", "),
        change.from,
        change.to,
        by("A", from_by),
        by("B", to_by),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_stay_in_their_cell() {
        assert_eq!(code("a`<img>|\n.json:1"), "`a'<img>\\| .json:1`");
    }
}
