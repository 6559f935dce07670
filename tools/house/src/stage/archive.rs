//! The static library with its own functions global, and nothing else.
//!
//! What the compiler makes holds Rust's standard library, whose symbols are global
//! (`rust_eh_personality`, the allocator's). A program in Rust has the same ones, and two can't be
//! linked. So all of it is linked to one object, what no function of the interface reaches is left
//! out, and every symbol becomes local but for those of
//! the list of exports.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::library::names;
use crate::{output, root};

/// Sections that are the compiler's notes to itself: code for link time optimisation, which no
/// other linker can use.
const NOTES: [&str; 2] = [".llvmbc", ".llvmcmd"];

/// Writes the static library that was built to another place.
///
/// The linker and its companions are those of the environment's `LD`, `OBJCOPY` and `AR`, for
/// packagers of other machines.
pub(super) fn localize(built: &Path, archive: &Path, exports: &str) -> Result<(), String> {
    let object = archive.with_extension("o");
    let mut link = tool("LD", "ld");
    link.args(["-r", "--gc-sections", "--force-group-allocation"]);
    for name in names(exports)? {
        link.arg(format!("--undefined={name}"));
    }
    output(link.arg("-o").arg(&object).arg("--whole-archive").arg(built))?;
    let mut hide = tool("OBJCOPY", "objcopy");
    hide.arg("--keep-global-symbols").arg(root().join(exports));
    hide.args(NOTES.map(|name| format!("--remove-section={name}")));
    output(hide.arg(&object))?;
    // An archive that is there would be added to.
    let _ = fs::remove_file(archive);
    output(tool("AR", "ar").arg("rcsD").arg(archive).arg(&object))?;
    fs::remove_file(&object).map_err(|error| format!("{}: {error}", object.display()))
}

fn tool(variable: &str, name: &str) -> Command {
    Command::new(std::env::var_os(variable).unwrap_or_else(|| name.into()))
}
