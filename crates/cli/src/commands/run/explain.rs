//! `callgate run --explain`: a command under a filter, with each refusal explained as it happens.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::SystemTime;

use callgate::FilterStack;
use callgate_bpf::Operation;
use callgate_enforce::{
    Answered, Enforcer, Event, Instead, MARK, Obstacle, Refused, Side, Takeover, Thread,
};
use callgate_explain::Filter;
use callgate_kernel::{Command, Interruption, Options, Tid, action_supported, running_kernel};
use callgate_policy::{Comparison, Condition, Decision, Field, Operator, Policy};
use callgate_recorder::refusals::{End, Record, Report, Seen};
use callgate_rules::{Provenance, Sources, Target};
use callgate_syscalls::{Action, ActionKind, Arch, KernelVersion, names};
use clap::ValueHint;

use callgate_console::error::{Error, Status};
use callgate_console::output;

use super::handover::{Agent, AgentAddress};

/// How refusals are explained.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// Explain each refused call, when it happens, on standard error: who made it, by which line of the profile it was
    /// refused, and what to change
    #[arg(long)]
    explain: bool,
    /// Write the explanations to a file, as lines of JSON, and nothing to standard error
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    explain_to: Option<PathBuf>,
    /// Let refused calls be made once they are recorded, so that one run shows all of them: the command is NOT
    /// confined
    #[arg(long)]
    retry: bool,
    /// See refused calls by tracing the command, and not as the filter's listener: much slower, but
    /// the command can have a listener of its own. Done anyway where the kernel has no listeners,
    /// or the profile has an agent
    #[arg(long)]
    trace: bool,
}

impl ExplainArgs {
    /// Whether something is to be explained.
    ///
    /// # Errors
    /// [`Error::Usage`] for `--retry` alone.
    pub(super) fn asks(&self) -> Result<bool, Error> {
        let asks = self.explain || self.explain_to.is_some();
        match (self.retry || self.trace) && !asks {
            true => Err(Error::Usage(
                "--retry and --trace are ways to explain, and go with --explain or --explain-to FILE".to_owned(),
            )),
            false => Ok(asks),
        }
    }
}

/// The rules that are enforced.
pub(super) struct Enforced<'r> {
    pub(super) policy: &'r Policy,
    pub(super) provenance: &'r Provenance,
    pub(super) sources: &'r Sources,
    /// What the text was lowered for.
    pub(super) target: Option<Target>,
}

impl<'r> Enforced<'r> {
    /// The same for who explains.
    fn filter(&self) -> Filter<'r> {
        let filter = Filter::rules(self.policy, self.provenance, self.sources);
        match &self.target {
            Some(target) => filter.lowered_for(target.clone()),
            None => filter,
        }
    }

    /// Whether the rules are those of a container profile.
    fn is_json(&self) -> bool {
        let first = self.sources.iter().next();
        first.is_some_and(|text| text.text().trim_start().starts_with(['{', '[', '/']))
    }
}

/// What a command is started with beside its filters.
pub(super) struct Starting {
    /// Who answers what the profile hands over.
    pub(super) agent: Option<AgentAddress>,
    pub(super) interruption: Interruption,
    pub(super) options: Options,
}

/// Runs the command, and ends this process as it ends.
///
/// # Errors
/// Why it was not started.
pub(super) fn run(
    args: &ExplainArgs,
    rules: &Enforced<'_>,
    command: &Command,
    start: Starting,
) -> Result<Status, Error> {
    let filters = FilterStack::from_policy(rules.policy.clone()).map_err(Error::from)?;
    let refused_by = command.refused_by(filters.stack()).filter(|_| !args.retry);
    if let Some(action) = refused_by {
        let of = rules.policy.arches().map(|(arch, _)| arch).collect();
        return Err(super::not_executed(callgate_kernel::Error::CommandFiltered { action }, of));
    }
    let agent = super::connect(filters.stack(), start.agent.as_ref())?;
    let has_agent = agent.is_some();
    let report = Report::new(args.explain_to.as_deref())?;
    if args.retry {
        output::warning(
            &"--retry: calls that the profile refuses are made all the same, so the command is not confined",
        );
    }
    let enforcer = match why_traced(args, has_agent) {
        Some(why) => {
            output::note(&format_args!("the command is traced (ptrace), which is slower: {why}"));
            traced(args.retry, rules.policy, &filters, command, agent, &start)?
        }
        None => listening(rules.policy, command, &start.options)?,
    };
    let filter = rules.filter();
    let record = Record::default();
    Session {
        rules,
        retry: args.retry,
        has_agent,
        enforcer,
        filters: &filters,
        filter,
        record,
        report,
        listened: BTreeSet::new(),
        tracing: BTreeSet::new(),
        is_asked: args.trace,
    }
    .serve()
}

