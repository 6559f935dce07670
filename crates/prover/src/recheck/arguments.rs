//! Calls with arguments, for the rules that look at them.

use callgate_memory::Grow;
use callgate_policy::{Comparison, Condition, Field, Operator, Policy, Rule, RuleList, View};
use callgate_syscalls::SeccompData;

use super::{TOGETHER, Trial, empty_call};
use crate::Error;

/// Tries arguments for each number with conditions.
pub(super) fn try_arguments(
    trial: &mut Trial<'_>,
    policy: &Policy,
    values: &[u32],
) -> Result<(), Error> {
    let rules = policy.arches().flat_map(|(_, arch)| arch.rules()).flat_map(|(_, rules)| rules);
    let (mut with, mut comparisons) = (0_usize, 0_usize);
    for rule in rules {
        with += usize::from(rule.condition().comparisons() > 0);
        comparisons += rule.condition().comparisons();
    }
    if with >= MANY {
        trial.compare()?;
        trial.calls = Vec::with_room(trial.left().min(TOGETHER))?;
    }
    let mut plan = Plan::new(trial.left(), with, comparisons, values);
    for (arch, rules) in policy.arches() {
        for (nr, list) in rules.rules() {
            if list.iter().all(|rule| rule.condition().comparisons() == 0) {
                continue;
            }
            let empty = empty_call(arch.token().raw(), nr.raw());
            let list = (list, RuleList::new(list, rules.action_without_rule(arch, nr))?);
            plan.list(trial, empty, &list)?;
        }
    }
    Ok(())
}

/// From so many rules on, nothing else is tried beside them: what is in order takes fewer steps.
const MANY: usize = 8;

/// The most changes of one comparison's field: more tell hardly any wrong program from a right one.
const CHANGES_MAX: usize = 24;

/// Which calls are tried for each rule and comparison.
struct Plan<'v> {
    rules: Share,
    changes: Share,
    /// What the program compares words of arguments with.
    values: &'v [u32],
    parts: Vec<Comparison>,
}

/// Calls that are spread evenly over a number of things.
struct Share {
    calls: usize,
    things: usize,
    seen: usize,
}

impl Share {
    const fn new(calls: usize, things: usize) -> Self {
        Self { calls, things, seen: 0 }
    }

    /// How many calls the next thing gets.
    const fn next(&mut self) -> usize {
        // Both numbers are far below 2^32.
        let before = self.seen * self.calls / self.things;
        self.seen += 1;
        self.seen * self.calls / self.things - before
    }
}

impl<'v> Plan<'v> {
    /// Spreads calls over rules with conditions and their comparisons.
    fn new(calls: usize, rules: usize, comparisons: usize, values: &'v [u32]) -> Self {
        let changes = calls.saturating_sub(rules).min(CHANGES_MAX * comparisons);
        Self {
            rules: Share::new(calls.min(rules), rules),
            changes: Share::new(changes, comparisons),
            values,
            parts: Vec::new(),
        }
    }

    fn list(
        &mut self,
        trial: &mut Trial<'_>,
        empty: SeccompData,
        (rules, list): &(&[Rule], RuleList<'_>),
    ) -> Result<(), Error> {
        for rule in rules.iter().filter(|rule| rule.condition().comparisons() > 0) {
            let mut parts = std::mem::take(&mut self.parts);
            parts.clear();
            collect(rule.condition(), &mut parts)?;
            let mut met = empty;
            for comparison in parts.iter().rev() {
                set(&mut met, comparison.field(), satisfying(comparison));
            }
            if self.rules.next() > 0 {
                trial.take(&met, list.decide(&met))?;
            }
            for comparison in &parts {
                let changes = self.changes.next();
                self.changed(trial, &met, (comparison, changes), list)?;
            }
            self.parts = parts;
        }
        Ok(())
    }

    /// Tries a call with the field of a comparison changed.
    fn changed(
        &self,
        trial: &mut Trial<'_>,
        met: &SeccompData,
        (comparison, changes): (&Comparison, usize),
        list: &RuleList<'_>,
    ) -> Result<(), Error> {
        let field = comparison.field();
        let own = field.of(met);
        let (near, count) = near(comparison, own);
        let near = &near[..count];
        let mut take = |value: u64| {
            if value == own {
                return Ok(());
            }
            let mut call = *met;
            set(&mut call, field, value);
            trial.take(&call, list.decide(&call))
        };
        // Where there is room for a few only, other comparisons get the others.
        let few = changes.min(near.len());
        for turn in 0..few {
            take(near[(self.changes.seen + turn) % near.len()])?;
        }
        let count = 64 + 2 * self.values.len();
        if changes > few {
            let step = count.div_ceil(changes - few).max(1);
            for index in (self.changes.seen % step..count).step_by(step) {
                take(self.alternative(own, index))?;
            }
        }
        Ok(())
    }

    /// A value with a bit flipped, or with a half that is one of the program's constants.
    fn alternative(&self, own: u64, index: usize) -> u64 {
        const LOW: u64 = 0xffff_ffff;
        let constant =
            index.checked_sub(64).and_then(|rest| Some((rest % 2, self.values.get(rest / 2)?)));
        match constant {
            None => own ^ 1 << (index % 64),
            Some((0, &word)) => own & !LOW | u64::from(word),
            Some((_, &word)) => own & LOW | u64::from(word) << 32,
        }
    }
}

/// Values that stand close to what a comparison tells apart, and to a value that meets it in one half. The last is met
/// already where equality is asked for.
const fn near(comparison: &Comparison, own: u64) -> ([u64; 7], usize) {
    const HIGH: u64 = 1 << 32;
    let value = comparison.value();
    let near = [
        value.wrapping_add(1),
        value.wrapping_sub(1),
        own.wrapping_add(HIGH),
        !value,
        own.wrapping_sub(HIGH),
        value.rotate_left(32),
        value,
    ];
    (near, if matches!(comparison.operator(), Operator::Eq) { 6 } else { 7 })
}

/// A value for which the comparison holds, where there is one nearby.
const fn satisfying(comparison: &Comparison) -> u64 {
    let value = comparison.value();
    match comparison.operator() {
        Operator::Ne | Operator::Gt => value.wrapping_add(1),
        Operator::Lt => value.wrapping_sub(1),
        _ => value,
    }
}

fn set(call: &mut SeccompData, field: Field, value: u64) {
    match Field::ARGS.iter().position(|&arg| arg == field) {
        Some(index) => call.args[index] = value,
        None => call.instruction_pointer = value,
    }
}

/// Appends the comparisons of a condition, from left to right.
fn collect(condition: &Condition, comparisons: &mut Vec<Comparison>) -> Result<(), Error> {
    let mut open = Vec::new();
    open.try_push(condition)?;
    while let Some(condition) = open.pop() {
        match condition.view() {
            View::Compare(comparison) => comparisons.try_push(*comparison)?,
            View::All(list) | View::Any(list) => open.try_extend(list.iter().rev())?,
        }
    }
    Ok(())
}
