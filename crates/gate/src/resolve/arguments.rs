//! The arguments of `test` lines.

use callgate_rules::{Code, Diagnostic, Subject, Value};
use callgate_syscalls::{Arch, Name};

use super::value::Place;
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
        let call = subjects.iter().find_map(|subject| subject.kind.names().first().copied());
        let names = call.map_or(Vec::new(), |call| argument_names(call, &arches));
        let mut values = Vec::new();
        let mut rest = false;
        for argument in tree::children(node, SyntaxKind::Argument) {
            let first = tree::tokens(&argument).next();
            rest |= first.as_ref().is_some_and(|token| token.kind() == SyntaxKind::DotDot);
            let value = match tree::child(&argument, SyntaxKind::Value) {
                Some(value) => {
                    let argument = names.get(values.len()).copied().unwrap_or("");
                    let place = Place { call, argument, arches: &arches };
                    Some(self.value(&value, place)?.value)
                }
                None => None,
            };
            values.push(value);
        }
        let wanted = if names.is_empty() { 6 } else { names.len() };
        let fits = values.len() == wanted || (rest && values.len() <= wanted + 1);
        if call.is_some_and(|call| arches.iter().any(|arch| arch.signature(call).is_some()))
            && !fits
        {
            let span = self.span_of(node);
            let name = call.map_or("it", Name::as_str);
            let message =
                format!("{name} has {wanted} arguments, and the test gives {}", values.len());
            let diagnostic = Diagnostic::error(Code::new("E0348"), message)
                .primary(span, format!("expected: {}", names.join(", ")))
                .help("`_` stands for every value of an argument, `..` for all that follow");
            self.report(diagnostic);
            return None;
        }
        values.truncate(6);
        Some(values)
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
