//! Shared by the commands of the house: where things are, how they are built, and how they are laid
//! out.
//!
//! Depends on no crate of the project, so that a command that only checks or starts others is
//! compiled in seconds.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these commands talk to a person")]

pub mod library;
pub mod python;
pub mod stage;
mod suite;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

pub use suite::{Request, part_of, timed};

/// The body of a command: its arguments; what went wrong.
pub type Run = fn(&[String]) -> Result<(), String>;

/// The `main` of a command of the house: runs it on the process's arguments and prints its error.
#[must_use]
pub fn main(name: &str, run: Run) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the project.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder in which cargo leaves its output.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds the command `callgate`, optimised; gives its path.
///
/// # Errors
///
/// Where it does not build.
pub fn build_command() -> Result<PathBuf, String> {
    build("callgate-cli", "release")?;
    Ok(target().join("release/callgate"))
}

/// Builds a package by one of Cargo's profiles.
///
/// # Errors
///
/// Where it does not build.
pub fn build(package: &str, profile: &str) -> Result<(), String> {
    let arguments = ["build", "--quiet", "--profile", profile, "--package", package];
    let status = cargo(&arguments).status();
    if status.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err(format!("cannot build {package}"))
    }
}

/// A cargo command in the root of the project.
#[must_use]
pub fn cargo(args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root());
    command
}

/// Another command of the house by its package, optimised: most of them compute.
#[must_use]
pub fn tool(package: &str) -> Command {
    cargo(&["run", "--quiet", "--release", "--package", package, "--"])
}

/// The output of a command.
///
/// # Errors
///
/// Where it failed: how, with all that it printed.
pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let (printed, complaint) = (text(&output.stdout), text(&output.stderr));
    Err(format!("{command:?}: {}\n{printed}{complaint}", output.status))
}

/// The columns of each line of a file of facts that is not a comment, with the place for messages.
///
/// # Errors
///
/// Where the file can't be read.
pub fn lines(path: &Path) -> Result<Vec<(String, Vec<String>)>, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let wanted = |line: &(usize, &str)| !line.1.is_empty() && !line.1.starts_with('#');
    Ok(text
        .lines()
        .enumerate()
        .filter(wanted)
        .map(|(index, line)| {
            let place = format!("{}:{}", path.display(), index + 1);
            (place, line.split('\t').map(str::to_owned).collect())
        })
        .collect())
}
