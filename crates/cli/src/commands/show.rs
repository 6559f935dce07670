//! `callgate show`: any filter as a policy that people can read.

use callgate_bpf::Program;
use callgate_facts::{Block, Groups};
use callgate_gate::{Style, show, words_of};
use callgate_policy::Policy;
use callgate_syscalls::{Arch, Name, SyscallNr};
use clap::ValueHint;

use crate::commands::test::policy_of;
use callgate_console::args::group::{ProfileArgs, ProgramFormat, ProgramOutput};
use callgate_console::args::value;
use callgate_console::error::{Error, Status};
use callgate_console::input::{self, Source};
use callgate_console::output;

/// Show any filter as a policy in the language (*.gate)
///
/// Profiles, programs of whatever tool, and the filters of a running process become a text with names: calls with the
/// same rules together, sorted by verdict behind the default. The text is read again and proved to mean the filter,
/// for every call, before it is printed; it can be edited and used like any other policy. What the language cannot
/// say is shown as the program that it is, with the reason.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate show seccomp.json > my.gate       a profile of Docker's to go on with
  callgate show filter.bpf                   what somebody's program does
  callgate show pid:4711                     all filters of a process together
  callgate show container socket             what becomes of one syscall, in words
  callgate show container @modules           the same for the calls of a block, or of a ~family

Exit status:
  0  shown
  2  the filter could not be read
  3  undecided within the limits of the proof
")]
pub(crate) struct Args {
    /// The filter: FILE, NAME of an embedded profile, pid:N, or - for standard input
    #[arg(value_name = "FILTER", value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    filter: Source,
    /// A syscall by name or number, a @block or a ~family: say in words what becomes of it
    #[arg(value_name = "CALL")]
    call: Option<String>,
    /// Name each syscall instead of families and blocks
    #[arg(long, conflicts_with = "call")]
    expand: bool,
    /// An architecture to read a profile for, instead of its own; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    #[command(flatten)]
    how: ProfileArgs,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let input = input::read(&args.filter, &args.how)?;
    let programs = match &input {
        input::Input::Program(program, _) => vec![program.clone()],
        input::Input::Process(stack) => stack.programs().to_vec(),
        input::Input::Profile(_) => Vec::new(),
    };
    let policy = match policy_of(input.subject(&args.how, &args.arches)?) {
        Ok(policy) => policy,
        Err(Error::Prover(error @ callgate_prover::Error::NotExpressible { .. })) => {
            if let Some(call) = &args.call {
                return Err(Error::Usage(format!(
                    "{error}, so that it can't be said in words what becomes of {call}: `callgate sim` tells it of \
                     one call with its arguments"
                )));
            }
            return as_program(&programs, &error.to_string());
        }
        Err(error) => return Err(error),
    };
    if let Some(call) = &args.call {
        for name in called(call, &policy)? {
            let words = words_of(&policy, name);
            let words = words.map_err(|error| Error::Usage(error.to_string()))?;
            output::text(|out| write!(out, "{words}"))?;
        }
        return Ok(Status::Success);
    }
    let style = if args.expand { Style::Expanded } else { Style::Folded };
    match show(&policy, style) {
        Ok(shown) => {
            output::text(|out| write!(out, "{}", shown.text))?;
            Ok(Status::Success)
        }
        Err(error) => match programs.is_empty() {
            true => {
                let stack = input::Subject::Policy(policy).into_stack()?;
                as_program(stack.programs(), &format!("{error} (with --as kernel it may be)"))
            }
            false => as_program(&programs, &error.to_string()),
        },
    }
}

/// The syscalls that a word stands for: one by name or number, those of a block, role or family.
fn called(word: &str, policy: &Policy) -> Result<Vec<Name>, Error> {
    let groups = Groups::LATEST;
    let arches = || policy.arches().map(|(arch, _)| arch);
    if let Some(family) = word.strip_prefix('~') {
        let family = groups.family(family).ok_or_else(|| unknown(word))?;
        return Ok(family
            .members()
            .filter(|name| arches().any(|a| a.syscall(*name).is_some()))
            .collect());
    }
    if let Some(name) = word.strip_prefix('@') {
        let block = groups.block(name).map(|block| vec![block]);
        let blocks = block.or_else(|| Some(groups.role(name)?.blocks().collect()));
        let blocks = blocks.ok_or_else(|| unknown(word))?;
        let members =
            |block: &Block| arches().flat_map(|arch| block.members(arch)).collect::<Vec<_>>();
        let mut names: Vec<Name> = blocks.iter().flat_map(members).map(|(name, _)| name).collect();
        names.sort_by_key(|name| name.as_str());
        names.dedup();
        return Ok(names);
    }
    let Ok(nr) = word.parse::<u32>() else { return Ok(vec![value::name(word)?]) };
    let mut names: Vec<Name> =
        arches().filter_map(|arch| arch.syscall_at(SyscallNr::new(nr))).map(|c| c.name).collect();
    names.sort_unstable();
    names.dedup();
    match names.is_empty() {
        true => {
            Err(Error::Usage(format!("no architecture of the filter has a syscall number {nr}")))
        }
        false => Ok(names),
    }
}

fn unknown(group: &str) -> Error {
    Error::Usage(format!(
        "nothing is called {group}: `callgate groups` lists families, blocks and roles"
    ))
}

/// Shows programs as assembler, which `callgate asm` reads.
fn as_program(programs: &[Program], reason: &str) -> Result<Status, Error> {
    output::note(&format_args!("{reason}; this is the program itself"));
    for program in programs {
        let to = ProgramOutput { output: None, format: ProgramFormat::Asm };
        output::program(program, output::style(callgate_syscalls::Endian::native()), &to)?;
    }
    Ok(Status::Success)
}
