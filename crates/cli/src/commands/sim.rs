//! `callgate sim`: what a filter does with one call.

use std::io::{self, Write};

use callgate_bpf::{Line, Listing, Outcome, Program, Stack, Trace};
use callgate_syscalls::{Action, ActionKind, Arch, Errno, SeccompData, SyscallNr};
use clap::ValueHint;

use callgate_console::args::arguments;
use callgate_console::args::group::{FilterArgs, ProfileArgs};
use callgate_console::args::value::{self, Number};
use callgate_console::decider::said;
use callgate_console::error::{Error, Status};
use callgate_console::input::{self, Elsewhere, Input, Resolved, Source, Subject, Unresolved};
use callgate_console::output;

/// Simulate a call under a filter
///
/// Says what the filter returns for the call and what the kernel then does, without making the call. Several
/// filters are combined as the kernel does. A profile that is not for the architecture of the call on
/// this machine is read as on one of that architecture, and a line says so.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate sim container --syscall mount
  callgate sim filter.bpf --syscall socket --args AF_VSOCK,SOCK_STREAM,0 --trace
  callgate sim container --syscall clone --args 'CLONE_NEWUSER|SIGCHLD'
  callgate sim --pid 4711 --arch x86 --syscall 102
  callgate sim outer.bpf --stack inner.bpf --syscall clone3
  printf 'socket AF_VSOCK,SOCK_STREAM,0\\nptrace\\n' | callgate sim container --calls -
")]
pub(crate) struct Args {
    #[command(flatten)]
    which: FilterArgs,
    /// The architecture of the call [default: this machine's]
    #[arg(long, value_name = "ARCH", value_parser = value::arch())]
    arch: Option<Arch>,
    /// The syscall: a name, or any number
    #[arg(
        long,
        value_name = "NAME|NUMBER",
        allow_hyphen_values = true,
        required_unless_present = "calls"
    )]
    syscall: Option<String>,
    /// A file with a call a line, instead of one call: `NAME A,B,..`; empty lines and those that begin with # are comments
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["syscall", "args", "trace"],
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath
    )]
    calls: Option<Source>,
    /// Up to six arguments: numbers, or constants by name, joined by `|`; the others are 0
    #[arg(long, value_name = "A,B,..", value_delimiter = ',', allow_hyphen_values = true)]
    args: Vec<String>,
    /// The address of the instruction after the call
    #[arg(long, value_name = "ADDRESS", default_value = "0")]
    ip: Number,
    /// Show each executed instruction, with the registers after it
    #[arg(long)]
    trace: bool,
    /// Newer filters on top of FILTER, from the oldest to the newest
    #[arg(
        long,
        value_name = "FILTER",
        num_args = 1..,
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath
    )]
    stack: Vec<Source>,
    #[command(flatten)]
    how: ProfileArgs,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let arch = args.arch.map_or_else(value::native, Ok)?;
    let oldest = args.which.source()?;
    let sources: Vec<&Source> = std::iter::once(&oldest).chain(&args.stack).collect();
    input::stdin_once(&sources.iter().copied().chain(&args.calls).collect::<Vec<_>>())?;
    let filters = sources.into_iter().map(|source| Filters::read(source, args, arch));
    let filters = filters.collect::<Result<Vec<_>, Error>>()?;
    let programs: Vec<Program> =
        filters.iter().flat_map(|filters| filters.stack.programs()).cloned().collect();
    let stack = Stack::new(programs);
    let kernel = args.how.kernel()?;
    let Some(syscall) = &args.syscall else {
        let calls = listed(args, arch)?;
        let line = |call: &SeccompData| {
            let action = callgate_review::action(stack.run(call, arch.endian()).action, call);
            let outcome = stack.outcome(call, arch.endian(), kernel);
            let by = decider(&filters, &stack, call, arch);
            let by = by.map_or_else(String::new, |by| format!(", by {by}"));
            let elsewhere = elsewhere(&filters).next();
            let on = elsewhere
                .map_or_else(String::new, |it| format!(", as on a machine of {}", it.arch));
            format!("{}: {action} ({outcome}){by}{on}", callgate_review::call(call))
        };
        output::text(|out| calls.iter().try_for_each(|call| writeln!(out, "{}", line(call))))?;
        return Ok(Status::Success);
    };
    let call = call(args, syscall, &args.args, arch)?;
    let outcome = stack.outcome(&call, arch.endian(), kernel);
    output::text(|out| {
        if args.trace {
            write_traces(out, &stack, &call, arch)?;
        }
        write_decision(out, &stack, &call, arch, outcome)?;
        if let Some(by) = decider(&filters, &stack, &call, arch) {
            writeln!(out, "by      {by}")?;
        }
        elsewhere(&filters)
            .try_for_each(|it| writeln!(out, "machine as on one of {}: {it}", it.arch))
    })?;
    Ok(Status::Success)
}

/// The other machines, as on which filters were read.
fn elsewhere(filters: &[Filters]) -> impl Iterator<Item = &Elsewhere> {
    filters.iter().filter_map(|filters| filters.elsewhere.as_ref())
}

/// What was read from one source.
struct Filters {
    stack: Stack,
    /// The rules, where they are known.
    rules: Option<(Box<Unresolved>, Resolved)>,
    /// The machine that it was read for, if that is not this one.
    elsewhere: Option<Elsewhere>,
}

