//! The condition that arguments amount to.

use std::collections::{BTreeMap, BTreeSet};

use callgate_facts::{Constants, PartKind, Reading, Selector, selectors};
use callgate_syscalls::{Arch, Name, names};

use super::intent::{Intent, Intents};
use crate::evidence::{Arguments, CallKey, Observations};

/// The condition of a call: `None` where it is allowed whatever its arguments. Without intents no
/// argument is allowed that was not seen.
pub(super) fn of(key: CallKey, seen: &Observations, intents: Option<&Intents>) -> Option<String> {
    let (arch, name) = (key.arch()?, key.name()?);
    let Observations::Each(each) = seen else { return None };
    let selectors: Vec<Selector> = selectors(arch, name).collect();
    let first = *selectors.first()?;
    let arguments: Vec<&Arguments> = each.keys().collect();
    let call = Call { key, arch, name, selectors, first };
    match (name, first.reading, intents) {
        (_, Reading::Given, _) => call.given(&arguments),
        (_, _, None) if call.selectors.len() == 1 => Some(call.values(first, &arguments)),
        (_, _, None) => Some(call.cases(&arguments)),
        (names::SETSOCKOPT, ..) => Some(call.values(first, &arguments)),
        (_, _, Some(intents)) => call.covered(&arguments, &intents.of(name)),
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

    /// No other flags than those that were seen, in whatever combination; of a value that stands
    /// beside the flags, those that were seen.
    fn only(&self, arguments: &[&Arguments]) -> Option<String> {
        let values = arguments.iter().filter_map(|arguments| arguments.get(self.first.name));
        let values: BTreeSet<u64> = values.collect();
        let union = values.iter().fold(0, |union, value| union | value);
        let name = self.first.name;
        let set = self.first.constants(self.arch, self.name, |_| None);
        let field = set.map_or(0, Constants::field);
        let spell = |value| self.spell(self.first, value, &Arguments::default());
        match union {
            0 => Some(format!("{name} == 0")),
            _ if self.is_all(union) => None,
            _ => {
                let beside = values.iter().map(|value| value & field);
                let beside: BTreeSet<u64> = beside.filter(|value| *value != 0).collect();
                let flags = Some(union & !field).filter(|flags| *flags != 0);
                let words: Vec<String> = beside.into_iter().map(spell).collect();
                let flags = flags.map(|flags| self.spell_flags(flags));
                let words: Vec<String> = words.into_iter().chain(flags).collect();
                Some(format!("{name} only {}", words.join("|")))
            }
        }
    }

    /// Flags by their names, without that of a value of no bits beside them.
    fn spell_flags(&self, flags: u64) -> String {
        let Some(set) = self.first.constants(self.arch, self.name, |_| None) else {
            return self.spell(self.first, flags, &Arguments::default());
        };
        let mut spelling = set.spell(flags, self.arch);
        spelling.constants.retain(|constant| constant.on(self.arch) != Some(0));
        spelling.to_string()
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

    /// The combinations that were seen and no others: for each values of all selectors but the last
    /// those of the last.
    fn cases(&self, arguments: &[&Arguments]) -> String {
        let mut by: BTreeMap<Vec<(&str, u64)>, Vec<&Arguments>> = BTreeMap::new();
        for seen in arguments {
            let (leading, _) = self.deciding(seen);
            let value = |selector: &Selector| (selector.name, seen.get(selector.name).unwrap_or(0));
            by.entry(leading.iter().map(value).collect()).or_default().push(seen);
        }
        let condition = |of: Vec<&Arguments>| {
            let (leading, last) = self.deciding(of[0]);
            let leading = leading.iter().map(|selector| self.values(*selector, &of));
            leading.chain([self.values(last, &of)]).collect::<Vec<_>>().join(" and ")
        };
        any_of(by.into_values().map(condition).collect())
    }

    /// The selectors that decide anything beside the first's value: those before the last, and it.
    fn deciding(&self, arguments: &Arguments) -> (Vec<Selector>, Selector) {
        let first = arguments.get(self.first.name).unwrap_or(0);
        let rest = self.selectors[1..].iter().filter(|selector| selector.decides(first));
        let mut all: Vec<Selector> = std::iter::once(self.first).chain(rest.copied()).collect();
        let last = all.pop().unwrap_or(self.first);
        (all, last)
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
