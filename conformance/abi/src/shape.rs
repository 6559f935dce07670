//! The cost of loading the library: its size, its relocations, and the libraries that it needs.

use std::path::Path;
use std::process::Command;

use super::{Library, output};

/// The most bytes of the stripped library.
const SIZE_MAX: u64 = 900_000;

/// The most relocations. Each is work for every process that loads the library, and most touch a
/// page that is else shared.
const RELOCATIONS_MAX: usize = 700;

/// What the library may need beside the C library: the dynamic linker, for thread-local variables.
const NEEDED: [&str; 2] = ["libc.so.6", "ld-linux-x86-64.so.2"];

/// Checks the limits above.
pub(super) fn check(library: &Library) -> Result<String, String> {
    let shared = library.shared();
    let stripped = library.lib().join("stripped.so");
    output(Command::new("strip").arg("-o").arg(&stripped).arg(&shared))?;
    let size = stripped.metadata().map_err(|e| format!("{}: {e}", stripped.display()))?.len();
    let relocations = readelf("-r", &shared)?.lines().filter(|line| line.contains(" R_")).count();
    if size > SIZE_MAX || relocations > RELOCATIONS_MAX {
        return Err(format!(
            "{size} bytes and {relocations} relocations; at most {SIZE_MAX} and {RELOCATIONS_MAX}"
        ));
    }
    let needed = needed(&readelf("-d", &shared)?);
    match needed.iter().find(|name| !NEEDED.contains(&name.as_str())) {
        Some(name) => Err(format!("it needs {name}, which a program in C does not")),
        None if needed.is_empty() => Err("it seems to need no C library".into()),
        None => Ok(format!("{size} bytes, {relocations} relocations, needs {}", needed.join(", "))),
    }
}

fn readelf(what: &str, shared: &Path) -> Result<String, String> {
    output(Command::new("readelf").args(["-W", what]).arg(shared))
}

/// The names in the lines of `readelf -d` about shared libraries.
fn needed(dynamic: &str) -> Vec<String> {
    let lines = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let name = |line: &str| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned());
    lines.filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needed_libraries_are_read() {
        let dynamic =
            " 0x01 (NEEDED)   Shared library: [libc.so.6]\n 0x0e (SONAME) Library soname: [x]\n";
        assert_eq!(needed(dynamic), ["libc.so.6"]);
    }
}
