//! `cargo xtask conformance denials`: calls that are refused on purpose. Each is named rightly with
//! the line that refuses it, and the program ends under `callgate run --explain` as it ends under
//! `callgate run`: exit code, signal, output.
//!
//! Claim: C-DENIALS
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints what it found")]

mod cost;
mod lines;
mod row;
mod rows;
mod special;

use row::{Bench, Outcome};

fn main() -> std::process::ExitCode {
    house::main("conformance denials", run)
}

fn run(args: &[String]) -> Result<(), String> {
    if let [option, lines] = args {
        if option == "--lines" {
            return lines::run(lines.parse().map_err(|_| format!("{lines} is no number"))?);
        }
    }
    let (cost, args) = match args {
        [first, rest @ ..] if first == "--cost" => (true, rest),
        all => (false, all),
    };
    let command = match args {
        [] => house::build_command()?,
        // Rows are run in a folder of their own.
        [option, path] if option == "--command" => {
            std::path::absolute(path).map_err(|error| error.to_string())?
        }
        _ => {
            return Err(
                "the options are --cost, --lines N, and --command PATH for one that is built"
                    .to_owned(),
            );
        }
    };
    let bench = Bench::new(command)?;
    match cost {
        true => cost::run(&bench),
        false => all_rows(&bench),
    }
}

fn all_rows(bench: &Bench) -> Result<(), String> {
    let (mut passed, mut skipped, mut failed) = (0, 0, Vec::new());
    for row in rows::all() {
        let name = row.name.clone();
        match row.run(bench) {
            Ok(Outcome::Passed) => passed += 1,
            Ok(Outcome::Skipped(reason)) => {
                println!("skipped: {name}: {reason}");
                skipped += 1;
            }
            Err(reason) => failed.push(format!("{name}: {reason}")),
        }
    }
    for (name, special) in special::ALL {
        match special(bench) {
            Ok(()) => passed += 1,
            Err(reason) => failed.push(format!("{name}: {reason}")),
        }
    }
    println!("{passed} rows pass, {skipped} are skipped");
    match failed.is_empty() {
        true => Ok(()),
        false => Err(failed.join("\n")),
    }
}
