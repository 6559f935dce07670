//! From a policy to an OCI profile, where OCI's format has the words for it.
//!
//! The result is read back and compared with the policy, so what is returned means the same.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use callgate_policy::{ArchPolicy, Comparison, Condition, Field, Operator, Policy, Rule, View};
use callgate_syscalls::{Action, ActionKind, Arch, KernelVersion, Name, SyscallNr};

use crate::check::is_permissive;
use crate::error::Inexpressible;
use crate::oci::{Arg, Seccomp, Syscall};
use crate::scalar::{ActionName, ArchName, ArgIndex, OperatorName};
use crate::{Arches, Error, Options, Profile};

/// The most alternatives that one rule is written as.
const ALTERNATIVES_MAX: usize = 256;

/// An OCI profile made from a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// The profile.
    pub seccomp: Seccomp,
    /// Architectures on which runtimes answer syscalls that the profile does not name with another
    /// errno than the policy: the format has no word for a baseline kernel, and runtimes infer one.
    pub other_baseline: Vec<Arch>,
}

impl Exported {
    /// Writes a policy as an OCI profile.
    ///
    /// # Errors
    /// [`Error::NotExpressible`] with the part that OCI's format has no words for.
    pub fn new(policy: &Policy) -> Result<Self, Error> {
        if policy.foreign() != Action::KILL_THREAD {
            return Err(Inexpressible::Foreign(policy.foreign()).into());
        }
        let default = default_of(policy)?;
        let (default_action, default_errno_ret) = action_words(default)?;
        let seccomp = Seccomp {
            default_action,
            default_errno_ret,
            architectures: policy.arches().map(|(arch, _)| ArchName(arch)).collect(),
            flags: Vec::new(),
            listener_path: None,
            listener_metadata: None,
            syscalls: syscalls(policy)?,
        };
        let other_baseline = compare(policy, &seccomp)?;
        Ok(Self { seccomp, other_baseline })
    }
}

impl From<Inexpressible> for Error {
    fn from(what: Inexpressible) -> Self {
        Self::NotExpressible(what)
    }
}

fn default_of(policy: &Policy) -> Result<Action, Inexpressible> {
    let mut defaults = policy.arches().map(|(_, policy)| policy.default_action());
    let first = defaults.next().unwrap_or(policy.foreign());
    match defaults.all(|default| default == first) {
        true => Ok(first),
        false => Err(Inexpressible::Defaults),
    }
}

fn action_words(action: Action) -> Result<(ActionName, Option<u64>), Inexpressible> {
    let (name, data) = match action.kind() {
        ActionKind::Errno => (ActionName::Errno, Some(u64::from(action.data()))),
        ActionKind::Trace => (ActionName::Trace, Some(u64::from(action.data()))),
        _ if action.data() != 0 => return Err(Inexpressible::Action(action)),
        ActionKind::KillProcess => (ActionName::KillProcess, None),
        ActionKind::KillThread => (ActionName::KillThread, None),
        ActionKind::Trap => (ActionName::Trap, None),
        ActionKind::UserNotify => (ActionName::Notify, None),
        ActionKind::Log => (ActionName::Log, None),
        ActionKind::Allow => (ActionName::Allow, None),
        _ => return Err(Inexpressible::Action(action)),
    };
    Ok((name, data))
}

/// What the rules of a syscall say, in words of the format: action, number, conditions.
type Words = Vec<(ActionName, Option<u64>, Vec<Arg>)>;

