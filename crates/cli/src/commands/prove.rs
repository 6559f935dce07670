//! `callgate prove`: whether two filters are the same.

use std::io::{self, Write};
use std::time::Instant;

use callgate_prover::Difference;

use crate::commands::compare::{Count, Pair};
use callgate_console::error::{Error, Status};
use callgate_console::output;

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

Exit status:
  0  equal
  1  different
  2  a filter could not be read
  3  undecided within the limits, which is never a yes
")]
pub(crate) struct Args {
    /// Which differences count [default: exact; effective for a process with several filters]
    #[arg(long, value_enum)]
    count: Option<Count>,
    #[command(flatten)]
    pair: Pair,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let subjects = args.pair.subjects()?;
    let start = Instant::now();
    let mut prover = args.pair.prover();
    let [left, right] = subjects.meanings(&mut prover)?;
    let scope = subjects.scope(args.count);
    let differences = prover.differences(&left, &right, scope).map_err(Error::Prover)?;
    let time = start.elapsed();
    if differences.is_empty() {
        let good = output::GOOD;
        output::text(|out| {
            writeln!(out, "{good}equal{good:#}  for every call, proved in {time:.1?}")
        })?;
        return Ok(Status::Success);
    }
    output::text(|out| write_witnesses(out, &differences))?;
    Ok(Status::No)
}

fn write_witnesses(out: &mut dyn Write, differences: &[Difference]) -> io::Result<()> {
    const SHOWN_MAX: usize = 20;
    let bad = output::BAD;
    writeln!(out, "{bad}different{bad:#}")?;
    for difference in differences.iter().take(SHOWN_MAX) {
        let call = &difference.witness;
        let [left, right] =
            [difference.left, difference.right].map(|a| callgate_review::action(a, call));
        writeln!(out, "  {}: {left} in A, {right} in B", callgate_review::call(call))?;
    }
    match differences.len().saturating_sub(SHOWN_MAX) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more kinds of calls: see `callgate diff`"),
    }
}
