//! `callgate prove`: whether two filters are the same.

use std::time::Instant;

use crate::commands::compare::{Answer, Count, Pair, Subjects};
use callgate_console::error::{Error, Status};
use callgate_console::side::{Side, changes_of};

/// Decide whether two filters mean the same
///
/// The answer holds for every call: each number, architecture, instruction pointer and argument. A no comes with
/// calls that were tried on both sides.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate prove seccomp.json filter.bpf        is the program what the profile says?
  callgate prove builtin:container pid:4711     does the process run under this profile?
  callgate prove old.bpf new.bpf --count effective
  callgate prove old.bpf new.bpf --arch x86_64 --format json

Exit status:
  0  equal
  1  different
  2  a filter could not be read
  3  undecided within --memory-max and --tests-max, which is never a yes
")]
pub(crate) struct Args {
    /// Which differences count [default: exact; effective for a process with several filters]
    #[arg(long, value_enum)]
    count: Option<Count>,
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    pair: Pair,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let sides = args.pair.sides(Side::read)?;
    let subjects = Subjects::new([sides[0].subject(), sides[1].subject()]);
    let start = Instant::now();
    let mut prover = args.pair.prover();
    let [left, right] = subjects.meanings(&mut prover)?;
    let scope = subjects.scope(args.count);
    let differences = prover.differences(&left, &right, scope).map_err(Error::Prover)?;
    let time = start.elapsed();
    let changes = changes_of(sides.each_ref(), &differences, args.pair.arches());
    let calls = match args.pair.arches() {
        [] => "for every call".to_owned(),
        arches => {
            let names: Vec<&str> = arches.iter().map(|arch| arch.name()).collect();
            format!("for every call on {}", names.join(", "))
        }
    };
    let under = args.pair.circumstances(&sides)?;
    let why = format!("{calls}, proved in {time:.1?}");
    let status = args.answer.give("equal", &why, "different", &sides, &changes, under.as_ref())?;
    if status == Status::Success {
        args.pair.remark_circumstances(&sides)?;
    }
    Ok(status)
}
