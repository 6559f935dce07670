//! Minijail's `.policy` files.

use callgate_dialects::Dialect;
use callgate_policy::{Action, ActionKind, Operator, Policy};
use callgate_raise::{Call, Clause, Raised, RaisedArch, Test};
use callgate_syscalls::{Arch, Name};

use crate::lines;
use crate::printer::Printer;

/// One syscall a line, its filters in their order.
pub(crate) struct Minijail;

impl Printer for Minijail {
    fn says(&self, _arch: Arch, _name: Option<Name>, test: &Test) -> bool {
        let is_bits = match test.operator {
            Operator::Eq => test.value & !test.mask == 0,
            Operator::Ne => test.value == 0,
            _ => false,
        };
        test.argument().is_some() && (test.mask == u64::MAX || is_bits)
    }

    fn repeats(&self) -> bool {
        true
    }

    fn has_action(&self, action: Action) -> bool {
        word(action).is_some()
    }

    fn has_default(&self, action: Action) -> bool {
        action == Action::ALLOW
            || !matches!(action.kind(), ActionKind::Errno | ActionKind::Log | ActionKind::Trace)
                && self.has_action(action)
    }

    fn print(&self, raised: &Raised, _meant: &Policy) -> Result<String, String> {
        let own = lines::only(raised, "a minijail policy")?;
        if !self.has_default(own.default) {
            let default = own.default;
            return Err(format!("there is no word for {default} as the default"));
        }
        let mut text = match word(own.default).filter(|_| own.default != Action::ALLOW) {
            Some(word) => format!("@default {word}\n"),
            None => "@denylist\n".to_owned(),
        };
        for call in own.calls.iter().filter(|call| !call.parts.is_empty()) {
            text += &format!("{}: {}\n", lines::name(&own, call)?, self.filters(&own, call)?);
        }
        Ok(text)
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        lines::read_back(Dialect::Minijail, text, meant)
    }
}

impl Minijail {
    fn filters(&self, own: &RaisedArch, call: &Call) -> Result<String, String> {
        let mut filters = Vec::new();
        for part in call.ordered() {
            let clauses = lines::express(self, (own, call), part.action, &part.clauses)?;
            let action = word(part.action).ok_or_else(|| lines::no_word(part.action))?;
            if clauses.iter().any(Clause::is_always) {
                filters.push(action);
                continue;
            }
            let alternatives: Vec<String> = clauses.iter().map(alternative).collect();
            let condition = alternatives.join(" || ");
            filters.push(match part.action == Action::ALLOW {
                true => condition,
                false => format!("{condition}; {action}"),
            });
        }
        Ok(match filters.as_slice() {
            // Minijail's loader in C reads an errno behind a lone condition the other way round.
            [only] if !only.contains(';') => only.clone(),
            _ => format!("{{{}}}", filters.join(", ")),
        })
    }
}

fn word(action: Action) -> Option<String> {
    let word = match action.kind() {
        ActionKind::Errno => return Some(format!("return {}", action.data())),
        _ if action.data() != 0 => return None,
        ActionKind::Allow => "1",
        ActionKind::KillProcess => "kill-process",
        ActionKind::KillThread => "kill-thread",
        ActionKind::Trap => "trap",
        ActionKind::Trace => "trace",
        ActionKind::Log => "log",
        ActionKind::UserNotify => "user-notify",
        ActionKind::Unknown => return None,
    };
    Some(word.to_owned())
}

fn alternative(clause: &Clause) -> String {
    let atoms: Vec<String> = clause.tests().iter().flat_map(atoms).collect();
    atoms.join(" && ")
}

/// A test as atoms that must all hold. Bits are asked for one by one, for `&` is about any.
fn atoms(test: &Test) -> Vec<String> {
    let arg = format!("arg{}", test.argument().unwrap_or_default());
    if test.mask == u64::MAX {
        return vec![format!("{arg} {} {:#x}", test.operator, test.value)];
    }
    if test.operator == Operator::Ne {
        return vec![format!("{arg} & {:#x}", test.mask)];
    }
    let bits = (0..u64::BITS).map(|bit| 1_u64 << bit).filter(|bit| test.value & bit != 0);
    let mut atoms: Vec<String> = bits.map(|bit| format!("{arg} & {bit:#x}")).collect();
    let clear = test.mask & !test.value;
    if clear != 0 {
        atoms.push(format!("{arg} in {:#x}", !clear));
    }
    atoms
}
