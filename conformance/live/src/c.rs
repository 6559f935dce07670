//! The rows of `crates/scmp-capi/tests/c/live.c`: what libseccomp's interface can say of loading,
//! in C, on the real kernel.
//!
//! Each row runs in a process of its own with our library and, where that is marked so, with the
//! installed one too, which shows that the row expects what libseccomp does.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{Checked, Verdict, privileged, skip};
use house::library::{Against, Library};
use house::output;

/// A row of the program's list.
struct Row {
    name: String,
    both: bool,
    about: String,
}

/// Our library with the program, once there is a row to run.
struct Staged {
    lib: PathBuf,
    program: PathBuf,
    /// What is removed at the end, where it was laid out for these rows.
    _own: Option<Library>,
}

/// Runs the rows that are wanted, with what is laid out in a folder or else is built now, and
/// reports each.
pub(super) fn run(
    laid_out: Option<&Path>,
    wanted: &dyn Fn(&str) -> bool,
    mut report: impl FnMut(&str, &str, Checked),
) -> Result<(), String> {
    let staged = match laid_out {
        Some(at) => Staged { lib: at.join("lib"), program: at.join("live"), _own: None },
        None => {
            let library = Library::stage()?;
            let program = library.program("live", Against::Ours)?;
            Staged { lib: library.lib(), program, _own: Some(library) }
        }
    };
    for row in staged.rows()?.iter().filter(|row| wanted(&row.name)) {
        report(&row.name, &row.about, staged.check(row));
    }
    Ok(())
}

impl Staged {
    /// The program with our library in place of the installed one.
    fn ours(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("LD_LIBRARY_PATH", &self.lib);
        command
    }

    fn rows(&self) -> Result<Vec<Row>, String> {
        let text = output(&mut self.ours())?;
        let row = |line: &str| {
            let mut fields = line.split('\t').map(str::to_owned);
            let (name, place, about) = (fields.next()?, fields.next()?, fields.next()?);
            Some(Row { name, both: place == "both", about })
        };
        let rows: Option<Vec<Row>> = text.lines().map(row).collect();
        rows.filter(|rows| !rows.is_empty()).ok_or_else(|| format!("no rows in {text}"))
    }

    fn check(&self, row: &Row) -> Checked {
        if !privileged() {
            return skip("the rows in C begin as root outside of any filter");
        }
        const LACKING: i32 = 77;
        let ended = self.ours().arg(&row.name).output().map_err(|error| error.to_string())?;
        if ended.status.code() == Some(LACKING) {
            return skip(String::from_utf8_lossy(&ended.stdout).trim());
        }
        let ours = output(self.ours().arg(&row.name));
        ours.map_err(|error| format!("ours: {error}"))?;
        if row.both {
            let theirs = output(Command::new(&self.program).arg(&row.name));
            theirs.map_err(|error| format!("theirs: {error}"))?;
        }
        Ok(Verdict::Passed)
    }
}
