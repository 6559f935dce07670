//! Files, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::input::seen;

/// Writes a file. Whoever reads the path sees the old content or the new, never half of one; a failure leaves the
/// old.
///
/// What is no regular file (a pipe, a device) is written to as it is.
///
/// # Errors
/// [`Error::Write`].
pub fn file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let result = match fs::metadata(path) {
        Ok(existing) if existing.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(existing) if !existing.is_file() => {
            OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(bytes))
        }
        // A link stays a link: its target is replaced.
        Ok(existing) => fs::canonicalize(path)
            .and_then(|target| replace(&target, bytes, Some(existing.permissions()))),
        Err(_) => replace(path, bytes, None),
    };
    result.map_err(|reason| Error::write(path, reason))
}

/// Writes what a command made, but never over a file that it was made of.
///
/// # Errors
/// As [`file()`].
pub fn product(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if seen::was_read(path) {
        let reason = "it was read as input, and would be lost: name another file";
        return Err(Error::write(path, io::Error::other(reason)));
    }
    file(path, bytes)
}

/// Writes a text as a policy, formatted, whose filter was proved.
///
/// # Errors
/// As [`file()`], and if there is no proved filter.
pub fn policy(path: &Path, text: &str) -> Result<(), Error> {
    let formatted = callgate_gate::format(&callgate_gate::File::parse(text));
    let text = formatted.as_deref().unwrap_or(text);
    callgate::Filter::parse(text)?;
    file(path, text.as_bytes())
}

/// A file of its own beside another, which ends with this value.
#[derive(Debug)]
pub struct Temporary(PathBuf);

impl Temporary {
    /// Writes it. Its name ends as that of `path` does, and no file had it before.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn beside(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let (temporary, mut file) = temporary(path).map_err(|reason| Error::write(path, reason))?;
        let this = Self(temporary);
        file.write_all(bytes).map_err(|reason| Error::write(&this.0, reason))?;
        Ok(this)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing depends on its end, and nobody is left to be told.
        let _ = fs::remove_file(&self.0);
    }
}

fn replace(path: &Path, bytes: &[u8], permissions: Option<fs::Permissions>) -> io::Result<()> {
    let (temporary, mut file) = temporary(path)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions)))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first failure is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// A new file beside `path`, so that renaming it does not cross file systems.
fn temporary(path: &Path) -> io::Result<(PathBuf, File)> {
    const ATTEMPTS: u32 = 100;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut attempt = 0;
    loop {
        let mut temporary_name =
            std::ffi::OsString::from(format!(".{}-{attempt}.", std::process::id()));
        temporary_name.push(name);
        let temporary = path.with_file_name(temporary_name);
        match File::create_new(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
