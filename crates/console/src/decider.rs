//! Who decides about a call, in words: a rule of a text with its place, or what the text says besides.

use std::collections::BTreeMap;

use callgate_policy::{Decider, RuleId};
use callgate_rules::Origin;

use crate::input::{Resolved, Unresolved};

/// The most syscalls of one place, and the most places, that are named.
const NAMED_MAX: usize = 4;

/// One of those who decide: its place, if the text has one for it, and what it is. A rule without a place is counted
/// among those of its syscall.
pub fn said(text: &Unresolved, resolved: &Resolved, by: Decider) -> String {
    match (place(text, resolved, by), by) {
        (Some(place), Decider::Rule(_)) => format!("{place} ({})", what(by)),
        (Some(place), _) => format!("{place}, {}", what(by)),
        // The rules of several filters that were joined have no places of their own.
        (None, Decider::Rule(_)) if text.is_joined() => {
            format!("the default action, {}", what(by))
        }
        (None, Decider::Rule(id)) => format!("rule {} of {}", id.index + 1, what(by)),
        (None, _) => what(by),
    }
}

/// Several of those who decide, by their places: `p.json:5:5 (read, write), the default action`.
pub fn together(text: &Unresolved, resolved: &Resolved, by: &[Decider]) -> Vec<String> {
    let mut places: Vec<(Option<String>, Vec<String>)> = Vec::new();
    let mut known: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for &by in by {
        let place = place(text, resolved, by);
        let index = *known.entry(place.clone()).or_insert(places.len());
        if index == places.len() {
            places.push((place, Vec::new()));
        }
        if !places[index].1.contains(&what(by)) {
            places[index].1.push(what(by));
        }
    }
    let line = |(place, what): (Option<String>, Vec<String>)| {
        let what = shortened(what, "more");
        place.map_or_else(|| what.clone(), |place| format!("{place} ({what})"))
    };
    places.into_iter().map(line).collect()
}

/// The first of a list, and how many there are besides.
pub fn shortened(mut list: Vec<String>, more: &str) -> String {
    let left = list.len().saturating_sub(NAMED_MAX);
    list.truncate(NAMED_MAX);
    let shown = list.join(", ");
    if left == 0 { shown } else { format!("{shown} and {left} {more}") }
}

/// The place of one of those who decide, if the text has one for it.
pub fn place(text: &Unresolved, resolved: &Resolved, by: Decider) -> Option<String> {
    let provenance = &resolved.provenance;
    let origin = match by {
        Decider::Rule(id) => provenance.rule(id).map(|written| written.origin),
        Decider::Default(arch) => provenance.default_on(arch),
        Decider::Unknown(_) => provenance.unknown,
        Decider::Foreign => provenance.foreign,
    };
    match origin? {
        Origin::Text(span) => text.place(span),
        _ => None,
    }
}

/// The syscall that a rule is about, or the action that a policy has besides.
fn what(by: Decider) -> String {
    match by {
        Decider::Rule(RuleId { arch, nr, .. }) => {
            let syscall = arch.syscall_at(nr).map(|syscall| syscall.name.to_string());
            return syscall.unwrap_or_else(|| format!("number {nr}"));
        }
        Decider::Default(_) => "the default action",
        Decider::Unknown(_) => "the action for syscalls that are newer than the filter",
        Decider::Foreign => "the action for architectures that the filter is not for",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_shortened_and_short_ones_are_not() {
        let list = |count: usize| (0..count).map(|i| i.to_string()).collect();
        assert_eq!(shortened(list(NAMED_MAX), "more"), "0, 1, 2, 3");
        assert_eq!(shortened(list(NAMED_MAX + 1), "more"), "0, 1, 2, 3 and 1 more");
    }
}
