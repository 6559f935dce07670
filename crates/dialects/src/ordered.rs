//! Filters of tools that hand their rules to libseccomp, which has an order of its own and
//! multiplexed calls.

use std::collections::BTreeMap;

use callgate_order::{
    ArgCmp, Chain, Effect, Error, Multiplexer, Number, Refusal, Rules as Stored, Syscall, ordered,
};
use callgate_policy::{Action, Operator};
use callgate_rules::{
    Code, Cond, CondView, Diagnostic, Origin, Relation, Rule, Rules, Span, SubjectKind, Target,
};
use callgate_syscalls::{Arch, Name, SyscallNr};

use crate::combine::{Answers, Asked, Filter};
use crate::context::code;
use crate::written::Exactness;

/// The filter that libseccomp makes of rules whose conditions are comparisons that must all hold.
/// Rules without effect are told where somebody wants to know.
pub(crate) fn filter(
    rules: &Rules,
    target: &Target,
    exactness: Exactness,
    first: usize,
    told: Option<&mut Vec<Diagnostic>>,
) -> Result<Filter, Vec<Diagnostic>> {
    let default = first + rules.rules.len();
    let arches = target.arches.as_ref().unwrap_or(&rules.header.arches);
    let mut filter = Filter {
        arches: Vec::new(),
        foreign: (rules.header.foreign.verdict.on(target.native), default + 1),
    };
    let mut idle = BTreeMap::new();
    for &arch in arches {
        let action = rules.header.default.verdict.on(arch);
        let mut accepting = Accepting {
            native: target.native,
            arch,
            default: action,
            exactness,
            numbers: BTreeMap::new(),
            idle: &mut idle,
        };
        for (index, rule) in rules.rules.iter().enumerate() {
            if rule.applies.to(arch, target) {
                let added = accepting.add(rule, index);
                added.map_err(|refused| vec![explained(&refused, rule, rules, arch)])?;
            }
        }
        let numbers = accepting
            .finish(first)
            .map_err(|refused| vec![Diagnostic::error(Code::new(code::LIMIT), refused.reason())])?;
        filter.arches.push((arch, Answers { default: (action, default), numbers }));
    }
    if let Some(told) = told {
        told.extend(idle.into_iter().filter_map(|(index, why)| without_effect(rules, index, why)));
    }
    Ok(filter)
}

/// Why a rule decides nothing.
#[derive(Clone, Copy)]
enum Idle {
    /// Another rule, by its position, has no conditions and another action.
    Other(u32),
    /// The tool passes over it on this architecture, where this multiplexer makes the call.
    Multiplexed(Arch, Name),
}

/// The rules of an architecture while they are added.
struct Accepting<'i> {
    native: Arch,
    arch: Arch,
    default: Action,
    exactness: Exactness,
    numbers: BTreeMap<Number, Stored>,
    /// The rules that decide nothing, by their positions.
    idle: &'i mut BTreeMap<u32, Idle>,
}

/// Why a rule is not stored.
enum Refused {
    Order(Error),
    Conflict(u32),
    Default,
    NoMemory,
    Condition,
    Policy(callgate_policy::Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Order(error)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Conflict(conflict) => Self::Conflict(conflict.origin),
            Refusal::OutOfMemory => Self::NoMemory,
        }
    }
}

impl Refused {
    fn reason(&self) -> String {
        match self {
            Self::Order(error) => error.to_string(),
            Self::Conflict(_) => "another rule says something else about the same calls".to_owned(),
            Self::Default => "its action is what happens to calls that no rule is about".to_owned(),
            Self::NoMemory => "there is no more memory".to_owned(),
            Self::Condition => "libseccomp has no such condition".to_owned(),
            Self::Policy(error) => error.to_string(),
        }
    }
}

