//! The rows of `crates/scmp-capi/tests/c/live.c`: what libseccomp's interface can say of loading,
//! in C, on the real kernel.
//!
//! Each row runs in a process of its own with our library and, where that is marked so, with the
//! installed one too, which shows that the row expects what libseccomp does.

use std::path::PathBuf;
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
    library: Library,
    program: PathBuf,
}

/// Runs the rows that are wanted, and reports each.
pub(super) fn run(
    wanted: &dyn Fn(&str) -> bool,
    mut report: impl FnMut(&str, &str, Checked),
) -> Result<(), String> {
    let library = Library::stage()?;
    let program = library.program("live", Against::Ours)?;
    let staged = Staged { library, program };
    for row in staged.rows()?.iter().filter(|row| wanted(&row.name)) {
        report(&row.name, &row.about, staged.check(row));
    }
    Ok(())
}

impl Staged {
    fn rows(&self) -> Result<Vec<Row>, String> {
        let text = output(&mut self.library.command(&self.program))?;
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
        let ours = output(self.library.command(&self.program).arg(&row.name));
        ours.map_err(|error| format!("ours: {error}"))?;
        if row.both {
            let theirs = output(Command::new(&self.program).arg(&row.name));
            theirs.map_err(|error| format!("theirs: {error}"))?;
        }
        Ok(Verdict::Passed)
    }
}
