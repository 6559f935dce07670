//! `callgate intersect` and `callgate union`: one filter made of two.

use std::path::PathBuf;
use std::sync::LazyLock;

use callgate::Filter;
use callgate_convert::{Asked, Format as Text, Nearest};
use callgate_policy::Policy;
use callgate_raise::{Algebra, CombineError};
use callgate_syscalls::Arch;
use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::commands::compare::{Pair, Subjects};
use crate::commands::convert;
use callgate_console::args::group::{ProgramFormat, ProgramOutput};
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Make the filter that permits what both filters permit
///
/// For each call it answers what the kernel would with both filters loaded. The result is proved to mean that.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate intersect builtin:container mine.json -o both.bpf
  callgate intersect a.json b.json --format docker > both.json
")]
pub(crate) struct IntersectArgs {
    #[command(flatten)]
    to: Target,
    #[command(flatten)]
    pair: Pair,
}

/// Make the filter that permits what either filter permits
///
/// For each call it answers the more permissive of both answers. The result is proved to mean that.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate union web.json worker.json -o either.bpf
  callgate union a.json b.json --format gate > either.gate
")]
pub(crate) struct UnionArgs {
    #[command(flatten)]
    to: Target,
    #[command(flatten)]
    pair: Pair,
}

#[derive(Debug, clap::Args)]
struct Target {
    /// Write to this file instead of standard output; it is replaced whole or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A program, or the rules in the form of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Program(ProgramFormat),
    Text(Text),
    /// The old name of [`Text::Oci`].
    Profile,
}

impl Default for Format {
    fn default() -> Self {
        Self::Program(ProgramFormat::Bpf)
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Format>> = LazyLock::new(|| {
            let programs = ProgramFormat::value_variants().iter().copied().map(Format::Program);
            // A program as an array of C is there already.
            let texts = Text::ALL.into_iter().filter(|text| *text != Text::C).map(Format::Text);
            programs.chain(texts).chain([Format::Profile]).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Program(format) => format.to_possible_value(),
            Self::Text(format) => Some(PossibleValue::new(format.name()).help(format.title())),
            Self::Profile => Some(PossibleValue::new("profile").help("The same as oci")),
        }
    }
}

pub(crate) fn intersect(args: &IntersectArgs) -> Result<Status, Error> {
    combine(&args.pair, &args.to, Algebra::Intersect)
}

pub(crate) fn union(args: &UnionArgs) -> Result<Status, Error> {
    combine(&args.pair, &args.to, Algebra::Union)
}

fn combine(pair: &Pair, to: &Target, how: Algebra) -> Result<Status, Error> {
    let subjects = pair.subjects()?;
    let format = match to.format {
        Format::Program(format) => format,
        Format::Text(format) => return write_text(pair, subjects, to, how, format),
        Format::Profile => return write_text(pair, subjects, to, how, Text::Oci),
    };
    let policy = of_meanings(pair, &subjects, how)?;
    let arches: Vec<Arch> = policy.arches().map(|(arch, _)| arch).collect();
    let style = output::style_for(&arches, format)?;
    let filter = Filter::from_policy(policy).map_err(Error::from)?;
    let to = ProgramOutput { output: to.output.clone(), format };
    output::program(filter.program(), style, &to)
}

/// What both mean together, written back as a policy.
fn of_meanings(pair: &Pair, subjects: &Subjects, how: Algebra) -> Result<Policy, Error> {
    let mut prover = pair.prover();
    let [left, right] = subjects.meanings(&mut prover)?;
    let meaning = match how {
        Algebra::Intersect => prover.intersect(&left, &right),
        Algebra::Union => prover.union(&left, &right),
    };
    meaning.and_then(|meaning| prover.to_policy(&meaning)).map_err(Error::Prover)
}

/// Rules are made of the rules of both, so that they have the words that people wrote.
fn write_text(
    pair: &Pair,
    subjects: Subjects,
    to: &Target,
    how: Algebra,
    format: Text,
) -> Result<Status, Error> {
    let [left, right] = subjects.clone().policies()?;
    let policy = match callgate_raise::combine(&left, &right, how) {
        Ok(policy) => policy,
        Err(CombineError::Prover(error)) => return Err(Error::Prover(error)),
        Err(_) => of_meanings(pair, &subjects, how)?,
    };
    let beside = (&Asked::default(), to.output.as_ref());
    convert::write(&policy, format, Nearest::Equal, beside)?;
    Ok(Status::Success)
}
