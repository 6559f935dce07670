//! What is wrong with a syscall filter that loads, and equals its policy.
//!
//! [`lint()`] looks at a [`Subject`]: a policy, a program or the filters of a process, with the text that it comes from where
//! there is one. A [`Finding`] has a code with a [page](pages()), a severity, a place, and a call that shows it, which the
//! prover found and the specification or the simulator tried; where nothing else is said, what is not found is not there.
//!
//! ```
//! use callgate_lint::{Options, Subject, lint};
//! use callgate_policy::{Action, Arch, ArchPolicy, Comparison, Field, Operator, Policy};
//!
//! let mut rules = ArchPolicy::new(Action::ALLOW);
//! let ioctl = Arch::X86_64.syscall(callgate_syscalls::names::IOCTL).unwrap();
//! let tiocsti = Comparison::new(Field::Arg1, Operator::Eq, 0x5412);
//! rules.rule(ioctl.nr, tiocsti.into(), Action::errno(1).unwrap());
//! let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build()?;
//!
//! let report = lint(&Subject::policy(&policy), &Options::default())?;
//! let evaded = report.findings.iter().find(|finding| finding.code.as_str() == "L0201").unwrap();
//! assert_eq!(evaded.shown[0].call.args[1], 0x1_0000_5412);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`against_world()`] says what a filter lacks with C libraries, runtimes and kernels in given versions.
//!
//! What this crate does not know: how findings are printed, and how filters are compiled.
#![forbid(unsafe_code)]

mod abi;
mod access;
mod answers;
mod carry;
mod complement;
mod cost;
mod ends;
mod family;
mod finding;
mod ground;
mod hidden;
mod libc;
mod listing;
mod mux;
mod notify;
mod pages;
mod place;
mod process;
mod profile;
mod program;
mod reach;
mod rules;
mod subject;
mod suppress;
mod ways;
mod whole;
mod width;
mod words;
mod world;

use callgate_prover::Error;
use callgate_syscalls::{Action, SeccompData};

pub use finding::{Finding, Shown};
pub use pages::{Page, page, pages};
pub use place::FindingPlace;
pub use subject::{Listener, Options, Subject, Text};
pub use suppress::Allowed;
pub use world::{World, against_world};

use finding::Findings;
use ground::Ground;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
    /// Those that the text allows, each with its reason.
    pub allowed: Vec<Allowed>,
}

/// What a group of checks does.
type Check = fn(&mut Ground<'_>, &mut Findings);

/// Every group of checks.
const CHECKS: &[Check] = &[
    abi::check,
    width::check,
    rules::check,
    complement::check,
    profile::check,
    process::check,
    whole::check,
    access::check,
    hidden::check,
    family::check,
    mux::check,
    notify::check,
    answers::check,
    libc::check,
    ends::check,
    ways::check,
    cost::check,
    program::check,
];

/// Looks for everything that has a page.
///
/// # Errors
/// [`Error::Undecided`] where the prover's limits do not reach, and whatever else of [`Error`] is a bug.
pub fn lint(subject: &Subject<'_>, options: &Options) -> Result<Report, Error> {
    let mut findings = Findings::default();
    profile::remarks(subject.remarks, &mut findings);
    match Ground::new(subject, options) {
        Ok(mut ground) => {
            for check in CHECKS {
                check(&mut ground, &mut findings);
            }
            program::undecided(&mut ground, &mut findings)?;
        }
        Err(error) => program::no_meaning(error, &mut findings)?,
    }
    Ok(suppress::report(subject, findings.sorted(), suppress::Asked::Filter))
}

impl Report {
    /// Without what another filter has, too: what a change added. `decide` is what that filter does:
    /// where it makes or refuses the calls that show a finding otherwise, the finding is new.
    #[must_use]
    pub fn against(mut self, base: &Self, decide: impl Fn(&SeccompData) -> Action) -> Self {
        let known = |finding: &Finding| base.findings.iter().any(|other| other.is_same(finding));
        let made = |action: Action| action.kind().may_execute();
        let is_as_before = |found: &Finding| {
            found.witnesses().all(|shown| match decide(&shown.call) {
                // To findings about answers it matters how a call is refused.
                action if found.code.as_str().starts_with("L05") => action == shown.action,
                action => made(action) == made(shown.action),
            })
        };
        self.findings.retain(|found| !known(found) || !is_as_before(found));
        self
    }
}
