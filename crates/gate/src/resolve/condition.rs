//! Conditions: arguments by name, in the width and with the sign that the kernel reads.

mod argument;
mod joined;

use callgate_policy::Operator;
use callgate_rules::{
    Arg, ArgBits, ArgSign, ArgTest, Code, Cond, Diagnostic, Member, Relation, Subject, SubjectKind,
    Term, Value, arg,
};
use callgate_syscalls::Arch;

use super::value::{Compared, WrittenValue};
use super::{Reader, Scope};
use crate::known::{self, Bits, Overlap};
use crate::syntax::{Node, SyntaxKind, Token};
use crate::tree;

/// The most values that are shown as having the same bits.
const SHOWN_MAX: usize = 3;

/// What a comparison asks.
struct Written {
    relation: Relation,
    /// It is only whether a pointer is `NULL`.
    nulls: bool,
    /// The bits that it is about, of a value that stands beside flags.
    field: Option<u64>,
    /// What else has to hold, of which bits.
    also: Option<(u64, Relation)>,
}

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
        let arches = having(self.arches_to_check(scope), subjects);
        let call = subjects.iter().find_map(|subject| subject.kind.names().first().copied());
        let place = Compared { call, argument: name.text(), arches: &arches };
        let mask = match tree::child(&operand, SyntaxKind::Value) {
            Some(node) => {
                self.no_value_as_mask(&node, place)?;
                Some(self.value(&node, place)?)
            }
            None => None,
        };
        let written = self.relation(node, operator.text(), mask.is_some(), place);
        let which = self.argument(&name, bits, subjects, &arches)?;
        let Written { relation, nulls, field, also } = written?;
        if bits == ArgBits::Kernel && !(nulls && mask.is_none()) {
            self.no_pointer(&name, node, subjects, &arches)?;
        }
        // Whoever asks for the register itself compares it as the number that it is.
        let sign = match bits {
            ArgBits::Kernel => ArgSign::Kernel,
            ArgBits::Full | ArgBits::Low32 => ArgSign::Unsigned,
        };
        let mask = mask.map(|mask| mask.value).or(field.map(Value::from));
        let arg = Arg { mask, bits, sign, ..arg(which) };
        let span = Some(self.span_of(node));
        let also = also.map(|(field, relation)| ArgTest {
            arg: arg.clone().masked(field),
            relation,
            span,
        });
        let test = ArgTest { arg, relation, span }.into();
        Some(match also {
            None => test,
            Some(also) => Cond::all([test, also.into()]),
        })
    }

    /// What a comparison asks of its operand.
    fn relation(
        &mut self,
        node: &Node,
        operator: &str,
        is_masked: bool,
        place: Compared<'_>,
    ) -> Option<Written> {
        if operator == "in" {
            let set = tree::child(node, SyntaxKind::Set)?;
            return self.set(&set, place);
        }
        let written = tree::child(node, SyntaxKind::Value)?;
        let value = self.value(&written, place)?;
        self.no_bitless((operator, &written), &value, place)?;
        if Bits::parse(operator).is_none() {
            self.no_joined(&written, place)?;
        }
        if let Some(overlap) = overlap(operator, &written, place) {
            return self.field(node, operator, overlap, &written, value, is_masked);
        }
        let is_null = value.is_null;
        let compare = |operator| Relation::Compare(operator, value.value.clone());
        let (relation, nulls) = match operator {
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
        };
        Some(Written { relation, nulls, field: None, also: None })
    }

    /// Compares the field of which values are named: their bits are those of other values as well.
    /// Where there is no field beside flags, or bits of several values are tested, that is refused.
    fn field(
        &mut self,
        node: &Node,
        operator: &str,
        overlap: Overlap,
        written: &Node,
        value: WrittenValue,
        is_masked: bool,
    ) -> Option<Written> {
        let is_only = operator == "only";
        let is_one = is_only || tree::children(written, SyntaxKind::Term).count() == 1;
        let is_clear = is_one && !is_masked && overlap.alike.is_empty();
        let Some(field) = overlap.mask.filter(|_| is_clear) else {
            self.no_values_as_bits(node, operator, overlap, written);
            return None;
        };
        if is_only {
            let also = Some((field, one_of(&value.value, &overlap, field)));
            let relation = Relation::Only(value.value);
            return Some(Written { relation, nulls: false, field: None, also });
        }
        let operator = if operator == "none" { Operator::Ne } else { Operator::Eq };
        let relation = Relation::Compare(operator, value.value);
        Some(Written { relation, nulls: false, field: Some(field), also: None })
    }

    /// Refuses to test bits of what is a value: others have the same bits.
    fn no_values_as_bits(
        &mut self,
        node: &Node,
        operator: &str,
        Overlap { mask, named, others, alike }: Overlap,
        written: &Node,
    ) {
        let Some(operand) = tree::child(node, SyntaxKind::Operand) else { return };
        let terms = tree::children(written, SyntaxKind::Term);
        let operand = operand.text().to_string();
        let (operand, value) = (operand.trim(), written.text().to_string());
        let value = value.trim();
        let span = self.span_of(node);
        let shown = others.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
        let more = if others.len() > SHOWN_MAX { ", …" } else { "" };
        let message = format!("`{operator}` tests bits, and `{value}` has those of other values");
        let shared = (!alike.is_empty()).then(|| [named, alike].concat().join(", "));
        let label = match others.is_empty() {
            true => "it has no bit".to_owned(),
            false => format!("gives the same answer for {shown}{more}"),
        };
        let diagnostic = Diagnostic::error(Code::new("E0356"), message).primary(span, label);
        let operand = match mask {
            Some(mask) if !operand.contains('&') => format!("{operand} & {mask:#x}"),
            _ => operand.to_owned(),
        };
        let compared = match (operator, shared) {
            (_, None) if operator == "none" => format!("{operand} != {value}"),
            (_, None) => format!("{operand} == {value}"),
            ("none", Some(all)) => format!("not {operand} in {{{all}}}"),
            (_, Some(all)) => format!("{operand} in {{{all}}}"),
        };
        let diagnostic = match terms.count() {
            1 => diagnostic.help_with_edit("compare the value", span, compared),
            _ => diagnostic
                .help(format!("compare values, as in `{operand} in {{…}}`, and flags apart")),
        };
        self.report(diagnostic);
    }

    fn set(&mut self, set: &Node, place: Compared<'_>) -> Option<Written> {
        let mut members = Vec::new();
        let mut nulls = true;
        for member in set.children() {
            if member.kind() != SyntaxKind::Range {
                let WrittenValue { value, is_null, .. } = self.value(&member, place)?;
                self.no_joined(&member, place)?;
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
            let diagnostic = Diagnostic::error(Code::new("E0366"), message);
            let diagnostic = diagnostic
                .primary(span, "no value")
                .help("name the values, as in `in {1, 3..9}`, or leave the statement away");
            self.report(diagnostic);
            return None;
        }
        Some(Written { relation: Relation::In(members), nulls, field: None, also: None })
    }

    fn range_order(&mut self, node: &Node, [first, last]: [&WrittenValue; 2], place: Compared<'_>) {
        let Some(arch) = place.arches.first() else { return };
        let (Ok(low), Ok(high)) = (first.value.on(*arch), last.value.on(*arch)) else { return };
        if low > high {
            let span = self.span_of(node);
            let swapped = format!("{}..{}", last.value, first.value);
            let message = format!("the range from {} to {} is empty", first.value, last.value);
            let diagnostic = Diagnostic::error(Code::new("E0367"), message);
            let diagnostic = diagnostic
                .primary(span, "ranges include both ends, the smaller one first")
                .help_with_edit("exchange them", span, swapped)
                .secondary(last.span, "smaller than the first");
            self.report(diagnostic);
        }
    }
}

