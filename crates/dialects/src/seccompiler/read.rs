//! Reads seccompiler's JSON.

use std::collections::{BTreeMap, BTreeSet};

use callgate_formats::json::{Document, Fault, Node, Object};
use callgate_policy::Operator;
use callgate_rules::{
    Answer, Code, Cond, Diagnostic, ErrnoSpec, Origin, Relation, Rule, Span, Subject, SubjectKind,
    Value, Verdict, arg, nearest,
};
use callgate_syscalls::Name;

use crate::context::{self, Context, code};
use crate::{Layer, Part, Refused, Written};

const ACTIONS: [&str; 8] =
    ["allow", "errno", "kill_process", "kill_thread", "log", "trace", "trap", "kill"];

/// Reads the filters of all threads.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn read(mut context: Context<'_>) -> Result<Written, Refused> {
    let Some(source) = context.sources.iter().next().cloned() else {
        return context.finish(Vec::new());
    };
    let document = match Document::parse(source) {
        Ok(document) => document,
        Err(fault) => {
            let error = Diagnostic::error(Code::new(code::SYNTAX), fault.reason);
            context.report(error.primary(fault.place.span, ""));
            return context.finish(Vec::new());
        }
    };
    let mut reader = Reader { context, document: &document };
    let parts = match reader.threads() {
        Ok(parts) => parts,
        Err(fault) => {
            reader.report(fault);
            Vec::new()
        }
    };
    reader.context.finish(parts)
}

struct Reader<'l, 'd> {
    context: Context<'l>,
    document: &'d Document,
}

/// The rules of a syscall, whether one of them has no conditions.
#[derive(Default)]
struct Of {
    is_conditional: bool,
    unconditional: Option<Span>,
}

