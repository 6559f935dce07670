//! The files beside a unit that belong to it.

use std::path::{Path, PathBuf};

/// The drop-ins beside a unit, `UNIT.d/*.conf`, in the order of their names.
#[must_use]
pub fn drop_ins(unit: &Path) -> Vec<PathBuf> {
    let mut folder = unit.as_os_str().to_owned();
    folder.push(".d");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths
}
