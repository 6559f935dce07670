//! Compiles the application's filter for the target and proves it. A filter that is not proved
//! fails the build, and so does a mistake in its text, with file, line and column.
#![expect(clippy::print_stderr, reason = "cargo shows what a build script that fails has written")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use callgate::rules::{Source, Target};
use callgate::{Arch, Error, Filter, gate};

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=filter.gate");
    println!("cargo::rerun-if-changed=build.rs");
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // An error that main returns would be shown by its fields, not by its text.
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    // The machine that builds may be another one.
    let target: Arch = env::var("CARGO_CFG_TARGET_ARCH")?.parse()?;
    let filter = filter(Path::new("filter.gate"), target)?;
    let path = PathBuf::from(env::var("OUT_DIR")?).join("filter.rs");
    fs::write(path, filter.to_rust("FILTER", target.endian()))?;
    Ok(())
}

fn filter(path: &Path, target: Arch) -> Result<Filter, Error> {
    let source = Source::load(path).map_err(gate::Refused::from)?;
    let written = gate::read(source, &mut gate::from_folder)?;
    Filter::from_text(&written, &Target::new(target))
}