impl Filters {
    /// Reads a source. A profile that is not for the architecture of the call on this machine is read as on a machine
    /// of that architecture.
    fn read(source: &Source, args: &Args, arch: Arch) -> Result<Self, Error> {
        let profile = match input::read(source, &args.how)? {
            Input::Profile(profile) => profile,
            other => {
                let stack = other.subject(&args.how, &[])?.into_stack()?;
                return Ok(Self { stack, rules: None, elsewhere: None });
            }
        };
        let elsewhere = profile.elsewhere(&args.how, arch)?;
        let arches: Vec<Arch> = elsewhere.iter().map(|it| it.arch).collect();
        let resolved = profile.resolve(&args.how, &arches)?;
        let stack = Subject::Policy(resolved.policy.clone()).into_stack()?;
        Ok(Self { stack, rules: Some((profile, resolved)), elsewhere })
    }
}

/// Who decides about the call: a rule of a text, or an instruction of a program. Where all of several filters allow it,
/// none does.
fn decider(filters: &[Filters], stack: &Stack, call: &SeccompData, arch: Arch) -> Option<String> {
    let programs = stack.programs();
    let deciding = stack.run(call, arch.endian()).filter;
    let index = deciding.or((programs.len() == 1 || filters.len() == 1).then_some(0))?;
    let mut first = 0;
    let read_from = filters.iter().find(|filters| {
        first += filters.stack.programs().len();
        index < first
    })?;
    match &read_from.rules {
        Some((text, resolved)) => Some(said(text, resolved, resolved.policy.decisive(call).by)),
        None => {
            let program = programs.get(index)?;
            let last = program.trace(call, arch.endian()).steps.last()?.index;
            let style = callgate_bpf::Style { endian: arch.endian(), arch: Some(arch) };
            let line = Listing::new(program, style).lines.into_iter().nth(last)?;
            Some(format!("instruction {last}: {}", line.text))
        }
    }
}

fn call(args: &Args, syscall: &str, words: &[String], arch: Arch) -> Result<SeccompData, Error> {
    let nr = match value::syscall_number(syscall)? {
        Some(nr) => nr,
        None => number_of(syscall, arch)?,
    };
    let registers = arguments::read(words, arch, nr)?;
    let mut call = SeccompData::new(arch, nr).with_args(registers);
    call.instruction_pointer = args.ip.0;
    Ok(call)
}

/// The calls of a file; what is wrong with a line is told with its number.
fn listed(args: &Args, arch: Arch) -> Result<Vec<SeccompData>, Error> {
    let Some(source) = &args.calls else { return Ok(Vec::new()) };
    let text = input::text(source)?;
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let calls = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    calls
        .map(|(number, line)| {
            let (syscall, words) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let words = words.split(',').map(|word| word.trim().to_owned());
            let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
            call(args, syscall, &words, arch).map_err(|error| match error {
                Error::Usage(message) => Error::Usage(format!("{source}:{number}: {message}")),
                other => other,
            })
        })
        .collect()
}

fn number_of(name: &str, arch: Arch) -> Result<SyscallNr, Error> {
    let name = value::name(name)?;
    let missing = || Error::Usage(format!("{name} does not exist on {arch}: choose with --arch"));
    arch.syscall(name).map(|syscall| syscall.nr).ok_or_else(missing)
}

fn write_decision(
    out: &mut dyn Write,
    stack: &Stack,
    call: &SeccompData,
    arch: Arch,
    outcome: Outcome,
) -> io::Result<()> {
    let decision = stack.run(call, arch.endian());
    let action = decision.action;
    let style = if outcome.executes() { output::GOOD } else { output::BAD };
    writeln!(out, "action  {style}{action}{style:#}")?;
    writeln!(out, "data    {}", data(action, arch))?;
    writeln!(out, "effect  {outcome}")?;
    if outcome.executes() && !Outcome::of(action).executes() {
        writeln!(out, "note    no filter can stop this call on this kernel")?;
    }
    match decision.filter {
        Some(index) if stack.programs().len() > 1 => {
            writeln!(out, "filter  {index} of 0 to {}", stack.programs().len() - 1)
        }
        _ => Ok(()),
    }
}

/// The data of an action, with the name of an errno.
fn data(action: Action, arch: Arch) -> String {
    let data = action.data();
    let errno = Errno::new(data);
    match errno.name(arch).filter(|_| action.kind() == ActionKind::Errno) {
        Some(name) => format!("{data} ({name})"),
        None => data.to_string(),
    }
}

/// Writes what each filter executes, the newest first as in the kernel.
fn write_traces(
    out: &mut dyn Write,
    stack: &Stack,
    call: &SeccompData,
    arch: Arch,
) -> io::Result<()> {
    let heading = output::HEADING;
    for (index, program) in stack.programs().iter().enumerate().rev() {
        if stack.programs().len() > 1 {
            writeln!(out, "{heading}filter {index}{heading:#}")?;
        }
        write_trace(out, program, &program.trace(call, arch.endian()), arch)?;
    }
    Ok(())
}

fn write_trace(
    out: &mut dyn Write,
    program: &Program,
    trace: &Trace,
    arch: Arch,
) -> io::Result<()> {
    let style = callgate_bpf::Style { endian: arch.endian(), arch: Some(arch) };
    let lines = Listing::new(program, style).lines;
    let faint = output::FAINT;
    for step in &trace.steps {
        let Line { text, comment, .. } = &lines[step.index];
        let comment = comment.as_ref().map_or(String::new(), |comment| format!("  ; {comment}"));
        let (a, x) = (step.after.a, step.after.x);
        writeln!(
            out,
            "{:>5}  {text:<36} A={a:#010x} X={x:#010x}{faint}{comment}{faint:#}",
            step.index
        )?;
    }
    Ok(())
}