/// The architectures on which a statement is about anything; all where that is none.
fn having(arches: Vec<Arch>, subjects: &[Subject]) -> Vec<Arch> {
    let has = |arch: &Arch| {
        subjects.iter().any(|subject| match &subject.kind {
            SubjectKind::Number(_) => true,
            kind => kind.names().iter().any(|name| arch.syscall(*name).is_some()),
        })
    };
    let own: Vec<Arch> = arches.iter().copied().filter(has).collect();
    if own.is_empty() { arches } else { own }
}

/// The values whose bits are those that a condition tests, besides the named ones.
fn overlap(operator: &str, written: &Node, place: Compared<'_>) -> Option<Overlap> {
    let test = Bits::parse(operator)?;
    let words = named(written);
    let words: Vec<&str> = words.iter().map(Token::text).collect();
    known::overlap(place.call?, place.argument, &words, test, arch(place))
}

/// The names and numbers of a value.
fn named(value: &Node) -> Vec<Token> {
    let terms = tree::children(value, SyntaxKind::Term);
    terms.flat_map(|term| tree::tokens(&term).collect::<Vec<_>>()).collect()
}

/// The architecture whose values stand for those of all.
fn arch(place: Compared<'_>) -> Arch {
    place.arches.first().copied().unwrap_or(Arch::X86_64)
}

/// That a field is none or one of the values that a union names.
fn one_of(union: &Value, overlap: &Overlap, field: u64) -> Relation {
    let values = union.terms().filter_map(|term| match term {
        Term::Constant(constant) => {
            overlap.named.contains(&constant.name()).then(|| Value::from(constant.clone()))
        }
        Term::Number(number) => Some(Value::number(number & i128::from(field))),
    });
    let values = values.chain([Value::number(0)]);
    Relation::In(values.map(Member::One).collect())
}
