//! Meanings written back as policies.

use callgate_policy::{ArchPolicy, Policy};
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
    let default = default_action(d, classes).ok_or_else(|| not("it has no default action"))?;
    let mut policy = ArchPolicy::new(default);
    for class in classes.iter().filter(|class| action(d, class.node) != Some(default)) {
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

/// The action of the widest class, which then needs no rules.
fn default_action(d: &Diagrams, classes: &[NumberClass]) -> Option<Action> {
    let width = |Interval { first, last }: Interval| last - first;
    let constant = classes.iter().filter_map(|c| Some((width(c.numbers), action(d, c.node)?)));
    constant.max_by_key(|(width, _)| *width).map(|(_, action)| action)
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
