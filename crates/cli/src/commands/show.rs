//! `callgate show`: any filter as a policy that people can read.

use callgate_bpf::Program;
use callgate_convert::Format;
use callgate_facts::{Block, Groups};
use callgate_gate::{Style, show, words_of};
use callgate_policy::Policy;
use callgate_review::{Readable, on_registers};
use callgate_syscalls::{Arch, Name, SyscallNr};
use clap::ValueHint;

use crate::commands::convert;
use crate::commands::report::about::{NAMELESS, narrowed, readable_here};
use crate::commands::test::policy_of;
use callgate_console::args::group::{ProfileArgs, ProgramFormat, ProgramOutput};
use callgate_console::args::value;
use callgate_console::circumstances;
use callgate_console::error::{Error, Status};
use callgate_console::input::{self, Source, Subject};
use callgate_console::output;

/// Show any filter as a policy in the language (*.gate)
///
/// Profiles, programs of whatever tool, and the filters of a running process become a text with names: calls with the
/// same rules together, sorted by verdict behind the default. The text is read again and proved to mean the filter,
/// for every call, before it is printed; it can be edited and used like any other policy. What the language cannot
/// say, such as tests of some bits of the number (`nr & 1`), is shown as the program that it is, with the reason. Of a program that never asks for the architecture it says
/// what becomes of the calls of --arch, or of this machine's.
///
/// A profile of Docker's or Podman's that depends on the machine, the kernel or capabilities becomes one text that
/// means it under all of them, with blocks such as `on cap CAP_BPF`; with --caps, --kernel or --arch it is shown as it
/// is there.
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

impl Args {
    const fn style(&self) -> Style {
        if self.expand { Style::Expanded } else { Style::Folded }
    }
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let input = input::read(&args.filter, &args.how)?;
    if args.call.is_none() && show_everywhere(args, &input)? {
        return Ok(Status::Success);
    }
    let programs = match &input {
        input::Input::Program(program, _) => vec![program.clone()],
        input::Input::Process(stack) => stack.programs().to_vec(),
        input::Input::Profile(_) => Vec::new(),
    };
    let is_left_open = circumstances::is_left_open(&input, &args.how, &args.arches);
    let asked = convert::asked(&input);
    let subject = input.subject(&args.how, &args.arches)?;
    let policy = match policy_of(subject.clone()) {
        Ok(policy) => policy,
        Err(Error::Prover(error @ callgate_prover::Error::NotExpressible { .. })) => {
            if let Some(policy) = for_some(subject, &args.arches) {
                policy
            } else if let Some(call) = &args.call {
                return Err(Error::Usage(format!(
                    "{error}, so that it can't be said in words what becomes of {call}: `callgate sim` tells it of \
                     one call with its arguments"
                )));
            } else {
                return as_program(&programs, &error.to_string());
            }
        }
        Err(error) => return Err(error),
    };
    if let Some(call) = &args.call {
        // Of a program only what is asked for; words are about calls that a machine can make.
        let policy = match programs.is_empty() || args.arches.is_empty() {
            true => policy,
            false => narrowed(&policy, &args.arches)?,
        };
        let policy = on_registers(&policy).map_err(|error| Error::Usage(error.to_string()))?;
        for name in called(call, &policy)? {
            let words = words_of(&policy, name);
            let words = words.map_err(|error| Error::Usage(error.to_string()))?;
            output::text(|out| write!(out, "{words}"))?;
        }
        circumstances::remark("the filter", &args.how, is_left_open)?;
        return Ok(Status::Success);
    }
    if !programs.is_empty() && !args.arches.is_empty() {
        narrowed(&policy, &args.arches)?;
    }
    match show(&policy, args.style()) {
        Ok(shown) => {
            let text = convert::with(&shown.text, Format::Gate, &asked);
            output::text(|out| write!(out, "{text}"))?;
            Ok(Status::Success)
        }
        Err(error) => match programs.is_empty() {
            true => {
                let stack = Subject::Policy(policy).into_stack()?;
                as_program(stack.programs(), &format!("{error} (with --as kernel it may be)"))
            }
            false => as_program(&programs, &error.to_string()),
        },
    }
}

/// Shows a profile that depends on circumstances under all of them. Whether it was shown.
fn show_everywhere(args: &Args, input: &input::Input) -> Result<bool, Error> {
    let Some(found) =
        convert::everywhere(input, Format::Gate, &args.how, &args.arches, args.style())?
    else {
        return Ok(false);
    };
    match found {
        Ok(found) => {
            convert::remark_refusals(&found.refusals);
            let asked = convert::asked(input);
            let text = convert::with(&found.text, Format::Gate, &asked);
            output::text(|out| write!(out, "{text}"))?;
            Ok(true)
        }
        Err(error) => {
            output::note(&format_args!("{error}; this is what it means here"));
            Ok(false)
        }
    }
}

/// What a program that does not ask whose calls they are means for some architectures, and one that tells numbers apart
/// that no syscall has for all others; none for one that no policy means for other reasons. What is left out is said.
fn for_some(subject: Subject, arches: &[Arch]) -> Option<Policy> {
    let Subject::Stack(stack) = subject else { return None };
    let Readable { policy, only, below, .. } = readable_here(&stack, arches).ok()?;
    if let Some(only) = only {
        let names: Vec<&str> = only.iter().map(|arch| arch.name()).collect();
        output::note(&format_args!(
            "the program does not treat all other architectures alike: this is what it does with calls of {}, and the \
             text kills those of others",
            names.join(", ")
        ));
    }
    if below {
        output::note(&format_args!("the program tells {NAMELESS} apart: the text kills them all"));
    }
    Some(policy)
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
