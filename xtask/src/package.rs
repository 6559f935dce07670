//! `cargo xtask package [deb] [rpm] [--reproduce] [--install]`: builds Debian's and Fedora's
//! packages into `target/package/`.
//!
//! Both are built as a distribution would: from the committed sources, by `packaging/debian` and
//! `packaging/rpm`, without the network (after `cargo fetch`). What the checkers of the two
//! distributions call an error is an error here.
//!
//! With `--reproduce` each is built again from nothing, in another folder, time zone, language and
//! file mode mask, and must come out byte for byte the same; but for the book, which must be the
//! one that `cargo xtask book` makes of the same sources. With `--install` the packages are
//! installed into roots of their own under `target/package/`, where programs of the distribution
//! then run on them.
//!
//! Claim: C-REPRODUCED.

mod deb;
mod install;
mod rpm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let known = ["deb", "rpm", "--install", "--reproduce"];
    if let Some(unknown) = args.iter().find(|arg| !known.contains(&arg.as_str())) {
        return Err(format!("{unknown}: known are {}", known.join(", ")));
    }
    let asked = |name: &str| args.iter().any(|arg| arg == name);
    let all = !asked("deb") && !asked("rpm");
    let sources = Sources::export()?;
    // One for all kinds, which compile the same programs.
    let elsewhere = asked("--reproduce").then(|| sources.elsewhere()).transpose()?;
    for kind in [&DEB, &RPM].into_iter().filter(|kind| all || asked(kind.name)) {
        let packages = (kind.build)(&sources)?;
        if let Some(elsewhere) = &elsewhere {
            reproduce(kind, elsewhere, &packages)?;
        }
        (kind.check)(&packages)?;
        if asked("--install") {
            (kind.install)(&sources.folder, &packages)?;
        }
        packages.iter().for_each(|package| println!("package: {}", package.display()));
    }
    // Nobody needs them twice, and what was built on the way takes a gigabyte.
    elsewhere.map_or(Ok(()), |other| fs::remove_dir_all(other.folder)).map_err(|e| e.to_string())
}

/// A distribution's packages.
struct Kind {
    name: &'static str,
    build: fn(&Sources) -> Result<Vec<PathBuf>, String>,
    /// Asks the distribution's own checker.
    check: fn(&[PathBuf]) -> Result<(), String>,
    install: fn(&Path, &[PathBuf]) -> Result<(), String>,
}

const DEB: Kind =
    Kind { name: "deb", build: deb::build, check: deb::check, install: install::debs };
const RPM: Kind =
    Kind { name: "rpm", build: rpm::build, check: rpm::check, install: install::rpms };

/// Builds packages again elsewhere, and holds them against those that there are.
fn reproduce(kind: &Kind, elsewhere: &Sources, packages: &[PathBuf]) -> Result<(), String> {
    let (books, programs): (Vec<PathBuf>, Vec<PathBuf>) =
        packages.iter().cloned().partition(|path| deb::is_book(path));
    same(&programs, &(kind.build)(elsewhere)?)?;
    println!("package: {} packages came out the same twice", programs.len());
    for book in books {
        deb::is_this_book(&book)?;
        println!("package: the packaged book is the one that is made here");
    }
    Ok(())
}

/// Whether two builds made files of the same names and bytes.
///
/// # Errors
/// The pair of files that differ, or that there is no pair.
fn same(first: &[PathBuf], second: &[PathBuf]) -> Result<(), String> {
    if first.len() != second.len() {
        return Err(format!("{} packages, and {} the second time", first.len(), second.len()));
    }
    for (one, other) in first.iter().zip(second) {
        let read = |path: &PathBuf| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
        if one.file_name() != other.file_name() || read(one)? != read(other)? {
            let (one, other) = (one.display(), other.display());
            return Err(format!("{one} and {other} differ: diffoscope shows where"));
        }
    }
    Ok(())
}

/// The committed sources, in a folder and as an archive.
struct Sources {
    /// `target/package`, or a folder in it for the second build.
    folder: PathBuf,
    /// The time of the commit, which all times in packages are set to.
    epoch: String,
    /// What a builder's environment has that must not matter.
    surroundings: Surroundings,
    /// Whether the book is packaged, too: it takes as long as everything else.
    has_book: bool,
}

/// Time zone, language and file mode mask.
struct Surroundings {
    zone: &'static str,
    language: &'static str,
    mask: &'static str,
}

const HERE: Surroundings = Surroundings { zone: "UTC", language: "C", mask: "022" };
const ELSEWHERE: Surroundings =
    Surroundings { zone: "Asia/Kathmandu", language: "C.UTF-8", mask: "002" };

/// As the packages are called.
const NAME: &str = concat!("callgate-", env!("CARGO_PKG_VERSION"));

impl Sources {
    fn export() -> Result<Self, String> {
        let folder = root().join("target/package");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let git = |args: &[&str]| text(Command::new("git").args(args).current_dir(root()));
        let epoch = git(&["log", "-1", "--format=%ct"])?;
        let sources =
            Self { folder, epoch: epoch.trim().into(), surroundings: HERE, has_book: true };
        let archive = sources.archive().to_string_lossy().into_owned();
        let prefix = format!("--prefix={NAME}/");
        git(&["archive", "--format=tar.gz", &prefix, "-o", &archive, "HEAD"])?;
        println!("package: {NAME} is exported");
        Ok(sources)
    }

    /// The same sources for a build of which nothing is shared with the first.
    fn elsewhere(&self) -> Result<Self, String> {
        let folder = fresh(&self.folder.join("again/in-another-folder"))?;
        let (epoch, surroundings) = (self.epoch.clone(), ELSEWHERE);
        let other = Self { folder, epoch, surroundings, has_book: false };
        let copied = fs::copy(self.archive(), other.archive()).map(|_| other);
        copied.map_err(|error| format!("{}: {error}", self.archive().display()))
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

    /// A command of a package builder: with one target folder for all of them, and the time of the
    /// commit.
    fn builder(&self, program: &str) -> Command {
        let Surroundings { zone, language, mask } = self.surroundings;
        let mut command = Command::new("sh");
        command.args(["-c", "umask \"$1\"; shift; exec \"$@\"", "sh", mask, program]);
        command.env("CARGO_TARGET_DIR", self.folder.join("cargo"));
        command.env("SOURCE_DATE_EPOCH", &self.epoch).env("TZ", zone).env("LC_ALL", language);
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

/// The output of a command that must succeed.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_names_and_numbers_are_told() {
        let folder = std::env::temp_dir().join(format!("callgate-same-{}", std::process::id()));
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let one = [file("1/a", "x"), file("1/b", "y")];
        assert_eq!(same(&one, &[file("2/a", "x"), file("2/b", "y")]), Ok(()));
        assert!(same(&one, &[file("3/a", "x"), file("3/b", "z")]).unwrap_err().contains("3/b"));
        assert!(same(&one, &[file("4/a", "x"), file("4/c", "y")]).unwrap_err().contains("4/c"));
        assert!(same(&one, &one[..1]).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
