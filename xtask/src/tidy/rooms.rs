//! The size of each crate: a room that is too large holds more than one idea.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::text;

/// The most lines of Rust in a crate, without generated tables and the folder of its tests.
const LINES_MAX: usize = 7_000;

/// The most lines of `xtask`, which only starts what others do.
const XTASK_LINES_MAX: usize = 2_500;

/// Prints every crate with its lines, and gives those that are too large.
pub(super) fn violations(root: &Path, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut rooms: BTreeMap<&Path, usize> = BTreeMap::new();
    let crates: Vec<&Path> = files
        .iter()
        .filter(|file| file.ends_with("Cargo.toml"))
        .filter_map(|f| f.parent())
        .collect();
    let source = |file: &&PathBuf| {
        file.extension().is_some_and(|e| e == "rs")
            && !file
                .components()
                .any(|part| ["generated", "tests"].iter().any(|no| part.as_os_str() == *no))
    };
    for file in files.iter().filter(source) {
        let within = crates.iter().filter(|room| file.starts_with(room));
        let Some(room) = within.max_by_key(|room| room.components().count()) else { continue };
        let lines = text(root, file)?.unwrap_or_default().lines().count();
        *rooms.entry(room).or_default() += lines;
    }
    let mut found = Vec::new();
    for (room, lines) in rooms {
        println!("tidy: {lines:>6} lines  {}", room.display());
        let most = if room == Path::new("xtask") { XTASK_LINES_MAX } else { LINES_MAX };
        if lines > most {
            found.push(format!("{}: {lines} lines; at most {most}", room.display()));
        }
    }
    Ok(found)
}
