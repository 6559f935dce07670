//! The rules of one architecture, by number, in the order in which they are asked.
//!
//! Which rules are accepted and which is asked first is libseccomp's business, which runtimes hand
//! them to: `callgate-order` says it.

use std::collections::BTreeMap;

use callgate_memory::OutOfMemory;
use callgate_order::{Chain, Number, Refusal, Rule, Rules, Step, Test};
use callgate_policy::{Condition, Unknown};
use callgate_syscalls::{Action, Arch};

/// The six arguments of a call.
pub(crate) type Args = [u64; 6];

/// The rules of one architecture while they are added, by number.
#[derive(Debug)]
pub(crate) struct Accepting {
    arch: Arch,
    by_number: BTreeMap<Number, Rules>,
}

/// The rules of one architecture that are in force, by number, first asked first.
#[derive(Debug)]
pub(crate) struct Accepted {
    arch: Arch,
    default: Action,
    /// What numbers above the last known one get, whatever rules say.
    beyond: Option<(Number, Action)>,
    by_number: BTreeMap<Number, Vec<Rule>>,
}

/// The rules of a number, first asked first.
#[derive(Clone, Debug)]
pub(crate) struct Decisions<'a> {
    default: Action,
    rules: Vec<Asked<'a>>,
}

/// A rule: all steps must hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) steps: &'a [Step],
    pub(crate) action: Action,
    /// The position of the profile's rule that it comes from.
    pub(crate) origin: usize,
}

impl Accepting {
    pub(crate) const fn new(arch: Arch) -> Self {
        Self { arch, by_number: BTreeMap::new() }
    }

    pub(crate) const fn arch(&self) -> Arch {
        self.arch
    }

    /// Adds a rule, in the order of the profile.
    pub(crate) fn add(
        &mut self,
        number: Number,
        chain: Chain,
        (action, yielding): (Action, Option<Action>),
        origin: u32,
    ) -> Result<(), Refusal> {
        let rules = self.by_number.entry(number).or_default();
        let effect = rules.consider(self.arch, chain, action, origin, yielding)?;
        rules.apply(effect)?;
        Ok(())
    }

    /// Puts the rules in the order in which they are asked.
    pub(crate) fn finish(self, default: Action) -> Result<Accepted, OutOfMemory> {
        let Self { arch, by_number } = self;
        let mut ordered = BTreeMap::new();
        for (number, rules) in by_number {
            let rules = match rules {
                Rules::None => Vec::new(),
                Rules::Always { action, origin } => {
                    vec![Rule { chain: Chain::EMPTY, action, origin }]
                }
                Rules::Listed(list) => {
                    callgate_order::ordered(arch, &list)?.into_iter().copied().collect()
                }
            };
            ordered.insert(number, rules);
        }
        Ok(Accepted { arch, default, beyond: None, by_number: ordered })
    }
}

impl Accepted {
    /// Adds a rule of one step that is asked behind those of its number.
    pub(crate) fn add_behind(&mut self, number: Number, step: Step, action: Action, origin: usize) {
        let origin = u32::try_from(origin).unwrap_or(u32::MAX);
        let rule = Rule { chain: Chain::of(step), action, origin };
        self.by_number.entry(number).or_default().push(rule);
    }

    /// Drops the rules above a number, which a stub in front of them answers.
    pub(crate) fn cut(&mut self, last: Number, unknown: Unknown) {
        self.beyond = Some((last, unknown.action));
        self.by_number.retain(|number, _| *number <= last);
    }

    /// Whether rules of a number have no effect because it is not known.
    pub(crate) fn is_cut(&self, number: Number) -> bool {
        self.beyond.is_some_and(|(last, _)| number > last)
    }

    pub(crate) const fn arch(&self) -> Arch {
        self.arch
    }

    /// The action where no rule is about a number.
    pub(crate) const fn default_action(&self) -> Action {
        self.default
    }

    /// The numbers with rules, ascending; those of no syscall of the architecture are negative.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Number> {
        self.by_number.keys().copied()
    }

    /// The rules of a number.
    pub(crate) fn of(&self, number: Number) -> Decisions<'_> {
        let rules = self.by_number.get(&number).into_iter().flatten().map(Asked::new).collect();
        let beyond = self.beyond.filter(|(last, _)| number > *last);
        Decisions { default: beyond.map_or(self.default, |(_, action)| action), rules }
    }
}

impl<'a> Asked<'a> {
    fn new(rule: &'a Rule) -> Self {
        let origin = usize::try_from(rule.origin).unwrap_or(usize::MAX);
        Self { steps: &rule.chain, action: rule.action, origin }
    }

    pub(crate) fn condition(&self, arch: Arch) -> Result<Condition, callgate_policy::Error> {
        callgate_order::condition(arch, self.steps)
    }

    fn holds(&self, args: &Args) -> bool {
        self.steps.iter().all(|step| {
            let Test { arg, stored, mask, datum } = step.test;
            let word = args.get(usize::from(arg)).copied().unwrap_or(0);
            stored.operator().holds(word & mask, datum) == step.answer
        })
    }
}

impl<'a> Decisions<'a> {
    pub(crate) const fn default(&self) -> Action {
        self.default
    }

    pub(crate) fn rules(&self) -> &[Asked<'a>] {
        &self.rules
    }

    /// The rule without conditions, where it is the only one.
    pub(crate) fn only(&self) -> Option<&Asked<'a>> {
        self.rules.first().filter(|rule| rule.steps.is_empty())
    }

    /// The action for a call.
    pub(crate) fn decide(&self, args: &Args) -> Action {
        self.decisive(args).map_or(self.default, |rule| rule.action)
    }

    /// The rule that decides about a call.
    pub(crate) fn decisive(&self, args: &Args) -> Option<&Asked<'a>> {
        self.rules.iter().find(|rule| rule.holds(args))
    }

    /// The tests of all rules.
    pub(crate) fn tests(&self) -> impl Iterator<Item = Test> {
        self.rules.iter().flat_map(|rule| rule.steps.iter().map(|step| step.test))
    }
}
