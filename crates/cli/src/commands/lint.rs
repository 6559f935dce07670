//! `callgate lint`: what is wrong with filters that load and equal their policy.

use std::cell::Cell;

use callgate_syscalls::Arch;
use clap::ValueHint;

use callgate_console::args::group::ProfileArgs;
use callgate_console::args::value;
use callgate_console::circumstances;
use callgate_console::error::{Error, Status};
use callgate_console::findings::{self, Class, Format, Material, print};
use callgate_console::input::{self, Source};
use callgate_console::output;

/// Look for what is wrong with filters that load and equal their policy
///
/// Each finding has a code, a call that shows it, which the prover found, and what to do about it. An error is a filter
/// that does not do what it says; a warning one that hardly does what was meant; a note is worth knowing.
///
/// In a policy, `# allow(CODE): reason` keeps a finding quiet, on its line or the one before.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate lint seccomp.json filter.bpf pid:4711
  callgate lint new.json --against old.json       only what the change brought
  callgate lint seccomp.json --deny L0512 --allow L0604
  callgate lint --explain L0401
  callgate lint seccomp.json --format sarif > lint.sarif

Exit status:
  0  no error, and nothing that --deny names
  1  found
  2  a filter could not be read; the others are looked at
  3  undecided within the limits
")]
pub(crate) struct Args {
    /// The filters: FILE, NAME of an embedded profile, pid:N, or - for standard input
    #[arg(
        value_name = "FILTER",
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath,
        required_unless_present_any = ["explain", "codes"]
    )]
    filters: Vec<Source>,
    /// Leave out what this filter has, too
    #[arg(long, value_name = "BASE", value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    against: Option<Source>,
    /// Fail for these: a code, `error`, `warning` or `note`; may be repeated
    #[arg(long, value_name = "CODE", value_parser = Class::parse)]
    deny: Vec<Class>,
    /// Leave these out: a code, `warning` or `note`; may be repeated
    #[arg(long, value_name = "CODE", value_parser = Class::parse_allowed)]
    allow: Vec<Class>,
    /// Print the page of a code, and nothing else
    #[arg(long, value_name = "CODE", conflicts_with = "filters")]
    explain: Option<String>,
    /// List all codes
    #[arg(long, conflicts_with_all = ["filters", "explain"])]
    codes: bool,
    /// The form of the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// An architecture to look at, instead of those of the filter; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    #[command(flatten)]
    how: ProfileArgs,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    if let Some(code) = &args.explain {
        return print::page(code);
    }
    if args.codes {
        return print::codes();
    }
    let sources: Vec<&Source> = args.filters.iter().chain(&args.against).collect();
    input::stdin_once(&sources)?;
    let (is_left_open, sets) = (Cell::new(false), Cell::new(None));
    let read = |source: &Source| {
        let input = input::read(source, &args.how)?;
        let depends = circumstances::is_left_open(&input, &args.how, &args.arches);
        is_left_open.set(is_left_open.get() || depends);
        sets.set(sets.get().or_else(|| circumstances::assumed_sets(&input, &args.how)));
        Material::of(&input, &args.how, &args.arches)
    };
    let base = args.against.as_ref().map(read).transpose()?;
    let (looked, failed) = findings::look(&args.filters, base.as_ref(), &args.allow, read)?;
    failed.iter().for_each(output::error);
    print::findings(&looked, &failed, args.format)?;
    circumstances::remark("what is looked at", &args.how, is_left_open.get())?;
    circumstances::remark_sets(&args.how, sets.get());
    if let Some(error) = failed.first() {
        return Ok(error.status());
    }
    Ok(if findings::is_found(&looked, &args.deny) { Status::No } else { Status::Success })
}
