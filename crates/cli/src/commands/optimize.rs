//! `callgate optimize`: filters that exist already, made shorter and faster.

use callgate::compiler::Options;
use callgate_bpf::{Program, Stack};
use callgate_syscalls::{Action, Arch, Endian, KernelVersion, SeccompData};
use clap::ValueHint;

use callgate_console::args::group::{ProfileArgs, ProgramOutput};
use callgate_console::args::tune::TuneArgs;
use callgate_console::args::value;
use callgate_console::error::{Error, Status};
use callgate_console::input::{self, Input, Source, Subject};
use callgate_console::measure::{Cacheable, Executed};
use callgate_console::output;

/// Make a filter shorter and faster, or one of several
///
/// What the filter means is read out of its instructions, compiled anew, and proved to be the same for every number,
/// architecture and argument. It is never longer than before. How long and how fast both are is said on standard
/// error.
///
/// Several filters, or those of a process, become one with the effect of all: name them as they were attached, the
/// oldest first. The kernel asks them all and does what is most restrictive; of answers that are equally so, the
/// newest filter's counts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate optimize filter.bpf -o smaller.bpf
  callgate optimize first.bpf second.bpf -o both.bpf
  callgate optimize pid:4711 --format asm         what confines a process, as one program

Figures:
  Instructions executed are those for one call of each syscall that --kernel (or the running kernel)
  has on the architectures where the filter allows anything, with all arguments 0. Cached are the
  calls for which the kernel will not run the filter.

Exit status:
  0  written
  1  the new program was not proved to be the same, and not written
  2  a filter could not be read, or no single program has the effect of all
  3  undecided within the limits of the proof
")]
pub(crate) struct Args {
    /// The filters, the oldest first: FILE, NAME of an embedded profile, pid:N, or - for standard input
    #[arg(
        value_name = "FILTER",
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath,
        required = true
    )]
    filters: Vec<Source>,
    /// An architecture for which profiles are read, instead of their own; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    #[command(flatten)]
    to: ProgramOutput,
    #[command(flatten)]
    tune: TuneArgs,
    #[command(flatten)]
    how: ProfileArgs,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    input::stdin_once(&args.filters.iter().collect::<Vec<_>>())?;
    let options = args.tune.options(&args.how, &args.filters)?;
    let (before, endian) = read(args)?;
    let after = optimized(&before, &options).map_err(Error::from)?;
    let after = Stack::new([after]);
    output::program(&after.programs()[0], output::style(endian), &args.to)?;
    output::aside(&figures(&before, &after, endian, args.how.kernel()?));
    Ok(Status::Success)
}

/// All filters, oldest first, and the byte order of the machines they are for.
fn read(args: &Args) -> Result<(Stack, Endian), Error> {
    let mut programs: Vec<Program> = Vec::new();
    let mut common: Option<(Endian, &Source)> = None;
    for source in &args.filters {
        let input = input::read(source, &args.how)?;
        let decoded = match &input {
            Input::Program(_, endian) => Some(*endian),
            Input::Profile(_) | Input::Process(_) => None,
        };
        let subject = input.subject(&args.how, &args.arches)?;
        let endian = decoded.unwrap_or_else(|| endian_of(&subject));
        match common {
            Some((other, first)) if other != endian => {
                let message =
                    format!("{first} and {source} are for machines of different byte order");
                return Err(Error::Usage(message));
            }
            _ => common = Some((endian, source)),
        }
        programs.extend_from_slice(subject.into_stack()?.programs());
    }
    Ok((Stack::new(programs), common.map_or(Endian::native(), |(endian, _)| endian)))
}

fn endian_of(subject: &Subject) -> Endian {
    match subject {
        Subject::Policy(policy) => {
            policy.arches().next().map_or(Endian::native(), |(arch, _)| arch.endian())
        }
        Subject::Stack(_) => Endian::native(),
    }
}

fn optimized(before: &Stack, options: &Options) -> Result<Program, callgate::Error> {
    match before.programs() {
        [only] => callgate::optimize(only, options),
        _ => callgate::merge(before, options),
    }
}

/// Both sides as a table.
fn figures(before: &Stack, after: &Stack, endian: Endian, kernel: KernelVersion) -> String {
    let arches: Vec<Arch> = allowed_somewhere(before, endian, kernel);
    let sides = [before, after];
    let executed = sides.map(|stack| Executed::on(stack, &arches, kernel));
    let cached = sides.map(|stack| {
        let counts = arches.iter().map(|&arch| Cacheable::of(stack, arch, kernel).cacheable);
        counts.sum::<usize>()
    });
    let len = |stack: &Stack| stack.programs().iter().map(Program::len).sum::<usize>();
    let mut text = row("", ["before", "after"]);
    text += &row("filters", sides.map(|stack| stack.programs().len()));
    text += &row("instructions", sides.map(len));
    text += &row("executed, mean", executed.map(|executed| executed.mean()));
    text += &row("executed, max", executed.map(|executed| executed.max()));
    text += &row("cached calls", cached);
    text
}

fn row<T: ToString>(name: &str, [before, after]: [T; 2]) -> String {
    format!("{name:<14} {:>8} {:>8}\n", before.to_string(), after.to_string())
}

/// The architectures of that byte order on which the filters allow a call; all calls are the same elsewhere.
fn allowed_somewhere(stack: &Stack, endian: Endian, kernel: KernelVersion) -> Vec<Arch> {
    let allows = |arch: &Arch| {
        let mut syscalls = arch.syscalls().filter(|syscall| syscall.since <= kernel);
        syscalls.any(|syscall| {
            stack.run(&SeccompData::new(*arch, syscall.nr), endian).action == Action::ALLOW
        })
    };
    Arch::ALL.into_iter().filter(|arch| arch.endian() == endian).filter(allows).collect()
}
