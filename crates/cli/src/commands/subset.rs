//! `callgate subset`: whether one filter never permits more than another.

use callgate_review::{Change, Direction};

use crate::commands::compare::{Answer, Pair, Subjects};
use callgate_console::error::{Error, Status};
use callgate_console::side::{Side, changes_of};
use callgate_prover::Scope;

/// Decide whether filter A never permits more than filter B
///
/// ALLOW permits more than LOG, that more than TRACE, USER_NOTIF and, last, any refusal: ERRNO, TRAP
/// and both kills permit the same, nothing, but for errno 0, which tells of success. A no comes with
/// a call for each kind of calls that A permits more of, the most telling first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate subset mine.json builtin:container    is my profile at least as strict?
  callgate subset pid:4711 filter.bpf
  callgate subset mine.json container --format json

Exit status:
  0  A never permits more than B
  1  A permits more for the calls that are shown
  2  a filter could not be read
  3  undecided within --memory-max and --tests-max, which is never a yes
")]
pub(crate) struct Args {
    #[command(flatten)]
    answer: Answer,
    #[command(flatten)]
    pair: Pair,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let sides = args.pair.sides(Side::read)?;
    let subjects = Subjects::new([sides[0].subject(), sides[1].subject()]);
    let mut prover = args.pair.prover();
    let [left, right] = subjects.meanings(&mut prover)?;
    let differences = match prover.excess(&left, &right).map_err(Error::Prover)? {
        Some(_) => prover.differences(&left, &right, Scope::Exact).map_err(Error::Prover)?,
        None => Vec::new(),
    };
    let mut excess = changes_of(sides.each_ref(), &differences, args.pair.arches());
    excess.retain(|change: &Change| change.direction == Direction::Stricter);
    let under = args.pair.circumstances(&sides)?;
    let (why, no) = ("A never permits more than B", "no subset");
    let status = args.answer.give("subset", why, no, &sides, &excess, under.as_ref())?;
    if status == Status::Success {
        args.pair.remark_circumstances(&sides)?;
    }
    Ok(status)
}
