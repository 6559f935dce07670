//! `callgate run`: a command under a filter.

mod explain;
mod handover;
mod wanted;

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

use callgate::FilterStack;
use callgate_bpf::{Program, Stack};
use callgate_kernel::{Command, Interruption, Logging, Options, Speculation, Start, hands_over};
use callgate_rules::LoadFlag;
use callgate_syscalls::{Action, ActionKind, Arch, Endian, SeccompData, names};
use clap::ValueHint;

use crate::prepared;
use callgate_console::args::group::ProfileArgs;
use callgate_console::args::value;
use callgate_console::error::{Error, Status};
use callgate_console::input::{self, Source};

use explain::{Enforced, ExplainArgs, Starting};
use handover::{Agent, AgentAddress};
use wanted::Wanted;

/// Run a command under a profile
///
/// The profile is compiled, the filter proved equal to it, then loaded, and the command executed; nothing happens
/// between the last two. The filter therefore has to allow execve, and what the command itself needs, from its
/// dynamic linker on. The command can gain no privileges (no_new_privs), and its exit status is that of callgate.
///
/// Calls to which the profile answers SCMP_ACT_NOTIFY (`notify` in the language) are handed to the agent that listens at
/// its listenerPath (`listener "PATH"`), as a container runtime does it; the id of the container is `callgate-run-PID`.
///
/// A compiled filter is taken as well: what it means is compiled anew, and proved equal to it.
///
/// With --explain, callgate stays as the command's parent, is handed each call that the profile does not allow, says
/// which and why, and does to it what the profile says. The command ends as it would without.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate run -- sh -c 'grep Seccomp: /proc/self/status; unshare -U true'
  callgate run --profile seccomp.json --caps NET_ADMIN -- ./server --port 80
  callgate run --profile filter.bpf -- ./program    a compiled filter, from wherever it is
  callgate run --default log -- ./program     what the profile does not list is logged, not refused
  callgate run --explain --profile my.gate -- ./program          why it fails under this profile
  callgate run --explain --retry --profile my.gate -- ./program  all that is missing, in one run

Exit status:
  that of the command, which takes callgate's place (159 in a shell: a filter killed it, and --explain names the call);
  else
  2    wrong arguments, or a profile that cannot be used
  126  the command cannot be executed, the filter would not let it, the kernel did not load it, or the agent at its
       listenerPath can't be reached
  127  the command was not found
")]
pub(crate) struct Args {
    /// The profile: NAME of an embedded one, FILE of a profile or of a compiled filter, or - for standard input
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
    #[command(flatten)]
    explain: ExplainArgs,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    if args.explain.asks()? {
        return run_explained(args);
    }
    let Filters { stack, flags, agent, arches } = match ready(args)? {
        Some(program) => Filters { stack: Stack::new([program]), ..Filters::default() },
        None => made(args)?,
    };
    let agent = connect(&stack, agent.as_ref())?;
    refuse_unanswered(&stack, agent.is_some())?;
    let command = command(args)?;
    // Nothing else has to be said of what is for another machine.
    if let Some(action) = command.refused_by(&stack).filter(|_| is_for_others(&arches)) {
        let reason = callgate_kernel::Error::CommandFiltered { action };
        return Err(not_executed(reason, arches));
    }
    if !args.how.quiet {
        // callgate's own profiles are known to be right.
        let file = (!matches!(args.profile, Source::Builtin(_))).then(|| command.file());
        callgate_console::warnings::all(&stack, file, args.default);
    }
    let options = options(args.log, &flags);
    let reason = match agent {
        None => command.exec_under(&stack, &options),
        Some(agent) => {
            let give = move |listener| agent.give(listener);
            command.exec_with_listener(&stack, &options, interruption(&flags), give)
        }
    };
    Err(Error::NotExecuted(reason))
}

/// Whether these architectures, where they are known, are not this machine's.
fn is_for_others(arches: &[Arch]) -> bool {
    !arches.is_empty() && Arch::native().is_some_and(|native| !arches.contains(&native))
}

/// Why the command was not executed by a filter for these architectures, where they are known.
fn not_executed(reason: callgate_kernel::Error, of: Vec<Arch>) -> Error {
    match (reason, Arch::native()) {
        (callgate_kernel::Error::CommandFiltered { action }, Some(machine))
            if is_for_others(&of) =>
        {
            Error::OtherMachine { of, machine, action }
        }
        (reason, _) => Error::NotExecuted(reason),
    }
}