/// The rules, one entry for all syscalls with the same ones, in the order of their first names.
fn syscalls(policy: &Policy) -> Result<Vec<Syscall>, Inexpressible> {
    // Of a 64-bit architecture's rules the 32-bit ones follow by truncation, but not the other way
    // round.
    let mut arches: Vec<_> = policy.arches().collect();
    arches.sort_by_key(|(arch, _)| arch.word_bits() != 64);
    let mut by_name = BTreeMap::<Name, Words>::new();
    for (arch, rules) in arches {
        for (nr, rules) in rules.rules() {
            let Some(name) = arch.syscall_at(nr).map(|syscall| syscall.name) else {
                match rules.first().filter(|rule| rule.condition().is_always()) {
                    // Readers may infer the refusal: it is compared when the profile was read back.
                    Some(rule) if !is_permissive(rule.action()) => continue,
                    _ => return Err(Inexpressible::Number { arch, nr }),
                }
            };
            if let Entry::Vacant(entry) = by_name.entry(name) {
                entry.insert(words(arch, name, rules)?);
            }
        }
    }
    let mut groups = Vec::<(Words, Vec<Name>)>::new();
    for (name, words) in by_name {
        match groups.iter_mut().find(|(known, _)| *known == words) {
            Some((_, names)) => names.push(name),
            None => groups.push((words, vec![name])),
        }
    }
    Ok(groups.into_iter().flat_map(|(words, names)| entries(words, names)).collect())
}

fn entries(words: Words, names: Vec<Name>) -> impl Iterator<Item = Syscall> {
    let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    words.into_iter().map(move |(action, errno_ret, args)| Syscall {
        names: names.clone(),
        action,
        errno_ret,
        args,
    })
}

fn words(arch: Arch, name: Name, rules: &[Rule]) -> Result<Words, Inexpressible> {
    let no_words = || Inexpressible::Rules { arch, name };
    let mut words = Vec::new();
    for rule in rules {
        let (action, errno_ret) = action_words(rule.action())?;
        for conjunction in alternatives(rule.condition()).ok_or_else(no_words)? {
            let args: Option<Vec<Arg>> =
                conjunction.iter().map(|comparison| arg(comparison, arch)).collect();
            words.push((action, errno_ret, args.ok_or_else(no_words)?));
        }
    }
    Ok(words)
}

/// The alternatives of a condition, each a list of comparisons that must all hold; `None` where
/// there are too many.
fn alternatives(condition: &Condition) -> Option<Vec<Vec<Comparison>>> {
    match condition.view() {
        View::Compare(comparison) => Some(vec![vec![*comparison]]),
        View::Any(list) => {
            let lists: Option<Vec<_>> = list.iter().map(alternatives).collect();
            Some(lists?.concat()).filter(|all| all.len() <= ALTERNATIVES_MAX)
        }
        View::All(list) => list.iter().try_fold(vec![Vec::new()], |all, condition| {
            let each = alternatives(condition)?;
            (all.len() * each.len() <= ALTERNATIVES_MAX).then(|| product(&all, &each))
        }),
    }
}

fn product(left: &[Vec<Comparison>], right: &[Vec<Comparison>]) -> Vec<Vec<Comparison>> {
    let both = left.iter().flat_map(|l| right.iter().map(move |r| [l.as_slice(), r].concat()));
    both.map(|mut list| {
        list.sort();
        list.dedup();
        list
    })
    .collect()
}

fn arg(comparison: &Comparison, arch: Arch) -> Option<Arg> {
    let position = Field::ARGS.iter().position(|field| *field == comparison.field())?;
    let index = ArgIndex::new(u8::try_from(position).ok()?)?;
    let (mask, value) = (comparison.mask(), comparison.value());
    let full = if arch.word_bits() == 64 { u64::MAX } else { u32::MAX.into() };
    let op = match comparison.operator() {
        Operator::Eq if mask != full => {
            let op = OperatorName::MaskedEq;
            return Some(Arg { index, value: mask, value_two: value, op, width: None });
        }
        _ if mask != full => return None,
        Operator::Eq => OperatorName::Eq,
        Operator::Ne => OperatorName::Ne,
        Operator::Lt => OperatorName::Lt,
        Operator::Le => OperatorName::Le,
        Operator::Gt => OperatorName::Gt,
        Operator::Ge => OperatorName::Ge,
    };
    Some(Arg { index, value, value_two: 0, op, width: None })
}

