//! The commands of the house: `cargo xtask help`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these commands talk to a person")]

mod abi;
mod bench;
mod ci;
mod clients;
mod codegen;
mod conformance;
mod fuzz;
mod guide;
mod live;
mod package;
mod python;
mod stage;
mod tables;
mod tidy;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// A command: its name, what it does, and the function that does it.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), String>,
}

const TASKS: &[Task] = &[
    Task {
        name: "bench",
        about: "compare our filters with other compilers' [--quick] [--json FILE]; --goldens, --growth",
        run: bench::run,
    },
    Task { name: "ci", about: "run every check, or those whose name contains WORD", run: ci::run },
    Task {
        name: "clients",
        about: "run Debian's programs on our libseccomp.so.2: NAME..., --all, --list",
        run: clients::run,
    },
    Task {
        name: "conformance",
        about: "hold a part against what it must agree with",
        run: conformance::run,
    },
    Task {
        name: "abi",
        about: "hold the C library against its headers and another libseccomp",
        run: abi::run,
    },
    Task {
        name: "stage",
        about: "lay out DIR as packages install it; --headers renews the generated header",
        run: stage::run,
    },
    Task { name: "fuzz", about: "run every fuzz target for some SECONDS", run: fuzz::run },
    Task { name: "guide", about: "do what the guide says", run: guide::run },
    Task { name: "live", about: "run real programs under the profile container", run: live::run },
    Task {
        name: "package",
        about: "build Debian's and Fedora's packages; --install tries them out",
        run: package::run,
    },
    Task {
        name: "python",
        about: "build and test the Python module; --wheel also as a wheel",
        run: python::run,
    },
    Task { name: "tidy", about: "check the architecture's invariants", run: tidy::run },
    Task {
        name: "codegen",
        about: "make the syscall tables from data/, or --check them",
        run: codegen::run,
    },
    Task {
        name: "tables",
        about: "compare FILE.csv: our tables against libseccomp's",
        run: tables::run,
    },
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "help".into());
    let args: Vec<String> = args.collect();
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        return help(&name);
    };
    match (task.run)(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn help(name: &str) -> ExitCode {
    println!("Usage: cargo xtask COMMAND [ARGS]\n");
    for task in TASKS {
        println!("  {:<12} {}", task.name, task.about);
    }
    match name {
        "help" | "--help" | "-h" => ExitCode::SUCCESS,
        _ => {
            eprintln!("\nxtask: there is no command {name:?}");
            ExitCode::from(2)
        }
    }
}

/// The root of the project.
fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Where cargo leaves what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds the command `callgate`, optimised; gives its path.
fn build_command() -> Result<PathBuf, String> {
    let build = cargo(&["build", "--release", "--quiet", "--package", "callgate-cli"]).status();
    match build.is_ok_and(|status| status.success()) {
        true => Ok(target().join("release/callgate")),
        false => Err("cannot build the command".into()),
    }
}

/// A cargo command in the root of the project.
fn cargo(args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root());
    command
}
