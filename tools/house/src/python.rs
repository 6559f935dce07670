//! `cargo xtask python [--wheel] [INTERPRETER...]`: builds the module `seccomp`, and runs its tests
//! on each interpreter.
//!
//! Without interpreters, on `python3` and on each of `python3.9` to `python3.14` that is installed,
//! in the path or by pyenv; it says which are not. Then the type stubs are held against the module
//! by mypy, in an environment of its own under `target/`. With `--wheel` a wheel is made, installed
//! into that environment and tested there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{cargo, root, target};

const SOURCES: &str = "crates/scmp-python";

/// The oldest Python that the module promises to work with, and the newest that is looked for.
const MINORS: std::ops::RangeInclusive<u32> = 9..=14;

/// Builds the module and runs its tests on each interpreter that the arguments name.
///
/// # Errors
///
/// The first test that fails.
pub fn run(args: &[String]) -> Result<(), String> {
    let (options, interpreters): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with('-'));
    let wheel = match *options {
        [] => false,
        [flag] if flag == "--wheel" => true,
        _ => return Err("the one option is --wheel; else name interpreters".into()),
    };
    let interpreters = match interpreters.is_empty() {
        true => installed(),
        false => interpreters.into_iter().cloned().collect(),
    };
    let folder = lay_out()?;
    if interpreters.is_empty() {
        return Err("no python3 is installed".into());
    }
    for interpreter in &interpreters {
        test(Command::new(interpreter).env("PYTHONPATH", &folder), interpreter)?;
    }
    let environment = environment(&interpreters[0])?;
    stubs(&environment, &folder)?;
    if wheel {
        wheels(&environment)?;
    }
    Ok(())
}

/// The folder of the module, built and laid out under `target/python`.
fn lay_out() -> Result<PathBuf, String> {
    let folder = target().join("python");
    install(&folder.join("seccomp"))?;
    Ok(folder)
}

/// Builds the module into a folder of its name.
///
/// # Errors
///
/// Where it does not build, or a file can't be written.
pub fn install(package: &Path) -> Result<(), String> {
    succeed(&mut cargo(&["build", "--release", "--quiet", "--package", "callgate-scmp-python"]))?;
    fs::create_dir_all(package).map_err(|error| format!("{}: {error}", package.display()))?;
    let sources = root().join(SOURCES).join("python/seccomp");
    let entries =
        fs::read_dir(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            copy(&entry.path(), &package.join(entry.file_name()))?;
        }
    }
    let library = target().join("release/libcallgate_scmp_python.so");
    copy(&library, &package.join("_native.abi3.so"))
}

/// The interpreters of this machine that start; says which versions have none.
fn installed() -> Vec<String> {
    let mut found: Vec<String> =
        Some("python3".to_owned()).filter(|name| starts(name)).into_iter().collect();
    for minor in MINORS {
        let name = format!("python3.{minor}");
        match std::iter::once(name.clone()).chain(of_pyenv(&name)).find(|path| starts(path)) {
            Some(path) => found.push(path),
            None => println!("python: {name} is not installed here, and not tested"),
        }
    }
    found
}

fn starts(interpreter: &str) -> bool {
    let quiet = Command::new(interpreter).args(["-c", ""]).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// The places in which pyenv has interpreters of this name.
fn of_pyenv(name: &str) -> Vec<String> {
    let root = Command::new("pyenv").arg("root").output().map(|output| output.stdout);
    let root = String::from_utf8_lossy(&root.unwrap_or_default()).trim().to_owned();
    let versions = fs::read_dir(Path::new(&root).join("versions")).into_iter().flatten().flatten();
    let paths = versions.map(|version| version.path().join("bin").join(name));
    let mut paths: Vec<String> = paths
        .filter(|path| path.exists())
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    paths.sort();
    paths
}

fn test(python: &mut Command, name: &str) -> Result<(), String> {
    let tests = root().join(SOURCES).join("tests");
    python.args(["-W", "error::SyntaxWarning", "-m", "unittest", "discover", "-q", "-s"]);
    succeed(python.arg(&tests).env("PYTHONDONTWRITEBYTECODE", "1"))?;
    println!("python: tests pass on {name}");
    Ok(())
}

/// An environment with the tools of the type checker and the wheel builder.
fn environment(interpreter: &str) -> Result<PathBuf, String> {
    let folder = target().join("python-tools");
    if !folder.join("bin/mypy").exists() {
        succeed(Command::new(interpreter).args(["-m", "venv"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        succeed(pip.args(["install", "--quiet", "mypy>=1.16,<3", "maturin>=1.9.4,<2"]))?;
    }
    Ok(folder)
}

/// Holds the stubs against the module, and the module's Python against the stubs.
fn stubs(environment: &Path, folder: &Path) -> Result<(), String> {
    let python = environment.join("bin/python");
    let mut stubtest = Command::new(&python);
    stubtest.args(["-m", "mypy.stubtest", "seccomp"]);
    succeed(stubtest.current_dir(folder).env("PYTHONPATH", folder))?;
    let mut mypy = Command::new(&python);
    mypy.args(["-m", "mypy", "--strict", "-p", "seccomp"]);
    succeed(mypy.current_dir(folder).env("MYPYPATH", folder))?;
    println!("python: the stubs are the module's");
    Ok(())
}

/// Builds a wheel, installs it where nothing else of ours is, and tests it there.
fn wheels(environment: &Path) -> Result<(), String> {
    let wheels = target().join("wheels");
    let mut maturin = Command::new(environment.join("bin/maturin"));
    maturin.args(["build", "--release", "--locked", "--out"]).arg(&wheels);
    succeed(maturin.arg("--manifest-path").arg(root().join(SOURCES).join("Cargo.toml")))?;
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["install", "--quiet", "--force-reinstall", "--no-index", "--find-links"]);
    succeed(pip.arg(&wheels).arg("callgate-seccomp"))?;
    let mut python = Command::new(environment.join("bin/python"));
    test(python.env_remove("PYTHONPATH"), "the installed wheel")?;
    println!("python: wheels are in {}", wheels.display());
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} ended with {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
