//! From rules to the policy of one target, with what became of each rule.

use std::collections::BTreeSet;

use callgate_policy::{ArchPolicy, Condition, Policy, Unknown};
use callgate_syscalls::{Arch, SyscallNr};

use crate::site::Site;
use crate::{
    Callee, Diagnostic, Mistake, MistakeKind, Provenance, RULES_PER_SYSCALL_MAX, Rule, Rules,
    SubjectKind, Target,
};

/// The policy of these rules on a target, and where each of its rules comes from.
///
/// A syscall that only some of the architectures have needs no rule on the others.
///
/// ```
/// use callgate_rules::{Header, Rule, Rules, Target, Verdict, arg, lower};
/// use callgate_syscalls::{Action, Arch, SeccompData, names};
///
/// let unix = arg("family").eq(1);
/// let rule = Rule::new(names::SOCKET, Some(unix), Verdict::Allow);
/// let rules = Rules { header: Header::new(Verdict::Kill), rules: vec![rule] };
/// let (policy, _) = lower(&rules, &Target::new(Arch::X86_64)).unwrap();
/// let call = SeccompData::new(Arch::X86_64, Arch::X86_64.syscall(names::SOCKET).unwrap().nr);
/// assert_eq!(policy.decide(&call.with_args([1, 0, 0, 0, 0, 0])), Action::ALLOW);
/// ```
///
/// # Errors
/// Every rule that cannot be resolved, each with its place.
pub fn lower(rules: &Rules, target: &Target) -> Result<(Policy, Provenance), Vec<Diagnostic>> {
    resolve(rules, target).map_err(|mistakes| mistakes.into_iter().map(Diagnostic::from).collect())
}

/// As [`lower`], for callers that look at what is wrong: at least one mistake.
///
/// # Errors
/// As [`lower`].
pub fn resolve(rules: &Rules, target: &Target) -> Result<(Policy, Provenance), Vec<Mistake>> {
    let arches = arches(rules, target);
    let mut mistakes = nowhere(rules, &arches, target);
    let mut provenance = Provenance::new(rules.rules.iter().map(|rule| rule.origin).collect());
    provenance.default = Some(rules.header.default.origin);
    provenance.foreign = Some(rules.header.foreign.origin);
    provenance.unknown = rules.header.unknown.as_ref().map(|unknown| unknown.answer.origin);
    // The foreign action has no architecture of its own; a named errno is the target's.
    let mut builder = Policy::builder(rules.header.foreign.verdict.on(target.native));
    for arch in arches {
        match arch_policy(rules, arch, target, &mut provenance) {
            Ok(policy) => builder = builder.arch(arch, policy),
            Err(more) => mistakes.extend(more),
        }
    }
    if !mistakes.is_empty() {
        return Err(without_repetitions(mistakes));
    }
    let policy = builder.build().map_err(|error| vec![policy_mistake(rules, error)])?;
    Ok((policy, provenance.sorted()))
}

fn arches(rules: &Rules, target: &Target) -> Vec<Arch> {
    match &target.arches {
        Some(arches) => arches.clone(),
        None if rules.header.arches.is_empty() => {
            let machines = &rules.header.machines;
            let own = machines.iter().find(|arches| arches.first() == Some(&target.native));
            own.cloned().unwrap_or_else(|| vec![target.native])
        }
        None => rules.header.arches.clone(),
    }
}

/// The names that no architecture of those to which their rule applies has.
fn nowhere(rules: &Rules, arches: &[Arch], target: &Target) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    // Rules for several machines name calls that only some of them have.
    if !rules.header.machines.is_empty() {
        return mistakes;
    }
    for (index, rule) in rules.rules.iter().enumerate() {
        let applies: Vec<Arch> =
            arches.iter().copied().filter(|arch| rule.applies.to(*arch, target)).collect();
        if applies.is_empty() {
            continue;
        }
        for subject in &rule.subjects {
            let names = subject.kind.names();
            let on_any = |name| applies.iter().any(|arch| arch.syscall(name).is_some());
            if let Some(&name) = names.first().filter(|_| !names.iter().any(|name| on_any(*name))) {
                let kind = MistakeKind::NoSuchSyscall { name, arches: applies.clone() };
                let mistake = Mistake { rule: None, span: subject.span, kind };
                mistakes.push(mistake.in_rule(index, rule.origin));
            }
        }
    }
    mistakes
}

