//! `cargo xtask arrive [--quick] [WAY...]`: every way of installing the command, tried as somebody
//! would who has nothing of this project.
//!
//! | way | what is tried |
//! |---|---|
//! | `crates` | each published crate is packed and built from its own tarball; `cargo install` makes the command of nothing but these |
//! | `binary` | one static executable, stripped, its debugging information beside it, in an archive with manual pages and completions |
//! | `roots` | that archive in bare roots of Debian 11, 12, 13, sid, and in one that holds nothing else |
//! | `python` | a source distribution and a wheel that `twine` accepts and `pip` installs |
//!
//! `--quick` takes one root of Debian. Each way ends with the command in use: it runs a program
//! under a filter, shows a policy and says who refuses a call. The table goes to standard output.
//!
//! Wants root, debootstrap, binutils and python3 with venv. Roots are kept under `target/arrive`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this command talks to a person")]

mod archive;
mod crates;
mod python;
mod roots;
mod shell;
mod trial;

use std::process::ExitCode;
use std::time::Instant;

/// What was installed where, and how it went: a row of the table.
#[derive(Debug)]
struct Row {
    way: String,
    root: String,
    shown: String,
}

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// One root of Debian.
    Quick,
    /// All of them.
    Whole,
}

/// A way of installing: its name, and the function that tries it.
type Way = (&'static str, fn(Extent) -> Result<Vec<Row>, String>);

const WAYS: &[Way] = &[
    ("crates", crates::arrive),
    ("binary", archive::arrive),
    ("roots", roots::arrive),
    ("python", python::arrive),
];

fn main() -> ExitCode {
    house::main("arrive", run)
}

fn run(args: &[String]) -> Result<(), String> {
    let (options, names): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with('-'));
    let extent = match *options {
        [] => Extent::Whole,
        [flag] if flag == "--quick" => Extent::Quick,
        _ => return Err("the one option is --quick; else name ways".into()),
    };
    let known = |name: &&&String| WAYS.iter().any(|(way, _)| *way == name.as_str());
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let all: Vec<_> = WAYS.iter().map(|(way, _)| *way).collect();
        return Err(format!("no way is called {unknown}; there are: {}", all.join(", ")));
    }
    let mut rows = Vec::new();
    for (name, arrive) in WAYS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            let start = Instant::now();
            rows.extend(arrive(extent).map_err(|error| format!("{name}: {error}"))?);
            println!("arrive: {name} in {:.0} s", start.elapsed().as_secs_f64());
        }
    }
    println!("\n| way | root | what it did |\n|---|---|---|");
    for Row { way, root, shown } in rows {
        println!("| {way} | {root} | {shown} |");
    }
    Ok(())
}
