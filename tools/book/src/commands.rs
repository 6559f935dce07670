//! A page for each command, made of what its `--help` says.

use std::path::Path;
use std::process::Command;

use crate::help::Help;

/// A page of the book.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) text: String,
}

/// Options that every command has; the page of the command itself says what they do.
const COMMON: [&str; 2] = ["--error-format", "--help"];

/// The page of `callgate` itself, then those of its commands in the order of its help.
pub(crate) fn pages(command: &Path) -> Result<Vec<Page>, String> {
    let whole = Help::read(&help(command, &[])?)?;
    let mut text = format!("# The command\n\n{}", whole.markdown(&[]));
    text = linked(&text, &whole);
    let mut pages = vec![Page { file: "commands.md".into(), title: "The command".into(), text }];
    for name in whole.commands() {
        pages.push(page(command, name)?);
    }
    match pages.len() {
        0..20 => Err(format!("the help names {} commands only", pages.len() - 1)),
        _ => Ok(pages),
    }
}

fn page(command: &Path, name: &str) -> Result<Page, String> {
    let own = Help::read(&help(command, &[name])?)?;
    let mut text = format!("# callgate {name}\n\n{}", own.markdown(&COMMON));
    for inner in own.commands() {
        let its = Help::read(&help(command, &[name, inner])?)?;
        // Its sections stand one level lower.
        let inner_text = its.markdown(&COMMON).replace("\n## ", "\n### ");
        text += &format!("\n## callgate {name} {inner}\n\n{inner_text}");
    }
    if name == "report" {
        let report = crate::chapters::REPORT;
        text +=
            &format!("\n## An example\n\n[The report on the profile `container`](../{report})\n");
    }
    Ok(Page { file: format!("commands/{name}.md"), title: format!("callgate {name}"), text })
}

fn help(command: &Path, words: &[&str]) -> Result<String, String> {
    house::output(Command::new(command).args(words).arg("--help").env("COLUMNS", "100"))
}

/// The list of commands with links to their pages.
fn linked(text: &str, help: &Help) -> String {
    help.commands().fold(text.to_owned(), |text, name| {
        text.replace(&format!("| `{name}` |"), &format!("| [`{name}`](commands/{name}.md) |"))
    })
}
