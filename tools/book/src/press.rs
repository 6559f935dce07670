//! mdBook and the glue of WebAssembly, from a workspace of their own.

use std::path::Path;
use std::process::Command;

/// The manifest of the press.
const MANIFEST: &str = "tools/book/press/Cargo.toml";

/// Makes an mdBook.
pub(crate) fn book(folder: &Path) -> Result<(), String> {
    house::output(press().arg("book").arg(folder)).map(drop)
}

/// Writes what a page needs to call a module's functions.
pub(crate) fn glue(module: &Path, folder: &Path) -> Result<(), String> {
    house::output(press().arg("glue").arg(module).arg(folder)).map(drop)
}

fn press() -> Command {
    let manifest = house::root().join(MANIFEST);
    let mut press = house::cargo(&["run", "--quiet", "--locked", "--manifest-path"]);
    press.arg(manifest).arg("--target-dir").arg(house::target().join("press")).arg("--");
    press
}
