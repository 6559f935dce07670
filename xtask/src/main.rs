//! The commands of the house: `cargo xtask help`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these commands talk to a person")]

mod ci;
mod fuzz;
mod guide;
mod live;
mod package;
mod tidy;

use std::process::{Command, ExitCode};

use house::{Run, build_command, cargo, root, target, tool};

/// A command: its name, what it does, and the function that does it.
struct Task {
    name: &'static str,
    about: &'static str,
    run: Run,
}

const TASKS: &[Task] = &[
    Task {
        name: "bench",
        about: "compare our filters with other compilers' [--quick] [--json FILE]; --goldens, --growth",
        run: |args| start("bench", args),
    },
    Task {
        name: "ci",
        about: "run every check, or those whose name contains WORD; --tested: all but the tests",
        run: ci::run,
    },
    Task {
        name: "clients",
        about: "run Debian's programs on our libseccomp.so.2: NAME..., --all, --list",
        run: |args| start("conformance-clients", args),
    },
    Task { name: "conformance", about: "hold a part against its like", run: conformance },
    Task {
        name: "abi",
        about: "hold the C library against its headers and another libseccomp",
        run: |args| start("conformance-abi", args),
    },
    Task {
        name: "api",
        about: "hold the libraries' public interfaces against docs/api [--bless]",
        run: |args| start("api", args),
    },
    Task {
        name: "arrive",
        about: "try every way of installing, in bare roots [--quick] [WAY...]",
        run: |args| start("arrive", args),
    },
    Task { name: "book", about: "make the book [--try]", run: |args| start("book", args) },
    Task {
        name: "stage",
        about: "lay out DIR as packages install it; --headers renews the generated header",
        run: house::stage::run,
    },
    Task { name: "fuzz", about: "run every fuzz target for some SECONDS", run: fuzz::run },
    Task { name: "guide", about: "do what the guide says [CHAPTER...]", run: guide::run },
    Task { name: "live", about: "run real programs under the profile container", run: live::run },
    Task {
        name: "package",
        about: "build Debian's and Fedora's packages; --install tries them out",
        run: package::run,
    },
    Task {
        name: "python",
        about: "build and test the Python module; --wheel also as a wheel",
        run: house::python::run,
    },
    Task { name: "world", about: "try foreign kernels", run: |args| start("world", args) },
    Task { name: "tidy", about: "check the architecture's invariants", run: tidy::run },
    Task {
        name: "codegen",
        about: "make the syscall tables from data/, or --check them",
        run: |args| start("codegen", args),
    },
    Task {
        name: "tables",
        about: "compare FILE.csv: our tables against libseccomp's",
        run: |args| start("conformance-libseccomp", &[&["tables".into()], args].concat()),
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

/// The suites of `conformance`; the package of each is `conformance-NAME`.
const SUITES: &str =
    "constants, denials, kernel, learn, libseccomp, live, notify, prover, readings";

/// Runs the suite that the first argument names with the other arguments.
fn conformance(args: &[String]) -> Result<(), String> {
    let missing = || format!("name a suite: {SUITES}");
    let (wanted, args) = args.split_first().ok_or_else(missing)?;
    let suite = SUITES.split(", ").find(|name| name == wanted).ok_or_else(missing)?;
    start(&format!("conformance-{suite}"), args)
}

/// Runs a command of the house that is a package of its own.
fn start(package: &str, args: &[String]) -> Result<(), String> {
    run(tool(package).args(args))
}

/// Runs a command that prints its own errors.
fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} ended with {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
