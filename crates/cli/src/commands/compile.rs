//! `callgate compile`: a profile as a program.

use std::time::{Duration, Instant};

use callgate::{Filter, Unproved};
use callgate_bpf::Stack;
use callgate_syscalls::{Arch, Endian, KernelVersion};
use clap::ValueHint;

use crate::args::group::{ProfileArgs, ProgramOutput};
use crate::args::value;
use crate::error::{Error, Status};
use crate::input::{self, Source};
use crate::measure::{Cacheable, Executed};
use crate::output;

/// Compile a profile to a filter program
///
/// The program is proved equal to the profile, for every number, architecture and argument, before it is written.
/// It is in the byte order of the architectures it is for.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate compile seccomp.json -o filter.bpf
  callgate compile container --stats -o filter.bpf
  callgate compile container --format asm         the program to read
  bwrap --ro-bind / / --seccomp 3 3< filter.bpf -- sh
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
    #[command(flatten)]
    to: ProgramOutput,
    #[command(flatten)]
    how: ProfileArgs,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let profile = input::profile(&args.profile)?;
    let resolved = profile.resolve(&args.how, &args.arches)?;
    profile.explain(&resolved);
    let start = Instant::now();
    let unproved = Unproved::compile(resolved.policy).map_err(Error::Filter)?;
    let compiling = start.elapsed();
    let filter = unproved.prove(&callgate_prover::Options::default()).map_err(Error::Filter)?;
    let arches: Vec<Arch> = filter.policy().arches().map(|(arch, _)| arch).collect();
    let endian = arches.first().map_or(Endian::native(), |arch| arch.endian());
    output::program(filter.program(), output::style(endian), &args.to)?;
    if args.stats {
        output::aside(&stats(&filter, &arches, args.how.kernel()?, compiling));
    }
    Ok(Status::Success)
}

fn stats(filter: &Filter, arches: &[Arch], kernel: KernelVersion, compiling: Duration) -> String {
    let program = filter.program();
    let executed = Executed::by(program, filter.policy());
    let stack = Stack::new([program.clone()]);
    let cacheable: String = arches
        .iter()
        .map(|&arch| format!("cacheable     {arch}: {}\n", Cacheable::of(&stack, arch, kernel)))
        .collect();
    let proof = filter.proved().certificate();
    format!(
        "instructions  {}\n\
         executed      {executed}\n\
         {cacheable}\
         compiled in   {compiling:.1?}\n\
         proved in     {:.1?}, {} nodes, {} calls checked again\n",
        program.len(),
        proof.time,
        proof.nodes,
        proof.calls,
    )
}
