//! A test that failed, in words.

use callgate_policy::{Decider, SeccompData};
use callgate_rules::{Code, Diagnostic, Origin, Provenance, Span};
use callgate_syscalls::Arch;

use crate::show::action_text;
use crate::{Failure, Test};

/// A failure as a diagnostic: the call, what happens to it, and the statement that says so.
///
/// `provenance` is that of the policy, where it was written in the language.
#[must_use]
pub fn failure(test: &Test, failure: &Failure, provenance: Option<&Provenance>) -> Diagnostic {
    let Failure { arch, call, expected, found, by } = failure;
    let [expected, found] = [expected, found].map(|action| action_text(*action, *arch));
    let message = format!("on {arch}, {} gets `{found}`", call_text(*arch, call));
    let diagnostic = Diagnostic::error(Code::new("E0390"), message)
        .primary(test.span, format!("expected `{expected}`"));
    match (decider(*by, provenance), by) {
        (Some(span), Decider::Rule(_)) => diagnostic.secondary(span, "this statement decides"),
        (Some(span), _) => diagnostic.secondary(span, "no statement holds, so that this decides"),
        (None, Decider::Rule(rule)) => {
            diagnostic.note(format!("rule {} of the syscall decides", rule.index + 1))
        }
        (None, _) => diagnostic.note("no rule holds"),
    }
}

/// The place of what decides, where the policy was written somewhere.
#[must_use]
pub fn decider(by: Decider, provenance: Option<&Provenance>) -> Option<Span> {
    let provenance = provenance?;
    let origin = match by {
        Decider::Rule(rule) => provenance.rule(rule).map(|written| written.origin),
        Decider::Default(arch) => provenance.default_on(arch),
        Decider::Unknown(_) => provenance.unknown,
        Decider::Foreign => provenance.foreign,
    };
    match origin? {
        Origin::Text(span) => Some(span),
        Origin::Observation(_) | Origin::Program => None,
    }
}

/// A call as C would write it, with the names of its arguments.
#[must_use]
pub fn call_text(arch: Arch, call: &SeccompData) -> String {
    let number = |value: u64| match value {
        0..=9 => value.to_string(),
        _ => format!("{value:#x}"),
    };
    let Some(syscall) = arch.syscall_at(call.nr) else {
        let args: Vec<String> = call.args.iter().map(|value| number(*value)).collect();
        return format!("syscall number {}({})", call.nr, args.join(", "));
    };
    let signature = arch.signature(syscall.name);
    let names: Vec<&str> =
        signature.into_iter().flat_map(|s| s.arguments()).map(|argument| argument.name).collect();
    let shown = if names.is_empty() { 6 } else { names.len() };
    let arg = |(index, value): (usize, &u64)| match names.get(index) {
        Some(name) => format!("{name}: {}", number(*value)),
        None => number(*value),
    };
    let args: Vec<String> = call.args.iter().take(shown).enumerate().map(arg).collect();
    format!("{}({})", syscall.name, args.join(", "))
}
