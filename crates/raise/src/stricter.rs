//! The nearest rules that a format can say and that permit no more.

use callgate_policy::{Action, ActionKind};
use callgate_syscalls::{Arch, Name};

use crate::{Clause, Part, Raised, Test, Vocabulary};

/// What a format can say of a syscall's arguments on an architecture.
pub type Says<'a> = &'a dyn Fn(Arch, Option<Name>, &Test) -> bool;

/// The same rules without what a format can't say, in a way that permits no more.
///
/// An alternative that permits more than the default is dropped if there are no words for it; one
/// that permits less loses the tests for which there are none, so that it holds more often. An
/// action without a word becomes the nearest stricter one that has one.
#[must_use]
pub fn stricter(
    raised: &Raised,
    says: Says<'_>,
    repeats: bool,
    has_action: &dyn Fn(Action) -> bool,
    has_default: &dyn Fn(Action) -> bool,
) -> Raised {
    let mut raised = raised.clone();
    for own in &mut raised.arches {
        let arch = own.arch;
        own.default = nearest(own.default, has_default);
        if let Some(unknown) = &mut own.unknown {
            unknown.action = nearest(unknown.action, has_action);
        }
        for call in &mut own.calls {
            let name = call.name;
            let test = |test: &Test| says(arch, name, test);
            let vocabulary = Vocabulary { says: &test, repeats };
            call.otherwise = call.otherwise.map(|action| nearest(action, has_action));
            for part in &mut call.parts {
                part.action = nearest(part.action, has_action);
            }
            let default = own.default;
            call.parts = sayable(&call.parts, default, &vocabulary);
            if call.parts.iter().all(|part| Some(part.action) != call.otherwise) {
                call.otherwise = None;
            }
        }
    }
    raised
}

/// The nearest action with a word that permits no more.
fn nearest(action: Action, has_action: &dyn Fn(Action) -> bool) -> Action {
    if has_action(action) {
        return action;
    }
    let eperm = Action::errno(1).unwrap_or(Action::KILL_PROCESS);
    // Who kills goes on killing, if there is a word for it.
    let kills = matches!(action.kind(), ActionKind::KillProcess | ActionKind::KillThread);
    let others = match kills {
        true => [Action::KILL_PROCESS, Action::KILL_THREAD, Action::trap(0), eperm],
        false => [eperm, Action::trap(0), Action::KILL_THREAD, Action::KILL_PROCESS],
    };
    others
        .into_iter()
        .find(|other| other.freedom() <= action.freedom() && has_action(*other))
        .unwrap_or(action)
}

/// Parts whose alternatives can all be said. They still exclude each other: what grew is the
/// strictest, and is taken from the others.
fn sayable(parts: &[Part], default: Action, vocabulary: &Vocabulary<'_>) -> Vec<Part> {
    let mut kept: Vec<Part> = Vec::new();
    let mut sorted: Vec<&Part> = parts.iter().filter(|part| part.action != default).collect();
    sorted.sort_by_key(|part| part.action.freedom());
    for part in sorted {
        let mut clauses = part.clauses.clone();
        for stronger in &kept {
            if stronger.action != part.action {
                clauses = crate::clause::without(clauses, &stronger.clauses).unwrap_or_default();
            }
        }
        let permits_less = part.action.freedom() < default.freedom();
        let clauses: Vec<Clause> = clauses
            .iter()
            .filter_map(|clause| match vocabulary.express(std::slice::from_ref(clause)) {
                Ok(_) => Some(clause.clone()),
                Err(_) if permits_less => Some(widened(clause, vocabulary)),
                Err(_) => None,
            })
            .collect();
        match kept.iter_mut().find(|known| known.action == part.action) {
            Some(known) => known.clauses.extend(clauses),
            None if clauses.is_empty() => {}
            None => kept.push(Part { action: part.action, clauses }),
        }
    }
    kept
}

/// An alternative without the tests of fields that can't be said.
fn widened(clause: &Clause, vocabulary: &Vocabulary<'_>) -> Clause {
    let mut widened = clause.clone();
    for field in clause.fields() {
        if vocabulary.express(&[widened.clone()]).is_ok() {
            break;
        }
        let alone = Clause::new(clause.of(field)).unwrap_or_default();
        if vocabulary.express(&[alone]).is_err() {
            widened = widened.without(field);
        }
    }
    match vocabulary.express(std::slice::from_ref(&widened)) {
        Ok(_) => widened,
        Err(_) => Clause::ALWAYS,
    }
}
