//! `callgate convert`: any filter in the form of another tool.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use callgate_console::args::group::ProfileArgs;
use callgate_console::args::value;
use callgate_console::circumstances;
use callgate_console::error::{Error, Status};
use callgate_console::input::{self, Input, Source};
use callgate_console::output;
use callgate_convert::{
    Asked, Converted, Everywhere, Format, Nearest, NotConverted, Refusal, Refusals, WaysOut,
};
use callgate_gate::Style;
use callgate_policy::Policy;
use callgate_rules::Listener;
use callgate_syscalls::{Action, Arch};
use clap::builder::PossibleValue;
use clap::{ValueEnum, ValueHint};

use crate::commands::test::policy_of;

/// Write a filter in the form of another tool
///
/// Profiles, policies, programs and the filters of a running process are written as people would write them in the
/// other form: rules by name, none that says what the default says, conditions in the form's own words. The text is
/// read back as its tool reads it, and proved to mean the filter, before it is written: for every call that a syscall
/// of its architectures is. Where the form has no words for how the rest is refused (numbers that no syscall has, other
/// architectures), it is refused in another way, with a warning. What else the form has no words for is an error that
/// names the rule and what would be lost.
///
/// A policy of the language, or a profile of Docker's or Podman's, that depends on the machine, the kernel or
/// capabilities becomes with --to gate or --to docker one text that means it under all of them. Other forms, and all
/// with --caps, --kernel or --arch, get what it means there.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate convert my.gate --to docker -o seccomp.json
  callgate convert filter.bpf --to gate              a program as a policy to go on with
  callgate convert strict.gate --to oci --nearest stricter

Exit status:
  0  written
  2  the form cannot say it, or the filter could not be read
  3  undecided within the limits of the proof
")]
pub(crate) struct Args {
    /// The filter: FILE, NAME of an embedded profile, pid:N, or - for standard input
    #[arg(value_name = "IN", value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    filter: Source,
    /// The form to write
    #[arg(long, value_enum, value_name = "FORMAT")]
    to: Form,
    /// Write to this file instead of standard output; it is replaced whole or not at all
    #[arg(short, long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// If the form cannot say the filter, write the nearest one that permits no more, and list the differences
    #[arg(long, value_enum, value_name = "WHICH")]
    nearest: Option<Which>,
    /// An architecture to read a profile for, instead of its own; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    #[command(flatten)]
    how: ProfileArgs,
}

/// A form of texts, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form(pub(crate) Format);

impl ValueEnum for Form {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Form>> = LazyLock::new(|| Format::ALL.map(Form).to_vec());
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()).help(self.0.title()))
    }
}

/// What is written where the form cannot say the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The nearest filter that permits no more
    Stricter,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let input = input::read(&args.filter, &args.how)?;
    let to = args.to.0;
    let asked = asked(&input);
    if args.nearest.is_none() {
        if let Some(found) = everywhere(&input, to, &args.how, &args.arches, Style::Folded)? {
            let found = found.map_err(not_everywhere)?;
            remark_refusals(&found.refusals);
            put(&with(&found.text, to, &asked), args.output.as_ref())?;
            return Ok(Status::Success);
        }
    }
    let left = circumstances::is_left_open(&input, &args.how, &args.arches);
    let policy = policy_of(input.subject(&args.how, &args.arches)?)?;
    let nearest = match args.nearest {
        Some(Which::Stricter) => Nearest::Stricter,
        None => Nearest::Equal,
    };
    write(&policy, to, nearest, (&asked, args.output.as_ref()))?;
    if left && !args.how.quiet {
        output::note(&format_args!(
            "the filter depends on the machine, the kernel or capabilities, and what is written does not: it is what \
             the filter means {}; `--to gate` and `--to docker` write all of it",
            circumstances::words(&args.how)?
        ));
    }
    Ok(Status::Success)
}

/// What a profile or policy asks for beside its rules, when it is loaded.
pub(crate) fn asked(input: &Input) -> Asked {
    match input {
        Input::Profile(text) => text.asked(),
        Input::Program(..) | Input::Process(_) => Asked::default(),
    }
}

/// Writes a policy in a form, with what is asked for beside it, to a file or to standard output.
pub(crate) fn write(
    policy: &Policy,
    format: Format,
    nearest: Nearest,
    (asked, to): (&Asked, Option<&PathBuf>),
) -> Result<(), Error> {
    let converted = callgate_convert::convert(policy, format, nearest);
    let converted = converted.map_err(|error| refused(error, policy, format, nearest))?;
    remark(&converted);
    put(&with(&converted.text, format, asked), to)
}

