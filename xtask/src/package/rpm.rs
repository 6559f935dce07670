//! Fedora's packages, by `packaging/rpm/callgate.spec`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{NAME, Sources, fresh, packages, succeed, text};
use crate::root;

/// The packages, by what their files begin with.
const PACKAGES: [&str; 7] = [
    "callgate-0",
    "callgate-libseccomp-0",
    "callgate-libseccomp-devel-0",
    "callgate-libseccomp-static-0",
    "libcallgate-0",
    "libcallgate-devel-0",
    "python3-callgate-seccomp-0",
];

/// Builds the packages.
pub(super) fn build(sources: &Sources) -> Result<Vec<PathBuf>, String> {
    let top = fresh(&sources.folder.join("rpm"))?;
    let inputs = fresh(&top.join("SOURCES"))?;
    let archive = inputs.join(format!("{NAME}.tar.gz"));
    fs::copy(sources.archive(), &archive).map_err(|e| format!("{}: {e}", archive.display()))?;
    let spec = sources.unpack("spec")?.join("packaging/rpm/callgate.spec");
    let mut build = sources.builder("rpmbuild");
    build.arg("-bb").arg("--nodeps").arg("--define").arg(format!("_topdir {}", top.display()));
    for macro_ in [
        "_build_id_links none",
        "_buildhost localhost",
        "_lib lib64",
        "clamp_mtime_to_source_date_epoch 1",
        "use_source_date_epoch_as_buildtime 1",
    ] {
        build.args(["--define", macro_]);
    }
    println!("package: building Fedora's packages");
    succeed(build.arg(&spec))?;
    packages(&top.join("RPMS"), ".rpm", &PACKAGES)
}

/// Fails on what rpmlint calls an error; its warnings are printed.
pub(super) fn check(packages: &[PathBuf]) -> Result<(), String> {
    let mut lint = Command::new("rpmlint");
    lint.arg("--config").arg(root().join("packaging/rpm/rpmlint.toml"));
    print!("{}", text(lint.arg("--ignore-unused-rpmlintrc").args(packages))?);
    Ok(())
}
