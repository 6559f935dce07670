//! `callgate compile`: a profile as a program.

mod emit;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use callgate::{FilterStack, UnprovedStack};
use callgate_bpf::{Program, Style};
use callgate_syscalls::{Arch, KernelVersion};
use clap::ValueHint;

use callgate_console::args::group::{ProfileArgs, ProgramOutput};
use callgate_console::args::tune::TuneArgs;
use callgate_console::args::value;
use callgate_console::error::{Error, Status};
use callgate_console::input::{self, Source};
use callgate_console::measure::{Cacheable, Executed};
use callgate_console::output;

/// Compile a profile to a filter program
///
/// The program is proved equal to the profile, for every number, architecture and argument, before it is written.
/// It is in the byte order of the architectures it is for.
///
/// A profile that takes more than the 4,096 instructions that the kernel accepts becomes several programs, proved to
/// mean the profile together: they are written to FILE.0, FILE.1 and so on, to be loaded in that order.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate compile seccomp.json -o filter.bpf
  callgate compile container --stats -o filter.bpf
  callgate compile container --format asm         the program to read
  callgate compile container --emit svg -o f.svg  the decisions it makes, as a picture
  callgate compile server.json --weights trace --kernel 6.1 -o filter.bpf
  bwrap --ro-bind / / --seccomp 3 3< filter.bpf -- sh

Weights:
  strace -f -c -o trace ./server   counts calls; a file of weights has their names and numbers:
    # name  count
    read    1529
    openat  1220
")]
pub(crate) struct Args {
    /// The profile: FILE, NAME of an embedded one, or - for standard input
    #[arg(value_name = "PROFILE", value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    profile: Source,
    /// An architecture to compile for, instead of those of the profile; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    /// Say on standard error how long, how fast and how cacheable the program is, and what the proof took
    ///
    /// Executed instructions are counted for one call of each syscall of the profile, with all arguments 0. Cacheable
    /// are the allowed syscalls for which the kernel (5.11 and later) does not even run the program.
    #[arg(long)]
    stats: bool,
    /// Write what the compiler makes on its way, for reading, instead of a program
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with_all = ["format", "stats"])]
    emit: Option<emit::What>,
    #[command(flatten)]
    to: ProgramOutput,
    #[command(flatten)]
    tune: TuneArgs,
    #[command(flatten)]
    how: ProfileArgs,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    if args.emit == Some(emit::What::Svg) {
        return emit::drawn(&args.profile, &args.how, &args.arches, args.to.output.as_deref());
    }
    let options = args.tune.options(&args.how, std::slice::from_ref(&args.profile))?;
    let profile = input::profile(&args.profile, &args.how)?;
    let resolved = profile.resolve(&args.how, &args.arches)?;
    profile.explain(&resolved);
    if let Some(what) = args.emit {
        return emit::write(what, &resolved.policy, &options, args.to.output.as_deref());
    }
    let start = Instant::now();
    let policy = resolved.policy;
    let unproved = UnprovedStack::compile(policy.clone(), &options).map_err(Error::from)?;
    let compiling = start.elapsed();
    let start = Instant::now();
    let filters = match unproved.prove(&callgate_prover::Options::default()) {
        // What is loaded elsewhere is written here: in pieces or patiently, whatever takes less.
        Err(callgate::Error::Proof(callgate_prover::Error::Undecided(_))) => {
            FilterStack::compile_with(policy, &options)
        }
        proved => proved,
    };
    let filters = filters.map_err(Error::from)?;
    let proving = start.elapsed();
    let arches: Vec<Arch> = filters.policy().arches().map(|(arch, _)| arch).collect();
    write(filters.programs(), output::style_for(&arches, args.to.format)?, &args.to)?;
    if args.stats {
        output::aside(&stats(&filters, &arches, args.how.kernel()?, [compiling, proving]));
    }
    Ok(Status::Success)
}

/// Writes one program as it was asked for, several to files with numbers.
fn write(programs: &[Program], style: Style, to: &ProgramOutput) -> Result<(), Error> {
    if let [only] = programs {
        return output::program(only, style, to).map(drop);
    }
    let count = programs.len();
    let Some(path) = &to.output else {
        return Err(Error::Usage(format!(
            "the profile takes {count} filters, of {} instructions together: name a FILE with -o, \
             and they are written to FILE.0, FILE.1 and so on",
            total(programs)
        )));
    };
    for (index, program) in programs.iter().enumerate() {
        let output = Some(numbered(path, index));
        output::program(program, style, &ProgramOutput { output, format: to.format })?;
    }
    output::note(&format_args!(
        "one filter may have {} instructions and this profile takes {}: load {} to {}, in this order",
        Program::LEN_MAX,
        total(programs),
        numbered(path, 0).display(),
        numbered(path, count - 1).display()
    ));
    Ok(())
}

fn numbered(path: &Path, index: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{index}"));
    name.into()
}

fn total(programs: &[Program]) -> usize {
    programs.iter().map(Program::len).sum()
}

fn stats(
    filters: &FilterStack,
    arches: &[Arch],
    kernel: KernelVersion,
    [compiling, proving]: [Duration; 2],
) -> String {
    let stack = filters.stack();
    let executed = Executed::by(stack, filters.policy());
    let cacheable: String = arches
        .iter()
        .map(|&arch| format!("cacheable     {arch}: {}\n", Cacheable::of(stack, arch, kernel)))
        .collect();
    let split = match filters.programs().len() {
        1 => String::new(),
        count => format!(" in {count} filters"),
    };
    let proof = filters.proof().certificate();
    let (nodes, calls) = proof.map_or((0, 0), |proof| (proof.nodes, proof.calls));
    format!(
        "instructions  {}{split}\n\
         executed      {executed}\n\
         {cacheable}\
         compiled in   {compiling:.1?}\n\
         proved in     {proving:.1?}, {nodes} nodes, {calls} calls checked again\n",
        total(filters.programs()),
    )
}