impl Accepting<'_> {
    fn add(&mut self, rule: &Rule, index: usize) -> Result<(), Refused> {
        let action = rule.verdict.on(self.arch);
        let origin = u32::try_from(index).unwrap_or(u32::MAX);
        // libseccomp refuses such a rule, and its callers go on without it, but for liblxc.
        let is_default = action == self.default;
        if is_default && self.exactness != Exactness::ExactOwn {
            return Ok(());
        }
        let comparisons = match &rule.condition {
            None => Vec::new(),
            Some(cond) => comparisons(cond, self.arch).ok_or(Refused::Condition)?,
        };
        for subject in &rule.subjects {
            if self.is_passed_over(subject.kind.names(), origin) {
                continue;
            }
            if is_default {
                return Err(Refused::Default);
            }
            let named = subject.kind.names().iter().map(|name| Syscall::named(self.native, *name));
            let number = match subject.kind {
                SubjectKind::Number(nr) => i32::try_from(nr.raw()).ok(),
                SubjectKind::Call(_) | SubjectKind::Group(_) => None,
            };
            let numbered = number.map(|nr| Syscall::new(self.native, Number::new(nr)));
            let syscalls: Vec<Syscall> = named.flatten().chain(numbered).collect();
            for syscall in syscalls {
                self.store(syscall, &comparisons, action, origin)?;
            }
        }
        Ok(())
    }

    /// Whether the tool passes over a call because it has no number of its own here.
    fn is_passed_over(&mut self, names: &[Name], origin: u32) -> bool {
        let [name] = names else { return false };
        let number = callgate_order::resolve_name(self.arch, name.as_str());
        if self.exactness != Exactness::ExactOwn || number.is_some_and(|own| own.raw() >= 0) {
            return false;
        }
        let makes = |mux: &Multiplexer| {
            mux.number(self.arch).is_some() && mux.calls().any(|(call, _)| call == *name)
        };
        if let Some(multiplexer) = Multiplexer::ALL.into_iter().find(makes) {
            let why = Idle::Multiplexed(self.arch, multiplexer.name());
            self.idle.entry(origin).or_insert(why);
        }
        true
    }

    fn store(
        &mut self,
        syscall: Syscall,
        comparisons: &[ArgCmp],
        action: Action,
        origin: u32,
    ) -> Result<(), Refused> {
        let Self { arch, numbers, idle, .. } = self;
        let exactness = match self.exactness {
            Exactness::Exact | Exactness::ExactOwn => callgate_order::Exactness::Exact,
            Exactness::Adapted => callgate_order::Exactness::Adapted,
        };
        let stored = syscall.rules(*arch, comparisons, exactness, |stored| {
            let list = numbers.entry(stored.number).or_default();
            let effect = list.consider(*arch, stored.chain, action, origin, None)?;
            for (loser, winner) in lost(*arch, list, &effect, (action, origin))? {
                idle.entry(loser).or_insert(Idle::Other(winner));
            }
            list.apply(effect).map(drop).map_err(|_| Refused::NoMemory)
        });
        match stored {
            // The tools go on where an architecture lacks the call.
            Err(Refused::Order(
                Error::NotOnArch { .. } | Error::Multiplexed { .. } | Error::Untranslatable { .. },
            )) => Ok(()),
            other => other,
        }
    }

    fn finish(self, first: usize) -> Result<Vec<(SyscallNr, Vec<Asked>)>, Refused> {
        let Self { arch, numbers, .. } = self;
        let mut finished = Vec::new();
        let asked = |chain: &Chain, action, origin: u32| {
            let condition = callgate_order::condition(arch, chain).map_err(Refused::Policy)?;
            let origin = first + usize::try_from(origin).unwrap_or(0);
            Ok::<_, Refused>(Asked { condition, answer: (action, origin) })
        };
        for (number, list) in numbers.into_iter().filter(|(number, _)| number.raw() >= 0) {
            let list = match list {
                Stored::None => Vec::new(),
                Stored::Always { action, origin } => vec![asked(&Chain::EMPTY, action, origin)?],
                Stored::Listed(list) => {
                    let list = ordered(arch, &list).map_err(|_| Refused::NoMemory)?;
                    let rules = list.into_iter();
                    rules
                        .map(|rule| asked(&rule.chain, rule.action, rule.origin))
                        .collect::<Result<_, _>>()?
                }
            };
            finished.push((number.unsigned(), list));
        }
        // Numbers that the architecture lacks are negative, and order is that of unsigned ones.
        finished.sort_by_key(|(nr, _)| *nr);
        Ok(finished)
    }
}

