//! The JSON of seccompiler, which Firecracker uses.

use callgate_dialects::Dialect;
use callgate_policy::{Action, ActionKind, Operator, Policy};
use callgate_raise::{Clause, Raised, Test};
use callgate_syscalls::{Arch, Name};
use serde_json::{Value, json};

use crate::lines;
use crate::printer::Printer;

/// A filter with one action for all that its rules are about.
pub(crate) struct Seccompiler;

impl Printer for Seccompiler {
    fn says(&self, _arch: Arch, _name: Option<Name>, test: &Test) -> bool {
        let is_width = [u64::MAX, u32::MAX.into()].contains(&test.mask);
        let is_bits = test.operator == Operator::Eq && test.value & !test.mask == 0;
        test.argument().is_some() && (is_width || is_bits)
    }

    fn repeats(&self) -> bool {
        true
    }

    fn has_action(&self, action: Action) -> bool {
        word(action).is_some()
    }

    fn print(&self, raised: &Raised, _meant: &Policy) -> Result<String, String> {
        let own = lines::only(raised, "a filter of seccompiler")?;
        let default = word(own.default).ok_or_else(|| lines::no_word(own.default))?;
        let mut matched: Option<Action> = None;
        let mut rules = Vec::new();
        for call in &own.calls {
            for part in &call.parts {
                let first = *matched.get_or_insert(part.action);
                if first != part.action {
                    return Err(format!(
                        "{} gets {}, and a filter of seccompiler has one action for all rules, here {first}",
                        call.title(),
                        part.action
                    ));
                }
                let name = lines::name(&own, call)?;
                let clauses = lines::express(self, (&own, call), part.action, &part.clauses)?;
                rules.extend(clauses.iter().map(|clause| rule(name, clause)));
            }
        }
        // What no rule is about does not matter, but must differ from the default.
        let other = if own.default == Action::ALLOW { Action::KILL_PROCESS } else { Action::ALLOW };
        let matched = matched.unwrap_or(other);
        let matched = word(matched).ok_or_else(|| lines::no_word(matched))?;
        crate::oci::json(&json!({
            "main": {"mismatch_action": default, "match_action": matched, "filter": rules}
        }))
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        lines::read_back(Dialect::Seccompiler, text, meant)
    }
}

fn word(action: Action) -> Option<Value> {
    Some(match action.kind() {
        ActionKind::Errno => json!({"errno": action.data()}),
        ActionKind::Trace => json!({"trace": action.data()}),
        _ if action.data() != 0 => return None,
        ActionKind::Allow => json!("allow"),
        ActionKind::KillProcess => json!("kill_process"),
        ActionKind::KillThread => json!("kill_thread"),
        ActionKind::Log => json!("log"),
        ActionKind::Trap => json!("trap"),
        ActionKind::UserNotify | ActionKind::Unknown => return None,
    })
}

fn rule(name: Name, clause: &Clause) -> Value {
    if clause.is_always() {
        return json!({"syscall": name.as_str()});
    }
    let args: Vec<Value> = clause.tests().iter().map(condition).collect();
    json!({"syscall": name.as_str(), "args": args})
}

fn condition(test: &Test) -> Value {
    let op = match test.operator {
        Operator::Eq if ![u64::MAX, u64::from(u32::MAX)].contains(&test.mask) => {
            json!({"masked_eq": test.mask})
        }
        Operator::Eq => json!("eq"),
        Operator::Ne => json!("ne"),
        Operator::Lt => json!("lt"),
        Operator::Le => json!("le"),
        Operator::Gt => json!("gt"),
        Operator::Ge => json!("ge"),
    };
    let kind = if test.mask == u64::from(u32::MAX) { "dword" } else { "qword" };
    json!({"index": test.argument(), "type": kind, "op": op, "val": test.value})
}
