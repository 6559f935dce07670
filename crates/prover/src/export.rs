//! Meanings written back as policies.

use std::collections::BTreeMap;

use callgate_policy::{ArchPolicy, Known, Policy, Unknown};
use callgate_syscalls::{Action, Arch, ArchToken, SyscallNr};

use crate::compare::Scope;
use crate::diagram::{Diagrams, NodeId, View};
use crate::meaning::{ArchClass, Meaning, NumberClass};
use crate::numbers::Interval;
use crate::{Error, Prover, regions};

/// The most rules that a policy is written with.
const RULES_MAX: usize = 1 << 14;

impl Prover {
    /// A policy with this meaning, proved to have it.
    ///
    /// # Errors
    /// [`Error::NotExpressible`] where the meaning is not one that policies have, or takes more than 16,384 rules;
    /// [`Error::Undecided`], [`Error::ForeignMeaning`].
    pub fn to_policy(&mut self, meaning: &Meaning<'_>) -> Result<Policy, Error> {
        self.own(meaning)?;
        let policy = write(&self.diagrams, &meaning.classes)?;
        let again = self.policy(&policy)?;
        let differences = self.differences(&again, meaning, Scope::Exact)?;
        match differences.is_empty() {
            true => Ok(policy),
            false => Err(Error::Refuted(differences)),
        }
    }
}

fn write(d: &Diagrams, classes: &[ArchClass]) -> Result<Policy, Error> {
    let known = |token: u32| Arch::ALL.into_iter().any(|arch| arch.token().raw() == token);
    let mut foreign = None;
    for class in classes {
        if class.tokens.single().is_some_and(known) {
            continue;
        }
        let action = match class.numbers.as_slice() {
            [only] => action(d, only.node),
            _ => None,
        };
        let action = action.ok_or_else(|| not("unassigned arch tokens are told apart"))?;
        if *foreign.get_or_insert(action) != action {
            return Err(not("unassigned arch tokens are told apart"));
        }
    }
    let foreign = foreign.ok_or_else(|| not("it has no unassigned arch tokens"))?;
    let mut builder = Policy::builder(foreign);
    let mut rules_left = RULES_MAX;
    let mut is_constant = true;
    for class in classes {
        let Some(token) = class.tokens.single().filter(|&token| known(token)) else { continue };
        let token = ArchToken::new(token);
        for arch in Arch::ALL.into_iter().filter(|arch| arch.token() == token) {
            let numbers = numbers_of(arch, class);
            if !numbers.iter().all(|class| action(d, class.node) == Some(foreign)) {
                builder = builder.arch(arch, arch_policy(d, arch, &numbers, &mut rules_left)?);
                is_constant = false;
            }
        }
    }
    // A policy names an architecture, and any will do.
    if is_constant {
        builder = builder.arch(Arch::X86_64, ArchPolicy::new(foreign));
    }
    builder.build().map_err(|_| not("it has numbers outside their architectures"))
}

/// The part of a class that belongs to an architecture.
fn numbers_of(arch: Arch, class: &ArchClass) -> Vec<NumberClass> {
    let owned = crate::policy::OWNERS.into_iter().filter(|interval| {
        Arch::of_call(arch.token(), SyscallNr::new(interval.first)) == Some(arch)
    });
    let parts = owned.flat_map(|owned| {
        let part = move |class: &NumberClass| {
            let numbers = class.numbers.intersection(owned)?;
            Some(NumberClass { numbers, ..*class })
        };
        class.numbers.iter().filter_map(part)
    });
    parts.collect()
}

fn arch_policy(
    d: &Diagrams,
    arch: Arch,
    classes: &[NumberClass],
    rules_left: &mut usize,
) -> Result<ArchPolicy, Error> {
    let [one, other] = frames(d, classes).ok_or_else(|| not("it has no default action"))?;
    let frame = if other.cost(d, arch, classes) < one.cost(d, arch, classes) { other } else { one };
    let mut policy = frame.policy();
    for class in classes.iter().filter(|class| action(d, class.node) != Some(frame.action(class))) {
        let rules = regions::rules(d, class.node, arch.endian(), *rules_left)
            .ok_or_else(|| not("its conditions take too many rules"))?;
        for nr in class.numbers.first..=class.numbers.last {
            *rules_left = rules_left
                .checked_sub(rules.len())
                .ok_or_else(|| not("it takes more than 16384 rules"))?;
            for (condition, action) in &rules {
                policy.rule(SyscallNr::new(nr), condition.clone(), *action);
            }
        }
    }
    Ok(policy)
}

/// What a policy says of numbers without rules: the default and, above a number, another action.
struct Frame {
    default: Action,
    beyond: Option<(u32, Action)>,
}

/// The frame whose default is the action of the widest class, and the one in which that class is unknown and the default
/// is the action of most numbers below it.
fn frames(d: &Diagrams, classes: &[NumberClass]) -> Option<[Frame; 2]> {
    let width = |Interval { first, last }: Interval| last - first;
    let constant = |class: &NumberClass| Some((class.numbers, action(d, class.node)?));
    let widest = classes.iter().filter_map(constant).max_by_key(|(numbers, _)| width(*numbers));
    let (widest, far) = widest?;
    let mut counts = BTreeMap::<u32, u64>::new();
    let below = classes.iter().filter_map(constant).filter(|(n, _)| n.last < widest.first);
    for (numbers, action) in below {
        *counts.entry(action.raw()).or_default() += u64::from(width(numbers)) + 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    let most = most.map_or(far, |(raw, _)| Action::from_raw(raw));
    let beyond = widest.first.checked_sub(1).map(|last| (last, far));
    Some([Frame { default: far, beyond: None }, Frame { default: most, beyond }])
}

impl Frame {
    fn policy(&self) -> ArchPolicy {
        let mut policy = ArchPolicy::new(self.default);
        if let Some((last, action)) = self.beyond {
            policy.unknown(Unknown { known: Known::UpTo(SyscallNr::new(last)), action });
        }
        policy
    }

    /// The action for the numbers of a class, if they have no rules.
    fn action(&self, class: &NumberClass) -> Action {
        match self.beyond {
            Some((last, action)) if class.numbers.first > last => action,
            _ => self.default,
        }
    }

    /// How many numbers that no kernel has need rules, which no profile can name, and how many do in all.
    fn cost(&self, d: &Diagrams, arch: Arch, classes: &[NumberClass]) -> (usize, usize) {
        let deviating = classes.iter().filter(|c| action(d, c.node) != Some(self.action(c)));
        let numbers = deviating.flat_map(|class| class.numbers.first..=class.numbers.last);
        numbers.take(RULES_MAX + 1).fold((0, 0), |(nameless, all), nr| {
            let is_named = arch.syscall_at(SyscallNr::new(nr)).is_some();
            (nameless + usize::from(!is_named), all + 1)
        })
    }
}

fn action(d: &Diagrams, node: NodeId) -> Option<Action> {
    match d.view(node) {
        View::Action(action) => Some(action),
        _ => None,
    }
}

const fn not(reason: &'static str) -> Error {
    Error::NotExpressible { reason }
}
