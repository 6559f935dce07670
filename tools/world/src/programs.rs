//! The programs that run in guests, built for their processor.

use std::path::{Path, PathBuf};
use std::process::Command;

use house::library::{PROGRAMS, WARNINGS};
use house::{cargo, output, root};

use crate::machine::Machine;
use crate::shell::{kept, made};
use crate::world::Plan;

/// The suites, by the check that runs each, and the names of their packages and programs.
const SUITES: [(&str, &str); 3] = [
    ("kernel", "conformance-kernel"),
    ("live", "conformance-live"),
    ("notify", "conformance-notify"),
];

/// The command, and its package.
const COMMAND: (&str, &str) = ("callgate", "callgate-cli");

/// The packages of what distributions ship.
const SHIPPED: [&str; 4] =
    ["callgate-cli", "callgate-scmp-capi", "callgate-capi", "callgate-scmp-tools"];

/// Without debug assertions, and linked plainly: what a translator makes of programs does not get
/// faster by what takes half of the build.
const PROFILE: &str = "unchecked";

/// The C library's programs: its rows on a live kernel, and its interface; each has the name of the
/// check that runs it.
const C_PROGRAMS: [&str; 2] = ["live", "api"];

/// What was built.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Suites, the command, and programs in C.
    pub(crate) programs: Vec<PathBuf>,
    /// Our C library.
    pub(crate) library: PathBuf,
}

/// Builds what a plan needs, for a machine.
pub(crate) fn built(machine: &Machine, plan: &Plan) -> Result<Programs, String> {
    let library = library(machine)?;
    // In one build, so that what all use is built once.
    let command = plan.needs_command().then_some(COMMAND);
    let suites = SUITES.into_iter().filter(|(check, _)| plan.checks.contains(check));
    let needed: Vec<(&str, &str)> =
        suites.map(|(_, package)| (package, package)).chain(command).collect();
    if !needed.is_empty() {
        build(machine, &needed.iter().map(|(_, package)| *package).collect::<Vec<_>>())?;
    }
    let folder = machine.built(PROFILE);
    let mut programs: Vec<PathBuf> =
        needed.iter().map(|(program, _)| folder.join(program)).collect();
    for name in C_PROGRAMS.into_iter().filter(|name| plan.checks.contains(name)) {
        programs.push(compiled(machine, name, &library)?);
    }
    Ok(Programs { programs, library })
}

/// Has the compiler look at what is shipped and at the suites, without building them: types of the
/// C library differ between machines, so what builds on one may not on another.
pub(crate) fn looked_at(machine: &Machine) -> Result<(), String> {
    let mut check = cargo(&["check", "--quiet", "--target", machine.triple]);
    for package in SHIPPED.into_iter().chain(SUITES.map(|(_, package)| package)) {
        check.args(["--package", package]);
    }
    output(&mut check).map(drop)
}

/// Builds our C library: apart from the suites, which turn on features that no program should have.
pub(crate) fn library(machine: &Machine) -> Result<PathBuf, String> {
    build(machine, &["callgate-scmp-capi"])?;
    Ok(machine.built(PROFILE).join("libseccomp.so"))
}

/// Compiles one of the programs in C, linked to a library.
pub(crate) fn compiled(machine: &Machine, name: &str, library: &Path) -> Result<PathBuf, String> {
    let folder = kept(&format!("programs/{}", machine.debian));
    made(&folder)?;
    let program = folder.join(name);
    let mut compile = Command::new(machine.compiler());
    compile.args(WARNINGS).args(["-std=gnu99", "-O1", "-o"]).arg(&program);
    compile.arg(root().join(PROGRAMS).join(name).with_extension("c"));
    compile.arg("-I").arg(root().join("crates/scmp-capi/include")).arg(library);
    output(compile.arg("-pthread"))?;
    Ok(program)
}

fn build(machine: &Machine, packages: &[&str]) -> Result<(), String> {
    let mut build = cargo(&["build", "--quiet", "--profile", PROFILE]);
    for package in packages {
        build.args(["--package", package]);
    }
    if !machine.native() {
        // It takes the most time, and saves none where an emulator executes the programs.
        build.env("CARGO_PROFILE_UNCHECKED_OPT_LEVEL", "1");
        let variable = machine.triple.to_uppercase().replace('-', "_");
        build.args(["--target", machine.triple]);
        build.env(format!("CARGO_TARGET_{variable}_LINKER"), machine.compiler());
    }
    output(&mut build).map(drop).map_err(|error| {
        format!(
            "{error}\nbuilding needs {} and rustup's target {}",
            machine.compiler(),
            machine.triple
        )
    })
}