/// A text with what is asked for beside the rules. Said is what the form has no words for.
pub(crate) fn with<'a>(text: &'a str, format: Format, asked: &Asked) -> Cow<'a, str> {
    if asked.is_nothing() {
        return Cow::Borrowed(text);
    }
    if let Some(with) = asked.added(text, format) {
        return Cow::Owned(with);
    }
    let mut words: Vec<String> = asked.flags.iter().map(ToString::to_string).collect();
    words.extend(
        asked.listener.as_ref().map(|Listener { path, .. }| format!("the listener {path:?}")),
    );
    let (form, words) = (format.title(), words.join(", "));
    output::warning(&format_args!("left out, as there are no words for it in {form}: {words}"));
    Cow::Borrowed(text)
}

fn put(text: &str, to: Option<&PathBuf>) -> Result<(), Error> {
    match to {
        Some(path) => output::product(path, text.as_bytes())?,
        None => output::text(|out| out.write_all(text.as_bytes()))?,
    }
    Ok(())
}

/// A filter that depends on the machine, the kernel or capabilities as one text; none for other filters and forms, and
/// where what it depends on was given.
///
/// # Errors
/// What is wrong with the filter on this machine.
pub(crate) fn everywhere(
    input: &Input,
    to: Format,
    how: &ProfileArgs,
    arches: &[Arch],
    style: Style,
) -> Result<Option<Result<Everywhere, NotConverted>>, Error> {
    let Input::Profile(unresolved) = input else { return Ok(None) };
    let Some(filter) = circumstances::left_open(unresolved, how, arches) else { return Ok(None) };
    if !matches!(to, Format::Gate | Format::Docker) || !filter.depends() {
        return Ok(None);
    }
    // What is odd about it is said as ever.
    unresolved.resolve(how, arches)?;
    Ok(callgate_convert::everywhere(&filter, to, style).transpose())
}

fn not_everywhere(error: NotConverted) -> Error {
    match error {
        NotConverted::Unproved(reason) => Error::Prover(reason),
        other => {
            let way = "with --caps, --kernel or --arch it is written as it is there";
            Error::Usage(format!("{other}; {way}"))
        }
    }
}

/// Says what is refused in another way than it was.
pub(crate) fn remark_refusals(refusals: &Refusals) {
    let Refusals { numbers, foreign, syscalls, .. } = refusals;
    let mut alike: BTreeMap<(Action, Action), Vec<&str>> = BTreeMap::new();
    for Refusal { arch, meant, read, .. } in numbers {
        alike.entry((*meant, *read)).or_default().push(arch.map_or("", Arch::name));
    }
    for ((meant, read), arches) in alike {
        let arches = arches.join(", ");
        output::warning(&format_args!(
            "on {arches}, numbers that no syscall has get {read} instead of {meant}: readers infer from the text which \
             kernel it was written for"
        ));
    }
    for Refusal { arch, meant, read, .. } in foreign {
        let arch = arch.map_or("architectures that the filter does not name", Arch::name);
        output::warning(&format_args!(
            "calls of {arch} get {read} instead of {meant}: the form has no words for them"
        ));
    }
    for Refusal { arch, meant, read, .. } in syscalls {
        let arch = arch.map_or("", Arch::name);
        output::warning(&format_args!(
            "on {arch}, what gets {meant} gets {read} instead: the form has no word for it there"
        ));
    }
}

fn remark(converted: &Converted) {
    remark_refusals(&converted.refusals);
    for found in &converted.stricter {
        output::note(&format_args!("stricter: {}", callgate_convert::difference_text(found)));
    }
    if converted.newer > 0 {
        output::note(&format_args!(
            "{} lines are about syscalls newer than those that the filter knows: the form has no other words for \
             them; a container profile read with --as crun has none",
            converted.newer
        ));
    }
}

fn refused(error: NotConverted, policy: &Policy, format: Format, nearest: Nearest) -> Error {
    let ways = match &error {
        NotConverted::Unproved(reason) => return Error::Prover(reason.clone()),
        _ => WaysOut::of(policy, format, nearest).to_string(),
    };
    Error::Usage(if ways.is_empty() { error.to_string() } else { format!("{error}; {ways}") })
}
