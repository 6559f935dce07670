//! From the ordered rules of one number to the alternatives of each action.

use callgate_policy::{Action, Rule};

use crate::Clause;
use crate::ask::List;
use crate::clause::{alternatives, without};
use crate::merge::merged;
use crate::part::Part;

/// The alternatives of one action: as they are written, and with the rules before them taken away.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) action: Action,
    written: Vec<Clause>,
    derived: Option<Vec<Clause>>,
    /// Which calls get the action.
    region: List,
}

/// The drafts of a number's rules, for each action but the default; `None` where the conditions
/// take too many alternatives.
pub(crate) fn drafts(rules: &[Rule], default: Action) -> Option<Vec<Draft>> {
    let lists: Option<Vec<(Vec<Clause>, Action)>> =
        rules.iter().map(|rule| Some((alternatives(rule.condition())?, rule.action()))).collect();
    let lists = lists?;
    let mut actions: Vec<Action> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.action() != default) {
        if !actions.contains(&rule.action()) {
            actions.push(rule.action());
        }
    }
    actions.into_iter().map(|action| draft(action, &lists, rules)).collect()
}

fn draft(action: Action, lists: &[(Vec<Clause>, Action)], rules: &[Rule]) -> Option<Draft> {
    let (mut written, mut derived) = (Vec::new(), Vec::new());
    for (at, (clauses, own)) in lists.iter().enumerate() {
        if *own != action {
            continue;
        }
        written.extend(clauses.iter().cloned());
        let mut left = clauses.clone();
        for (earlier, other) in &lists[..at] {
            if *other != action {
                left = without(left, earlier)?;
            }
        }
        derived.extend(left);
    }
    let region = rules
        .iter()
        .map(|rule| (rule.condition().clone(), u16::from(rule.action() == action)))
        .chain([(callgate_policy::Condition::always(), 0)])
        .collect();
    let written = crate::clause::absorbed(written);
    let derived = crate::clause::absorbed(derived);
    let derived = (derived != written).then(|| merged(derived));
    Some(Draft { action, written, derived, region })
}

impl Draft {
    /// Whether the alternatives as written mean the action's calls, as a question; none where they
    /// do by construction.
    pub(crate) fn question(&self) -> Option<(List, List)> {
        self.derived.as_ref()?;
        let mut list: List = self.written.iter().map(|clause| (clause.condition(), 1)).collect();
        list.push((callgate_policy::Condition::always(), 0));
        Some((list, self.region.clone()))
    }

    /// The alternatives, given whether those that were written mean the same.
    pub(crate) fn finish(self, written_is_right: bool) -> Part {
        let clauses = match self.derived {
            Some(derived) if !written_is_right => derived,
            _ => self.written,
        };
        Part { action: self.action, clauses }
    }
}
