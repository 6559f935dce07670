//! Changes as lines to read.

use std::io::{self, Write};

use super::{Change, by_arch};
use callgate_console::output;

/// Writes the changes.
pub(crate) fn write(out: &mut dyn Write, changes: &[Change]) -> io::Result<()> {
    if changes.is_empty() {
        return writeln!(out, "no difference");
    }
    let heading = output::HEADING;
    for (index, (arch, changes)) in by_arch(changes).into_iter().enumerate() {
        writeln!(out, "{}{heading}{arch}{heading:#}", if index == 0 { "" } else { "\n" })?;
        changes.iter().try_for_each(|change| write_change(out, change))?;
    }
    Ok(())
}

fn write_change(out: &mut dyn Write, change: &Change) -> io::Result<()> {
    // Red is what was refused before and no longer is.
    let (style, faint) = (if change.looser { output::BAD } else { output::GOOD }, output::FAINT);
    let Change { from, to, .. } = change;
    let when = change.when.as_ref().map_or(String::new(), |when| format!(" with {when}"));
    writeln!(out, "  {}{when}: was {from}, is {style}{to}{style:#}", change.subject())?;
    match &change.example {
        Some(example) => writeln!(out, "    {faint}e.g. {example}{faint:#}"),
        None => Ok(()),
    }
}
