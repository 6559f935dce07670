//! The arguments of `test` lines.

use callgate_rules::{Code, Diagnostic, Subject, SubjectKind, Value};
use callgate_syscalls::{Arch, Name};

use super::value::Compared;
use super::{Reader, Scope};
use crate::syntax::{Node, SyntaxKind};
use crate::tree;

impl Reader<'_, '_> {
    /// The values of a test's arguments; none where they are wrong, which was reported.
    pub(super) fn test_arguments(
        &mut self,
        node: Option<&Node>,
        subjects: &[Subject],
        scope: &Scope,
    ) -> Option<Vec<Option<Value>>> {
        let Some(node) = node else { return Some(Vec::new()) };
        let arches = self.arches_to_check(scope);
        let call = subjects.iter().find_map(|subject| named(subject, &arches));
        let names = call.map_or(Vec::new(), |call| argument_names(call, &arches));
        let mut values = Vec::new();
        let mut rest = false;
        for argument in tree::children(node, SyntaxKind::Argument) {
            if rest {
                let span = self.span_of(&argument);
                let diagnostic = Diagnostic::error(Code::new("E0348"), "`..` is not the last")
                    .primary(span, "nothing can follow all arguments that follow")
                    .help("`_` stands for one argument with every value");
                self.report(diagnostic);
                return None;
            }
            let first = tree::tokens(&argument).next();
            rest |= first.as_ref().is_some_and(|token| token.kind() == SyntaxKind::DotDot);
            let value = match tree::child(&argument, SyntaxKind::Value) {
                Some(value) => {
                    let argument = names.get(values.len()).copied().unwrap_or("");
                    let place = Compared { call, argument, arches: &arches };
                    Some(self.value(&value, place)?.value)
                }
                None => None,
            };
            values.push(value);
        }
        let is_known =
            call.is_some_and(|call| arches.iter().any(|arch| arch.signature(call).is_some()));
        let given = values.len() - usize::from(rest);
        let wanted = if is_known { names.len() } else { ARGUMENTS_MAX };
        // Of a call whose arguments nobody knows, some may be left away.
        let fits = given == wanted || (given < wanted && (rest || !is_known));
        if !fits {
            let span = self.span_of(node);
            let (name, expected) = match call.filter(|_| is_known) {
                Some(call) if names.is_empty() => (call.as_str(), "`()`".to_owned()),
                Some(call) => (call.as_str(), names.join(", ")),
                None => ("a syscall", format!("at most {ARGUMENTS_MAX} values")),
            };
            let message = format!("{name} has {wanted} arguments, and the test gives {given}");
            let diagnostic = Diagnostic::error(Code::new("E0348"), message)
                .primary(span, format!("expected: {expected}"))
                .help("`_` stands for every value of an argument, `..` for all that follow");
            self.report(diagnostic);
            return None;
        }
        values.truncate(ARGUMENTS_MAX);
        Some(values)
    }
}

/// How many arguments syscalls have at most.
const ARGUMENTS_MAX: usize = 6;

/// The first call of a subject, also of a number that has a name.
fn named(subject: &Subject, arches: &[Arch]) -> Option<Name> {
    match &subject.kind {
        SubjectKind::Number(nr) => {
            arches.iter().find_map(|arch| arch.syscall_at(*nr)).map(|c| c.name)
        }
        kind => kind.names().first().copied(),
    }
}

/// The names of a call's arguments on the first of the architectures that knows them.
fn argument_names(call: Name, arches: &[Arch]) -> Vec<&'static str> {
    let signature = arches.iter().find_map(|arch| arch.signature(call));
    signature
        .into_iter()
        .flat_map(|signature| signature.arguments())
        .map(|argument| argument.name)
        .collect()
}
