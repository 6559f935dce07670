//! `callgate disasm`: programs as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use callgate_bpf::{Program, Stack};
use callgate_policy::Decider;
use callgate_prover::{Difference, Options, Prover, Scope, attribute};
use callgate_syscalls::{Arch, Endian};
use clap::{ValueEnum, ValueHint};

use callgate_console::args::group::{FilterArgs, ProfileArgs};
use callgate_console::args::value;
use callgate_console::decider;
use callgate_console::error::{Error, Status};
use callgate_console::input::{self, Input, Resolved, Source, Subject, Unresolved};
use callgate_console::output::{self, ListingJson};

/// Show a filter program as assembler text, JSON or C
///
/// The program may be in any form in which a tool prints one: raw, hexadecimal, base64, arrays of C, Rust, Go, Python and
/// JSON, dumps of xxd, hexdump and od, the tables of seccomp-tools, scmp_bpf_disasm, ceccomp and firejail, traces of
/// strace -v, object files. The form is told by the content, or with --from.
///
/// The text assembles to the same program again. Names of syscalls, architectures and errno values are comments. A
/// process has several filters at times: they are shown from the oldest to the newest.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate disasm filter.bpf
  callgate disasm --pid 4711             needs root
  callgate disasm sandbox.c:filter       the array `filter` of a source; file.o:filter of an object file
  strace -f -v -e seccomp,prctl -o t CMD; callgate disasm t
  callgate disasm container --arch x86_64
  callgate disasm filter.bpf --policy seccomp.json   whose calls each return is for, and where the two disagree

Exit status:
  0  shown
  1  shown, but the kernel refuses the program: the instruction is marked
  2  no program, or not read
")]
pub(crate) struct Args {
    #[command(flatten)]
    which: FilterArgs,
    /// The form of the listing
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The architecture by whose names numbers are explained where the program does not test it, and for which a
    /// profile is compiled
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arch: Option<Arch>,
    /// A profile or policy: beside each return, the rules whose calls reach it, with their places
    ///
    /// They are found by comparing meanings, so the program may be of any origin and need not be equal to the policy.
    #[arg(
        long,
        value_name = "FILTER",
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath
    )]
    policy: Option<Source>,
    #[command(flatten)]
    how: ProfileArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Assembler
    #[default]
    Text,
    /// Instructions with their disassembly
    Json,
    /// A C array
    C,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let source = args.which.source()?;
    let read = match input::read(&source, &args.how) {
        Err(Error::Refused { what, dump }) => return output::refused(&what, &dump, args.arch),
        other => other?,
    };
    let (programs, endian) = match read {
        Input::Program(program, endian) => (vec![program], endian),
        other => {
            let subject = other.subject(&args.how, args.arch.as_slice())?;
            let endian = match &subject {
                Subject::Policy(policy) => policy.arches().next().map(|(arch, _)| arch.endian()),
                Subject::Stack(_) => None,
            };
            (subject.into_stack()?.programs().to_vec(), endian.unwrap_or(Endian::native()))
        }
    };
    let mut style = output::style(endian);
    style.arch = args.arch.or(style.arch);
    let owners = match &args.policy {
        Some(policy) => owners(args, policy, &programs)?,
        None => Owners::new(),
    };
    match args.format {
        Format::Text => write_each(&programs, |p| output::owned(p, style, &owners).to_string())?,
        Format::C => write_each(&programs, |p| p.to_c(style))?,
        Format::Json => {
            let listing = |p| ListingJson::new(p, style).owned_by(&owners);
            let listings: Vec<_> = programs.iter().map(listing).collect();
            output::json(&listings)?;
        }
    }
    Ok(Status::Success)
}

/// The places in a policy for whose calls each returning instruction returns.
type Owners = BTreeMap<usize, Vec<String>>;

fn owners(args: &Args, policy: &Source, programs: &[Program]) -> Result<Owners, Error> {
    if args.format == Format::C {
        return Err(Error::Usage("--policy goes with --format text or json".to_owned()));
    }
    let [program] = programs else {
        let count = programs.len();
        return Err(Error::Usage(format!("--policy explains one program, and these are {count}")));
    };
    let text = input::profile(policy, &args.how)?;
    let resolved = text.resolve(&args.how, args.arch.as_slice())?;
    let found = attribute(&resolved.policy, program, &Options::default()).map_err(Error::Prover)?;
    warn_of_differences(program, &text, &resolved)?;
    let places = |by: &[Decider]| decider::together(&text, &resolved, by);
    Ok(found.iter().map(|found| (found.instruction, places(&found.deciders))).collect())
}

/// Says for which calls the program does something else than the policy, and where in both.
fn warn_of_differences(
    program: &Program,
    text: &Unresolved,
    resolved: &Resolved,
) -> Result<(), Error> {
    const SHOWN_MAX: usize = 8;
    let mut prover = Prover::new(Options::default());
    let stack = Stack::new([program.clone()]);
    let mut differences = || {
        let [meant, done] = [prover.policy(&resolved.policy)?, prover.stack(&stack)?];
        prover.differences(&meant, &done, Scope::Effective)
    };
    let found = differences().map_err(Error::Prover)?;
    for Difference { witness: call, left, right, .. } in found.iter().take(SHOWN_MAX) {
        let endian = Arch::of_call(call.arch, call.nr).map_or(Endian::native(), Arch::endian);
        let by = decider::said(text, resolved, resolved.policy.decisive(call).by);
        let last = program.trace(call, endian).steps.last().map_or(0, |step| step.index);
        let [meant, done] = [left, right].map(|action| callgate_review::action(*action, call));
        let call = callgate_review::call(call);
        output::warning(&format_args!(
            "{call}: the policy says {meant} ({by}), the program returns {done} at instruction {last}"
        ));
    }
    match found.len().saturating_sub(SHOWN_MAX) {
        0 => {}
        more => {
            output::warning(&format_args!("{more} more kinds of calls differ: see `callgate diff`"))
        }
    }
    Ok(())
}

/// Writes programs as text, with a heading each where there are several.
fn write_each(programs: &[Program], listing: impl Fn(&Program) -> String) -> Result<(), Error> {
    let mut text = String::new();
    for (index, program) in programs.iter().enumerate() {
        if programs.len() > 1 {
            // Both languages take this for a comment. Writing to a string cannot fail.
            let _ = writeln!(text, "// filter {index}, {} instructions", program.len());
        }
        text.push_str(&listing(program));
    }
    output::text(|out| out.write_all(text.as_bytes()))
}
