//! `callgate disasm`: programs as text.

use std::fmt::Write as _;

use callgate_bpf::{Listing, Program};
use callgate_syscalls::{Arch, Endian};
use clap::ValueEnum;

use crate::args::group::{FilterArgs, ProfileArgs};
use crate::args::value;
use crate::error::{Error, Status};
use crate::input::{self, Input, Subject};
use crate::output::{self, ListingJson};

/// Show a filter program as assembler text, JSON or C
///
/// The text assembles to the same program again. Names of syscalls, architectures and errno values are comments. A
/// process has several filters at times: they are shown from the oldest to the newest.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate disasm filter.bpf
  callgate disasm --pid 4711             needs root
  callgate disasm container --arch x86_64
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
    let (programs, endian) = match input::read(&source)? {
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
    match args.format {
        Format::Text => write_each(&programs, |p| Listing::new(p, style).to_string())?,
        Format::C => write_each(&programs, |p| p.to_c(style))?,
        Format::Json => {
            let listings: Vec<_> = programs.iter().map(|p| ListingJson::new(p, style)).collect();
            output::json(&listings)?;
        }
    }
    Ok(Status::Success)
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
