//! `callgate run`: a command under a filter.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

use callgate::FilterStack;
use callgate_bpf::{Program, Stack};
use callgate_formats::Flag;
use callgate_kernel::{Command, Logging, Options, Speculation, Start};
use callgate_syscalls::{Action, ActionKind, Arch, Endian, SeccompData, names};
use clap::ValueHint;

use crate::args::group::ProfileArgs;
use crate::args::value;
use crate::error::{Error, Status};
use crate::input::{self, Source};
use crate::prepared;

/// Run a command under a profile
///
/// The profile is compiled, the filter proved equal to it, then loaded, and the command executed; nothing happens
/// between the last two. The filter therefore has to allow execve, and what the command itself needs, from its
/// dynamic linker on. The command can gain no privileges (no_new_privs), and its exit status is that of callgate.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate run -- sh -c 'grep Seccomp: /proc/self/status; unshare -U true'
  callgate run --profile seccomp.json --caps NET_ADMIN -- ./server --port 80
  callgate run --default log -- ./program     what the profile does not list is logged, not refused

Exit status:
  that of the command, which takes callgate's place; else
  2    wrong arguments, or a profile that cannot be used
  126  the command cannot be executed, the filter would not let it, or the kernel did not load it
  127  the command was not found
")]
pub(crate) struct Args {
    /// The profile: NAME of an embedded one, FILE, or - for standard input
    #[arg(
        long,
        value_name = "NAME|FILE",
        default_value = "container",
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath
    )]
    profile: Source,
    /// What happens to calls that the profile does not mention: allow, log, errno:EPERM, errno:1, trap, kill-thread
    /// or kill-process
    #[arg(long, value_name = "ACTION", value_parser = value::action)]
    default: Option<Action>,
    /// Let the kernel log every call that is not allowed
    #[arg(long)]
    log: bool,
    /// An architecture to allow, instead of those of the profile; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        required = true,
        value_hint = ValueHint::CommandWithArguments
    )]
    command: Vec<OsString>,
    #[command(flatten)]
    how: ProfileArgs,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let (filters, flags) = match ready(args)? {
        Some(program) => (Stack::new([program]), Vec::new()),
        None => made(args)?,
    };
    refuse_without_listener(&filters)?;
    let ignores_sigpipe = Start::get().is_some_and(|start| start.ignores_sigpipe);
    let command = Command::resolve_here(c_strings(&args.command)?).map_err(Error::NotExecuted)?;
    let command = command.ignoring_sigpipe(ignores_sigpipe);
    Err(Error::NotExecuted(command.exec_under(&filters, &options(args.log, &flags))))
}

/// The filter that was proved when callgate was built, where that is what is asked for.
fn ready(args: &Args) -> Result<Option<Program>, Error> {
    match (&args.profile, args.default) {
        (Source::Builtin(profile), None) => {
            Ok(prepared::filter(*profile, &args.how.options(&args.arches)?))
        }
        _ => Ok(None),
    }
}

/// Compiles the profile and proves the filters equal to it; with the flags that it asks for.
fn made(args: &Args) -> Result<(Stack, Vec<Flag>), Error> {
    let resolved = input::profile(&args.profile)?.resolve(&args.how, &args.arches)?;
    let policy = match args.default {
        Some(default) => resolved.policy.with_default(default),
        None => resolved.policy,
    };
    let filters = FilterStack::from_policy(policy).map_err(Error::Filter)?;
    Ok((filters.stack().clone(), resolved.flags))
}

/// How the filter is attached. Of the profile's flags, the others are about threads, of which there is one, and
/// listeners.
fn options(log: bool, flags: &[Flag]) -> Options {
    let mut options = Options::default();
    if log || flags.contains(&Flag::Log) {
        options.logging = Logging::On;
    }
    if flags.contains(&Flag::SpecAllow) {
        options.speculation = Speculation::Allowed;
    }
    options
}

/// Refuses a filter that hands the call to execute the command to a listener or tracer: nobody would answer it.
/// What else may keep the call from happening is found out when the command is executed.
fn refuse_without_listener(filters: &Stack) -> Result<(), Error> {
    let Some((arch, execve)) = Arch::native().and_then(|a| Some((a, a.syscall(names::EXECVE)?)))
    else {
        return Ok(());
    };
    let action = filters.run(&SeccompData::new(arch, execve.nr), Endian::native()).action;
    match action.kind() {
        ActionKind::UserNotify | ActionKind::Trace => Err(Error::Usage(format!(
            "the profile answers {action} to execve, without which no command can be executed: \
             `run` has no listener or tracer to ask, so the call would fail"
        ))),
        _ => Ok(()),
    }
}

fn c_strings(words: &[OsString]) -> Result<Vec<CString>, Error> {
    // The system hands over words that end in a NUL byte, so that none has one inside.
    let c_string = |word: &OsString| CString::new(word.clone().into_vec());
    let strings: Result<Vec<_>, _> = words.iter().map(c_string).collect();
    strings.map_err(|_| Error::Usage("the command holds a NUL byte".to_owned()))
}
