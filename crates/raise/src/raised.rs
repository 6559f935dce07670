//! A policy as rules that people write.

use std::fmt;

use callgate_policy::{Action, ArchPolicy, Condition, Policy, Rule, SyscallNr, Unknown};
use callgate_syscalls::{Arch, Name};

use crate::Clause;
use crate::ask::{self, List};
use crate::call::{self, Draft};
use crate::compare::is_refusal;
use crate::part::Part;

/// A policy as rules that people write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Raised {
    /// The action for calls of architectures that are not named.
    pub foreign: Action,
    /// The architectures, in the order of [`Arch`].
    pub arches: Vec<RaisedArch>,
}

/// The rules of one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RaisedArch {
    /// The architecture.
    pub arch: Arch,
    /// The action where no rule holds.
    pub default: Action,
    /// What happens to numbers without rules that are not known.
    pub unknown: Option<Unknown>,
    /// The numbers with rules, ascending.
    pub calls: Vec<Call>,
}

/// The rules of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The number.
    pub nr: SyscallNr,
    /// Its name, where the architecture has one for it.
    pub name: Option<Name>,
    /// For each action but the default its alternatives, which exclude those of other actions.
    /// Nothing where the number gets the default and only counts as known.
    pub parts: Vec<Part>,
    /// The action, other than the default, of all calls that no other part is about: formats in
    /// which the first rule wins can say it without a condition.
    pub otherwise: Option<Action>,
}

/// Why a policy has no rules that people could read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unraisable {
    /// The architecture.
    pub arch: Arch,
    /// The number whose conditions take too many alternatives.
    pub nr: SyscallNr,
}

impl Call {
    /// The parts for formats in which the first rule wins: the last needs no condition where all
    /// that is left gets its action.
    #[must_use]
    pub fn ordered(&self) -> Vec<Part> {
        let Some(otherwise) = self.otherwise else { return self.parts.clone() };
        let mut parts: Vec<Part> =
            self.parts.iter().filter(|part| part.action != otherwise).cloned().collect();
        parts.push(Part { action: otherwise, clauses: vec![Clause::ALWAYS] });
        parts
    }

    /// The number as messages name it.
    #[must_use]
    pub fn title(&self) -> String {
        self.name.map_or_else(|| format!("syscall {}", self.nr), |name| name.as_str().to_owned())
    }
}

impl RaisedArch {
    /// Whether every call is refused.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        let unknown = self.unknown.map(|unknown| unknown.action);
        let parts = self.calls.iter().flat_map(|call| call.parts.iter().map(|part| part.action));
        std::iter::once(self.default).chain(unknown).chain(parts).all(is_refusal)
    }
}

impl Raised {
    /// Without architectures beside the machine's own that refuse everything: left out they are
    /// foreign, and refused too.
    #[must_use]
    pub fn without_silent(mut self) -> Self {
        if self.foreign.kind().may_execute() {
            return self;
        }
        let main = self.main().map(|own| own.arch);
        self.arches.retain(|own| !own.is_shut() || Some(own.arch) == main);
        self
    }

    /// The architecture of the machine: the first of 64 bits, or the first.
    #[must_use]
    pub fn main(&self) -> Option<&RaisedArch> {
        let is_wide = |own: &&RaisedArch| own.arch.word_bits() == 64 && own.arch != Arch::X32;
        self.arches.iter().find(is_wide).or(self.arches.first())
    }

    /// The policy of these rules.
    ///
    /// # Errors
    /// As [`callgate_policy::Builder::build`].
    pub fn policy(&self) -> Result<Policy, callgate_policy::Error> {
        let mut builder = Policy::builder(self.foreign);
        for own in &self.arches {
            let mut policy = ArchPolicy::new(own.default);
            if let Some(unknown) = own.unknown {
                policy.unknown(unknown);
            }
            for call in &own.calls {
                for part in &call.parts {
                    for clause in &part.clauses {
                        policy.rule(call.nr, clause.condition(), part.action);
                    }
                }
                if call.parts.is_empty() {
                    policy.rule(call.nr, Condition::always(), own.default);
                }
            }
            builder = builder.arch(own.arch, policy);
        }
        builder.build()
    }
}