/// Reads the profile back and compares it with the policy; returns the architectures whose baseline
/// differs.
fn compare(policy: &Policy, seccomp: &Seccomp) -> Result<Vec<Arch>, Error> {
    let arches: Vec<Arch> = policy.arches().map(|(arch, _)| arch).collect();
    let native = arches.first().copied().unwrap_or(Arch::X86_64);
    let mut options = Options::new(native, KernelVersion::new(u8::MAX, u8::MAX));
    options.arches = Arches::Exactly(arches);
    let read_back = serde_json::to_string(seccomp)
        .map_err(|error| Error::Unreadable {
            origin: "export".to_owned(),
            reason: error.to_string(),
        })
        .and_then(|text| Profile::parse(text.as_bytes(), "export"))
        .and_then(|profile| profile.resolve(&options));
    let read_back = match read_back {
        Err(Error::Conflict { name, arch, .. }) => {
            return Err(Inexpressible::Rules { arch, name }.into());
        }
        other => other?.policy,
    };
    let mut other_baseline = Vec::new();
    for ((arch, meant), (_, read)) in policy.arches().zip(read_back.arches()) {
        compare_rules(arch, meant, read)?;
        if !answers_alike(arch, meant, read) {
            other_baseline.push(arch);
        }
    }
    Ok(other_baseline)
}

/// Whether two policies give the same answer to numbers without conditions, of the table and above
/// it.
fn answers_alike(arch: Arch, one: &ArchPolicy, other: &ArchPolicy) -> bool {
    let answer = |policy: &ArchPolicy, nr| match policy.rules_for(nr) {
        [] => Some(policy.action_without_rule(arch, nr)),
        [first, ..] => first.condition().is_always().then(|| first.action()),
    };
    let last = arch.syscalls().map(|syscall| syscall.nr).max();
    let above = last.map(|last| SyscallNr::new(last.raw().saturating_add(1)));
    let mut numbers = arch.syscalls().map(|syscall| syscall.nr).chain(above);
    numbers.all(|nr| answer(one, nr) == answer(other, nr))
}

fn compare_rules(arch: Arch, meant: &ArchPolicy, read: &ArchPolicy) -> Result<(), Inexpressible> {
    for syscall in arch.syscalls() {
        let default = meant.default_action();
        let lists = [meant, read].map(|policy| canonical(policy.rules_for(syscall.nr), default));
        if lists[0] != lists[1] {
            return Err(Inexpressible::Rules { arch, name: syscall.name });
        }
    }
    for (nr, _) in meant.rules().filter(|(nr, _)| arch.syscall_at(*nr).is_none()) {
        let [meant, read] = [meant, read].map(|policy| match policy.rules_for(nr) {
            [] => Some(policy.action_without_rule(arch, nr)),
            [first, ..] => first.condition().is_always().then(|| first.action()),
        });
        if meant.is_none() || meant != read {
            return Err(Inexpressible::Number { arch, nr });
        }
    }
    Ok(())
}

/// One alternative in a form that is the same for the same meaning: field, mask, operator, value.
type Alternative = (Vec<(Field, u64, Operator, u64)>, Action);

/// Rules in a form that is the same only for the same meaning: alternatives, without those that
/// decide nothing, in an order of their own where the order does not matter.
fn canonical(rules: &[Rule], default: Action) -> Vec<Alternative> {
    let mut list = Vec::<Alternative>::new();
    for rule in rules {
        for conjunction in alternatives(rule.condition()).unwrap_or_default() {
            let mut tests: Vec<_> = conjunction
                .iter()
                .map(|c| (c.field(), c.mask(), c.operator(), c.value()))
                .collect();
            tests.sort();
            if !list.iter().any(|(known, _)| *known == tests || known.is_empty()) {
                list.push((tests, rule.action()));
            }
        }
    }
    while list.last().is_some_and(|(_, action)| *action == default) {
        list.pop();
    }
    let first = list.first().map(|(_, action)| *action);
    if list.iter().all(|(_, action)| Some(*action) == first) {
        if list.iter().any(|(tests, _)| tests.is_empty()) {
            list.retain(|(tests, _)| tests.is_empty());
        }
        list.sort();
    }
    list
}