fn arch_policy(
    rules: &Rules,
    arch: Arch,
    target: &Target,
    provenance: &mut Provenance,
) -> Result<ArchPolicy, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut policy = ArchPolicy::new(rules.header.default.verdict.on(arch));
    if let Some(unknown) = &rules.header.unknown {
        if let Some(known) = unknown.baseline.on(arch) {
            policy.unknown(Unknown { known, action: unknown.answer.verdict.on(arch) });
        }
    }
    for (index, rule) in rules.rules.iter().enumerate() {
        if !rule.applies.to(arch, target) {
            continue;
        }
        let action = rule.verdict.on(arch);
        for site in sites(rule, arch) {
            let condition = match condition(rule, site, &policy) {
                Ok(condition) => condition,
                Err(mistake) => {
                    mistakes.push(mistake.in_rule(index, rule.origin));
                    continue;
                }
            };
            policy.rule(site.nr, condition, action);
            provenance.push(arch, site.nr, Some(index));
        }
    }
    if mistakes.is_empty() { Ok(policy) } else { Err(mistakes) }
}

/// What a rule is about on one architecture.
fn sites(rule: &Rule, arch: Arch) -> impl Iterator<Item = Site> {
    rule.subjects.iter().flat_map(move |subject| {
        let number = match subject.kind {
            SubjectKind::Number(nr) => Some(Site { arch, nr, callee: Callee::Number(nr) }),
            SubjectKind::Call(_) | SubjectKind::Group(_) => None,
        };
        let named = subject.kind.names().iter().filter_map(move |&name| {
            let syscall = arch.syscall(name)?;
            Some(Site { arch, nr: syscall.nr, callee: Callee::Call(name) })
        });
        number.into_iter().chain(named)
    })
}

fn condition(rule: &Rule, site: Site, policy: &ArchPolicy) -> Result<Condition, Mistake> {
    if policy.rules_for(site.nr).len() >= RULES_PER_SYSCALL_MAX {
        return Err(MistakeKind::TooManyRules { nr: site.nr, arch: site.arch }.into());
    }
    match &rule.condition {
        Some(cond) => site.condition(cond),
        None => Ok(Condition::always()),
    }
}

/// A mistake that several architectures share is told for the first of them.
fn without_repetitions(mistakes: Vec<Mistake>) -> Vec<Mistake> {
    let mut seen = BTreeSet::new();
    let is_first = |mistake: &Mistake| {
        let Mistake { rule, span, kind } = mistake;
        seen.insert((*rule, *span, kind.code(), kind.callee()))
    };
    let mut mistakes: Vec<Mistake> = mistakes.into_iter().filter(is_first).collect();
    mistakes.sort_by_key(|mistake| mistake.rule);
    mistakes
}

/// What a policy refuses of rules that were resolved: an architecture given twice, or a number of
/// another ABI.
fn policy_mistake(rules: &Rules, error: callgate_policy::Error) -> Mistake {
    let number: Option<SyscallNr> = match error {
        callgate_policy::Error::NumberOutsideArchitecture { nr, .. } => Some(nr),
        _ => None,
    };
    let named = |rule: &Rule| {
        rule.subjects.iter().any(|subject| match subject.kind {
            SubjectKind::Number(nr) => Some(nr) == number,
            SubjectKind::Call(_) | SubjectKind::Group(_) => false,
        })
    };
    let mistake = Mistake::of_header(MistakeKind::Policy(error));
    match rules.rules.iter().position(named) {
        Some(index) => mistake.in_rule(index, rules.rules[index].origin),
        None => mistake,
    }
}