/// Why refused calls can't be handed to callgate.
fn why_traced(args: &ExplainArgs, has_agent: bool) -> Option<&'static str> {
    if args.trace {
        return Some("as --trace says");
    }
    if has_agent {
        return Some("the profile hands calls to its agent, and a filter has one listener");
    }
    (!has_listeners())
        .then_some("this kernel has no listeners that can let calls go on (Linux 5.5 has)")
}

/// Starts the command under the profile itself, or with `retry` under what is left of it when all
/// that it refuses is allowed.
fn traced(
    retry: bool,
    policy: &Policy,
    filters: &FilterStack,
    command: &Command,
    agent: Option<Agent>,
    start: &Starting,
) -> Result<Enforcer, Error> {
    let allowing = retry.then(|| FilterStack::from_policy(policy.clone().with_refusals_allowed()));
    let allowing = allowing.transpose().map_err(Error::from)?;
    let loaded = allowing.as_ref().unwrap_or(filters).stack();
    let exec = || match agent {
        None => command.exec_under(loaded, &start.options),
        Some(agent) => {
            let give = move |listener| agent.give(listener);
            command.exec_with_listener(loaded, &start.options, start.interruption, give)
        }
    };
    Enforcer::watch(filters.stack(), exec).map_err(Error::NotExecuted)
}

/// Starts the command under the filter that hands over what the profile refuses.
fn listening(policy: &Policy, command: &Command, options: &Options) -> Result<Enforcer, Error> {
    let asking = listeners_shown(policy.clone().with_refusals_notified());
    let asking = FilterStack::from_policy(asking).map_err(Error::from)?;
    let [program] = asking.programs() else {
        let filters = asking.programs().len();
        return Err(Error::NotExecuted(callgate_kernel::Error::SeveralListeners { filters }));
    };
    Enforcer::start(command, program, options).map_err(Error::NotExecuted)
}

/// The same policy, but that the load of a filter with a listener is seen as well: it fails where there is one already.
fn listeners_shown(mut policy: Policy) -> Policy {
    let arches: Vec<Arch> = policy.arches().map(|(arch, _)| arch).collect();
    for arch in arches {
        if let Some(syscall) = arch.syscall(names::SECCOMP) {
            policy = policy.with_exception(arch, syscall.nr, wants_listener(), Action::USER_NOTIFY);
        }
    }
    policy
}

/// `seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, ..)`, with other flags or without; but for those
/// that are marked, once the command is traced instead.
fn wants_listener() -> Condition {
    const SET_MODE_FILTER: u32 = 1;
    const NEW_LISTENER: u32 = 1 << 3;
    const UPPER_HALF: u64 = 0xffff_ffff << 32;
    let loads = Comparison::low32(Field::Arg0, u32::MAX, Operator::Eq, SET_MODE_FILTER);
    let listens = Comparison::low32(Field::Arg1, NEW_LISTENER, Operator::Eq, NEW_LISTENER);
    let unmarked = Comparison::masked(Field::Arg0, UPPER_HALF, Operator::Ne, MARK);
    // Three comparisons are never too many for a condition.
    Condition::all([loads.into(), listens.into(), unmarked.into()])
        .unwrap_or_else(|_| Condition::always())
}

/// Whether the kernel has listeners that can let a call go on.
fn has_listeners() -> bool {
    running_kernel().is_ok_and(|kernel| kernel >= KernelVersion::new(5, 5))
        && action_supported(ActionKind::UserNotify)
}

/// A command that runs.
struct Session<'r> {
    rules: &'r Enforced<'r>,
    retry: bool,
    has_agent: bool,
    enforcer: Enforcer,
    filters: &'r FilterStack,
    filter: Filter<'r>,
    record: Record,
    report: Report,
    /// Programs that wanted a listener of their own.
    listened: BTreeSet<String>,
    /// Programs that wanted to trace what is traced.
    tracing: BTreeSet<String>,
    /// Whether to trace was asked for.
    is_asked: bool,
}

