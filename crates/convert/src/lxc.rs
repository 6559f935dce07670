//! LXC's lists of version 2.

use callgate_dialects::Dialect;
use callgate_policy::{Action, ActionKind, Policy};
use callgate_raise::{Clause, Raised, RaisedArch, Test};
use callgate_syscalls::{Arch, Name};

use crate::lines;
use crate::printer::Printer;

/// A list for all architectures of the machine: liblxc has sections, and applies the rules of each to
/// all of these.
pub(crate) struct Lxc;

impl Printer for Lxc {
    fn says(&self, arch: Arch, _name: Option<Name>, test: &Test) -> bool {
        lines::compares_as_libseccomp(arch, test)
    }

    fn repeats(&self) -> bool {
        false
    }

    fn has_action(&self, action: Action) -> bool {
        word(action).is_some()
    }

    fn print(&self, raised: &Raised, _meant: &Policy) -> Result<String, String> {
        let raised = raised.clone().without_silent();
        let default = lines::common_default(&raised.arches)?.unwrap_or(raised.foreign);
        let word = word(default).ok_or_else(|| lines::no_word(default))?;
        let style = if default == Action::ALLOW { "denylist" } else { "allowlist" };
        let mut rules: Vec<String> = Vec::new();
        for own in &raised.arches {
            for line in self.rules(&lines::spelled_out(own))? {
                if !rules.contains(&line) {
                    rules.push(line);
                }
            }
        }
        let mut text = format!("2\n{style} {word}\n[all]\n");
        rules.iter().for_each(|line| text += &format!("{line}\n"));
        Ok(text)
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        lines::read_back(Dialect::Lxc, text, meant)
    }
}

impl Lxc {
    fn rules(&self, own: &RaisedArch) -> Result<Vec<String>, String> {
        let mut rules = Vec::new();
        for call in &own.calls {
            for part in &call.parts {
                let name = lines::name(own, call)?;
                let action = word(part.action).ok_or_else(|| lines::no_word(part.action))?;
                for clause in lines::express(self, (own, call), part.action, &part.clauses)? {
                    rules.push(format!("{name} {action}{}", conditions(&clause, own.arch)));
                }
            }
        }
        Ok(rules)
    }
}

fn word(action: Action) -> Option<String> {
    let word = match action.kind() {
        ActionKind::Errno => return Some(format!("errno {}", action.data())),
        _ if action.data() != 0 => return None,
        ActionKind::Allow => "allow",
        ActionKind::KillThread => "kill",
        ActionKind::Trap => "trap",
        ActionKind::UserNotify => "notify",
        ActionKind::KillProcess | ActionKind::Trace | ActionKind::Log | ActionKind::Unknown => {
            return None;
        }
    };
    Some(word.to_owned())
}

fn conditions(clause: &Clause, arch: Arch) -> String {
    let one = |test: &Test| {
        let index = test.argument().unwrap_or_default();
        let (value, mask) = (test.value, test.mask);
        match mask == Test::full_mask(arch) {
            true => format!(" [{index},{value:#x},{}]", test.operator),
            false => format!(" [{index},{value:#x},&=,{mask:#x}]"),
        }
    };
    clause.tests().iter().map(one).collect()
}
