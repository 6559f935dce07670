//! The syscalls that a program and its libraries can reach, found in their machine code.
//!
//! A file is taken apart once (`sweep`): functions, and what each refers to. From where the kernel
//! and the loader start, everything is reached that is called, whose address is made, or to which
//! reached data points (`reach`), over all libraries. At each instruction that enters the kernel
//! the number is followed back (`numbers`): through registers and the stack of the function, and,
//! where it comes from the caller (`syscall(2)`, the wrappers of Go and musl), to all of its
//! callers. A number that is not found is [unknown](Unknown), and listed as such.
//!
//! Claim: C-REACHABLE
//!
//! What is left out on purpose: code that is made at run time, and what other programs do that are
//! started. Both are outside of the files.
#![forbid(unsafe_code)]

mod aarch64;
mod decode;
mod flow;
mod image;
mod libraries;
mod machine;
mod numbers;
mod policy;
mod reach;
mod report;
mod starts;
mod sweep;
#[cfg(test)]
mod testing;
mod text;
mod values;
mod world;
mod x86;

use std::io;
use std::path::{Path, PathBuf};

pub use image::FileError;
pub use report::{Call, Doubt, FileReport, Report, Step, Unknown};

/// Why there is no report.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file that was named could not be read.
    Read(PathBuf, io::Error),
    /// A file that was named cannot be scanned.
    File(PathBuf, FileError),
}

/// Scans programs, with the libraries that are found for them in a root.
///
/// # Errors
/// That a program cannot be read or scanned. Libraries that cannot are in the report.
pub fn scan(programs: &[PathBuf], root: &Path) -> Result<Report, Error> {
    let mut world = world::World::new(root);
    for path in programs {
        let bytes = std::fs::read(path).map_err(|error| Error::Read(path.clone(), error))?;
        world.add_program(path, bytes).map_err(|error| Error::File(path.clone(), error))?;
    }
    let reached = reach::reach(&mut world);
    let found = numbers::solve(&world);
    Ok(Report::new(&world, &reached, &found))
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::File(path, error) => write!(f, "cannot scan {}: it is {error}", path.display()),
        }
    }
}

impl std::error::Error for Error {}
