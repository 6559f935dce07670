//! The Python module as its index would hand it out.

use std::path::{Path, PathBuf};
use std::process::Command;

use house::root;

use crate::shell::{fresh, heard};
use crate::{Extent, Row};

/// What the installed module must be able to do.
const PROGRAM: &str = "import seccomp; f = seccomp.SyscallFilter(seccomp.ALLOW); \
     f.add_rule(seccomp.ERRNO(54), 'unshare'); f.load(); import ctypes; \
     libc = ctypes.CDLL(None, use_errno=True); libc.unshare(0x10000000); print(ctypes.get_errno())";

/// Makes both distributions, has them checked, and installs each into an environment of its own.
pub(crate) fn arrive(_: Extent) -> Result<Vec<Row>, String> {
    let folder = fresh("python")?;
    let tools = environment(&folder.join("tools"))?;
    heard(pip(&tools).args(["install", "--quiet", "maturin", "twine"]))?;
    let module = root().join("crates/scmp-python");
    let made = folder.join("made");
    for what in ["sdist", "build"] {
        let mut maturin = Command::new(tools.join("bin/maturin"));
        maturin.arg(what).arg("--manifest-path").arg(module.join("Cargo.toml"));
        if what == "build" {
            maturin.arg("--release");
        }
        heard(maturin.arg("--out").arg(&made).env("PATH", path(&tools)))?;
    }
    let made = files(&made)?;
    heard(Command::new(tools.join("bin/twine")).arg("check").arg("--strict").args(&made))?;
    made.iter().map(|file| tried(file, &folder)).collect()
}

/// Installs a distribution where nothing else is, and filters a process with it.
fn tried(file: &Path, folder: &Path) -> Result<Row, String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let environment = environment(&folder.join(format!("with-{name}")))?;
    heard(pip(&environment).args(["install", "--quiet"]).arg(file))?;
    let printed = heard(Command::new(environment.join("bin/python")).args(["-c", PROGRAM]))?;
    match printed.trim() {
        "54" => Ok(Row { way: "pip".into(), root: "venv".into(), shown: name }),
        other => Err(format!("{name}: unshare was to fail with 54: {other}")),
    }
}

fn environment(folder: &Path) -> Result<PathBuf, String> {
    heard(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    Ok(folder.to_path_buf())
}

fn pip(environment: &Path) -> Command {
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "--disable-pip-version-check"]);
    pip
}

fn path(environment: &Path) -> String {
    let before = std::env::var("PATH").unwrap_or_default();
    format!("{}:{before}", environment.join("bin").display())
}

/// The files in a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}
