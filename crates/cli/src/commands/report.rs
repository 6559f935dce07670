//! `callgate report`: a page that says what a filter does, for people who decide about it.

pub(crate) mod about;

use std::path::PathBuf;

use callgate_console::args::group::ProfileArgs;
use callgate_console::args::value;
use callgate_console::circumstances;
use callgate_console::error::{Error, Status};
use callgate_console::findings::Material;
use callgate_console::input::{self, Source};
use callgate_console::output;
use callgate_gate::{Style, show};
use callgate_policy::Policy;
use callgate_prover::{Options, Prover, Scope};
use callgate_review::{Change, html, markdown_report};
use callgate_syscalls::{Arch, Name};
use clap::{ValueEnum, ValueHint};

pub(crate) use about::report_of;
use callgate_console::side::{Side, changes_of, folded_of};

/// Write a report on a filter, to read and to hand on
///
/// One file that needs no network and no script: what the filter does in words, what is wrong with
/// it (lint), its decisions by intent, as a picture that unfolds, and for every call with
/// conditions, risk, who makes it and the line that says so; with --against also what changed,
/// looser changes first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate report container -o container.html
  callgate report new.json --against old.json -o change.html
  callgate report new.json --against old.json --format markdown    for a pull request

Exit status:
  0  the report was written
  2  a filter could not be read, or the file not written
  3  undecided within the limits of the prover
")]
pub(crate) struct Args {
    /// The filter: FILE, NAME of an embedded profile, pid:N, or - for standard input
    #[arg(value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    filter: Source,
    /// What it is compared with
    #[arg(long, value_name = "FILTER", value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    against: Option<Source>,
    /// The file to write [default: standard output]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// An architecture to read profiles for, instead of their own; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    #[command(flatten)]
    how: ProfileArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A page
    #[default]
    Html,
    /// Tables for a pull request
    Markdown,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let sources: Vec<&Source> = std::iter::once(&args.filter).chain(&args.against).collect();
    input::stdin_once(&sources)?;
    let read = input::read(&args.filter, &args.how)?;
    let material = Material::of(&read, &args.how, &args.arches)?;
    let filter = Side::of(read, &args.how, &args.arches)?;
    let (is, mut report) = report_of(&filter, &args.filter, &args.arches)?;
    report.text = show(&is, Style::Folded).ok().map(|shown| shown.text);
    report.findings = Some(about::findings(&material)?);
    report.sources = filter.texts();
    for call in &mut report.calls {
        call.places = Name::parse(call.name).map_or_else(Vec::new, |name| filter.places(name));
    }
    let mut is_left_open = filter.is_left_open(&args.how, &args.arches);
    let all;
    if let Some(against) = &args.against {
        let before = Side::read(against, &args.how, &args.arches)?;
        let was = about::policy_of(&before, &args.arches)?.policy;
        all = differences([&before, &filter], [&was, &is], &args.arches)?;
        report.against = Some((against.to_string(), folded_of([&before, &filter], &all)));
        is_left_open |= before.is_left_open(&args.how, &args.arches);
    }
    if is_left_open {
        report.circumstances = Some(circumstances::words(&args.how)?);
    }
    let text = match args.format {
        Format::Html => html(&report),
        Format::Markdown => markdown_report(&report),
    };
    circumstances::remark("what is reported", &args.how, is_left_open)?;
    match &args.output {
        Some(path) => output::product(path, text.as_bytes())?,
        None => output::text(|out| out.write_all(text.as_bytes()))?,
    }
    Ok(Status::Success)
}

fn differences(
    sides: [&Side; 2],
    policies: [&Policy; 2],
    arches: &[Arch],
) -> Result<Vec<Change>, Error> {
    let mut prover = Prover::new(Options::default());
    let [left, right] = policies.map(|policy| prover.policy(policy));
    let (left, right) = (left.map_err(Error::Prover)?, right.map_err(Error::Prover)?);
    let found = prover.differences(&left, &right, Scope::Exact).map_err(Error::Prover)?;
    Ok(changes_of(sides, &found, arches))
}
