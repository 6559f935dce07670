//! Who may depend on whom, and under which licences.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// The dependencies that each crate may have outside its tests.
const ALLOWED: &str = include_str!("dependencies.txt");

/// Crates that nothing but tests and the commands of the house may use.
const UNPUBLISHED: &[&str] = &["callgate-embedded", "callgate-lab", "callgate-testkit"];

/// Commands of the house that depend on no crate of ours: they generate these crates, or must work
/// where one is broken.
const APART: &[&str] = &["arrive", "codegen", "house", "world", "xtask"];

/// What every crate of ours that is published is called, or begins with.
const PREFIX: &str = "callgate";

/// Licences that the project can be distributed with. Of an `OR` one side suffices.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

pub(super) fn violations() -> Result<Vec<String>, String> {
    let metadata =
        MetadataCommand::new().exec().map_err(|error| format!("cargo metadata: {error}"))?;
    let members = metadata.workspace_packages();
    let mut found: Vec<String> = members.iter().flat_map(|package| dependencies(package)).collect();
    found.extend(members.iter().flat_map(|package| fields(package)));
    found.extend(metadata.packages.iter().filter_map(licence));
    found.extend(sources(&metadata));
    Ok(found)
}

fn dependencies(package: &Package) -> Vec<String> {
    let name = package.name.as_str();
    if of_the_house(package) {
        let ours = |name: &str| name.starts_with(PREFIX);
        let used = package.dependencies.iter().map(|dependency| dependency.name.as_str());
        let forbidden = used.filter(|used| APART.contains(&name) && ours(used));
        return forbidden.map(|used| format!("{name} must not depend on {used}")).collect();
    }
    let mut rows = ALLOWED.lines().filter_map(|row| row.split_once(':'));
    let Some((_, allowed)) = rows.find(|(listed, _)| *listed == name) else {
        return vec![format!("crate {name} has no row in xtask/src/tidy/dependencies.txt")];
    };
    let allowed: BTreeSet<&str> = allowed.split_whitespace().collect();
    let normal = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
    let used: BTreeSet<&str> = normal.map(|dependency| dependency.name.as_str()).collect();
    let forbidden = used.iter().filter(|used| !allowed.contains(*used));
    forbidden.map(|used| format!("crate {name} must not depend on {used}")).collect()
}

/// Whether it is a command of the house: these are not published and may use what they compare.
fn of_the_house(package: &Package) -> bool {
    !package.name.starts_with(PREFIX)
}

fn fields(package: &Package) -> Vec<String> {
    let mut found = Vec::new();
    if package.license.as_deref() != Some("MIT OR Apache-2.0") {
        found.push(format!("crate {}: licence is not MIT OR Apache-2.0", package.name));
    }
    let published = package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
    let unpublished = of_the_house(package) || UNPUBLISHED.contains(&package.name.as_str());
    if published == unpublished {
        found.push(format!("crate {}: `publish` is not what tidy expects", package.name));
    }
    if package.description.is_none() {
        found.push(format!("crate {}: no description", package.name));
    }
    if !unpublished {
        found.extend(alone(package));
    }
    found
}

/// What the tarball of a published crate has, since nothing of the project comes with it.
const COMPANY: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

fn alone(package: &Package) -> impl Iterator<Item = String> {
    let folder = package.manifest_path.parent();
    let missing = COMPANY
        .into_iter()
        .filter(move |file| !folder.is_some_and(|folder| folder.join(file).is_file()));
    missing.map(|file| {
        format!("crate {}: no {file} (a page of its own; licences as links)", package.name)
    })
}

fn licence(package: &Package) -> Option<String> {
    let expression = package.license.as_deref().unwrap_or("none");
    let accepted = expression.split(" AND ").all(|part| {
        part.trim_matches(['(', ')'])
            .split(['/'])
            .flat_map(|p| p.split(" OR "))
            .any(|one| LICENCES.contains(&one.trim_matches(['(', ')', ' '])))
    });
    (!accepted).then(|| format!("{} {}: licence {expression}", package.name, package.version))
}

/// Packages that come neither from this project nor from the crate registry.
fn sources(metadata: &Metadata) -> Vec<String> {
    let foreign = metadata.packages.iter().filter(|package| {
        package.source.as_ref().is_some_and(|source| !source.repr.starts_with("registry+"))
    });
    foreign.map(|package| format!("{}: not from the crate registry", package.name)).collect()
}
