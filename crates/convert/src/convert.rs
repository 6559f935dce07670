//! From a policy to a text that was proved.

use std::collections::BTreeSet;

use callgate_policy::Policy;
use callgate_raise::{
    Agreement, Call, Clause, Differing, Raised, Refusals, compare, permits_no_more, raise, stricter,
};
use callgate_syscalls::{Arch, Name};

use crate::libseccomp::{Libseccomp, LibseccompFilter};
use crate::printer::Printer;
use crate::{Format, NotConverted, difference_text};

/// What is written where a form cannot say a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the command line has a word for each")]
pub enum Nearest {
    /// Nothing: that is an error.
    Equal,
    /// The nearest policy that permits no more.
    Stricter,
}

/// A text, and what it was proved to mean.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Converted {
    /// The text.
    pub text: String,
    /// What it means, as its readers read it.
    pub policy: Policy,
    /// What readers refuse in another way than the policy: calls that nobody makes, and with
    /// [`Nearest::Stricter`] those for whose refusal the form has no word.
    pub refusals: Refusals,
    /// Where the text permits less than the policy.
    pub stricter: Vec<Differing>,
    /// How many lines are about syscalls that are newer than those that the policy knows: most
    /// forms have no other words for them.
    pub newer: usize,
}

/// What can be done where a form cannot say a policy. Each way was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaysOut {
    /// Whether [`Nearest::Stricter`] writes something.
    pub stricter: bool,
    /// Forms that can say it.
    pub formats: Vec<Format>,
}

impl WaysOut {
    /// Tries the ways that are left of writing a policy.
    #[must_use]
    pub fn of(policy: &Policy, format: Format, nearest: Nearest) -> Self {
        let others = [Format::Gate, Format::Oci, Format::Pfc, Format::C];
        let is_written = |format, nearest| convert(policy, format, nearest).is_ok();
        let fitting = |other: &Format| *other != format && is_written(*other, Nearest::Equal);
        Self {
            stricter: nearest == Nearest::Equal && is_written(format, Nearest::Stricter),
            formats: others.into_iter().filter(fitting).collect(),
        }
    }
}

impl std::fmt::Display for WaysOut {
    /// `--nearest stricter writes ..., --to gate can say it`; nothing where there is no way.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<String> = self.formats.iter().map(|form| format!("--to {form}")).collect();
        if self.stricter {
            f.write_str("--nearest stricter writes the nearest filter that permits no more")?;
        }
        match names.is_empty() {
            true => Ok(()),
            false => {
                f.write_str(if self.stricter { ", and " } else { "" })?;
                write!(f, "{} can say it", names.join(" or "))
            }
        }
    }
}

/// Writes a policy in a form. Claim: C-CONVERT.
///
/// ```
/// use callgate_convert::{Format, Nearest, convert};
/// use callgate_policy::{Action, Arch, ArchPolicy, Condition, Policy, SyscallNr};
///
/// let mut x86_64 = ArchPolicy::new(Action::ALLOW);
/// x86_64.rule(SyscallNr::new(101), Condition::always(), Action::errno(1).unwrap());
/// let policy = Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64).build()?;
/// let profile = convert(&policy, Format::Docker, Nearest::Equal)?;
/// assert!(profile.text.contains("\"ptrace\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NotConverted`].
pub fn convert(
    policy: &Policy,
    format: Format,
    nearest: Nearest,
) -> Result<Converted, NotConverted> {
    let printer = format.printer();
    let inexpressible = |what| NotConverted::Inexpressible { format, what };
    let raised = raise(policy).map_err(|found| inexpressible(found.to_string()))?;
    let equal = attempt(printer, &raised, policy, format);
    match (equal, nearest) {
        (Err(NotConverted::Inexpressible { .. }), Nearest::Stricter) => {
            nearest_of(printer, &raised, policy, format)
        }
        (result, _) => result,
    }
}

/// The most syscalls whose conditions are tried one after the other.
const TRIALS_MAX: usize = 64;

/// The nearest text that permits no more. A form that has lines for a few conditions, and no words
/// for others, is tried with the conditions of one syscall after the other.
fn nearest_of(
    printer: &dyn Printer,
    raised: &Raised,
    policy: &Policy,
    format: Format,
) -> Result<Converted, NotConverted> {
    let mut kept = BTreeSet::new();
    let mut best = nearest_keeping(printer, &kept, (raised, policy), format);
    if printer.guesses() {
        for name in conditional(raised).into_iter().take(TRIALS_MAX) {
            kept.insert(name);
            match nearest_keeping(printer, &kept, (raised, policy), format) {
                Ok(found) => best = Ok(found),
                Err(_) => {
                    kept.remove(&name);
                }
            }
        }
    }
    best
}

