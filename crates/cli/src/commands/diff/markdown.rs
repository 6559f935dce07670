//! Changes as tables for a review.

use std::io::{self, Write};

use super::{Change, by_arch};

/// Writes the changes.
pub(crate) fn write(out: &mut dyn Write, changes: &[Change]) -> io::Result<()> {
    if changes.is_empty() {
        return writeln!(out, "No difference.");
    }
    for (index, (arch, changes)) in by_arch(changes).into_iter().enumerate() {
        writeln!(out, "{}### {arch}\n", if index == 0 { "" } else { "\n" })?;
        writeln!(out, "| syscalls | when | was | is | | for example |\n|---|---|---|---|---|---|")?;
        changes.iter().try_for_each(|change| write_row(out, change))?;
    }
    Ok(())
}

fn write_row(out: &mut dyn Write, change: &Change) -> io::Result<()> {
    let code = |text: &str| format!("`{}`", text.replace('|', "\\|"));
    let when = change.when.as_deref().map_or(String::new(), code);
    let example = change.example.as_deref().map_or(String::new(), code);
    let direction = if change.looser { "looser" } else { "stricter" };
    writeln!(
        out,
        "| {} | {when} | {} | {} | {direction} | {example} |",
        change.subject(),
        change.from,
        change.to
    )
}
