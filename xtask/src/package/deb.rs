//! Debian's packages, by `packaging/debian`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Sources, fresh, packages, succeed, text};
use crate::{cargo, root};

/// The packages, by what their files begin with.
const PACKAGES: [&str; 10] = [
    "callgate-dbgsym_",
    BOOK,
    "callgate-seccomp_",
    "callgate_",
    "libcallgate-dev_",
    "libcallgate-seccomp-dev_",
    "libcallgate-seccomp2-dbgsym_",
    "libcallgate-seccomp2_",
    "libcallgate0_",
    "python3-callgate-seccomp_",
];

/// The package of the book.
const BOOK: &str = "callgate-doc_";

/// Builds the packages.
pub(super) fn build(sources: &Sources) -> Result<Vec<PathBuf>, String> {
    let tree = sources.unpack("deb")?;
    // Where the tools look for it; in the project it is beside the other packagings.
    succeed(Command::new("cp").arg("-r").arg(tree.join("packaging/debian")).arg(&tree))?;
    let mut build = sources.builder("dpkg-buildpackage");
    build.args(["--build=binary", "--no-sign", "--no-check-builddeps"]).current_dir(&tree);
    println!("package: building Debian's packages");
    if sources.has_book {
        succeed(build.env("DEB_BUILD_OPTIONS", "nocheck"))?;
        return packages(&sources.folder.join("deb"), ".deb", &PACKAGES);
    }
    succeed(build.env("DEB_BUILD_OPTIONS", "nocheck nobook"))?;
    let others: Vec<&str> = PACKAGES.into_iter().filter(|name| *name != BOOK).collect();
    packages(&sources.folder.join("deb"), ".deb", &others)
}

/// Whether a package is that of the book.
pub(super) fn is_book(package: &Path) -> bool {
    package.file_name().is_some_and(|name| name.to_string_lossy().starts_with(BOOK))
}

/// Makes the book here, and holds what was packaged against it.
///
/// # Errors
/// The files that differ.
pub(super) fn is_this_book(package: &Path) -> Result<(), String> {
    succeed(cargo(&["xtask", "book"]).current_dir(root()))?;
    let unpacked = fresh(&package.with_extension("unpacked"))?;
    succeed(Command::new("dpkg-deb").arg("-x").arg(package).arg(&unpacked))?;
    let packaged = unpacked.join("usr/share/doc/callgate-doc/html");
    let mut diff = Command::new("diff");
    let here = root().join("target/book/html");
    succeed(diff.args(["-r", "--brief"]).arg(packaged).arg(here))
}

/// Fails on what lintian calls an error; its warnings are printed.
pub(super) fn check(packages: &[PathBuf]) -> Result<(), String> {
    let mut lintian = Command::new("lintian");
    let said = text(lintian.args(["--fail-on", "error", "--allow-root"]).args(packages))?;
    print!("{said}");
    Ok(())
}
