//! The crates as a registry would hand them out.

use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::{env, fs};

use house::{cargo, output, root};

use crate::shell::{fresh, heard, kept, made};
use crate::{Extent, Row, trial};

/// What a tarball must have beside its sources.
const WANTED: [&str; 4] = ["Cargo.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Packs all published crates, builds each from its tarball, and installs the command from them.
pub(crate) fn arrive(_: Extent) -> Result<Vec<Row>, String> {
    let names = published()?;
    forget_earlier(&names)?;
    // What cargo built of earlier tarballs it would take for that of the new ones.
    let packed = fresh("packed")?;
    let mut package = cargo(&["package", "--quiet", "--allow-dirty", "--target-dir"]);
    package.arg(&packed);
    for name in &names {
        package.args(["--package", name]);
    }
    heard(&mut package)?;
    // Not below the project, whose workspace cargo would take them for members of.
    let folder = env::temp_dir().join(format!("callgate-arrive-{}", process::id()));
    made(&folder)?;
    let did = installed(&names, &packed.join("package"), &folder);
    fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let shown = format!("{} tarballs built, installed: {}", names.len(), did?);
    Ok(vec![Row { way: "cargo install".into(), root: "this machine".into(), shown }])
}

/// Installs the command from the tarballs, unpacked into a folder, and uses it. What was done.
fn installed(names: &[String], packed: &Path, folder: &Path) -> Result<String, String> {
    let mut install = cargo(&["install", "--quiet", "--locked", "--force"]);
    for name in names {
        let unpacked = unpacked(name, packed, folder)?;
        let patch = format!("patch.crates-io.{name}.path={:?}", unpacked.display().to_string());
        install.args(["--config", &patch]);
        if name == "callgate-cli" {
            install.arg("--path").arg(&unpacked);
        }
    }
    let prefix = fresh("crates-installed")?;
    install.env("CARGO_TARGET_DIR", kept("crates-target"));
    heard(install.arg("--root").arg(&prefix).current_dir(folder))?;
    trial::prepare(folder)?;
    trial::used(|args| {
        let mut command = Command::new(prefix.join("bin/callgate"));
        command.args(args).current_dir(folder);
        command
    })
}

/// Removes what cargo has unpacked of earlier tarballs: of the same version, it would take them for
/// the new ones.
fn forget_earlier(names: &[String]) -> Result<(), String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let Some(sources) = home.map(|home| home.join("registry/src")) else { return Ok(()) };
    // One folder a registry; that of tarballs of the project has them all.
    for registry in fs::read_dir(sources).into_iter().flatten().flatten() {
        for name in names {
            let earlier = registry.path().join(format!("{name}-{}", env!("CARGO_PKG_VERSION")));
            if earlier.is_dir() {
                fs::remove_dir_all(&earlier)
                    .map_err(|error| format!("{}: {error}", earlier.display()))?;
            }
        }
    }
    Ok(())
}

/// The names of the crates that are to be published.
fn published() -> Result<Vec<String>, String> {
    let folder = root().join("crates");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let manifest = entry.map_err(|error| error.to_string())?.path().join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&manifest) else { continue };
        let name = text.lines().find_map(|line| line.strip_prefix("name = "));
        if let Some(name) = name.filter(|_| !text.contains("publish = false")) {
            names.push(name.trim_matches('"').to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Unpacks the tarball of a crate and looks whether it can stand alone.
fn unpacked(name: &str, packed: &Path, folder: &Path) -> Result<PathBuf, String> {
    let version = env!("CARGO_PKG_VERSION");
    let whole = format!("{name}-{version}");
    let tarball = packed.join(format!("{whole}.crate"));
    output(Command::new("tar").arg("-xzf").arg(&tarball).arg("-C").arg(folder))?;
    let unpacked = folder.join(&whole);
    let missing = WANTED.iter().find(|file| !unpacked.join(file).is_file());
    missing.map_or(Ok(unpacked), |file| Err(format!("{whole}: there is no {file}")))
}
