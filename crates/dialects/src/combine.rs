//! The policy of filters that are stacked: what the kernel does with a call under all of them.

use std::collections::BTreeSet;

use callgate_policy::{Action, ArchPolicy, Condition, Policy, RuleId};
use callgate_rules::{
    Code, Diagnostic, Mistake, MistakeKind, Origin, Provenance, RULES_PER_SYSCALL_MAX, Target,
    lower as rules_lower,
};
use callgate_syscalls::{Arch, SyscallNr};

use crate::{Layer, Lowered, Order, X32, ordered};

/// The policy of filters of which the first is loaded first.
///
/// # Errors
/// What is wrong with any of them.
pub(crate) fn lower(layers: &[Layer], target: &Target) -> Result<Lowered, Vec<Diagnostic>> {
    let (mut stack, mut diagnostics) = (Vec::new(), Vec::new());
    let (mut origins, mut warnings) = (Vec::new(), Vec::new());
    for layer in layers {
        match filter(layer, target, &mut origins, &mut warnings) {
            Ok(filter) => stack.push(filter),
            Err(more) => diagnostics.extend(more),
        }
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    // Of filters whose answers differ in data alone the kernel takes the one loaded last.
    let mut newest_first = stack.into_iter().rev();
    let Some(newest) = newest_first.next() else {
        let message = "the text asks for no filter";
        return Err(vec![Diagnostic::error(Code::new("E0405"), message)]);
    };
    let combined = newest_first.try_fold(newest, |newer, older| newer.under(&older));
    let lowered =
        combined.and_then(|combined| combined.lowered(&origins).map_err(MistakeKind::Policy));
    let lowered = lowered.map(|lowered| Lowered { warnings, ..lowered });
    lowered.map_err(|kind| vec![Diagnostic::from(Mistake { rule: None, span: None, kind })])
}

/// What one filter, or several together, make of calls.
pub(crate) struct Filter {
    pub(crate) arches: Vec<(Arch, Answers)>,
    pub(crate) foreign: (Action, usize),
}

/// What becomes of the calls of an architecture.
#[derive(Clone)]
pub(crate) struct Answers {
    pub(crate) default: (Action, usize),
    /// The numbers with rules, ascending; of each the rules, first asked first.
    pub(crate) numbers: Vec<(SyscallNr, Vec<Asked>)>,
}

/// A condition with its answer and who gives it.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) condition: Condition,
    pub(crate) answer: (Action, usize),
}

