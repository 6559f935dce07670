//! Folders under `target/world`, and commands of which one feeds another.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The place of that name under `target/world`.
pub(crate) fn kept(name: &str) -> PathBuf {
    house::target().join("world").join(name.replace(' ', "-"))
}

/// Makes a folder, and those above it.
pub(crate) fn made(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// An empty folder in that place.
pub(crate) fn emptied(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", folder.display()))
        }
        _ => made(folder),
    }
}

/// Copies a file, and makes the folder that it goes to.
pub(crate) fn copied(from: &Path, to: &Path) -> Result<(), String> {
    made(to.parent().unwrap_or(to))?;
    let copied = fs::copy(from, to).map(drop);
    copied.map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

/// Writes a file, and makes the folder that it goes to.
pub(crate) fn written(path: &Path, text: &str) -> Result<(), String> {
    made(path.parent().unwrap_or(path))?;
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Runs two commands, of which the second reads what the first prints.
pub(crate) fn piped(from: &mut Command, to: &mut Command) -> Result<(), String> {
    let mut first =
        from.stdout(Stdio::piped()).spawn().map_err(|error| format!("{from:?}: {error}"))?;
    let output = first.stdout.take().ok_or_else(|| format!("{from:?}: no output"))?;
    let second = house::output(to.stdin(output));
    let status = first.wait().map_err(|error| format!("{from:?}: {error}"))?;
    second?;
    if status.success() { Ok(()) } else { Err(format!("{from:?}: {status}")) }
}
