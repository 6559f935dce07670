//! A policy that depends on the machine, the kernel and capabilities as one text.

use std::collections::BTreeSet;

use callgate_policy::{Action, ArchPolicy, Known, Policy, Unknown};
use callgate_rules::{Circumstances, Target};
use callgate_syscalls::{Arch, KernelVersion};

use super::statements::{self, Headers, Meanings};
use super::{NotShown, Style, inexpressible, known_line, laid_out, verdict};

/// A policy for each target.
#[expect(missing_debug_implementations, reason = "it holds a function")]
pub struct Cases<'a> {
    /// On what it depends.
    pub circumstances: &'a Circumstances,
    /// What it is on a target; the reason, where it is nothing.
    pub policy: &'a dyn Fn(&Target) -> Result<Policy, String>,
}

/// The text of a policy that depends on circumstances, with an `on` around what does.
///
/// Whether it means the policy under all of them was not looked at: that is for the caller, who
/// knows which differences count.
///
/// # Errors
/// [`NotShown::Inexpressible`].
pub fn draft(cases: &Cases<'_>, style: Style) -> Result<String, NotShown> {
    let meanings = meanings(cases)?;
    let headers = headers(&meanings)?;
    let mut header = String::from("policy 1\n");
    header += &whose(cases.circumstances);
    header += &first_lines(&meanings, &headers)?;
    let statements = statements::write_cases(cases.circumstances, &meanings, &headers, style)?;
    laid_out(&header, &statements)
}

/// The line about architectures, if there is one.
fn whose(circumstances: &Circumstances) -> String {
    let names = |arches: &[Arch], between: &str| {
        let names: Vec<&str> = arches.iter().map(|arch| arch.name()).collect();
        names.join(between)
    };
    let Circumstances { arches, machines, .. } = circumstances;
    let machines: Vec<String> = machines.iter().map(|own| names(own, " + ")).collect();
    match (arches.as_slice(), machines.as_slice()) {
        ([], []) => String::new(),
        ([], machines) => format!("machine {}\n", machines.join(", ")),
        (arches, _) => format!("arch {}\n", names(arches, ", ")),
    }
}

/// The policies on every machine under all that decides about some call.
fn meanings(cases: &Cases<'_>) -> Result<Meanings, NotShown> {
    let targets = cases.circumstances.targets().map_err(|factors| {
        inexpressible(&format!(
            "what becomes of one call depends on {} capabilities and {} kernels at once",
            factors.caps.iter().count(),
            factors.kernels.len()
        ))
    })?;
    let mut meanings = Meanings::new();
    for target in targets {
        let policy = (cases.policy)(&target).map_err(|reason| inexpressible(&reason))?;
        let at = (target.native, target.caps, target.kernel.unwrap_or(KernelVersion::new(0, 0)));
        meanings.insert(at, policy);
    }
    Ok(meanings)
}

/// The widest of what is known on each architecture.
fn headers(meanings: &Meanings) -> Result<Headers, NotShown> {
    let mut headers = Headers::new();
    for (arch, rules) in meanings.values().flat_map(Policy::arches) {
        let own = headers.entry(arch).or_insert_with(|| ArchPolicy::new(rules.default_action()));
        if let Some(unknown) = rules.unknown_action() {
            if own.unknown_action().is_none_or(|other| is_wider(unknown, other)) {
                own.unknown(unknown);
            }
        }
    }
    Ok(headers)
}

/// What happens to calls without rules, in words that hold on every architecture.
fn default(meanings: &Meanings) -> Result<String, NotShown> {
    let each = meanings.values().flat_map(Policy::arches);
    let all: BTreeSet<(Arch, Action)> =
        each.map(|(arch, rules)| (arch, rules.default_action())).collect();
    let all: Vec<(Arch, Action)> = all.into_iter().collect();
    verdict::common(&all).ok_or_else(|| inexpressible("its architectures have different defaults"))
}

fn is_wider(unknown: Unknown, than: Unknown) -> bool {
    match (unknown.known, than.known) {
        (Known::UpTo(own), Known::UpTo(other)) => own > other,
        (Known::Kernel(own), Known::Kernel(other)) => own > other,
        _ => false,
    }
}

/// The lines about everything that no rule is about.
fn first_lines(meanings: &Meanings, headers: &Headers) -> Result<String, NotShown> {
    let nothing = || inexpressible("it is for no machine");
    let first = headers.keys().next().ok_or_else(nothing)?;
    let foreign: BTreeSet<u32> = meanings.values().map(|policy| policy.foreign().raw()).collect();
    let foreign = match foreign.into_iter().collect::<Vec<u32>>().as_slice() {
        [only] => Action::from_raw(*only),
        _ => return Err(inexpressible("foreign calls are answered differently by machines")),
    };
    let mut text = String::new();
    if foreign != Action::KILL_PROCESS {
        text += &format!("foreign {}\n", verdict::text(foreign, *first));
    }
    text += &baseline(headers)?;
    text += &format!("default {}\n", default(meanings)?);
    Ok(text)
}

/// The line about calls that are not known, for architectures that need not fit in one policy:
/// verdicts are compared as texts, because errno values differ.
fn baseline(headers: &Headers) -> Result<String, NotShown> {
    let each = headers.iter().filter_map(|(arch, rules)| Some((*arch, rules.unknown_action()?)));
    known_line(&each.collect::<Vec<_>>(), headers.len())
}
