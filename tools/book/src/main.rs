//! `cargo xtask book [--try] [--picture]`: the book of `docs/guide` as HTML, under
//! `target/book/html`.
//!
//! The chapters are those of the guide, whose commands `cargo xtask guide` plays. Beside them stand
//! what the project's other texts say (verification, compatibility), and what is generated: a page
//! for each command from its `--help`, the matrix of forms, the codes of errors and findings, a
//! report, and the playground, which is a page with the libraries as WebAssembly. Every link within the book must lead somewhere.
//!
//! `--try` opens the book in a headless Chromium: search answers, the playground computes, and
//! axe-core finds nothing serious. `--picture` renews the picture of the README, which otherwise
//! must be what the command prints today.
//!
//! mdBook is built from `tools/book/press`, a workspace of its own whose lock file pins it; after
//! `cargo fetch` there it needs no network.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this command talks to a person")]

mod browser;
mod chapters;
mod codes;
mod commands;
mod forms;
mod help;
mod links;
mod picture;
mod playground;
mod press;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    browser: bool,
    picture: bool,
}

fn main() -> ExitCode {
    house::main("book", run)
}

fn run(args: &[String]) -> Result<(), String> {
    let wanted = wanted(args)?;
    let command = house::build_command()?;
    picture::renew_or_check(&command, wanted.picture)?;
    let start = Instant::now();
    let folder = house::target().join("book");
    let playground = playground::build(&folder.join("playground"))?;
    let (sources, html) = (fresh(&folder.join("src"))?, fresh(&folder.join("html"))?);
    chapters::write_all(&sources, &command, playground.as_deref())?;
    for file in ["book.toml", "access.css", "access.js"] {
        copy(&house::root().join("docs/guide").join(file), &folder.join(file))?;
    }
    press::book(&folder)?;
    let links = links::check(&html)?;
    println!(
        "book: {} pages in {}, {links} links lead somewhere; {:.0} s",
        links::pages(&html)?.len(),
        html.display(),
        start.elapsed().as_secs_f64()
    );
    if wanted.browser { browser::open(&html, &folder) } else { Ok(()) }
}

fn wanted(args: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    for arg in args {
        match arg.as_str() {
            "--try" => wanted.browser = true,
            "--picture" => wanted.picture = true,
            _ => return Err(format!("{arg}: the options are --try and --picture")),
        }
    }
    Ok(wanted)
}

/// A folder with nothing in it.
fn fresh(folder: &Path) -> Result<PathBuf, String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder.into())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<(), String> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = written.and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

/// The files of a folder in the order of their names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}