/// The rules of a policy as people write them.
///
/// ```
/// use callgate_policy::{Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy};
/// use callgate_policy::SyscallNr;
/// use callgate_raise::raise;
///
/// let mut x86_64 = ArchPolicy::new(Action::errno(1).unwrap());
/// let vsock = Comparison::new(Field::Arg0, Operator::Eq, 40);
/// x86_64.rule(SyscallNr::new(41), vsock.into(), Action::errno(1).unwrap());
/// x86_64.rule(SyscallNr::new(41), Condition::always(), Action::ALLOW);
/// let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, x86_64).build()?;
/// let raised = raise(&policy).unwrap();
/// let [socket] = raised.arches[0].calls.as_slice() else { panic!() };
/// assert_eq!(socket.parts.len(), 1, "no rule equal to the default");
/// assert_eq!(socket.parts[0].clauses[0].tests()[0].operator, Operator::Ne);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Unraisable`] with the first number whose conditions take too many alternatives.
pub fn raise(policy: &Policy) -> Result<Raised, Unraisable> {
    let mut drafts: Vec<Vec<Draft>> = Vec::new();
    for (arch, rules) in policy.arches() {
        for (nr, list) in rules.rules() {
            let own = call::drafts(list, rules.default_action());
            drafts.push(own.ok_or(Unraisable { arch, nr })?);
        }
    }
    let mut parts = smallest(decided(drafts)).into_iter();
    let arches = policy.arches().map(|(arch, rules)| {
        let calls = rules.rules().zip(&mut parts).map(|((nr, list), parts)| Call {
            nr,
            name: arch.syscall_at(nr).map(|syscall| syscall.name),
            otherwise: otherwise(list, &parts, rules),
            parts,
        });
        RaisedArch {
            arch,
            default: rules.default_action(),
            unknown: rules.unknown_action(),
            calls: calls.collect(),
        }
    });
    Ok(Raised { foreign: policy.foreign(), arches: arches.collect() })
}

/// What the last rule says of everything that no rule before it is about.
fn otherwise(list: &[Rule], parts: &[Part], rules: &ArchPolicy) -> Option<Action> {
    let default = rules.default_action();
    let at = list.iter().position(|rule| rule.condition().is_always())?;
    let last = list[at].action();
    let is_part = parts.iter().any(|part| part.action == last);
    // Exceptions that get the default are in no part.
    (is_part && list[..at].iter().all(|rule| rule.action() != default)).then_some(last)
}

/// Each draft with the alternatives that mean its calls.
fn decided(drafts: Vec<Vec<Draft>>) -> Vec<Vec<Part>> {
    let questions: Vec<(List, List)> =
        drafts.iter().flatten().filter_map(Draft::question).collect();
    let mut answers = ask::equal(&questions).into_iter();
    let finish = |draft: Draft| {
        let written_is_right = draft.question().is_none() || answers.next() == Some(true);
        draft.finish(written_is_right)
    };
    let mut finish = finish;
    drafts.into_iter().map(|drafts| drafts.into_iter().map(&mut finish).collect()).collect()
}

/// Parts without alternatives that others cover, and no part without alternatives.
fn smallest(mut parts: Vec<Vec<Part>>) -> Vec<Vec<Part>> {
    for _ in 0..2 {
        let lists: Vec<List> = parts.iter().flatten().map(list_of).collect();
        let mut reached = ask::reached(&lists).into_iter();
        for part in parts.iter_mut().flatten() {
            if let Some(Some(reached)) = reached.next() {
                let mut place = 0_u16..;
                part.clauses.retain(|_| place.next().is_some_and(|place| reached.contains(&place)));
            }
            // The next round asks from the other end.
            part.clauses.reverse();
        }
    }
    for list in &mut parts {
        list.retain(|part| !part.clauses.is_empty());
        list.iter_mut().for_each(|part| part.clauses.sort_by_cached_key(Clause::order));
        list.sort_by_key(|part| (std::cmp::Reverse(part.action.freedom()), part.action.raw()));
    }
    parts
}

fn list_of(part: &Part) -> List {
    part.clauses.iter().map(Clause::condition).zip(0_u16..).collect()
}

impl fmt::Display for Unraisable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arch, nr } = self;
        let name = arch.syscall_at(*nr).map_or_else(|| nr.to_string(), |s| s.name.to_string());
        write!(f, "the conditions of {name} on {arch} take too many alternatives")
    }
}

impl std::error::Error for Unraisable {}