/// The syscalls whose answers depend on their arguments.
fn conditional(raised: &Raised) -> BTreeSet<Name> {
    let calls = raised.arches.iter().flat_map(|own| &own.calls);
    let depends =
        |call: &&Call| call.parts.iter().any(|part| !part.clauses.iter().any(Clause::is_always));
    calls.filter(depends).filter_map(|call| call.name).collect()
}

/// The nearest text that permits no more, if the conditions of these syscalls are left to the form.
fn nearest_keeping(
    printer: &dyn Printer,
    kept: &BTreeSet<Name>,
    (raised, policy): (&Raised, &Policy),
    format: Format,
) -> Result<Converted, NotConverted> {
    let inexpressible = |what| NotConverted::Inexpressible { format, what };
    let says = |arch: Arch, name: Option<Name>, test: &_| {
        name.is_some_and(|name| kept.contains(&name)) || printer.says(arch, name, test)
    };
    let has_action = |action| printer.has_action(action);
    let has_default = |action| printer.has_default(action);
    let repeats = printer.repeats() || !kept.is_empty();
    let less = stricter(raised, &says, repeats, &has_action, &has_default);
    let meant = less.policy().map_err(|error| inexpressible(error.to_string()))?;
    let (text, read) = written(printer, &less, &meant, format)?;
    let stricter = permits_no_more(&read, policy).map_err(NotConverted::Unproved)?;
    let Some((stricter, refusals)) = stricter else {
        let what = match compare(policy, &read).map_err(NotConverted::Unproved)? {
            Agreement::Differ(differing) => excess(&differing),
            Agreement::Equal | Agreement::OtherRefusals(_) => String::new(),
        };
        return Err(inexpressible(format!("the nearest that can be said permits more{what}")));
    };
    Ok(Converted { text, policy: read, refusals, stricter, newer: newer(&less, format) })
}

/// A call that is permitted and was not, in words.
fn excess(differing: &[Differing]) -> String {
    let found = differing.iter().find(|found| found.read.freedom() > found.meant.freedom());
    found.map_or_else(String::new, |found| format!(": {}", difference_text(found)))
}

/// What to ask libseccomp for, so that the filter means a policy.
///
/// # Errors
/// [`NotConverted::Inexpressible`] names what libseccomp has no words for.
pub fn libseccomp_filter(policy: &Policy) -> Result<LibseccompFilter, NotConverted> {
    let format = Format::Libseccomp;
    let inexpressible = |what| NotConverted::Inexpressible { format, what };
    let raised = raise(policy).map_err(|found| inexpressible(found.to_string()))?;
    Libseccomp.filter(&raised).map_err(inexpressible)
}

fn attempt(
    printer: &dyn Printer,
    raised: &Raised,
    meant: &Policy,
    format: Format,
) -> Result<Converted, NotConverted> {
    let (text, read) = written(printer, raised, meant, format)?;
    let refusals = match compare(meant, &read).map_err(NotConverted::Unproved)? {
        Agreement::Equal => Refusals::default(),
        Agreement::OtherRefusals(refusals) => refusals,
        Agreement::Differ(differing) => {
            return Err(NotConverted::Inexpressible { format, what: first(&differing) });
        }
    };
    let newer = newer(raised, format);
    Ok(Converted { text, policy: read, refusals, stricter: Vec::new(), newer })
}

/// The text of rules, and what it is read back as.
fn written(
    printer: &dyn Printer,
    raised: &Raised,
    meant: &Policy,
    format: Format,
) -> Result<(String, Policy), NotConverted> {
    let text = printer
        .print(raised, meant)
        .map_err(|what| NotConverted::Inexpressible { format, what })?;
    let read =
        printer.read(&text, meant).map_err(|reason| NotConverted::Unreadable { format, reason })?;
    Ok((text, read))
}

/// How many rules stand in for a word that a form lacks.
fn newer(raised: &Raised, format: Format) -> usize {
    let has_a_word =
        [Format::Gate, Format::Docker, Format::Oci, Format::Spo, Format::C, Format::Rust];
    if has_a_word.contains(&format) {
        return 0;
    }
    let added = raised
        .arches
        .iter()
        .map(|own| own.clone().spelled_out().calls.len().saturating_sub(own.calls.len()));
    added.sum()
}

/// The first difference in words.
fn first(differing: &[Differing]) -> String {
    let found = differing.iter().find(|found| found.name.is_some()).or(differing.first());
    let text = found.map(difference_text);
    text.map_or_else(String::new, |text| format!("it would be read as another filter: {text}"))
}
