//! The tests of the Rust binding `libseccomp`, built from the published crate with Debian's library
//! and put where clients see them: the same programs then run on both libraries.
//!
//! The crate is fetched into a package of its own under the target folder; ours does not depend on
//! it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Message, MetadataCommand};

use house::cargo;

/// The version of the crate that is tested.
pub(super) const VERSION: &str = "0.4.0";

/// Builds the tests in a folder, and copies them into `binding` of the laid out library.
///
/// # Errors
/// The crate cannot be fetched, or does not build.
pub(super) fn build(folder: &Path, stage: &Path) -> Result<(), String> {
    let source = fetch(&folder.join("fetch"))?;
    let copy = folder.join("libseccomp-rs");
    if !copy.exists() {
        succeed(Command::new("cp").arg("-r").arg(source).arg(&copy))?;
        let manifest = copy.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(|error| error.to_string())?;
        fs::write(&manifest, text + "\n[workspace]\n").map_err(|error| error.to_string())?;
    }
    let to = stage.join("binding");
    fs::create_dir_all(&to).map_err(|error| error.to_string())?;
    for (name, program) in programs(&copy)? {
        fs::copy(&program, to.join(name)).map_err(|e| format!("{}: {e}", program.display()))?;
    }
    Ok(())
}

/// The folder into which cargo put the sources of the crate.
fn fetch(package: &Path) -> Result<PathBuf, String> {
    fs::create_dir_all(package.join("src")).map_err(|error| error.to_string())?;
    let manifest = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [dependencies]\nlibseccomp = \"={VERSION}\"\n\n[workspace]\n"
    );
    let path = package.join("Cargo.toml");
    fs::write(&path, manifest).map_err(|error| error.to_string())?;
    fs::write(package.join("src/lib.rs"), "").map_err(|error| error.to_string())?;
    let metadata = MetadataCommand::new().manifest_path(&path).exec();
    let metadata = metadata.map_err(|error| error.to_string())?;
    let found = metadata.packages.iter().find(|package| package.name.as_str() == "libseccomp");
    let folder = found.and_then(|package| package.manifest_path.parent());
    folder.map(|folder| folder.into()).ok_or_else(|| "cargo did not fetch libseccomp".into())
}

/// The crate's test programs, each with the name of its target.
fn programs(package: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let mut command = cargo(&["test", "--no-run", "--quiet", "--message-format=json"]);
    command.current_dir(package).env("CARGO_TARGET_DIR", package.join("target"));
    let output = command.output().map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("libseccomp {VERSION}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let mut programs = Vec::new();
    for message in Message::parse_stream(&output.stdout[..]) {
        if let Message::CompilerArtifact(artifact) = message.map_err(|error| error.to_string())? {
            let name = artifact.target.name.clone();
            programs.extend(artifact.executable.map(|program| (name, program.into())));
        }
    }
    Ok(programs)
}

fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("{command:?}: {other:?}")),
    }
}
