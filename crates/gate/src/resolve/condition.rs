//! Conditions: arguments by name, in the width and with the sign that the kernel reads.

mod argument;

use callgate_policy::Operator;
use callgate_rules::{Arg, ArgBits, ArgSign, ArgTest, Cond, Member, Relation, Subject, arg};

use super::value::{Place, WrittenValue};
use super::{Reader, Scope};
use crate::syntax::{Node, SyntaxKind};
use crate::tree;

impl Reader<'_, '_> {
    /// The condition behind `where`; none where it is wrong, which was reported.
    pub(super) fn condition(
        &mut self,
        node: &Node,
        subjects: &[Subject],
        scope: &Scope,
    ) -> Option<Cond> {
        let inner = node.children().next()?;
        self.cond(&inner, subjects, scope)
    }

    /// Recursion follows the tree, whose depth the parser limits.
    fn cond(&mut self, node: &Node, subjects: &[Subject], scope: &Scope) -> Option<Cond> {
        let inner = || node.children().next();
        match node.kind() {
            SyntaxKind::Or | SyntaxKind::And => {
                // All parts are read, so that all errors are found.
                let parts: Vec<Option<Cond>> =
                    node.children().map(|part| self.cond(&part, subjects, scope)).collect();
                let parts: Vec<Cond> = parts.into_iter().collect::<Option<_>>()?;
                Some(match node.kind() {
                    SyntaxKind::Or => Cond::any(parts),
                    _ => Cond::all(parts),
                })
            }
            SyntaxKind::Not => self.cond(&inner()?, subjects, scope).map(|cond| !cond),
            SyntaxKind::Paren => self.cond(&inner()?, subjects, scope),
            _ => self.comparison(node, subjects, scope),
        }
    }

    fn comparison(&mut self, node: &Node, subjects: &[Subject], scope: &Scope) -> Option<Cond> {
        let operand = tree::child(node, SyntaxKind::Operand)?;
        let operator = tree::tokens(node).next()?;
        let (name, bits) = argument::name_of(&operand)?;
        let arches = self.arches_to_check(scope);
        let call = subjects.iter().find_map(|subject| subject.kind.names().first().copied());
        let place = Place { call, argument: name.text(), arches: &arches };
        let mask = match tree::child(&operand, SyntaxKind::Value) {
            Some(node) => Some(self.value(&node, place)?),
            None => None,
        };
        let values = self.relation(node, operator.text(), place);
        let which = self.argument(&name, bits, subjects, &arches)?;
        let (relation, nulls) = values?;
        if bits == ArgBits::Kernel && !(nulls && mask.is_none()) {
            self.no_pointer(&name, node, subjects, &arches)?;
        }
        // Whoever asks for the register itself compares it as the number that it is.
        let sign = match bits {
            ArgBits::Kernel => ArgSign::Kernel,
            ArgBits::Full | ArgBits::Low32 => ArgSign::Unsigned,
        };
        let arg = Arg { mask: mask.map(|mask| mask.value), bits, sign, ..arg(which) };
        let span = Some(self.span_of(node));
        Some(ArgTest { arg, relation, span }.into())
    }

    /// What a comparison asks, and whether it is only whether a pointer is `NULL`.
    fn relation(
        &mut self,
        node: &Node,
        operator: &str,
        place: Place<'_>,
    ) -> Option<(Relation, bool)> {
        if operator == "in" {
            let set = tree::child(node, SyntaxKind::Set)?;
            return self.set(&set, place);
        }
        let value = self.value(&tree::child(node, SyntaxKind::Value)?, place)?;
        let is_null = value.is_null;
        let compare = |operator| Relation::Compare(operator, value.value.clone());
        Some(match operator {
            "==" => (compare(Operator::Eq), is_null),
            "!=" => (compare(Operator::Ne), is_null),
            "<" => (compare(Operator::Lt), false),
            "<=" => (compare(Operator::Le), false),
            ">" => (compare(Operator::Gt), false),
            ">=" => (compare(Operator::Ge), false),
            "has" => (Relation::Has(value.value), false),
            "any" => (Relation::Any(value.value), false),
            "none" => (Relation::None(value.value), false),
            _ => (Relation::Only(value.value), false),
        })
    }

    fn set(&mut self, set: &Node, place: Place<'_>) -> Option<(Relation, bool)> {
        let mut members = Vec::new();
        let mut nulls = true;
        for member in set.children() {
            if member.kind() != SyntaxKind::Range {
                let WrittenValue { value, is_null, .. } = self.value(&member, place)?;
                nulls &= is_null;
                members.push(Member::One(value));
                continue;
            }
            nulls = false;
            let mut ends = tree::children(&member, SyntaxKind::Value);
            let (first, last) = (ends.next()?, ends.next()?);
            let first = self.value(&first, place)?;
            let last = self.value(&last, place)?;
            self.range_order(&member, [&first, &last], place);
            members.push(Member::Range(first.value, last.value));
        }
        if members.is_empty() {
            let span = self.span_of(set);
            let message = "nothing is in an empty set, so that the condition never holds";
            let diagnostic =
                callgate_rules::Diagnostic::error(callgate_rules::Code::new("E0366"), message);
            let diagnostic = diagnostic
                .primary(span, "no value")
                .help("name the values, as in `in {1, 3..9}`, or leave the statement away");
            self.report(diagnostic);
            return None;
        }
        Some((Relation::In(members), nulls))
    }

    fn range_order(&mut self, node: &Node, [first, last]: [&WrittenValue; 2], place: Place<'_>) {
        let Some(arch) = place.arches.first() else { return };
        let (Ok(low), Ok(high)) = (first.value.on(*arch), last.value.on(*arch)) else { return };
        if low > high {
            let span = self.span_of(node);
            let swapped = format!("{}..{}", last.value, first.value);
            let message = format!("the range from {} to {} is empty", first.value, last.value);
            let diagnostic =
                callgate_rules::Diagnostic::error(callgate_rules::Code::new("E0367"), message);
            let diagnostic = diagnostic
                .primary(span, "ranges include both ends, the smaller one first")
                .help_with_edit("exchange them", span, swapped)
                .secondary(last.span, "smaller than the first");
            self.report(diagnostic);
        }
    }
}
