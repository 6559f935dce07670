//! `callgate diff`: what changed between two filters.

use callgate_console::error::{Error, Status};
use callgate_console::output;
use callgate_console::side::{Side, changes_of};
use callgate_review::{folded, markdown, text};
use clap::ValueEnum;

use crate::commands::compare::{Count, Pair, Subjects, print};

/// Show what changed from filter A to filter B, per syscall and condition
///
/// Looser changes come first. Every change comes with a call that was tried on both sides, and with who
/// decides about it: the line of a rule, or the instruction of a program. Calls that changed in the same
/// way stand together, families by one name.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate diff old.json new.json
  callgate diff builtin:container mine.json --format markdown
  callgate diff --count kernel-reads a.bpf b.bpf
  callgate diff builtin:container pid:4711

Exit status:
  0  no difference
  1  there are differences
  2  a filter could not be read
  3  undecided within the limits, which is never a yes
")]
pub(crate) struct Args {
    /// Which differences count [default: exact; effective for a process with several filters]
    #[arg(long, value_enum)]
    count: Option<Count>,
    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    pair: Pair,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines to read
    #[default]
    Text,
    /// A list of objects
    Json,
    /// Tables for a review
    Markdown,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let sides = args.pair.sides(Side::read)?;
    let subjects = Subjects::new([sides[0].subject(), sides[1].subject()]);
    let mut prover = args.pair.prover();
    let [left, right] = subjects.meanings(&mut prover)?;
    let scope = subjects.scope(args.count);
    let differences = prover.differences(&left, &right, scope).map_err(Error::Prover)?;
    let changes = changes_of(sides.each_ref(), &differences, args.pair.arches());
    let folded = folded(&changes);
    match args.format {
        Format::Text => print(text(&folded, output::columns()))?,
        Format::Json => output::json(&changes)?,
        Format::Markdown => output::text(|out| write!(out, "{}", markdown(&folded)))?,
    }
    Ok(if changes.is_empty() { Status::Success } else { Status::No })
}
