//! The condition that arguments amount to.

use std::collections::{BTreeMap, BTreeSet};

use callgate_facts::{PartKind, Reading, Selector, selectors};
use callgate_syscalls::{Arch, Name, names};

use super::intent::{Intent, Intents};
use crate::evidence::{Arguments, CallKey, Observations};

/// The condition of a call: `None` where it is allowed whatever its arguments.
pub(super) fn of(key: CallKey, seen: &Observations, intents: &Intents) -> Option<String> {
    let (arch, name) = (key.arch()?, key.name()?);
    let Observations::Each(each) = seen else { return None };
    let selectors: Vec<Selector> = selectors(arch, name).collect();
    let first = *selectors.first()?;
    let arguments: Vec<&Arguments> = each.keys().collect();
    let call = Call { key, arch, name, selectors, first };
    match (name, first.reading) {
        (_, Reading::Given) => call.given(&arguments),
        (names::SETSOCKOPT, _) => Some(call.values(first, &arguments)),
        _ => call.covered(&arguments, &intents.of(name)),
    }
}

/// A call whose condition is looked for.
struct Call {
    key: CallKey,
    arch: Arch,
    name: Name,
    selectors: Vec<Selector>,
    first: Selector,
}

impl Call {
    /// A pointer that was always NULL stays so.
    fn given(&self, arguments: &[&Arguments]) -> Option<String> {
        let name = self.first.name;
        let always_null = arguments.iter().all(|arguments| arguments.get(name) == Some(0));
        always_null.then(|| format!("{name} == NULL"))
    }

    /// The fewest conditions of blocks that hold for as much as possible, and the values that are
    /// left.
    fn covered(&self, arguments: &[&Arguments], intents: &[Intent]) -> Option<String> {
        let mut left: Vec<&Arguments> = arguments.to_vec();
        let mut chosen: Vec<String> = Vec::new();
        loop {
            let holds =
                |intent: &Intent, arguments: &&&Arguments| intent.holds(&arguments.call(self.key));
            let count = |intent: &Intent| left.iter().filter(|a| holds(intent, a)).count();
            // The first of equals, so that the narrower, which comes first, is taken.
            let best = intents.iter().rev().max_by_key(|intent| count(intent));
            let Some(best) = best.filter(|intent| count(intent) > 0) else { break };
            left.retain(|arguments| !holds(best, &arguments));
            chosen.push(best.condition.to_owned());
        }
        if left.is_empty() {
            return Some(any_of(chosen));
        }
        if self.is_flags() {
            // Flags that no block allows: the union of all says more than a list of cases.
            return self.only(arguments);
        }
        if self.selectors.len() > 1 {
            chosen.extend(self.by_first(&left));
        } else {
            chosen.push(self.values(self.first, &left));
        }
        Some(any_of(chosen))
    }

    fn is_flags(&self) -> bool {
        let set = self.first.constants(self.arch, self.name, |_| None);
        set.is_some_and(|set| set.parts().any(|part| part.kind == PartKind::Flags))
    }

    /// No other flags than those that were seen, in whatever combination.
    fn only(&self, arguments: &[&Arguments]) -> Option<String> {
        let values = arguments.iter().filter_map(|arguments| arguments.get(self.first.name));
        let union = values.fold(0, |union, value| union | value);
        let name = self.first.name;
        match union {
            0 => Some(format!("{name} == 0")),
            _ if self.is_all(union) => None,
            _ => Some(format!(
                "{name} only {}",
                self.spell(self.first, union, &Arguments::default())
            )),
        }
    }

    /// Whether nothing is left that a narrower condition would refuse: memory that is written and
    /// run.
    fn is_all(&self, union: u64) -> bool {
        const READ_WRITE_EXEC: u64 = 7;
        self.first.name == "prot" && union & READ_WRITE_EXEC == READ_WRITE_EXEC
    }

    /// One of the values that were seen.
    fn values(&self, selector: Selector, arguments: &[&Arguments]) -> String {
        let values: BTreeSet<u64> =
            arguments.iter().filter_map(|arguments| arguments.get(selector.name)).collect();
        let context = arguments.first().copied().cloned().unwrap_or_default();
        let words: Vec<String> =
            values.iter().map(|value| self.spell(selector, *value, &context)).collect();
        match words.as_slice() {
            [word] => format!("{} == {word}", selector.name),
            words => format!("{} in {{{}}}", selector.name, words.join(", ")),
        }
    }

    /// For each value of the first selector the values of the second; the third where the kernel
    /// reads it as something else than a transport.
    fn by_first(&self, arguments: &[&Arguments]) -> Vec<String> {
        let mut by: BTreeMap<u64, Vec<&Arguments>> = BTreeMap::new();
        for arguments in arguments {
            by.entry(arguments.get(self.first.name).unwrap_or(0)).or_default().push(arguments);
        }
        let conditions = by.into_iter().map(|(value, of)| {
            let first = format!(
                "{} == {}",
                self.first.name,
                self.spell(self.first, value, &Arguments::default())
            );
            let rest = self.selectors[1..].iter().filter(|selector| selector.decides(value));
            let rest: Vec<String> = rest.map(|selector| self.values(*selector, &of)).collect();
            [vec![first], rest].concat().join(" and ")
        });
        conditions.collect()
    }

    /// A value by its constants; `context` has the arguments that decide which.
    fn spell(&self, selector: Selector, value: u64, context: &Arguments) -> String {
        match selector.constants(self.arch, self.name, |other| context.get(other)) {
            Some(set) => set.spell(value, self.arch).to_string(),
            None if value < 10 => value.to_string(),
            None => format!("{value:#x}"),
        }
    }
}

/// Any of the conditions.
fn any_of(mut conditions: Vec<String>) -> String {
    match (conditions.pop(), conditions.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            conditions.push(last);
            let grouped = conditions.iter().map(|condition| match condition.contains(" and ") {
                true => format!("({condition})"),
                false => condition.clone(),
            });
            grouped.collect::<Vec<_>>().join(" or ")
        }
        (None, _) => String::new(),
    }
}