impl Session<'_> {
    /// Answers until the command has ended, and whatever else is under the filter in another process.
    fn serve(mut self) -> Result<Status, Error> {
        loop {
            match self.enforcer.wait().map_err(Error::Kernel)? {
                Event::Refused(refused) => self.answer(&refused)?,
                Event::Tracing(thread) => self.tell_of_tracer(thread),
                Event::Ended(ending) => {
                    let was_refused =
                        !self.retry && self.record.may_have_ended(self.enforcer.command());
                    let end = End::of(ending, was_refused, &self.enforcer);
                    self.report.totals(&self.record, Some(end));
                    if self.retry {
                        self.report.cures(self.rules.is_json());
                    }
                    let alone = self.enforcer.is_over();
                    if alone || self.enforcer.stay_behind().map_err(Error::Kernel)? == Side::Front {
                        Enforcer::leave_with(ending)
                    }
                }
                Event::Over => {
                    self.report.totals(&self.record, None);
                    return Ok(Status::Success);
                }
            }
        }
    }

    fn answer(&mut self, refused: &Refused) -> Result<(), Error> {
        let Decision { action, by } = self.rules.policy.decisive(&refused.call);
        if action == Action::ALLOW {
            // What is handed over and allowed: a load with a listener.
            return self.make_room(refused);
        }
        if action.kind() == ActionKind::UserNotify && self.has_agent {
            // The agent has the answer, and says so in its log.
            return self.give(refused, action).map(drop);
        }
        let answer = if self.retry { Action::ALLOW } else { action };
        let now = SystemTime::now();
        match self.record.known(refused, action, by, now) {
            Seen::Before => {
                self.give(refused, answer)?;
            }
            Seen::NotByThisCaller(key) => {
                let answers = (action, self.retry);
                let denial = self.record.denial(&self.enforcer, refused, answers, now);
                let answered = self.give(refused, answer)?;
                if answered == Answered::Gone && denial.process.pid.is_none() {
                    // Its process had ended before anything was learned of it.
                    return Ok(());
                }
                if let Some(denial) = self.record.add(key, denial) {
                    self.report.first(denial, &self.filter);
                }
                if let Answered::Instead(instead) = answered {
                    output::warning(&in_words(instead));
                }
            }
        }
        Ok(())
    }

    /// Says once of each program why it can't trace.
    fn tell_of_tracer(&mut self, thread: Tid) {
        let name = Thread::name_of(thread).unwrap_or_else(|| "a program".to_owned());
        if self.tracing.insert(name.clone()) {
            let without = if self.is_asked { ": leave --trace away, if it has to" } else { "" };
            output::warning(&format_args!(
                "{name} asks to trace, or to be traced, which fails with EPERM: a thread has one tracer, and callgate is \
                 that already{without}"
            ));
        }
    }

    /// Gives up the listener for one of the program's own, where what is refused can still be seen then.
    fn make_room(&mut self, load: &Refused) -> Result<(), Error> {
        let name = self.enforcer.thread(load).map_or_else(|| "a program".to_owned(), |it| it.name);
        let obstacle = match self.needs_listener() {
            Some(why) => why,
            None => {
                match self.enforcer.take_over(load, self.filters.stack()).map_err(Error::Kernel)? {
                    Takeover::Later => return Ok(()),
                    Takeover::Done => {
                        output::note(&format_args!(
                            "{name} loads a filter with a listener of its own, of which there can be one: from here on the \
                         command is traced (ptrace), which is slower"
                        ));
                        return Ok(());
                    }
                    Takeover::Impossible(obstacle) => why_listening(obstacle),
                }
            }
        };
        if self.listened.insert(name.clone()) {
            output::warning(&format_args!(
                "{name} loads a filter with a listener of its own, which fails with EBUSY as callgate has one and \
                 {obstacle}: see what is refused with --trace"
            ));
        }
        self.give(load, Action::ALLOW).map(drop)
    }

    /// Why callgate can't do without its listener: only so a call is let pass that the filter hands over.
    fn needs_listener(&self) -> Option<&'static str> {
        let logs = |operation| matches!(operation, Operation::Return(word) if Action::from_raw(word).kind() == ActionKind::Log);
        let mut programs = self.filters.programs().iter();
        if self.retry {
            return Some("--retry lets calls go on by it");
        }
        programs
            .any(|program| program.operations().any(logs))
            .then_some("lets those calls pass by it that the profile logs")
    }

    fn give(&mut self, refused: &Refused, answer: Action) -> Result<Answered, Error> {
        self.enforcer.answer(refused, answer).map_err(Error::Kernel)
    }
}

const fn why_listening(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Architecture => "can't trace such a call from here on",
        Obstacle::NotTraceable => "can't trace a process of the command",
        Obstacle::LeftBehind => {
            "can't find all processes of the command, one of which was left behind"
        }
    }
}

const fn in_words(instead: Instead) -> &'static str {
    match instead {
        Instead::PlainSigsys => {
            "a process could not be traced, so it was ended by a SIGSYS that says nothing of the filter"
        }
        Instead::Sigkill => {
            "a process that could not be traced handles or ignores SIGSYS, so it was ended by SIGKILL"
        }
        Instead::BareTrap => {
            "a process could not be traced, so its handler of SIGSYS was told nothing of the call"
        }
        Instead::Enosys => {
            "a call came from a process that can't be seen from here, so it failed with ENOSYS"
        }
    }
}
