//! `callgate doctor`: what this kernel and environment allow.

#![forbid(unsafe_code)]

mod check;
mod confinement;
mod cost;
mod learning;
mod offers;
mod table;

use std::collections::BTreeMap;

use callgate_kernel::running_kernel;
use clap::ValueEnum;
use serde::Serialize;

use crate::check::{Answer, Check, Need};
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Find out what this kernel and environment allow
///
/// Every question is put in a process of its own, by trying. Nothing stays behind: no filter, no file, no core dump. The
/// answers are those for whoever asks: inside a sandbox or a container, or without root's capabilities, they may be
/// others.
#[derive(Debug, clap::Args)]
#[command(after_help = "See `callgate doctor --help` for the fields of --json, with examples.")]
#[command(after_long_help = LONG_HELP)]
pub struct Args {
    /// The report as JSON
    #[arg(long)]
    json: bool,
    /// What the exit status is about; may be repeated [default: everything]
    #[arg(long, value_enum, value_name = "USE")]
    need: Vec<Need>,
}

const LONG_HELP: &str = "\
Examples:
  callgate doctor                          what is there, what is missing, and what to do about it
  callgate doctor --need run && ./start    go on only where `callgate run` will work
  callgate doctor --json | jq '.checks[] | select(.answer == \"no\")'

JSON:
  callgate   the version of callgate
  kernel     the kernel's release, null where it cannot be read
  uses       for `run`, `pid` and `agent`: yes, no or unknown
  checks     a list, in the order of the table, of
    id         a name that stays the same between versions
    group      the heading it stands under
    question   what was asked, for people
    answer     yes, no or unknown; null for facts that are no answer to such a question
    value      a number or text that was found out, or null
    reason     why the answer is no or unknown, for people, or null
    needed_by  the uses that need a yes
    advice     what to do, for people, or null
  Fields and ids may be added, never removed.

Exit status:
  0  everything needed is there
  1  something needed is missing
  2  wrong arguments, or the report could not be written
  3  nothing needed is known to be missing, but something could not be found out
";

/// The report as JSON has it.
#[derive(Serialize)]
struct Report<'a> {
    callgate: &'static str,
    kernel: Option<String>,
    uses: BTreeMap<&'static str, Answer>,
    checks: &'a [Check],
}

/// Asks, and writes the answers to standard output.
///
/// # Errors
/// If they can't be written.
pub fn run(args: &Args) -> Result<Status, Error> {
    let checks = checks();
    match args.json {
        true => output::json(&Report::new(&checks))?,
        false => output::text(|out| table::write(out, &checks))?,
    }
    let needs = if args.need.is_empty() { Need::value_variants() } else { &args.need };
    Ok(status(needs.iter().map(|&need| verdict(need, &checks))))
}

fn checks() -> Vec<Check> {
    let confinement = confinement::Confinement::read();
    let groups = [
        offers::checks(),
        confinement.checks(),
        cost::checks(&confinement),
        learning::checks(&confinement),
    ];
    groups.into_iter().flatten().collect()
}

impl<'a> Report<'a> {
    fn new(checks: &'a [Check]) -> Self {
        let verdict = |&need: &Need| (need.name(), verdict(need, checks));
        Self {
            callgate: env!("CARGO_PKG_VERSION"),
            kernel: running_kernel().ok().map(|kernel| kernel.to_string()),
            uses: Need::value_variants().iter().map(verdict).collect(),
            checks,
        }
    }
}

/// Whether all is there that a use needs.
fn verdict(need: Need, checks: &[Check]) -> Answer {
    let needed = checks.iter().filter(|check| check.needed_by.contains(&need));
    let answers = needed.filter_map(|check| check.answer);
    answers.fold(Answer::Yes, Answer::and)
}

fn status(verdicts: impl Iterator<Item = Answer>) -> Status {
    match verdicts.fold(Answer::Yes, Answer::and) {
        Answer::Yes => Status::Success,
        Answer::No => Status::No,
        Answer::Unknown => Status::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_outweighs_what_is_unknown_and_that_a_yes() {
        use Answer::{No, Unknown, Yes};
        assert_eq!(status([Yes, Yes].into_iter()), Status::Success);
        assert_eq!(status([Yes, Unknown].into_iter()), Status::Undecided);
        assert_eq!(status([No, Unknown].into_iter()), Status::No);
        assert_eq!(status([Unknown, Yes, No].into_iter()), Status::No);
    }

    #[test]
    fn ids_are_unique_and_every_use_needs_something() {
        let checks = checks();
        let ids: std::collections::BTreeSet<_> = checks.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), checks.len());
        for need in Need::value_variants() {
            assert!(checks.iter().any(|check| check.needed_by.contains(need)), "{need:?}");
        }
    }
}