/// The rules that decide nothing because of a new one, or the new one itself, each with the one
/// that decides in its place otherwise.
fn lost(
    arch: Arch,
    list: &Stored,
    effect: &Effect,
    (action, origin): (Action, u32),
) -> Result<Vec<(u32, u32)>, Refused> {
    Ok(match (list, effect) {
        (Stored::Always { action: other, origin: winner }, Effect::None) if *other != action => {
            vec![(origin, *winner)]
        }
        (Stored::Listed(list), Effect::Always { .. }) => {
            let list = ordered(arch, list).map_err(|_| Refused::NoMemory)?;
            let losers = list.into_iter().filter(|rule| rule.action != action);
            losers.map(|rule| (rule.origin, origin)).collect()
        }
        _ => Vec::new(),
    })
}

/// What is said of a rule that decides nothing.
fn without_effect(rules: &Rules, index: u32, why: Idle) -> Option<Diagnostic> {
    let rule = |index: u32| rules.rules.get(usize::try_from(index).ok()?).and_then(place);
    let span = rule(index)?;
    let warning =
        |message: &str| Diagnostic::warning(Code::new(code::DOUBTFUL), message).primary(span, "");
    Some(match why {
        Idle::Multiplexed(arch, multiplexer) => warning(&format!(
            "liblxc passes over this rule on {arch}, where {multiplexer} makes the call: only rules \
             of that count there"
        )),
        Idle::Other(other) => {
            let told = warning(
                "this rule has no effect: another one without conditions decides about all these \
                 calls",
            );
            match rule(other) {
                Some(other) => told.secondary(other, "this one decides"),
                None => told,
            }
        }
    })
}

/// A rule that libseccomp refuses, at its place.
fn explained(refused: &Refused, rule: &Rule, rules: &Rules, arch: Arch) -> Diagnostic {
    let message = format!("libseccomp refuses this rule on {arch}: {}", refused.reason());
    let mut error = Diagnostic::error(Code::new(code::MEANING), message);
    if let Some(span) = place(rule) {
        error = error.primary(span, "");
    }
    let other = match refused {
        Refused::Conflict(other) => usize::try_from(*other).ok(),
        _ => None,
    };
    match other.and_then(|other| rules.rules.get(other)).and_then(place) {
        Some(span) => error.secondary(span, "the other rule"),
        None => error,
    }
}

const fn place(rule: &Rule) -> Option<Span> {
    match rule.origin {
        Origin::Text(span) => Some(span),
        Origin::Observation(_) | Origin::Program => None,
    }
}

/// The comparisons that must all hold, as libseccomp's interface takes them.
fn comparisons(cond: &Cond, arch: Arch) -> Option<Vec<ArgCmp>> {
    match cond.view() {
        CondView::All(list) => {
            let parts = list.iter().map(|part| comparisons(part, arch));
            parts.collect::<Option<Vec<_>>>().map(|parts| parts.concat())
        }
        CondView::Test(test) => {
            let callgate_rules::Which::Index(index) = test.arg.which else { return None };
            let arg = u32::try_from(index).ok()?;
            let word = |value: &callgate_rules::Value| {
                let number = value.on(arch).ok()?;
                u64::try_from(number & i128::from(u64::MAX)).ok()
            };
            let masked = |mask, value| ArgCmp { arg, op: 7, datum_a: mask, datum_b: value };
            let mask = match &test.arg.mask {
                Some(mask) => Some(word(mask)?),
                None => None,
            };
            Some(vec![match (&test.relation, mask) {
                (Relation::Compare(Operator::Eq, value), Some(mask)) => masked(mask, word(value)?),
                (Relation::Has(bits), None) => masked(word(bits)?, word(bits)?),
                (Relation::None(bits), None) => masked(word(bits)?, 0),
                (Relation::Compare(operator, value), None) => {
                    let op = match operator {
                        Operator::Ne => 1,
                        Operator::Lt => 2,
                        Operator::Le => 3,
                        Operator::Eq => 4,
                        Operator::Ge => 5,
                        Operator::Gt => 6,
                    };
                    ArgCmp { arg, op, datum_a: word(value)?, datum_b: 0 }
                }
                _ => return None,
            }])
        }
        CondView::Any(_) | CondView::Not(_) | CondView::TooDeep => None,
    }
}
