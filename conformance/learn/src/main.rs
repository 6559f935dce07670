//! `cargo xtask conformance learn`: profiles learned from short work, held against long work.
//!
//! - Generated C programs make calls that are known exactly: each is learned, through its own ABI.
//! - Debian's programs: the profile of `programs/NAME.train` is held against `programs/NAME.held`,
//!   beside the union of what strace saw of the same training.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints what it found")]

mod bench;
mod generated;
mod measure;

use bench::Bench;

/// What CI runs: programs that are there wherever this project is built.
const QUICK: [&str; 3] = ["archivers", "git", "sqlite3"];

fn main() -> std::process::ExitCode {
    house::main("conformance learn", run)
}

fn run(args: &[String]) -> Result<(), String> {
    let (command, args) = match args {
        [option, path, rest @ ..] if option == "--command" => {
            (std::path::absolute(path).map_err(|error| error.to_string())?, rest)
        }
        all => (house::build_command()?, all),
    };
    let (wanted, all): (Vec<&str>, bool) = match args {
        [] => (QUICK.to_vec(), false),
        [flag] if flag == "--full" => (Vec::new(), true),
        names => (names.iter().map(String::as_str).collect(), false),
    };
    let bench = Bench::new(command)?;
    let programs = generated::run(&bench, if all { 24 } else { 6 })?;
    println!("{programs} generated programs: every call was learned, and no other\n");
    println!("{}", measure::Row::HEADING);
    let (mut failed, mut explained) = (Vec::new(), Vec::new());
    for name in bench.programs()?.iter().filter(|name| all || wanted.contains(&name.as_str())) {
        match measure::Row::of(&bench, name)? {
            None => println!("| {name} | skipped: it does not work here |"),
            Some(row) => {
                println!("{row}");
                failed.extend(row.failure());
                explained.extend(row.explanation());
            }
        }
    }
    println!("\n{}", explained.join("\n"));
    match failed.is_empty() {
        true => Ok(()),
        false => Err(failed.join("\n")),
    }
}
