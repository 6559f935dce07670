//! A report for a pull request: what a host of sources shows, and no more than one reads there.

use std::fmt::Write as _;

use super::{FindingRow, Report, Verdict};
use crate::markdown;
use crate::markdown::code;

/// A report as Markdown: the summary, the changes, the intents, the calls that depend on something.
#[must_use]
pub fn report(report: &Report<'_>) -> String {
    let [allowed, depends, refused] = report.counts();
    let mut text = format!(
        "## Filter report: {}\n\n{allowed} syscalls allowed, {depends} depend on arguments or \
         architecture, {refused} refused.\n\n",
        code(&report.title)
    );
    if let Some(under) = &report.circumstances {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "This is so {under}; under others the filter is another one.\n");
    }
    if let Some((base, changes)) = &report.against {
        // Writing to a string cannot fail.
        let _ = write!(text, "What changes from {}:\n\n{}\n", code(base), markdown(changes));
    }
    if let Some(found) = &report.findings {
        text += &findings(found);
    }
    text += "| intent | allowed | depends | refused | risk |\n|---|---|---|---|---|\n";
    for block in &report.blocks {
        let [allowed, depends, refused] = block.counts;
        let risks = block.risks.join(", ");
        let _ =
            writeln!(text, "| `@{}` | {allowed} | {depends} | {refused} | {risks} |", block.name);
    }
    text += "\n<details><summary>Calls that depend on something</summary>\n\n";
    text += "| call | where | what happens |\n|---|---|---|\n";
    for call in report.calls.iter().filter(|call| call.verdict == Verdict::Depends) {
        for (arches, sentences) in &call.cases {
            let sentences = cell(&sentences.join("<br>"));
            let _ = writeln!(text, "| `{}` | {arches} | {sentences} |", call.name);
        }
    }
    text + "\n</details>\n"
}

/// What is wrong, but for notes, which are for those who look for them.
fn findings(found: &[FindingRow]) -> String {
    let (notes, rest): (Vec<_>, Vec<_>) = found.iter().partition(|one| one.severity == "note");
    let mut text = format!("Lint: {} findings and {} notes.\n\n", rest.len(), notes.len());
    if !rest.is_empty() {
        text += "| finding | code | where |\n|---|---|---|\n";
    }
    for finding in &rest {
        let place = finding.place.as_deref().map_or_else(String::new, code);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {}: {} | {} | {place} |",
            finding.severity,
            cell(&finding.message),
            finding.code
        );
    }
    text + "\n"
}

/// A text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