/// The command, found and laid out.
fn command(args: &Args) -> Result<Command, Error> {
    let ignores_sigpipe = Start::get().is_some_and(|start| start.ignores_sigpipe);
    let command = Command::resolve_here(c_strings(&args.command)?).map_err(Error::NotExecuted)?;
    Ok(command.ignoring_sigpipe(ignores_sigpipe))
}

/// Runs the command with its refusals explained. Nothing is to be warned of beforehand that is said when it happens.
fn run_explained(args: &Args) -> Result<Status, Error> {
    let Wanted { policy, provenance, sources, target, flags, agent } = Wanted::read(args)?;
    let options = options(args.log, &flags);
    let rules = Enforced { policy: &policy, provenance: &provenance, sources: &sources, target };
    let start = Starting { agent, interruption: interruption(&flags), options };
    explain::run(&args.explain, &rules, &command(args)?, start)
}

/// What is loaded, and what the profile says beside it.
#[derive(Default)]
struct Filters {
    stack: Stack,
    flags: Vec<LoadFlag>,
    agent: Option<AgentAddress>,
    /// The architectures of the profile; none where that is callgate's own.
    arches: Vec<Arch>,
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

/// Compiles the profile and proves the filters equal to it; with what else it asks for.
fn made(args: &Args) -> Result<Filters, Error> {
    let Wanted { policy, flags, agent, .. } = Wanted::read(args)?;
    let arches = policy.arches().map(|(arch, _)| arch).collect();
    let filters = FilterStack::from_policy(policy).map_err(Error::from)?;
    Ok(Filters { stack: filters.stack().clone(), flags, agent, arches })
}

/// Connects to the agent that the profile names, if the filters hand calls over. Without an agent nobody would answer
/// them: they would fail with ENOSYS, as if the kernel did not know them.
fn connect(filters: &Stack, agent: Option<&AgentAddress>) -> Result<Option<Agent>, Error> {
    if !filters.programs().iter().any(hands_over) {
        return Ok(None);
    }
    let Some(agent) = agent else {
        return Err(Error::Usage(
            "the profile hands calls to a listener (SCMP_ACT_NOTIFY), and names nobody who answers them: \
             add `listener \"PATH\"` to a policy of the language or \"listenerPath\" to a container profile: the \
             socket of a seccomp agent such as `callgate agent`"
                .to_owned(),
        ));
    };
    agent.connect().map(Some)
}

/// How the filter is attached. Of the profile's flags, the others are about threads, of which there is one, and
/// [listeners](interruption).
fn options(log: bool, flags: &[LoadFlag]) -> Options {
    let mut options = Options::default();
    if log || flags.contains(&LoadFlag::Log) {
        options.logging = Logging::On;
    }
    if flags.contains(&LoadFlag::SpecAllow) {
        options.speculation = Speculation::Allowed;
    }
    options
}

/// Which signals interrupt a call that the agent has received: what the profile asks for.
fn interruption(flags: &[LoadFlag]) -> Interruption {
    match flags.contains(&LoadFlag::WaitKillableRecv) {
        true => Interruption::FatalSignals,
        false => Interruption::AnySignal,
    }
}

/// Refuses a filter that hands the call to execute the command to a tracer, or to a listener where there is none: nobody
/// would answer it. What else may keep the call from happening is found out when the command is executed.
fn refuse_unanswered(filters: &Stack, listener: bool) -> Result<(), Error> {
    let Some((arch, execve)) = Arch::native().and_then(|a| Some((a, a.syscall(names::EXECVE)?)))
    else {
        return Ok(());
    };
    let action = filters.run(&SeccompData::new(arch, execve.nr), Endian::native()).action;
    let unanswered = match action.kind() {
        ActionKind::UserNotify => !listener,
        ActionKind::Trace => true,
        _ => false,
    };
    match unanswered {
        false => Ok(()),
        true => Err(Error::Usage(format!(
            "the profile answers {action} to execve, without which no command can be executed: \
             `run` has no listener or tracer to ask, so the call would fail"
        ))),
    }
}

fn c_strings(words: &[OsString]) -> Result<Vec<CString>, Error> {
    // The system hands over words that end in a NUL byte, so that none has one inside.
    let c_string = |word: &OsString| CString::new(word.clone().into_vec());
    let strings: Result<Vec<_>, _> = words.iter().map(c_string).collect();
    strings.map_err(|_| Error::Usage("the command holds a NUL byte".to_owned()))
}
