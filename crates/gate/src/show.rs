//! A policy as a text of the language: `callgate show`.
//!
//! Calls with the same rules stand together, conditions have the names of arguments and constants,
//! and statements are sorted by verdict behind the default. The text is read again and proved to
//! mean the policy before it is returned.

mod condition;
mod draft;
mod simple;
mod statements;
mod verdict;

use std::collections::BTreeSet;
use std::fmt;

use callgate_policy::{Action, Known, Policy, Unknown};
use callgate_prover::{Options, Prover, Scope};
use callgate_rules::{Source, Target};
use callgate_syscalls::Arch;

use crate::syntax::File;
use crate::{Lowered, Written};

pub use draft::{Cases, draft};
pub use verdict::in_words;
pub(crate) use verdict::text as action_text;

/// Why a policy has no text in the language.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NotShown {
    /// The language cannot say it.
    Inexpressible {
        /// What.
        what: String,
    },
    /// The prover found no answer to whether the text means the policy.
    Unproved {
        /// Its reason.
        reason: callgate_prover::Error,
    },
}

/// How calls are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a yes or no with a name")]
pub enum Style {
    /// By families and blocks, where they say the same.
    #[default]
    Folded,
    /// Each by its own name.
    Expanded,
}

/// A text that was proved to mean a policy.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The text, formatted.
    pub text: String,
    /// The text as it was read again.
    pub written: Written,
}

/// A policy in the language.
///
/// ```
/// use callgate_gate::{Style, show};
/// use callgate_policy::{Action, Arch, ArchPolicy, Comparison, Field, Operator, Policy, SyscallNr};
///
/// let mut x86_64 = ArchPolicy::new(Action::ALLOW);
/// let unix = Comparison::low32(Field::Arg0, u32::MAX, Operator::Eq, 1);
/// x86_64.rule(SyscallNr::new(41), unix.into(), Action::errno(1).unwrap());
/// let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, x86_64).build()?;
/// let text = show(&policy, Style::Folded)?.text;
/// let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
/// assert_eq!(lines, ["policy 1; arch x86_64; default allow", "errno EPERM socket where family == AF_UNIX"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NotShown`]; a text that was not proved equal is never returned.
pub fn show(policy: &Policy, style: Style) -> Result<Shown, NotShown> {
    let folded = attempt(policy, style);
    match (style, folded) {
        // Names of groups are a convenience that must not cost the text.
        (Style::Folded, Err(_)) => attempt(policy, Style::Expanded),
        (_, shown) => shown,
    }
}

fn attempt(policy: &Policy, style: Style) -> Result<Shown, NotShown> {
    let text = write(policy, style)?;
    let shown = read_again(&text)?;
    let lowered = lower(&shown)?;
    let mut prover = Prover::new(Options::default());
    let unproved = |reason| NotShown::Unproved { reason };
    let [left, right] = [
        prover.policy(policy).map_err(unproved)?,
        prover.policy(&lowered.policy).map_err(unproved)?,
    ];
    match prover.equal(&left, &right, Scope::Exact).map_err(unproved)? {
        true => Ok(Shown { text, written: shown }),
        false => Err(inexpressible("the text would mean something else")),
    }
}

/// What a policy does with one syscall, in words: for each architecture a line for each of its
/// conditions, and one for the rest.
///
/// # Errors
/// [`NotShown`] for conditions that the language cannot say.
pub fn words_of(policy: &Policy, name: callgate_syscalls::Name) -> Result<String, NotShown> {
    statements::words(policy, name)
}

/// A condition on a syscall as the language writes it, by the names of arguments and constants.
///
/// # Errors
/// [`NotShown`] for what the language cannot say.
pub fn condition_text(
    condition: &callgate_policy::Condition,
    arch: Arch,
    name: Option<callgate_syscalls::Name>,
) -> Result<String, NotShown> {
    condition::text(std::slice::from_ref(condition), arch, name, &BTreeSet::from([arch]))
}

/// The text, not yet held against the policy.
fn write(policy: &Policy, style: Style) -> Result<String, NotShown> {
    let arches: Vec<Arch> = policy.arches().map(|(arch, _)| arch).collect();
    let Some(first) = arches.first().copied() else {
        return Err(inexpressible("it has no architecture"));
    };
    let defaults: Vec<(Arch, Action)> =
        policy.arches().map(|(arch, rules)| (arch, rules.default_action())).collect();
    let default = verdict::common(&defaults)
        .ok_or_else(|| inexpressible("its architectures have different defaults"))?;
    let baseline = baseline(policy)?;
    let mut header = String::from("policy 1\n");
    let names: Vec<&str> = arches.iter().map(|arch| arch.name()).collect();
    header += &format!("arch {}\n", names.join(", "));
    if policy.foreign() != Action::KILL_PROCESS {
        header += &format!("foreign {}\n", verdict::text(policy.foreign(), first));
    }
    header += &baseline;
    header += &format!("default {default}\n");
    laid_out(&header, &statements::write(policy, style)?)
}

