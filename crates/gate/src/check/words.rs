//! What is found, in words.

use callgate_policy::Operator;
use callgate_rules::{
    Code, CondView, Diagnostic, Mistake, MistakeKind, Relation, Rule, Span, SubjectKind, Which,
};
use callgate_syscalls::Arch;

use super::span;

/// A condition that decides nothing.
pub(super) fn idle(rule: &Rule, holds: bool) -> Diagnostic {
    let (code, message, label, help) = match holds {
        true => (
            "E0373",
            "the condition holds whatever the arguments are",
            "always true",
            "leave the condition away, if that is meant",
        ),
        false => (
            "E0370",
            "the condition holds for no arguments at all",
            "never true",
            "`and` asks for both sides at once; `or` for one of them",
        ),
    };
    let diagnostic = Diagnostic::error(Code::new(code), message);
    let diagnostic = match span(rule) {
        Some(span) => diagnostic.primary(span, label),
        None => diagnostic,
    };
    match below_zero(rule) {
        Some(argument) => diagnostic
            .note(format!("the kernel reads `{argument}` as an unsigned number, never below 0"))
            .help(format!(
                "a negative value such as AT_FDCWD or -1 is tested by `{argument} == -1`"
            )),
        None => diagnostic.help(help),
    }
}

/// A condition that decides nothing about one of the calls of its statement. Where it always holds,
/// the statement may be meant so.
pub(super) fn idle_for(rule: &Rule, subject: usize, holds: bool) -> Diagnostic {
    let name = name_of(rule, subject);
    let diagnostic = match holds {
        true => Diagnostic::warning(
            Code::new("E0373"),
            format!("the condition holds whatever the arguments of {name} are"),
        ),
        false => Diagnostic::error(
            Code::new("E0370"),
            format!("the condition holds for no arguments of {name}"),
        ),
    };
    let label = if holds { "always true of this call" } else { "never true of this call" };
    let place = rule.subjects[subject].span.or_else(|| span(rule));
    let diagnostic = match place {
        Some(span) => diagnostic.primary(span, label),
        None => diagnostic,
    };
    let help = "give the call a statement of its own: its arguments have other types";
    match below_zero(rule) {
        Some(argument) => diagnostic
            .note(format!("of {name} the kernel reads `{argument}` as an unsigned number"))
            .help(help),
        None => diagnostic.help(help),
    }
}

/// The argument of a condition that asks whether it is below 0, or not.
fn below_zero(rule: &Rule) -> Option<&str> {
    let CondView::Test(test) = rule.condition.as_ref()?.view() else { return None };
    let Relation::Compare(Operator::Lt | Operator::Ge, value) = &test.relation else { return None };
    match (&test.arg.which, value.on(Arch::X86_64)) {
        (Which::Name(name), Ok(0)) => Some(name),
        _ => None,
    }
}

/// What a statement is about, as it stands there.
fn name_of(rule: &Rule, subject: usize) -> String {
    match &rule.subjects[subject].kind {
        SubjectKind::Call(name) => format!("`{name}`"),
        SubjectKind::Number(nr) => format!("`nr {nr}`"),
        SubjectKind::Group(group) => format!("`{}`", group.name),
    }
}

/// A call of a statement that is never reached, and the statements that decide it before.
pub(super) fn shadowed(rule: &Rule, subject: usize, before: &[(&Rule, bool)]) -> Diagnostic {
    let name = name_of(rule, subject);
    let subject = &rule.subjects[subject];
    let always = before.iter().find(|(_, always)| *always);
    let same = before.iter().all(|(other, _)| other.verdict == rule.verdict);
    let (code, message, label) = match (always, same) {
        (Some((other, _)), false) => (
            "E0374",
            format!("this statement contradicts `always {}`", other.verdict),
            format!("never `{}` for {name}", rule.verdict),
        ),
        (_, true) => (
            "E0371",
            format!("this statement says again that {name} gets `{}`", rule.verdict),
            "without effect".to_owned(),
        ),
        (None, false) => (
            "E0372",
            format!("this statement about {name} is never reached"),
            "decided before, for all arguments".to_owned(),
        ),
    };
    let of_blocks = before.iter().all(|(other, _)| is_of_block(other));
    // What a block allows, somebody may want to see in the policy itself: no harm is done.
    let mut diagnostic = match code == "E0371" && of_blocks {
        true => Diagnostic::warning(Code::new(code), message),
        false => Diagnostic::error(Code::new(code), message),
    };
    if let Some(span) = subject.span.or(span(rule)) {
        diagnostic = diagnostic.primary(span, label);
    }
    const SHOWN_MAX: usize = 3;
    for (other, _) in before.iter().take(SHOWN_MAX) {
        if let Some(place) = place(other, subject.kind.names().first().copied()) {
            diagnostic = diagnostic.secondary(place, format!("`{}` here", other.verdict));
        }
    }
    match code {
        "E0371" if of_blocks => {
            diagnostic.help("a block of `use` allows it: nothing is lost without this line")
        }
        "E0371" => diagnostic.help("take one of them away, or mark the line `# redundant ok`"),
        "E0374" => diagnostic
            .help("`always` stands before all other statements; take it away, or this one"),
        _ => diagnostic
            .help("the first statement that holds decides: put the more special one first"),
    }
}

/// Whether a rule was made for `use`, for a block of callgate's.
fn is_of_block(rule: &Rule) -> bool {
    let is_block = |subject: &callgate_rules::Subject| match &subject.kind {
        SubjectKind::Group(group) => group.name == "@",
        SubjectKind::Call(_) | SubjectKind::Number(_) => false,
    };
    rule.subjects.iter().all(is_block)
}

/// Where a statement names a call, or where it stands.
fn place(rule: &Rule, name: Option<callgate_syscalls::Name>) -> Option<Span> {
    let named = rule
        .subjects
        .iter()
        .find(|subject| name.is_some_and(|name| subject.kind.names().contains(&name)));
    named.and_then(|subject| subject.span).or_else(|| span(rule))
}

/// A value that does not fit its argument, and the like.
pub(super) fn mistake(mistake: Mistake) -> Diagnostic {
    let label = match &mistake.kind {
        MistakeKind::ValueTooWide { .. } => "no value of the argument is that large",
        MistakeKind::NegativeOrder { .. } => "never negative",
        _ => "",
    };
    let help = match &mistake.kind {
        MistakeKind::ValueTooWide { .. } => Some(
            "`full(ARGUMENT)` compares the whole register, of which the kernel reads only a part",
        ),
        MistakeKind::NegativeOrder { .. } => {
            Some("`==` and `!=` take negative values for any argument, for instance -1")
        }
        _ => None,
    };
    let mut diagnostic = Diagnostic::from(mistake);
    if let Some(first) = diagnostic.labels.first_mut().filter(|first| first.text.is_empty()) {
        label.clone_into(&mut first.text);
    }
    if let Some(help) = help {
        diagnostic.helps.clear();
        diagnostic = diagnostic.help(help);
    }
    diagnostic
}
