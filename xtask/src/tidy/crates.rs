//! Who may depend on whom, and under which licences.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// The dependencies that each crate may have outside its tests. A crate that is not listed is a
/// violation: to add one changes the architecture, here and in ARCHITECTURE.md.
const ALLOWED: &[(&str, &[&str])] = &[
    ("callgate-memory", &[]),
    ("callgate-syscalls", &[]),
    ("callgate-bpf", &["callgate-syscalls"]),
    ("callgate-facts", &["callgate-syscalls"]),
    (
        "callgate-dumps",
        &["base64", "callgate-bpf", "callgate-facts", "callgate-syscalls", "object"],
    ),
    ("callgate-policy", &["callgate-memory", "callgate-syscalls"]),
    (
        "callgate-compiler",
        &["callgate-bpf", "callgate-memory", "callgate-policy", "callgate-syscalls"],
    ),
    (
        "callgate-prover",
        &["callgate-bpf", "callgate-memory", "callgate-policy", "callgate-syscalls"],
    ),
    (
        "callgate-build",
        &[
            "callgate-bpf",
            "callgate-compiler",
            "callgate-memory",
            "callgate-policy",
            "callgate-prover",
            "callgate-syscalls",
        ],
    ),
    ("callgate-order", &["callgate-memory", "callgate-policy", "callgate-syscalls"]),
    ("callgate-kernel", &["callgate-bpf", "callgate-syscalls", "libc"]),
    (
        "callgate-observe",
        &["callgate-bpf", "callgate-kernel", "callgate-syscalls", "framehop", "libc", "object"],
    ),
    (
        "callgate-lab",
        &["callgate-bpf", "callgate-kernel", "callgate-observe", "callgate-syscalls", "libc"],
    ),
    ("callgate-rules", &["callgate-policy", "callgate-syscalls", "strsim"]),
    ("callgate-raise", &["callgate-policy", "callgate-prover", "callgate-syscalls"]),
    (
        "callgate-formats",
        &[
            "callgate-memory",
            "callgate-order",
            "callgate-policy",
            "callgate-raise",
            "callgate-rules",
            "callgate-syscalls",
            "serde",
            "serde_json",
        ],
    ),
    (
        "callgate-dialects",
        &[
            "callgate-facts",
            "callgate-formats",
            "callgate-order",
            "callgate-policy",
            "callgate-rules",
            "callgate-syscalls",
            "saphyr-parser",
        ],
    ),
    (
        "callgate-gate",
        &[
            "callgate-facts",
            "callgate-policy",
            "callgate-prover",
            "callgate-rules",
            "callgate-syscalls",
            "rowan",
            "strsim",
        ],
    ),
    (
        "callgate-learn",
        &[
            "callgate-explain",
            "callgate-facts",
            "callgate-gate",
            "callgate-policy",
            "callgate-rules",
            "callgate-syscalls",
            "serde",
            "serde_json",
        ],
    ),
    ("callgate-scan", &["callgate-facts", "callgate-syscalls", "gimli", "object", "serde"]),
    (
        "callgate-explain",
        &[
            "callgate-bpf",
            "callgate-facts",
            "callgate-gate",
            "callgate-policy",
            "callgate-prover",
            "callgate-rules",
            "callgate-syscalls",
            "serde",
            "serde_json",
        ],
    ),
    (
        "callgate-lsp",
        &[
            "callgate-facts",
            "callgate-gate",
            "callgate-rules",
            "callgate-syscalls",
            "lsp-server",
            "lsp-types",
            "serde",
            "serde_json",
        ],
    ),
    (
        "callgate-convert",
        &[
            "callgate-bpf",
            "callgate-build",
            "callgate-dialects",
            "callgate-dumps",
            "callgate-facts",
            "callgate-formats",
            "callgate-gate",
            "callgate-policy",
            "callgate-prover",
            "callgate-raise",
            "callgate-rules",
            "callgate-scmp",
            "callgate-syscalls",
            "serde",
            "serde_json",
        ],
    ),
    (
        "callgate-lint",
        &[
            "callgate-bpf",
            "callgate-facts",
            "callgate-formats",
            "callgate-policy",
            "callgate-prover",
            "callgate-rules",
            "callgate-syscalls",
        ],
    ),
    // tokio only where its feature asks for it.
    ("callgate-supervise", &["callgate-kernel", "callgate-syscalls", "libc", "tokio"]),
    (
        "callgate",
        &[
            "callgate-bpf",
            "callgate-build",
            "callgate-compiler",
            "callgate-explain",
            "callgate-kernel",
            "callgate-policy",
            "callgate-formats",
            "callgate-gate",
            "callgate-prover",
            "callgate-rules",
            "callgate-supervise",
            "callgate-syscalls",
        ],
    ),
    (
        "callgate-agent",
        &[
            "callgate-kernel",
            "callgate-policy",
            "callgate-formats",
            "callgate-rules",
            "callgate-supervise",
            "callgate-syscalls",
            "rustix",
            "serde",
            "serde_json",
            "tokio",
        ],
    ),
    (
        "callgate-review",
        &[
            "callgate-bpf",
            "callgate-facts",
            "callgate-gate",
            "callgate-policy",
            "callgate-prover",
            "callgate-syscalls",
            "maud",
            "serde",
        ],
    ),
    (
        "callgate-console",
        &[
            "callgate",
            "callgate-agent",
            "callgate-bpf",
            "callgate-compiler",
            "callgate-dumps",
            "callgate-facts",
            "callgate-kernel",
            "callgate-observe",
            "callgate-policy",
            "callgate-formats",
            "callgate-dialects",
            "callgate-gate",
            "callgate-lint",
            "callgate-prover",
            "callgate-rules",
            "callgate-scan",
            "callgate-syscalls",
            "clap",
            "anstream",
            "anstyle",
            "annotate-snippets",
            "serde",
            "serde_json",
            "strsim",
            "terminal_size",
        ],
    ),
    (
        "callgate-doctor",
        &[
            "callgate-console",
            "callgate-kernel",
            "callgate-observe",
            "callgate-syscalls",
            "anstyle",
            "clap",
            "serde",
        ],
    ),
    (
        "callgate-cli",
        &[
            "callgate",
            "callgate-agent",
            "callgate-bpf",
            "callgate-compiler",
            "callgate-console",
            "callgate-convert",
            "callgate-doctor",
            "callgate-dialects",
            "callgate-dumps",
            "callgate-explain",
            "callgate-facts",
            "callgate-kernel",
            "callgate-observe",
            "callgate-policy",
            "callgate-formats",
            "callgate-gate",
            "callgate-lint",
            "callgate-lsp",
            "callgate-learn",
            "callgate-prover",
            "callgate-raise",
            "callgate-review",
            "callgate-rules",
            "callgate-scan",
            "callgate-syscalls",
            "clap",
            "clap_complete",
            "anstyle",
            "clap_mangen",
            "serde",
            "serde_json",
        ],
    ),
    (
        "callgate-scmp",
        &[
            "callgate-bpf",
            "callgate-build",
            "callgate-compiler",
            "callgate-memory",
            "callgate-order",
            "callgate-policy",
            "callgate-prover",
            "callgate-syscalls",
        ],
    ),
    ("callgate-scmp-process", &["callgate-kernel", "callgate-scmp", "callgate-syscalls"]),
    (
        "callgate-scmp-capi",
        &[
            "callgate-bpf",
            "callgate-kernel",
            "callgate-scmp-process",
            "callgate-scmp",
            "callgate-syscalls",
            "libc",
        ],
    ),
    (
        "callgate-scmp-tools",
        &["callgate-bpf", "callgate-scmp-process", "callgate-scmp", "callgate-syscalls"],
    ),
    (
        "callgate-scmp-python",
        &[
            "callgate-kernel",
            "callgate-scmp-process",
            "callgate-scmp",
            "callgate-syscalls",
            "libc",
            "pyo3",
        ],
    ),
    ("callgate-embedded", &["callgate", "callgate-bpf", "callgate-kernel", "callgate-syscalls"]),
    ("callgate-testkit", &["callgate-bpf", "callgate-policy", "callgate-syscalls", "fastrand"]),
];

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
    let Some((_, allowed)) = ALLOWED.iter().find(|(listed, _)| *listed == name) else {
        return vec![format!("crate {name} has no row in the table of allowed dependencies")];
    };
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