/// The text of a header and of statements. A header that would be the larger half of the policy
/// stands on one line.
fn laid_out(header: &str, statements: &str) -> Result<String, NotShown> {
    let text = |header: &str, statements: &str| {
        let text = crate::format(&File::parse(&format!("{header}{statements}")));
        text.ok_or_else(|| inexpressible("the text would not be understood"))
    };
    let long = text(header, statements)?;
    let lines = |text: &str| text.lines().filter(|line| !line.is_empty()).count();
    let of_header = lines(header);
    match lines(&long) < 2 * of_header {
        true => text(&(header.trim_end().replace('\n', "; ") + "\n"), statements.trim_start()),
        false => Ok(long),
    }
}

/// The line about calls that are not known; empty where all are.
fn baseline(policy: &Policy) -> Result<String, NotShown> {
    let each = policy.arches().filter_map(|(arch, rules)| Some((arch, rules.unknown_action()?)));
    known_line(&each.collect::<Vec<_>>(), policy.arches().count())
}

/// The line for what is known on some architectures, of as many in all.
fn known_line(each: &[(Arch, Unknown)], of: usize) -> Result<String, NotShown> {
    let answers: Vec<(Arch, Action)> =
        each.iter().map(|(arch, unknown)| (*arch, unknown.action)).collect();
    let known: Vec<(Arch, Known)> =
        each.iter().map(|(arch, unknown)| (*arch, unknown.known)).collect();
    match verdict::common(&answers) {
        _ if answers.is_empty() => Ok(String::new()),
        Some(verdict) => Ok(baseline_line(&known, of, &verdict)),
        None => Err(inexpressible("its architectures have different baselines")),
    }
}

fn baseline_line(known: &[(Arch, Known)], of: usize, verdict: &str) -> String {
    let same = known
        .first()
        .filter(|(_, first)| known.len() == of && known.iter().all(|(_, own)| own == first));
    let list = match same {
        Some((_, known)) => known_text(*known),
        None => {
            let of_arch = |(arch, known): &(Arch, Known)| format!("{arch} {}", known_text(*known));
            known.iter().map(of_arch).collect::<Vec<_>>().join(", ")
        }
    };
    format!("baseline {list} else {verdict}\n")
}

/// What is known, as a baseline names it.
fn known_text(known: Known) -> String {
    match known {
        Known::Kernel(version) => format!("linux {version}"),
        // x32's have a bit set that is easier seen so.
        Known::UpTo(last) if last.is_x32() => format!("nr {:#x}", last.raw()),
        Known::UpTo(last) => format!("nr {last}"),
    }
}

fn read_again(text: &str) -> Result<Written, NotShown> {
    let source = Source::new("shown.gate", text);
    let source = source.map_err(|error| inexpressible(&error.to_string()))?;
    let read = crate::read(source, &mut crate::nothing);
    read.map_err(|refused| inexpressible(&format!("the text would be refused: {refused}")))
}

fn lower(written: &Written) -> Result<Lowered, NotShown> {
    let native = written.rules.header.arches.first().copied().unwrap_or(Arch::X86_64);
    let lowered = written.lower(&Target::new(native));
    lowered.map_err(|refused| inexpressible(&format!("the text would be refused: {refused}")))
}

pub(crate) fn inexpressible(what: &str) -> NotShown {
    NotShown::Inexpressible { what: what.to_owned() }
}

/// The architectures of a policy.
fn arches_of(policy: &Policy) -> BTreeSet<Arch> {
    policy.arches().map(|(arch, _)| arch).collect()
}

impl fmt::Display for NotShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inexpressible { what } => {
                write!(f, "the filter cannot be said in the language: {what}")
            }
            Self::Unproved { reason } => {
                write!(f, "the text could not be proved to mean the filter: {reason}")
            }
        }
    }
}

impl std::error::Error for NotShown {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Inexpressible { .. } => None,
            Self::Unproved { reason } => Some(reason),
        }
    }
}
