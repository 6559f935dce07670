//! Kafel's language, and nsjail's configuration, which holds it.

use std::collections::BTreeMap;

use callgate_dialects::{Dialect, kafel_name};
use callgate_policy::{Action, ActionKind, Policy};
use callgate_raise::{Call, Clause, Part, Raised, RaisedArch, Test};
use callgate_syscalls::{Arch, Name};

use crate::lines;
use crate::printer::Printer;

/// Kafel alone.
pub(crate) struct Kafel;

/// Kafel in the lines of an nsjail configuration.
pub(crate) struct Nsjail;

impl Printer for Kafel {
    /// Arguments that the policy names have all bits.
    fn says(&self, arch: Arch, _name: Option<Name>, test: &Test) -> bool {
        test.argument().is_some() && test.mask & !Test::full_mask(arch) == 0
    }

    fn repeats(&self) -> bool {
        true
    }

    fn has_action(&self, action: Action) -> bool {
        word(action).is_some()
    }

    fn print(&self, raised: &Raised, _meant: &Policy) -> Result<String, String> {
        let own = lines::only(raised, "a kafel policy")?;
        let default = word(own.default).ok_or_else(|| lines::no_word(own.default))?;
        let mut by_action: BTreeMap<(usize, u32), (String, Vec<String>)> = BTreeMap::new();
        for call in &own.calls {
            for (level, part) in call.ordered().iter().enumerate() {
                let action = word(part.action).ok_or_else(|| lines::no_word(part.action))?;
                let key = (level, part.action.raw());
                let (_, list) = by_action.entry(key).or_insert_with(|| (action, Vec::new()));
                list.push(self.filter(&own, call, part)?);
            }
        }
        let statements: Vec<String> = by_action
            .into_values()
            .map(|(action, list)| format!("  {action} {{\n    {}\n  }}", list.join(",\n    ")))
            .collect();
        let statements = statements.join(",\n");
        Ok(format!("POLICY filter {{\n{statements}\n}}\nUSE filter DEFAULT {default}\n"))
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        lines::read_back(Dialect::Kafel, text, meant)
    }
}

impl Kafel {
    fn filter(&self, own: &RaisedArch, call: &Call, part: &Part) -> Result<String, String> {
        let clauses = lines::express(self, (own, call), part.action, &part.clauses)?;
        let name = lines::name(own, call)?;
        let name = match kafel_name(own.arch, name) {
            Some(word) => word.to_owned(),
            None => format!("/* {name} */ SYSCALL[{}]", call.nr),
        };
        if clauses.iter().any(Clause::is_always) {
            return Ok(name);
        }
        let alternatives: Vec<String> =
            clauses.iter().map(|clause| alternative(clause, own.arch)).collect();
        let arguments: Vec<String> = (0..6).map(|index| format!("arg{index}")).collect();
        Ok(format!("{name}({}) {{ {} }}", arguments.join(", "), alternatives.join(" || ")))
    }
}

impl Printer for Nsjail {
    fn says(&self, arch: Arch, name: Option<Name>, test: &Test) -> bool {
        Kafel.says(arch, name, test)
    }

    fn repeats(&self) -> bool {
        Kafel.repeats()
    }

    fn has_action(&self, action: Action) -> bool {
        Kafel.has_action(action)
    }

    fn print(&self, raised: &Raised, meant: &Policy) -> Result<String, String> {
        let policy = Kafel.print(raised, meant)?;
        // The text has no quotes and no backslashes.
        Ok(policy.lines().map(|line| format!("seccomp_string: \"{line}\"\n")).collect())
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        lines::read_back(Dialect::Nsjail, text, meant)
    }
}

fn word(action: Action) -> Option<String> {
    let word = match action.kind() {
        ActionKind::Errno => return Some(format!("ERRNO({})", action.data())),
        ActionKind::Trace => return Some(format!("TRACE({})", action.data())),
        ActionKind::Trap => return Some(format!("TRAP({})", action.data())),
        _ if action.data() != 0 => return None,
        ActionKind::Allow => "ALLOW",
        ActionKind::Log => "LOG",
        ActionKind::KillThread => "KILL",
        ActionKind::KillProcess => "KILL_PROCESS",
        ActionKind::UserNotify => "USER_NOTIF",
        ActionKind::Unknown => return None,
    };
    Some(word.to_owned())
}

fn alternative(clause: &Clause, arch: Arch) -> String {
    let one = |test: &Test| {
        let index = test.argument().unwrap_or_default();
        let (mask, operator, value) = (test.mask, test.operator, test.value);
        match mask == Test::full_mask(arch) {
            true => format!("arg{index} {operator} {value:#x}"),
            false => format!("(arg{index} & {mask:#x}) {operator} {value:#x}"),
        }
    };
    clause.tests().iter().map(one).collect::<Vec<_>>().join(" && ")
}
