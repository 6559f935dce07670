//! `cargo xtask package [deb] [rpm] [--install]`: builds Debian's and Fedora's packages into `target/package/`.
//!
//! Both are built as a distribution would: from the committed sources, by `packaging/debian` and `packaging/rpm`, without the
//! network (after `cargo fetch`), and to the same bytes each time. What the checkers of the two distributions call an error
//! is an error here. With `--install` the packages are installed into roots of their own under `target/package/`, where
//! programs of the distribution then run on them.

mod deb;
mod install;
mod rpm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let known = ["deb", "rpm", "--install"];
    if let Some(unknown) = args.iter().find(|arg| !known.contains(&arg.as_str())) {
        return Err(format!("{unknown}: known are {}", known.join(", ")));
    }
    let asked = |name: &str| args.iter().any(|arg| arg == name);
    let all = !asked("deb") && !asked("rpm");
    let sources = Sources::export()?;
    if all || asked("deb") {
        let packages = deb::build(&sources)?;
        if asked("--install") {
            install::debs(&sources.folder, &packages)?;
        }
    }
    if all || asked("rpm") {
        let packages = rpm::build(&sources)?;
        if asked("--install") {
            install::rpms(&sources.folder, &packages)?;
        }
    }
    Ok(())
}

/// The committed sources, in a folder and as an archive.
struct Sources {
    /// `target/package`.
    folder: PathBuf,
    /// The time of the commit, which all times in packages are set to.
    epoch: String,
}

/// As the packages are called.
const NAME: &str = concat!("callgate-", env!("CARGO_PKG_VERSION"));

impl Sources {
    fn export() -> Result<Self, String> {
        let folder = root().join("target/package");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let git = |args: &[&str]| text(Command::new("git").args(args).current_dir(root()));
        let epoch = git(&["log", "-1", "--format=%ct"])?;
        let sources = Self { folder, epoch: epoch.trim().into() };
        let archive = sources.archive().to_string_lossy().into_owned();
        let prefix = format!("--prefix={NAME}/");
        git(&["archive", "--format=tar.gz", &prefix, "-o", &archive, "HEAD"])?;
        println!("package: {NAME} is exported");
        Ok(sources)
    }

    fn archive(&self) -> PathBuf {
        self.folder.join(format!("{NAME}.tar.gz"))
    }

    /// Unpacks the sources into a new folder of this name.
    fn unpack(&self, parent: &str) -> Result<PathBuf, String> {
        let parent = fresh(&self.folder.join(parent))?;
        succeed(Command::new("tar").arg("-xzf").arg(self.archive()).arg("-C").arg(&parent))?;
        Ok(parent.join(NAME))
    }

    /// A command of a package builder: with one target folder for all of them, and the time of the commit.
    fn builder(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("CARGO_TARGET_DIR", self.folder.join("cargo"));
        command.env("SOURCE_DATE_EPOCH", &self.epoch);
        command
    }
}

/// A folder with nothing in it.
fn fresh(folder: &Path) -> Result<PathBuf, String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder.into())
}

/// The files of a folder and those below whose names end like this, in order.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        match path.is_dir() {
            true => found.extend(files(&path, ending)?),
            false if path.to_string_lossy().ends_with(ending) => found.push(path),
            false => {}
        }
    }
    found.sort();
    Ok(found)
}

/// The packages in a folder: all of those that are expected, by what their files begin with.
fn packages(folder: &Path, ending: &str, expected: &[&str]) -> Result<Vec<PathBuf>, String> {
    let packages = files(folder, ending)?;
    let named = |name: &str, path: &PathBuf| {
        path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name))
    };
    let missing = expected.iter().find(|name| !packages.iter().any(|path| named(name, path)));
    missing.map_or(Ok(packages.clone()), |name| Err(format!("no {name}*{ending} was built")))
}

/// Runs a command that must succeed, and shows what it says only where it does not.
fn succeed(command: &mut Command) -> Result<(), String> {
    text(command).map(drop)
}

/// What a command prints, which must succeed.
fn text(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(printed),
        false => {
            let errors = String::from_utf8_lossy(&output.stderr);
            Err(format!("{command:?}: {}\n{printed}{errors}", output.status))
        }
    }
}
