//! Files that import each other in a circle: none can be read without the others.
//!
//! What only hands names on (`pub use`) is followed to the file that defines them. A child module
//! may use what its parent defines, because it is a part of it. Tests do not count.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::text;
use imports::Imports;

/// Circles that are one idea in several files, by their first file in the order of names, and why.
const ONE_IDEA: &[(&str, &str)] = &[
    ("crates/callgate/src/builder.rs", "a filter hands out its builder, which builds it"),
    ("crates/compiler/src/arguments.rs", "a table is one of the ways to ask arguments"),
    ("crates/facts/src/constant.rs", "a constant, and the set that it is of"),
    ("crates/facts/src/groups/alias.rs", "an alias has lines, and a line may name an alias"),
    ("crates/formats/src/baseline.rs", "a profile and its lowering, under one or two readings"),
    ("crates/formats/src/check.rs", "a reading decides what to warn of, a warning names it"),
    ("crates/formats/src/json.rs", "a document finds its places, a place is one of a document"),
    ("crates/policy/src/comparison.rs", "an error names the limit of what it refuses"),
    ("crates/policy/src/policy.rs", "a policy holds lists of rules that are valid only in one"),
    ("crates/prover/src/compare.rs", "a refutation is an error, and holds a difference"),
    ("crates/prover/src/diagram/apply.rs", "each operation on diagrams, and the walk they share"),
    ("crates/scmp/src/attribute.rs", "an error names the attribute or token that it refuses"),
    ("crates/supervise/src/listener.rs", "a call is answered through the listener it came from"),
];

/// The files that a file imports from.
type Graph = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

pub(super) fn violations(root: &Path, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut known: BTreeSet<&str> = ONE_IDEA.iter().map(|(first, _)| *first).collect();
    for source in files.iter().filter(|file| is_crate_root(file)) {
        let folder = source.parent().unwrap_or(Path::new(""));
        let sources = files
            .iter()
            .filter(|file| file.starts_with(folder) && file.extension().is_some_and(|e| e == "rs"));
        let mut imports = Imports::new(source);
        for file in sources {
            imports.read(file, &text(root, file)?.unwrap_or_default())?;
        }
        for circle in circles(&imports.graph()) {
            let names: Vec<String> = circle.iter().map(|file| file.display().to_string()).collect();
            if !known.remove(names[0].as_str()) && !ONE_IDEA.iter().any(|(f, _)| *f == names[0]) {
                found.push(format!("these import each other: {}", names.join(", ")));
            }
        }
    }
    found.extend(known.into_iter().map(|first| format!("no circle begins with {first} any more")));
    Ok(found)
}

fn is_crate_root(file: &Path) -> bool {
    (file.ends_with("src/lib.rs") || file.ends_with("src/main.rs"))
        && (!file.ends_with("src/main.rs") || !file.with_file_name("lib.rs").exists())
}

/// The strongly connected sets of more than one file: the files that reach each other.
fn circles(graph: &Graph) -> Vec<BTreeSet<&PathBuf>> {
    let reach: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
        graph.keys().map(|file| (file, reachable(graph, file))).collect();
    let mut found: BTreeSet<BTreeSet<&PathBuf>> = BTreeSet::new();
    for (file, reached) in &reach {
        let mut circle: BTreeSet<&PathBuf> =
            reached.iter().filter(|other| reach[**other].contains(file)).copied().collect();
        circle.insert(file);
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

fn reachable<'a>(graph: &'a Graph, from: &PathBuf) -> BTreeSet<&'a PathBuf> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&PathBuf> = graph.get(from).into_iter().flatten().collect();
    while let Some(file) = open.pop() {
        if let Some((file, next)) = graph.get_key_value(file)
            && reached.insert(file)
        {
            open.extend(next);
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sources: &[(&str, &str)]) -> usize {
        let mut imports = Imports::new(Path::new("src/lib.rs"));
        for (file, text) in sources {
            assert_eq!(imports.read(Path::new(file), text), Ok(()));
        }
        circles(&imports.graph()).len()
    }

    #[test]
    fn a_circle_is_found_through_names_that_are_handed_on() {
        let root = ("src/lib.rs", "mod a; mod b; pub use a::A;");
        let a = ("src/a.rs", "use crate::b::B; pub struct A(B);");
        assert_eq!(found(&[root, a, ("src/b.rs", "pub struct B;")]), 0);
        assert_eq!(found(&[root, a, ("src/b.rs", "use crate::A; pub struct B(A);")]), 1);
        assert_eq!(found(&[root, a, ("src/b.rs", "pub fn b() -> crate::a::A { loop {} }")]), 1);
    }

    #[test]
    fn a_child_may_use_its_parent_but_not_the_parent_of_another_that_uses_it() {
        let child = ("src/a/child.rs", "use super::A; pub fn of(a: A) {}");
        let root = ("src/lib.rs", "mod a; mod b;");
        let parent = ("src/a.rs", "mod child; pub struct A; use child::of;");
        assert_eq!(found(&[root, parent, child, ("src/b.rs", "")]), 0);
        let niece = ("src/a/child.rs", "use crate::b::B;");
        assert_eq!(found(&[root, parent, niece, ("src/b.rs", "use crate::a::A;")]), 1);
    }

    #[test]
    fn tests_do_not_count() {
        let b = "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }";
        let a = ("src/a.rs", "use crate::b::B; pub struct A(B);");
        assert_eq!(found(&[("src/lib.rs", "mod a; mod b;"), a, ("src/b.rs", b)]), 0);
    }
}
