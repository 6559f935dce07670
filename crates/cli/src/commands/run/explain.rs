//! `callgate run --explain`: a command under a filter, with each refusal explained as it happens.

mod record;
mod report;

use std::path::PathBuf;
use std::time::SystemTime;

use callgate::FilterStack;
use callgate_explain::Filter;
use callgate_kernel::{Command, Options};
use callgate_observe::enforce::{Answered, Enforcer, Event, Instead, Refused, Side};
use callgate_policy::{Decision, Policy};
use callgate_rules::{Provenance, Sources};
use callgate_syscalls::Action;
use clap::ValueHint;

use callgate_console::error::{Error, Status};
use callgate_console::output;

use record::{Record, Seen};
use report::Report;

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
}

impl ExplainArgs {
    /// Whether something is to be explained.
    ///
    /// # Errors
    /// [`Error::Usage`] for `--retry` alone.
    pub(super) fn asks(&self) -> Result<bool, Error> {
        let asks = self.explain || self.explain_to.is_some();
        match self.retry && !asks {
            true => Err(Error::Usage(
                "--retry lets refused calls be made, and goes with --explain or --explain-to FILE alone".to_owned(),
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
}

impl Enforced<'_> {
    /// Whether the rules are those of a container profile.
    fn is_json(&self) -> bool {
        let first = self.sources.iter().next();
        first.is_some_and(|text| text.text().trim_start().starts_with(['{', '[', '/']))
    }
}

/// Runs the command, and ends this process as it ends.
///
/// # Errors
/// Why it was not started.
pub(super) fn run(
    args: &ExplainArgs,
    rules: &Enforced<'_>,
    command: &Command,
    options: &Options,
) -> Result<Status, Error> {
    let filters = FilterStack::from_policy(rules.policy.clone()).map_err(Error::from)?;
    let refused_by = command.refused_by(filters.stack()).filter(|_| !args.retry);
    if let Some(action) = refused_by {
        return Err(Error::NotExecuted(callgate_kernel::Error::CommandFiltered { action }));
    }
    let asking = FilterStack::from_policy(rules.policy.clone().with_refusals_notified());
    let asking = asking.map_err(Error::from)?;
    let [program] = asking.programs() else {
        let filters = asking.programs().len();
        return Err(Error::NotExecuted(callgate_kernel::Error::SeveralListeners { filters }));
    };
    let report = Report::new(args.explain_to.as_deref())?;
    if args.retry {
        output::warning(
            &"--retry: calls that the profile refuses are made all the same, so the command is not confined",
        );
    }
    let enforcer = Enforcer::start(command, program, options).map_err(Error::NotExecuted)?;
    let filter = Filter::rules(rules.policy, rules.provenance, rules.sources);
    let record = Record::default();
    Session { rules, retry: args.retry, enforcer, filter, record, report }.serve()
}

/// A command that runs.
struct Session<'r> {
    rules: &'r Enforced<'r>,
    retry: bool,
    enforcer: Enforcer,
    filter: Filter<'r>,
    record: Record,
    report: Report,
}

impl Session<'_> {
    /// Answers until the command has ended, and whatever else is under the filter in another process.
    fn serve(mut self) -> Result<Status, Error> {
        loop {
            match self.enforcer.wait().map_err(Error::Kernel)? {
                Event::Refused(refused) => self.answer(&refused)?,
                Event::Ended(ending) => {
                    self.report.totals(&self.record);
                    if self.retry {
                        self.report.cures(self.rules.is_json());
                    }
                    let alone = self.enforcer.is_over();
                    if alone || self.enforcer.stay_behind().map_err(Error::Kernel)? == Side::Front {
                        Enforcer::leave_with(ending)
                    }
                }
                Event::Over => {
                    self.report.totals(&self.record);
                    return Ok(Status::Success);
                }
            }
        }
    }

    fn answer(&mut self, refused: &Refused) -> Result<(), Error> {
        let Decision { action, by } = self.rules.policy.decisive(&refused.call);
        let answer = if self.retry { Action::ALLOW } else { action };
        let now = SystemTime::now();
        match self.record.known(refused, action, by, now) {
            Seen::Before => {
                self.give(refused, answer)?;
            }
            Seen::NotByThisCaller(key) => {
                let denial = self.record.denial(&self.enforcer, refused, action, now);
                let answered = self.give(refused, answer)?;
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

    fn give(&mut self, refused: &Refused, answer: Action) -> Result<Answered, Error> {
        self.enforcer.answer(refused, answer).map_err(Error::Kernel)
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
