//! `cargo xtask tidy`: the architecture's invariants, checked.
//!
//! What cargo's metadata can show (who depends on whom, licences) is taken from there; the rest is
//! read from the files that git tracks.

mod circles;
mod claims;
mod crates;
mod rooms;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Checks everything and prints each violation.
pub(crate) fn run(_args: &[String]) -> Result<(), String> {
    let root = crate::root();
    let files = tracked_files(&root)?;
    let mut violations = crates::violations()?;
    violations.extend(sources::violations(&root, &files)?);
    violations.extend(rooms::violations(&root, &files)?);
    violations.extend(circles::violations(&root, &files)?);
    violations.extend(claims::violations(&root, &files)?);
    for violation in &violations {
        eprintln!("tidy: {violation}");
    }
    match violations.len() {
        0 => {
            println!("tidy: {} files, no violation", files.len());
            Ok(())
        }
        count => Err(format!("{count} violations")),
    }
}

/// The files of the project, relative to its root, whether committed yet or not.
fn tracked_files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let list = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("git ls-files: {error}"))?;
    let names = String::from_utf8(list.stdout).map_err(|error| format!("git ls-files: {error}"))?;
    let files: Vec<PathBuf> =
        names.lines().map(PathBuf::from).filter(|file| root.join(file).is_file()).collect();
    // An empty list would make every check pass.
    if files.is_empty() { Err("git ls-files lists nothing".into()) } else { Ok(files) }
}

/// The text of a file of the project, or `None` where it is not text.
fn text(root: &Path, file: &Path) -> Result<Option<String>, String> {
    let bytes = std::fs::read(root.join(file)).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(String::from_utf8(bytes).ok())
}
