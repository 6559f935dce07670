//! `cargo xtask api [--bless]`: the public interfaces of the published libraries, which must be what
//! `docs/api` says, so that a change shows where changes are reviewed.
//!
//! One file a library, one line an item. `--bless` writes the files anew.
//!
//! The items come from rustdoc's JSON, a form that is unstable: this program stands in for rustdoc
//! and passes on the leave to write it. A compiler whose form is another one than [`FORM`] can't
//! be asked; that is said, and nothing is compared.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this command talks to a person")]

mod libraries;
mod listing;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libraries::Library;

/// The version of rustdoc's JSON that the files were made of.
const FORM: u64 = 57;

/// Names the rustdoc that this program stands in for.
const RUSTDOC: &str = "CALLGATE_API_RUSTDOC";

fn main() -> ExitCode {
    match std::env::var_os(RUSTDOC) {
        Some(rustdoc) => {
            let mut real = Command::new(rustdoc);
            let error = real.args(std::env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").exec();
            eprintln!("{}: {error}", real.get_program().to_string_lossy());
            ExitCode::FAILURE
        }
        None => house::main("api", run),
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let bless = match args {
        [] => false,
        [flag] if flag == "--bless" => true,
        _ => return Err("the only option is --bless".into()),
    };
    let libraries = libraries::published()?;
    let folder = document(&libraries)?;
    let mut changed = Vec::new();
    for library in &libraries {
        let json = folder.join(format!("{}.json", library.module));
        let form = listing::form(&json)?;
        if form != FORM {
            eprintln!(
                "skipped (1): public interfaces: rustdoc writes form {form} here, and docs/api was \
                 made of {FORM}"
            );
            return Ok(());
        }
        let is = listing::of(&json)?;
        let path = house::root().join("docs/api").join(format!("{}.txt", library.package));
        match bless {
            true => write(&path, &is)?,
            false => changed.extend(difference(&path, &is)),
        }
    }
    match changed.is_empty() {
        true => {
            println!("api: {} public interfaces are what docs/api says", libraries.len());
            Ok(())
        }
        false => Err(format!(
            "public interfaces have changed; if that is wanted, `cargo xtask api --bless`:\n{}",
            changed.join("\n")
        )),
    }
}

/// Has rustdoc write the items of every library; gives the folder in which they are.
fn document(libraries: &[Library]) -> Result<PathBuf, String> {
    let stand_in = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut doc = house::cargo(&["doc", "--no-deps", "--quiet", "--lib"]);
    for library in libraries {
        doc.args(["--package", &library.package]);
    }
    doc.env("RUSTDOC", stand_in).env(RUSTDOC, real_rustdoc());
    doc.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
    house::output(&mut doc)?;
    Ok(house::target().join("doc"))
}

fn real_rustdoc() -> PathBuf {
    std::env::var_os("RUSTDOC").map_or_else(|| "rustdoc".into(), PathBuf::from)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The lines that are gone and new.
fn difference(path: &Path, is: &str) -> Vec<String> {
    let was = std::fs::read_to_string(path).unwrap_or_default();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let only = |these: &str, those: &str, mark: &str| -> Vec<String> {
        let those: std::collections::BTreeSet<&str> = those.lines().collect();
        let these = these.lines().filter(|line| !those.contains(line));
        these.map(|line| format!("{name}: {mark} {line}")).collect()
    };
    let mut lines = only(&was, is, "-");
    lines.extend(only(is, &was, "+"));
    lines
}
