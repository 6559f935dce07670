//! The sources of the book: the guide's chapters, the project's other texts, and generated pages.

use std::path::Path;
use std::process::Command;

use crate::{codes, commands, copy, entries, forms, links, read, write};

/// The guide's own chapters, and the table of contents with places for the others.
const GUIDE: &str = "docs/guide/src";

/// Texts of the project that are chapters too, the file's name in the book, and the title.
pub(crate) const TEXTS: [(&str, &str, &str); 7] = [
    ("VERIFICATION.md", "verification.md", "Verification"),
    ("COMPATIBILITY.md", "compatibility.md", "Compatibility"),
    ("ARCHITECTURE.md", "architecture.md", "Architecture"),
    ("docs/benchmarks.md", "benchmarks.md", "Benchmarks"),
    ("docs/growth.md", "growth.md", "Growth"),
    ("SECURITY.md", "security.md", "Security"),
    ("CHANGELOG.md", "changelog.md", "Changes"),
];

/// The page of the playground; without the libraries it says that it was made without them.
pub(crate) const PLAYGROUND: &str = "playground.md";

/// The example of a report.
pub(crate) const REPORT: &str = "example-report.html";

/// Writes the sources into a folder.
pub(crate) fn write_all(
    folder: &Path,
    command: &Path,
    playground: Option<&Path>,
) -> Result<(), String> {
    let guide = house::root().join(GUIDE);
    for chapter in entries(&guide)? {
        let Some(name) = chapter.file_name().and_then(|name| name.to_str()) else { continue };
        let text = included(&read(&chapter)?, &guide)?;
        write(&folder.join(name), codes::anchored(&chapter_of(&text)))?;
    }
    for (path, name, _) in TEXTS {
        let text = links::within_book(&read(&house::root().join(path))?, Path::new(path))?;
        write(&folder.join(name), text)?;
    }
    copy(&house::root().join("docs/growth.svg"), &folder.join("growth.svg"))?;
    write(&folder.join("matrix.md"), forms::page())?;
    write(&folder.join("codes.md"), codes::page())?;
    write_report(command, &folder.join(REPORT))?;
    let pages = commands::pages(command)?;
    for page in &pages {
        write(&folder.join(&page.file), &page.text)?;
    }
    write(&folder.join(PLAYGROUND), crate::playground::page(playground.is_some())?)?;
    if let Some(files) = playground {
        for file in entries(files)? {
            copy(&file, &folder.join(file.file_name().unwrap_or_default()))?;
        }
    }
    let contents = contents(&read(&guide.join("SUMMARY.md"))?, &pages)?;
    write(&folder.join("SUMMARY.md"), contents)
}

/// What `callgate report` makes of the embedded profile for containers.
fn write_report(command: &Path, path: &Path) -> Result<(), String> {
    let mut report = Command::new(command);
    house::output(report.args(["report", "container", "--output"]).arg(path)).map(drop)
}

/// A chapter without the marks that only the player of its commands reads: comments, and the exit
/// statuses that it expects.
fn chapter_of(text: &str) -> String {
    let mark = |line: &&str| {
        let comment = line.strip_prefix("<!-- ").is_some_and(|rest| rest.contains(": "));
        !(comment && line.ends_with(" -->")) && *line != "[any exit]"
    };
    text.lines().filter(mark).fold(String::new(), |text, line| text + line + "\n")
}

/// A text with the files that it includes.
fn included(text: &str, folder: &Path) -> Result<String, String> {
    text.lines().try_fold(String::new(), |all, line| {
        let path = line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}"));
        let line = path.map_or(Ok(line.to_owned()), |path| read(&folder.join(path.trim())))?;
        Ok(all + &line + "\n")
    })
}

/// The table of contents with the lines of generated pages in their places.
fn contents(text: &str, pages: &[commands::Page]) -> Result<String, String> {
    let commands = pages.iter().skip(1).fold(String::new(), |lines, page| {
        lines + &format!("  - [{}]({})\n", page.title, page.file)
    });
    let texts = TEXTS
        .iter()
        .fold(String::new(), |lines, (_, file, title)| lines + &format!("- [{title}]({file})\n"));
    let places = [("<!-- commands -->\n", commands), ("<!-- texts -->\n", texts)];
    places.into_iter().try_fold(text.to_owned(), |text, (place, lines)| {
        match text.matches(place).count() {
            1 => Ok(text.replace(place, &lines)),
            count => Err(format!("SUMMARY.md has {place:?} {count} times, and must have it once")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_the_player_are_not_shown() {
        let text =
            "<!-- in: project -->\n<!-- stays -->\n```console\n$ x\n[any exit]\n[exit 1]\n```\n";
        assert_eq!(chapter_of(text), "<!-- stays -->\n```console\n$ x\n[exit 1]\n```\n");
    }

    #[test]
    fn generated_pages_stand_in_their_places() {
        let pages: Vec<_> = ["commands.md", "run.md"]
            .map(|file| commands::Page {
                file: file.into(),
                title: "t".into(),
                text: String::new(),
            })
            .into();
        let text = "- [c](commands.md)\n<!-- commands -->\n<!-- texts -->\n";
        let contents = contents(text, &pages).unwrap();
        assert!(contents.starts_with("- [c](commands.md)\n  - [t](run.md)\n- [Verification]"));
        assert!(super::contents("<!-- texts -->\n", &pages).is_err());
    }
}