impl<'d> Reader<'_, 'd> {
    fn span(&self, node: Node<'_>) -> Span {
        self.document.source().span(node.span())
    }

    fn report(&mut self, fault: Fault) {
        let span = self.document.source().span(fault.span);
        let error = Diagnostic::error(Code::new(code::SYNTAX), fault.reason).primary(span, "");
        self.context.report(match fault.replacement {
            Some(text) => error.help_with_edit("write this instead", span, text),
            None => error,
        });
    }

    fn threads(&mut self) -> Result<Vec<Part>, Fault> {
        let root = self.document.root().object("an object of filters by thread")?;
        // A single filter without a thread around it is what `SeccompFilter` alone looks like.
        if root.unknown().any(|(key, node)| key == "filter" && node.array("").is_ok()) {
            let layer = self.filter(root)?;
            return Ok(context::single(layer));
        }
        let threads: Vec<(String, Node<'d>)> =
            root.unknown().map(|(key, node)| (key.to_owned(), node)).collect();
        if threads.is_empty() {
            return Err(root.node().fault("there is no thread with a filter"));
        }
        let mut parts = Vec::new();
        for (name, node) in threads {
            match node.object("a filter object").and_then(|filter| self.filter(filter)) {
                Ok(layer) => parts.push(Part { name, layers: vec![layer] }),
                Err(fault) => self.report(fault),
            }
        }
        Ok(parts)
    }

    fn filter(&mut self, mut filter: Object<'d>) -> Result<Layer, Fault> {
        let first = |filter: &mut Object<'d>, keys: [&str; 2]| {
            let found = keys.iter().find_map(|key| filter.take_value(key));
            found.ok_or_else(|| filter.missing(keys[0]))
        };
        let default = first(&mut filter, ["mismatch_action", "default_action"])?;
        let matched = first(&mut filter, ["match_action", "filter_action"])?;
        let (verdict, otherwise) = (Self::action(matched)?, Self::action(default)?);
        if verdict == otherwise {
            let message = "seccompiler refuses a filter whose rules answer as all else is answered";
            self.context.warn_at(code::DOUBTFUL, self.span(matched), message);
        }
        let mut rules = Vec::new();
        let mut by_name: BTreeMap<Name, Of> = BTreeMap::new();
        for node in filter.require("filter")?.array("the rules")? {
            match self.rule(node, verdict, &mut by_name) {
                Ok(rule) => rules.extend(rule),
                Err(fault) => self.report(fault),
            }
        }
        let known =
            ["mismatch_action", "default_action", "match_action", "filter_action", "filter"];
        filter.finish(&known)?;
        let lost = self.lost(&by_name);
        rules.retain(|rule| rule.condition.is_some() || !is_about(rule, &lost));
        let default = Answer { verdict: otherwise, origin: Origin::Text(self.span(default)) };
        let rules = context::rules(default, Verdict::Kill, rules);
        Ok(Layer { x32: crate::X32::Default, ..Layer::new(rules) })
    }

    /// The syscalls whose rule without conditions is lost, because seccompiler keeps those with
    /// conditions alone.
    fn lost(&mut self, by_name: &BTreeMap<Name, Of>) -> BTreeSet<Name> {
        let mut lost = BTreeSet::new();
        for (name, of) in by_name {
            if let (true, Some(span)) = (of.is_conditional, of.unconditional) {
                lost.insert(*name);
                let message = format!(
                    "{name} has rules with conditions too, and of such seccompiler drops this one"
                );
                self.context.warn_at(code::DOUBTFUL, span, message);
            }
        }
        lost
    }

    fn action(node: Node<'d>) -> Result<Verdict, Fault> {
        if let Some(word) = node.as_text() {
            return match word.to_ascii_lowercase().as_str() {
                "allow" => Ok(Verdict::Allow),
                "kill_process" => Ok(Verdict::Kill),
                "kill_thread" | "kill" => Ok(Verdict::KillThread),
                "log" => Ok(Verdict::Log),
                "trap" => Ok(Verdict::Trap(0)),
                other => {
                    let near = nearest(other, ACTIONS);
                    let hint = near.map(|near| format!(": did you mean `{near}`?"));
                    let reason = format!("unknown action{}", hint.unwrap_or_default());
                    Err(node.fault(reason))
                }
            };
        }
        let mut object = node.object("an action")?;
        let data = |node: Node<'_>| {
            let number = node.u64("a number")?;
            u16::try_from(number).map_err(|_| node.fault("larger than 65535"))
        };
        let verdict = match (object.take_value("errno"), object.take_value("trace")) {
            (Some(errno), _) => Verdict::Errno(ErrnoSpec::Number(data(errno)?)),
            (_, Some(message)) => Verdict::Trace(ErrnoSpec::Number(data(message)?)),
            _ => return Err(node.fault("expected {\"errno\": NUMBER} or {\"trace\": NUMBER}")),
        };
        object.finish(&["errno", "trace"])?;
        Ok(verdict)
    }

    fn rule(
        &mut self,
        node: Node<'d>,
        verdict: Verdict,
        by_name: &mut BTreeMap<Name, Of>,
    ) -> Result<Option<Rule>, Fault> {
        let mut object = node.object("a rule object")?;
        let word = object.require("syscall")?;
        let text = word.text("the name of a syscall")?;
        object.take("comment");
        let conditions = match object.take_value("args") {
            None => None,
            Some(args) => {
                let list = args.array("the conditions")?.map(|node| self.condition(node));
                let list = list.collect::<Result<Vec<_>, _>>()?;
                if list.is_empty() {
                    return Err(
                        args.fault("an empty list of conditions, which seccompiler refuses")
                    );
                }
                Some(Cond::all(list))
            }
        };
        object.finish(&["syscall", "comment", "args"])?;
        let Some(name) = Name::parse(&text) else {
            let near = nearest(&text, Name::all().map(Name::as_str));
            let reason = format!("no architecture has a syscall {:?}", context::shortened(&text));
            let fault = word.fault(reason);
            return Err(match near {
                Some(near) => fault.instead(format!("\"{near}\"")),
                None => fault,
            });
        };
        let of = by_name.entry(name).or_default();
        match conditions {
            Some(_) => of.is_conditional = true,
            None => of.unconditional = Some(self.span(node)),
        }
        let subject = Subject { kind: SubjectKind::Call(name), span: Some(self.span(word)) };
        Ok(Some(Rule {
            subjects: vec![subject],
            condition: conditions,
            verdict,
            applies: callgate_rules::Applies::default(),
            origin: Origin::Text(self.span(node)),
        }))
    }

    fn condition(&mut self, node: Node<'d>) -> Result<Cond, Fault> {
        let mut object = node.object("a condition object")?;
        let index_node = object.require("index")?;
        let index = index_node.u64("the index of an argument")?;
        let index = usize::try_from(index).ok().filter(|index| *index < 6);
        let index = index.ok_or_else(|| index_node.fault("syscalls have arguments 0 to 5"))?;
        let width = object.require("type")?;
        let value_node = object.require("val")?;
        let value = value_node.u64("a value")?;
        let is_dword = match width.text("the width")?.as_ref() {
            "dword" => true,
            "qword" => false,
            _ => return Err(width.fault("expected \"dword\" (32 bits) or \"qword\" (64 bits)")),
        };
        if is_dword && value > u32::MAX.into() {
            let span = self.span(value_node);
            let message = "seccompiler compares the low 32 bits of this value with a dword";
            self.context.warn_at(code::DOUBTFUL, span, message);
        }
        let cut = |value: u64| if is_dword { value & u64::from(u32::MAX) } else { value };
        let (relation, mask) = relation(object.require("op")?, value, cut)?;
        object.take("comment");
        object.finish(&["index", "type", "op", "val", "comment"])?;
        let argument = if is_dword { arg(index).low32() } else { arg(index).all_bits() };
        let argument = match mask {
            Some(mask) => argument.unsigned().masked(mask),
            None => argument.unsigned(),
        };
        let span = Some(self.span(node));
        Ok(callgate_rules::ArgTest { arg: argument, relation, span }.into())
    }
}

/// What is asked of an argument, and under which mask.
fn relation(
    node: Node<'_>,
    value: u64,
    cut: impl Fn(u64) -> u64,
) -> Result<(Relation, Option<u64>), Fault> {
    let Some(word) = node.as_text() else {
        let mut object = node.object("an operator")?;
        let mask = cut(object.require("masked_eq")?.u64("a mask")?);
        object.finish(&["masked_eq"])?;
        // seccompiler masks both sides.
        let value = Value::from(cut(value) & mask);
        return Ok((Relation::Compare(Operator::Eq, value), Some(mask)));
    };
    let operator = match word.as_ref() {
        "eq" => Operator::Eq,
        "ne" => Operator::Ne,
        "lt" => Operator::Lt,
        "le" => Operator::Le,
        "gt" => Operator::Gt,
        "ge" => Operator::Ge,
        _ => return Err(node.fault("expected eq, ne, lt, le, gt, ge or {\"masked_eq\": MASK}")),
    };
    Ok((Relation::Compare(operator, Value::from(cut(value))), None))
}

fn is_about(rule: &Rule, names: &BTreeSet<Name>) -> bool {
    rule.subjects.iter().any(|subject| subject.kind.names().iter().any(|name| names.contains(name)))
}
