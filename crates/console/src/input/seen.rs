//! Which files were read, so that none of them is written over by what is made of it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;

/// The files that this process read, by device and inode: the same one may have several names.
static READ: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());

/// Keeps in mind that a file is read.
pub(super) fn remember(file: &File) {
    if let (Ok(about), Ok(mut read)) = (file.metadata(), READ.lock()) {
        // Pipes and devices lose nothing.
        if about.is_file() {
            read.push((about.dev(), about.ino()));
        }
    }
}

/// Whether a path leads to a file that was read.
pub(crate) fn was_read(path: &Path) -> bool {
    let Ok(about) = fs::metadata(path) else { return false };
    READ.lock().is_ok_and(|read| read.contains(&(about.dev(), about.ino())))
}
