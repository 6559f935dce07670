//! Commands that either do what they shall or say all that they printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a command; its output on both channels.
pub(crate) fn heard(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    match output.status.success() {
        true => Ok(text),
        false => Err(format!("{command:?}: {}\n{text}", output.status)),
    }
}

/// A folder of that name under `target/arrive`, empty.
pub(crate) fn fresh(name: &str) -> Result<PathBuf, String> {
    let folder = kept(name);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{}: {error}", folder.display()));
        }
        _ => {}
    }
    made(&folder)?;
    Ok(folder)
}

/// The place of that name under `target/arrive`.
pub(crate) fn kept(name: &str) -> PathBuf {
    house::target().join("arrive").join(name)
}

/// Makes a folder, and those above it.
pub(crate) fn made(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Copies a file under its own name into a folder.
pub(crate) fn copied(from: &Path, folder: &Path) -> Result<PathBuf, String> {
    let to = folder.join(from.file_name().unwrap_or_default());
    fs::copy(from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
    Ok(to)
}

/// Writes a file.
pub(crate) fn written(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
