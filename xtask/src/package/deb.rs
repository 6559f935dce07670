//! Debian's packages, by `packaging/debian`.

use std::path::PathBuf;
use std::process::Command;

use super::{Sources, packages, succeed, text};

/// The packages, by what their files begin with.
const PACKAGES: [&str; 10] = [
    "callgate-dbgsym_",
    "callgate-doc_",
    "callgate-seccomp_",
    "callgate_",
    "libcallgate-dev_",
    "libcallgate-seccomp-dev_",
    "libcallgate-seccomp2-dbgsym_",
    "libcallgate-seccomp2_",
    "libcallgate0_",
    "python3-callgate-seccomp_",
];

/// Builds the packages.
pub(super) fn build(sources: &Sources) -> Result<Vec<PathBuf>, String> {
    let tree = sources.unpack("deb")?;
    // Where the tools look for it; in the project it is beside the other packagings.
    succeed(Command::new("cp").arg("-r").arg(tree.join("packaging/debian")).arg(&tree))?;
    let mut build = sources.builder("dpkg-buildpackage");
    build.args(["--build=binary", "--no-sign", "--no-check-builddeps"]).current_dir(&tree);
    println!("package: building Debian's packages");
    succeed(build.env("DEB_BUILD_OPTIONS", "nocheck"))?;
    packages(&sources.folder.join("deb"), ".deb", &PACKAGES)
}

/// Fails on what lintian calls an error; its warnings are printed.
pub(super) fn check(packages: &[PathBuf]) -> Result<(), String> {
    let mut lintian = Command::new("lintian");
    let said = text(lintian.args(["--fail-on", "error", "--allow-root"]).args(packages))?;
    print!("{said}");
    Ok(())
}
