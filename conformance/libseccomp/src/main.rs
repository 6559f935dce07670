//! `cargo xtask conformance libseccomp`: the C library against the installed libseccomp, each in a
//! process of its own.
//!
//! One driver, compiled once, makes the same random contexts with both: architectures, attributes,
//! rules that may contradict each other or be exact, priorities, merges, and transactions that are
//! rejected, which the installed library is told nothing of. Names resolve to the same numbers, and
//! back, on every architecture that both know.
//!
//! - [`equality`]: rules with EQ and MASKED_EQ; codes, PFC text and the meaning of the programs are
//!   the same. Each difference is of a known kind, recognised narrowly, counted, and a row in
//!   COMPATIBILITY.md, or it is an error.
//! - [`ordered`]: rules with all operators; ours means the union of the rules in every case, theirs
//!   is counted.
//! - [`profiles`]: profiles as the command compiles them, by our library, and by theirs, whose rules
//!   are added as runc does; no answer of ours is more permissive, but for listed defects of theirs.
//!
//! Options: `--full` for 100,000 contexts, `--part N` for an Nth of them, `--seed N` for others;
//! first of all `--drivers DIR`, a folder with commands `theirs` and `ours` that run the driver
//! with libraries of another release or processor, and a file `native` that names the latter.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints what it found")]

mod driver;
mod equality;
mod ordered;
mod profiles;
mod script;
mod tables;
mod text;

use std::path::Path;

use callgate_scmp::Token;
use callgate_syscalls::{Arch, Name};

use self::driver::{Driver, Whose};
use house::{Request, part_of, timed};

/// Contexts with equality tests by default and in a full run, of those with all operators a tenth.
const DEFAULT: usize = 3_000;
const FULL: usize = 100_000;
const ORDERED: usize = 10;

/// Architectures that libseccomp 2.5.4 is too old for.
const NEWER: [Arch; 4] = [Arch::Loongarch64, Arch::M68k, Arch::Sh, Arch::Sheb];

/// What 2.5.4 and the tables of Linux 7.1 say of a name, each as number, rewritten number and the
/// name of the number: parisc64 lost `_llseek`, x32 gained `map_shadow_stack`, and of two names
/// with one pseudo number the older one won.
const DIFFERING: [&str; 3] = [
    "140 140 _llseek -10026 -10026 _llseek",
    "-10245 -10245 map_shadow_stack 1073742277 1073742277 map_shadow_stack",
    "-10191 -10191 switch_endian -10191 -10191 sys_debug_setcontext",
];

fn main() -> std::process::ExitCode {
    house::main("conformance libseccomp", run)
}

/// Runs the suite.
fn run(args: &[String]) -> Result<(), String> {
    if let [command, rest @ ..] = args
        && command == "tables"
    {
        return tables::run(rest);
    }
    let (driver, args) = match args {
        [option, folder, rest @ ..] if option == "--drivers" => {
            (Driver::laid_out(Path::new(folder))?, rest)
        }
        all => (Driver::new()?, all),
    };
    let (part, args) = part_of(args)?;
    let request = Request::parse(&args)?;
    let wanted =
        if request.full { FULL } else { DEFAULT }.div_ceil(usize::try_from(part).unwrap_or(1));
    let mut random = fastrand::Rng::with_seed(request.seed.unwrap_or(1));
    timed("names", || names(&driver))?;
    timed("equality", || equality::run(&driver, &mut random, wanted))?;
    timed("all operators", || ordered::run(&driver, &mut random, wanted / ORDERED))?;
    timed("profiles", || profiles::run(&driver, &mut random, wanted / ORDERED))
}

fn names(driver: &Driver) -> Result<String, String> {
    let known = Arch::ALL.into_iter().filter(|arch| !NEWER.contains(arch));
    let tokens: Vec<String> = known.map(|arch| Token::of(arch).raw().to_string()).collect();
    let line = |name: Name| format!("N {} {}\n", name.as_str(), tokens.join(" "));
    let script: String = Name::all().map(line).collect();
    let (theirs, ours) =
        (driver.answers(Whose::Theirs, &script)?, driver.answers(Whose::Ours, &script)?);
    let (mut same, mut differing) = (0, Vec::new());
    for (theirs, ours) in theirs.lines().zip(ours.lines()) {
        // A name that it does not know at all is newer than the installed library.
        let numbers: Vec<&str> = theirs.split(' ').skip(1).collect();
        if numbers.chunks(3).all(|number| number[0] == "-1") {
            continue;
        }
        let ours: Vec<&str> = ours.split(' ').skip(1).collect();
        for (theirs, ours) in numbers.chunks(3).zip(ours.chunks(3)) {
            match theirs == ours {
                true => same += 1,
                false => differing.push(format!("{} {}", theirs.join(" "), ours.join(" "))),
            }
        }
    }
    if let Some(unknown) = differing.iter().find(|line| !DIFFERING.contains(&line.as_str())) {
        return Err(format!("theirs and ours: {unknown}"));
    }
    match same {
        ..6_000 => Err(format!("only {same} compared")),
        _ => Ok(format!("{same} (name, architecture) pairs the same, {} known", differing.len())),
    }
}
