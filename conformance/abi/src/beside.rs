//! `libcallgate`: its symbols, and its functions in programs in C with each of two libseccomps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use house::library::{BESIDE_EXPORTS, Library, WARNINGS, names};
use house::{output, root, stage};

use crate::defined;

/// The folder of the C programs.
const PROGRAMS: &str = "crates/capi/tests/c";

/// Policies in several forms become filters that are loaded, errors have their places, functions are
/// held against filters: with the shared library beside ours and beside theirs, and statically.
///
/// Claim: C-BESIDE
pub(super) fn check(library: &Library) -> Result<String, String> {
    stage::beside(&library.folder)?;
    symbols(library)?;
    header(library)?;
    let shared = compile(library, "policies", &shared(library)?)?;
    let whole = compile(library, "policies-static", &statically(library)?)?;
    let theirs =
        run(library, Command::new(&shared).env("LD_LIBRARY_PATH", beside_alone(library)?))?;
    let ours = run(library, &mut library.command(&shared))?;
    let alone = run(library, &mut Command::new(&whole))?;
    if theirs != ours || ours != alone {
        return Err(format!("theirs {theirs}, ours {ours}, statically {alone}"));
    }
    Ok(format!("{ours} with each of two libseccomps, and statically"))
}

fn symbols(library: &Library) -> Result<(), String> {
    let built = library.lib().join("libcallgate.so.0");
    let (found, wanted) = (defined(&built)?, names(BESIDE_EXPORTS)?);
    if let Some(name) = found.symmetric_difference(&wanted).next() {
        return Err(format!("{name} is in only one of {BESIDE_EXPORTS} and the library"));
    }
    let dynamic = output(Command::new("readelf").args(["-d", "-W"]).arg(&built))?;
    for wanted in ["soname: [libcallgate.so.0]", "Shared library: [libseccomp.so.2]"] {
        if !dynamic.contains(wanted) {
            return Err(format!("no {wanted} in\n{dynamic}"));
        }
    }
    Ok(())
}

/// A program that reports its trapped call, by the header alone.
pub(super) fn report(library: &Library) -> Result<PathBuf, String> {
    let program = library.folder.join("report");
    let mut compile = Command::new("gcc");
    compile.args(WARNINGS).args(["-std=gnu99", "-O1", "-o"]).arg(&program);
    compile.arg(root().join(PROGRAMS).join("report.c")).arg("-I").arg(library.include());
    output(compile.arg("-L").arg(library.lib()).arg("-lseccomp"))?;
    Ok(program)
}

/// The header gives no warning in C++ either.
fn header(library: &Library) -> Result<(), String> {
    let mut compile = Command::new("g++");
    compile.args(WARNINGS).args(["-std=c++11", "-fsyntax-only", "-x", "c++"]);
    let header = library.include().join("callgate.h");
    output(compile.arg("-I").arg(library.include()).arg(header)).map(drop)
}

/// What pkg-config says for the shared library.
fn shared(library: &Library) -> Result<Vec<String>, String> {
    configuration(library, &["--cflags", "--libs"])
}

/// The same for a program without a dynamic linker.
fn statically(library: &Library) -> Result<Vec<String>, String> {
    let mut said = vec!["-static".to_owned()];
    said.extend(configuration(library, &["--static", "--cflags", "--libs"])?);
    Ok(said)
}

fn configuration(library: &Library, options: &[&str]) -> Result<Vec<String>, String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", library.lib().join("pkgconfig"));
    let said = output(command.args(options).arg("callgate"))?;
    Ok(said.split_whitespace().map(str::to_owned).collect())
}

fn compile(library: &Library, name: &str, options: &[String]) -> Result<PathBuf, String> {
    let program = library.folder.join(name);
    let source = root().join(PROGRAMS).join("policies.c");
    let mut compile = Command::new("gcc");
    compile.args(WARNINGS).args(["-std=gnu99", "-O1", "-pthread", "-o"]).arg(&program);
    // What a function returns that is asked for its effect alone.
    compile.arg("-Wno-unused-result").arg(source).args(options);
    output(&mut compile)?;
    Ok(program)
}

/// A folder with this library and no libseccomp, so that the loader finds the installed one.
fn beside_alone(library: &Library) -> Result<PathBuf, String> {
    let folder = library.folder.join("beside");
    let copy = || {
        fs::create_dir_all(&folder)?;
        fs::copy(library.lib().join("libcallgate.so.0"), folder.join("libcallgate.so.0"))
    };
    copy().map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// Runs a program in a folder of its own, which it fills.
fn run(library: &Library, command: &mut Command) -> Result<String, String> {
    let folder = library.folder.join("work");
    fresh(&folder)?;
    output(command.arg(&folder)).map(|said| said.trim().to_owned())
}

fn fresh(folder: &Path) -> Result<(), String> {
    // It is there from the run before.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}
