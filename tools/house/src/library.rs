//! The C library laid out for tests, and the C programs that are built against it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{output, root, stage};

/// The folder of the C programs of the checks.
pub const PROGRAMS: &str = "crates/scmp-capi/tests/c";
/// The list of the names that the library exports.
pub const EXPORTS: &str = "crates/scmp-capi/exports.txt";

/// The same of the library beside it.
pub const BESIDE_EXPORTS: &str = "crates/capi/exports.txt";

/// The compiler options under which our C programs give no warning.
pub const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// The names that the library exports, as committed.
///
/// # Errors
///
/// Where the list can't be read.
pub fn exports() -> Result<BTreeSet<String>, String> {
    names(EXPORTS)
}

/// The names of a list in this project, a line each.
///
/// # Errors
///
/// Where the list can't be read.
pub fn names(list: &str) -> Result<BTreeSet<String>, String> {
    let text = fs::read_to_string(root().join(list)).map_err(|e| format!("{list}: {e}"))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Our library, laid out in a temporary folder that is removed at the end.
#[derive(Debug)]
pub struct Library {
    /// The folder that it is laid out in.
    pub folder: PathBuf,
}

impl Library {
    /// Builds the library and lays it out.
    ///
    /// # Errors
    ///
    /// Where it does not build, or a file can't be written.
    pub fn stage() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("callgate-abi-{}", std::process::id()));
        let library = Self { folder };
        stage::library(&library.folder)?;
        Ok(library)
    }

    /// The folder of the libraries.
    #[must_use]
    pub fn lib(&self) -> PathBuf {
        self.folder.join("lib")
    }

    /// The shared library.
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.lib().join("libseccomp.so.2")
    }

    /// The folder of the headers.
    #[must_use]
    pub fn include(&self) -> PathBuf {
        self.folder.join("include")
    }

    /// Compiles one of the programs against our headers and links it to the installed libseccomp,
    /// or, for what that does not have, to ours.
    ///
    /// # Errors
    ///
    /// What the compiler says.
    pub fn program(&self, name: &str, against: Against) -> Result<PathBuf, String> {
        let source = root().join(PROGRAMS).join(name).with_extension("c");
        let program = self.folder.join(name);
        let mut compile = Command::new("gcc");
        compile.args(WARNINGS).args(["-std=gnu99", "-g", "-O1", "-o"]).arg(&program).arg(source);
        match against {
            Against::Installed => compile.arg("-lseccomp"),
            Against::Ours => {
                compile.arg("-I").arg(self.include()).arg("-L").arg(self.lib()).arg("-lseccomp")
            }
        };
        output(&mut compile)?;
        Ok(program)
    }

    /// A command that finds our library before the installed one.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", self.lib());
        command
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // What cannot be removed is only clutter in the temporary folder.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The library whose headers and symbols a program is built with.
#[derive(Clone, Copy, Debug)]
pub enum Against {
    /// The distribution's.
    Installed,
    /// This project's.
    Ours,
}
