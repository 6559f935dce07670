//! `callgate intersect` and `callgate union`: one filter made of two.

use std::path::PathBuf;

use callgate::Filter;
use callgate_formats::Exported;
use callgate_syscalls::Endian;
use clap::ValueEnum;

use crate::commands::compare::Pair;
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
  callgate intersect a.json b.json --format profile > both.json
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
  callgate union a.json b.json --format profile > either.json
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A program, as instructions (struct sock_filter)
    #[default]
    Bpf,
    /// A program in hexadecimal
    Hex,
    /// A program as a C array
    C,
    /// A program as instructions with their disassembly
    Json,
    /// A program as assembler
    Asm,
    /// An OCI profile, where that can express it
    Profile,
}

/// How two filters become one.
#[derive(Clone, Copy)]
enum How {
    Intersect,
    Union,
}

pub(crate) fn intersect(args: &IntersectArgs) -> Result<Status, Error> {
    combine(&args.pair, &args.to, How::Intersect)
}

pub(crate) fn union(args: &UnionArgs) -> Result<Status, Error> {
    combine(&args.pair, &args.to, How::Union)
}

fn combine(pair: &Pair, to: &Target, how: How) -> Result<Status, Error> {
    let subjects = pair.subjects()?;
    let mut prover = pair.prover();
    let [left, right] = subjects.meanings(&mut prover)?;
    let meaning = match how {
        How::Intersect => prover.intersect(&left, &right),
        How::Union => prover.union(&left, &right),
    };
    let policy = meaning.and_then(|meaning| prover.to_policy(&meaning)).map_err(Error::Prover)?;
    let endian = policy.arches().next().map_or(Endian::native(), |(arch, _)| arch.endian());
    let format = match to.format {
        Format::Bpf => ProgramFormat::Bpf,
        Format::Hex => ProgramFormat::Hex,
        Format::C => ProgramFormat::C,
        Format::Json => ProgramFormat::Json,
        Format::Asm => ProgramFormat::Asm,
        Format::Profile => {
            let exported = Exported::new(&policy).map_err(Error::from)?;
            return write_profile(&exported, to);
        }
    };
    let filter = Filter::from_policy(policy).map_err(Error::from)?;
    let to = ProgramOutput { output: to.output.clone(), format };
    output::program(filter.program(), output::style(endian), &to)
}

fn write_profile(exported: &Exported, to: &Target) -> Result<Status, Error> {
    for arch in &exported.other_baseline {
        output::warning(&format_args!(
            "on {arch}, runtimes answer syscalls that the profile does not name with another errno \
             than A and B: they infer which kernel it was written for"
        ));
    }
    let json = output::json_text(&exported.seccomp)?;
    match &to.output {
        Some(path) => output::file(path, json.as_bytes())?,
        None => output::text(|out| out.write_all(json.as_bytes()))?,
    }
    Ok(Status::Success)
}
