//! `callgate subset`: whether one filter never permits more than another.

use crate::commands::compare::Pair;
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Decide whether filter A never permits more than filter B
///
/// More permissive is what the kernel takes for it where filters are stacked: ALLOW before LOG, TRACE, USER_NOTIF,
/// ERRNO, TRAP, KILL_THREAD and KILL_PROCESS.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate subset mine.json builtin:container    is my profile at least as strict?
  callgate subset pid:4711 filter.bpf

Exit status:
  0  A never permits more than B
  1  A permits more for the call that is shown
  2  a filter could not be read
  3  undecided within the limits, which is never a yes
")]
pub(crate) struct Args {
    #[command(flatten)]
    pair: Pair,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let subjects = args.pair.subjects()?;
    let mut prover = args.pair.prover();
    let [left, right] = subjects.meanings(&mut prover)?;
    let excess = prover.excess(&left, &right).map_err(Error::Prover)?;
    let Some(call) = excess else {
        let good = output::GOOD;
        output::text(|out| writeln!(out, "{good}subset{good:#}  A never permits more than B"))?;
        return Ok(Status::Success);
    };
    let action = |meaning| prover.decide(meaning, &call).map_err(Error::Prover);
    let [left, right] =
        [action(&left)?, action(&right)?].map(|a| callgate_review::action(a, &call));
    let (bad, call) = (output::BAD, callgate_review::call(&call));
    output::text(|out| writeln!(out, "{bad}no subset{bad:#}  {call}: {left} in A, {right} in B"))?;
    Ok(Status::No)
}