/// Lowers a filter's rules. The origins of its rules, its default and its answer to foreign
/// architectures are added to the list, and answers refer to their places there. Rules without
/// effect are told.
fn filter(
    layer: &Layer,
    target: &Target,
    origins: &mut Vec<Origin>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Filter, Vec<Diagnostic>> {
    let (rules, target) = layer.on(target);
    let first = origins.len();
    origins.extend(rules.rules.iter().map(|rule| rule.origin));
    let default = origins.len();
    origins.push(rules.header.default.origin);
    origins.push(rules.header.foreign.origin);
    if let Order::Libseccomp(exactness) = layer.order {
        let told = layer.is_by_hand.then_some(warnings);
        return ordered::filter(&rules, &target, exactness, first, told);
    }
    let (policy, provenance) = rules_lower(&rules, &target)?;
    let mut arches: Vec<(Arch, Answers)> = policy
        .arches()
        .map(|(arch, policy)| {
            let asked = |nr, index, rule: &callgate_policy::Rule| {
                let written = provenance.rule(RuleId { arch, nr, index });
                let origin = written.map_or(default, |written| first + written.index);
                let answer = (rule.action(), origin);
                Asked { condition: rule.condition().clone(), answer }
            };
            let list = |(nr, rules): (SyscallNr, &[callgate_policy::Rule])| {
                let rules = rules.iter().enumerate();
                (nr, rules.map(|(index, rule)| asked(nr, index, rule)).collect())
            };
            let numbers = policy.rules().map(list).collect();
            (arch, Answers { default: (policy.default_action(), default), numbers })
        })
        .collect();
    let has_x32 = arches.iter().any(|(arch, _)| *arch == Arch::X32);
    let own = arches.iter_mut().find(|(arch, _)| *arch == Arch::X86_64);
    if let Some((_, x86_64)) = own.filter(|_| !has_x32) {
        let answer = match layer.x32 {
            X32::Foreign => None,
            X32::Default => Some(x86_64.default),
            X32::Answer(answer) => {
                origins.push(answer.origin);
                let answer = (answer.verdict.on(Arch::X32), origins.len() - 1);
                // -1 is a number of x86_64, and above all of x32 to a filter that compares.
                let asked = Asked { condition: Condition::always(), answer };
                x86_64.numbers.push((SyscallNr::new(u32::MAX), vec![asked]));
                Some(answer)
            }
        };
        let answers = answer.map(|default| Answers { default, numbers: Vec::new() });
        arches.extend(answers.map(|answers| (Arch::X32, answers)));
    }
    Ok(Filter { arches, foreign: (policy.foreign(), default + 1) })
}

impl Filter {
    /// This filter with one below that was loaded before.
    fn under(&self, older: &Self) -> Result<Self, MistakeKind> {
        let arches: BTreeSet<Arch> =
            self.arches.iter().chain(&older.arches).map(|(arch, _)| *arch).collect();
        let both = |arch| Ok((arch, self.on(arch).under(&older.on(arch), arch)?));
        Ok(Self {
            arches: arches.into_iter().map(both).collect::<Result<_, _>>()?,
            foreign: stricter(self.foreign, older.foreign),
        })
    }

    fn on(&self, arch: Arch) -> Answers {
        let own = self.arches.iter().find(|(of, _)| *of == arch);
        own.map_or(Answers { default: self.foreign, numbers: Vec::new() }, |(_, own)| own.clone())
    }

    fn lowered(self, origins: &[Origin]) -> Result<Lowered, callgate_policy::Error> {
        let mut provenance = Provenance::new(origins.to_vec());
        let origin = |answer: (Action, usize)| origins.get(answer.1).copied();
        provenance.foreign = origin(self.foreign);
        let mut builder = Policy::builder(self.foreign.0);
        for (arch, answers) in self.arches {
            provenance.default = provenance.default.or(origin(answers.default));
            if let Some(origin) = origin(answers.default) {
                provenance.push_default(arch, origin);
            }
            let mut policy = ArchPolicy::new(answers.default.0);
            for (nr, list) in answers.numbers {
                for Asked { condition, answer } in list {
                    policy.rule(nr, condition, answer.0);
                    provenance.push(arch, nr, Some(answer.1));
                }
            }
            builder = builder.arch(arch, policy);
        }
        let warnings = Vec::new();
        Ok(Lowered { policy: builder.build()?, provenance: provenance.sorted(), warnings })
    }
}

impl Answers {
    fn under(&self, older: &Self, arch: Arch) -> Result<Self, MistakeKind> {
        let numbers: BTreeSet<SyscallNr> =
            self.numbers.iter().chain(&older.numbers).map(|(nr, _)| *nr).collect();
        let default = stricter(self.default, older.default);
        let both = |nr| {
            let list = together(&self.of(nr), &older.of(nr))?;
            match list.len() > RULES_PER_SYSCALL_MAX {
                true => Err(MistakeKind::TooManyRules { nr, arch }),
                false => Ok((nr, list)),
            }
        };
        Ok(Self { default, numbers: numbers.into_iter().map(both).collect::<Result<_, _>>()? })
    }

    /// The rules of a number with the default as the last.
    fn of(&self, nr: SyscallNr) -> Vec<Asked> {
        let place = self.numbers.binary_search_by_key(&nr, |(nr, _)| *nr);
        let mut list = place.map_or_else(|_| Vec::new(), |place| self.numbers[place].1.clone());
        if !list.last().is_some_and(|last| last.condition.is_always()) {
            list.push(Asked { condition: Condition::always(), answer: self.default });
        }
        list
    }
}

/// The rules of both lists at once. The first pair that holds is the first of the newer that holds
/// with the first of the older that does.
fn together(newer: &[Asked], older: &[Asked]) -> Result<Vec<Asked>, MistakeKind> {
    let strictest = older.iter().map(|asked| asked.answer.0.precedence()).min();
    let mut list = Vec::new();
    for first in newer {
        if strictest.is_some_and(|strictest| first.answer.0.precedence() <= strictest) {
            list.push(first.clone());
            continue;
        }
        for second in older {
            // More than the limit is an error anyway.
            if list.len() > RULES_PER_SYSCALL_MAX {
                return Ok(list);
            }
            let conditions = [first.condition.clone(), second.condition.clone()];
            let kept: Vec<_> = conditions.into_iter().filter(|one| !one.is_always()).collect();
            let condition = match <[Condition; 1]>::try_from(kept) {
                Ok([only]) => only,
                Err(both) => Condition::all(both).map_err(MistakeKind::Policy)?,
            };
            list.push(Asked { condition, answer: stricter(first.answer, second.answer) });
        }
    }
    Ok(list)
}

/// The answer that the kernel takes: the newer filter's, unless the older's is stricter.
fn stricter(newer: (Action, usize), older: (Action, usize)) -> (Action, usize) {
    if older.0.precedence() < newer.0.precedence() { older } else { newer }
}
