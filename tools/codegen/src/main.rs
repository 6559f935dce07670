//! `cargo xtask codegen`: the tables of `callgate-syscalls` and `callgate-facts` from the facts under
//! `data/`, and grammars for editors from the words of the language.
//!
//! Without arguments the generated files are written. `--check` compares them instead, for CI.
//! `import --linux DIR` reads an unpacked kernel tree and brings the facts up to date;
//! `data/README.md` says what a fact is.
//!
//! Claim: C-TABLES
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it says what it found")]

mod arches;
mod arguments;
mod conditions;
mod constants;
mod definitions;
mod editors;
mod errnos;
mod facts;
mod groups;
mod history;
mod import;
mod layout;
mod narrowed;
mod render;
mod render_signatures;
mod version;
mod widths;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use facts::Facts;

/// Where the generated files are, seen from the root of the project.
const GENERATED: &str = "crates/syscalls/src/generated";

/// Where those of `callgate-facts` are.
const FACTS: &str = "crates/facts/src/generated";

/// The library's constants.
const ITEMS: &str = "crates/callgate/src/generated/consts.rs";

fn main() -> std::process::ExitCode {
    house::main("codegen", run)
}

/// Generates, checks or imports.
fn run(args: &[String]) -> Result<(), String> {
    let root = house::root();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => write(&root),
        ["--check"] => check(&root),
        ["import", "--constants", tree] => constants::import(&root.join("data"), Path::new(tree)),
        ["import", "--linux", tree] => {
            import::run(&root.join("data"), Path::new(tree))?;
            constants::import(&root.join("data"), Path::new(tree))?;
            write(&root)
        }
        _ => Err("usage: codegen [--check | import --linux DIR]".into()),
    }
}

/// Every generated file by its path.
fn render_all(root: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let facts = Facts::read(&root.join("data"))?;
    let narrowed = narrowed::Narrowed::read(&root.join("data"), &facts.signatures)?;
    let layout = layout::Layout::new(&facts, &narrowed)?;
    let of_facts = [
        ("arguments.rs", arguments::render(&root.join("data"), &facts)?),
        ("constants.rs", constants::render(&root.join("data"), &facts)?),
        ("groups.rs", groups::render(&root.join("data"), &facts)?),
        ("history.rs", history::render(&root.join("data"), &facts)?),
    ];
    let files = [
        ("arches.rs", arches::render(&root.join("data"))?),
        ("names.rs", render::names(&layout)),
        ("tables.rs", render::tables(&layout)),
        ("signatures.rs", render_signatures::signatures(&layout)),
        ("errnos.rs", render::errnos(&facts)),
    ];
    let folder = root.join(GENERATED);
    let mut files: BTreeMap<PathBuf, String> =
        files.into_iter().map(|(name, text)| (folder.join(name), text)).collect();
    let folder = root.join(FACTS);
    files.extend(of_facts.into_iter().map(|(name, text)| (folder.join(name), text)));
    files.insert(root.join(ITEMS), constants::render_items(&root.join("data"), &facts)?);
    files.extend(editors::render(root));
    Ok(files)
}

fn write(root: &Path) -> Result<(), String> {
    for (path, text) in render_all(root)? {
        replace(&path, &text)?;
    }
    Ok(())
}

fn check(root: &Path) -> Result<(), String> {
    let mut stale = 0;
    for (path, expected) in render_all(root)? {
        let found = fs::read_to_string(&path).unwrap_or_default();
        if let Some(difference) = first_difference(&expected, &found) {
            eprintln!("{}: {difference}", path.display());
            stale += 1;
        }
    }
    match stale {
        0 => Ok(()),
        _ => Err(format!(
            "{stale} generated files are not what they are made from: run cargo xtask codegen"
        )),
    }
}

/// The first line in which two texts differ, told in words.
fn first_difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let pairs = expected.lines().zip(found.lines());
    let equal = pairs.take_while(|(a, b)| a == b).count();
    let line = |text: &str| {
        let text = text.lines().nth(equal).unwrap_or("(end of file)");
        text.chars().take(100).collect::<String>()
    };
    Some(format!(
        "line {}:\n  committed: {}\n  from data: {}",
        equal + 1,
        line(found),
        line(expected)
    ))
}

/// Replaces a file in one step, so that a compiler running at the same time never sees half of it.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let parent = path.parent().ok_or_else(|| format!("{}: has no folder", path.display()))?;
    fs::create_dir_all(parent).map_err(failed)?;
    let temporary = path.with_extension("new");
    fs::write(&temporary, text).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_tables_follow_from_the_data() {
        assert_eq!(check(&house::root()), Ok(()));
    }

    #[test]
    fn the_first_differing_line_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        let text = first_difference("a\nb\n", "a\nc\n").unwrap_or_default();
        assert!(text.contains("line 2") && text.contains("committed: c"), "{text}");
        let text = first_difference("a\n", "").unwrap_or_default();
        assert!(text.contains("line 1") && text.contains("(end of file)"), "{text}");
    }
}
