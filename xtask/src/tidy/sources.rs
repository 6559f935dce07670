//! Checks of the files: sizes, module documentation, `unsafe`, unfinished marks, facts said in two
//! places.

use std::path::{Path, PathBuf};

use super::text;

/// The most lines of a source file.
const LINES_MAX: usize = 1_000;

/// Where `unsafe` may stand; every other crate forbids it in its root module.
const UNSAFE_CRATES: &[&str] = &[
    "crates/kernel/",
    "crates/scmp-capi/",
    "crates/scmp-python/",
    "crates/capi/",
    "crates/lab/",
    "crates/enforce/",
    "crates/observe/",
];

pub(super) fn violations(root: &Path, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
        let Some(text) = text(root, file)? else {
            found.push(format!("{}: not UTF-8", file.display()));
            continue;
        };
        let problems = source(file, &text);
        found.extend(problems.into_iter().map(|what| format!("{}: {what}", file.display())));
    }
    found.extend(same_facts(root)?);
    Ok(found)
}

fn source(file: &Path, text: &str) -> Vec<String> {
    let path = file.to_string_lossy();
    let generated = path.contains("/generated/");
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX && !generated {
        found.push(format!("{lines} lines; at most {LINES_MAX}"));
    }
    if !text.trim_start().starts_with("//!") {
        found.push("does not begin with module documentation".into());
    }
    // Spelt in parts, so that this file does not accuse itself.
    for mark in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")] {
        if text.contains(mark) {
            found.push(format!("contains {mark}"));
        }
    }
    let may_be_unsafe = UNSAFE_CRATES.iter().any(|allowed| path.starts_with(allowed));
    if !may_be_unsafe {
        let is_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
        if is_root && !text.contains("#![forbid(unsafe_code)]") {
            found.push("a crate root without #![forbid(unsafe_code)]".into());
        }
        // Tests and examples are crates of their own, which the root's attribute does not reach.
        let is_unsafe = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let opens = |next: &str| ["{", "fn", "impl", "extern"].contains(&next);
            !line.trim_start().starts_with("//")
                && words.windows(2).any(|pair| pair[0] == "unsafe" && opens(pair[1]))
        };
        if let Some(line) = text.lines().position(is_unsafe) {
            found.push(format!("line {}: unsafe code outside the crates that may", line + 1));
        }
    }
    found
}

/// Facts that several files state must be the same everywhere.
fn same_facts(root: &Path) -> Result<Vec<String>, String> {
    let read = |name: &str| Ok::<_, String>(text(root, Path::new(name))?.unwrap_or_default());
    let (manifest, clippy) = (read("Cargo.toml")?, read("clippy.toml")?);
    let (readme, ci) = (read("README.md")?, read(".ci/run")?);
    let mut found = Vec::new();
    let msrv = quoted_after(&manifest, "rust-version = ");
    if msrv.is_none() || msrv != quoted_after(&clippy, "msrv = ") {
        found.push("clippy.toml's msrv is not Cargo.toml's rust-version".into());
    }
    let test_command = "cargo test --workspace";
    for (name, text) in [("README.md", &readme), (".ci/run", &ci)] {
        if !text.contains(test_command) {
            found.push(format!("{name} does not name `{test_command}`"));
        }
    }
    Ok(found)
}

fn quoted_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('"')?.strip_suffix('"'))
}
