//! The profiles that snapd generates.

use callgate_dialects::{Dialect, NEGATIVE_IN_32_BITS};
use callgate_policy::{Action, Operator, Policy};
use callgate_raise::{Clause, Raised, RaisedArch, Test};
use callgate_syscalls::{Arch, Name};

use crate::lines;
use crate::printer::Printer;

/// One syscall a line: what is allowed, and what is denied besides.
pub(crate) struct Snapd;

impl Printer for Snapd {
    fn says(&self, arch: Arch, name: Option<Name>, test: &Test) -> bool {
        test.argument().is_some() && word(test, arch, name).is_some()
    }

    fn repeats(&self) -> bool {
        false
    }

    fn has_action(&self, action: Action) -> bool {
        action == Action::ALLOW || Some(action) == denied()
    }

    fn has_default(&self, action: Action) -> bool {
        [Some(Action::ALLOW), Some(Action::LOG), Action::errno(1)].contains(&Some(action))
    }

    /// Every architecture that snapd filters for gets the same lines, so that those of all are
    /// written; that they mean the rules of each is proved.
    fn print(&self, raised: &Raised, _meant: &Policy) -> Result<String, String> {
        let mut text = String::new();
        let own = raised.arches.first().ok_or("the filter is for no architecture")?;
        match own.default {
            Action::ALLOW if own.calls.is_empty() => text += "@unrestricted\n",
            Action::ALLOW => {
                return Err(
                    "snapd filters nothing of a profile whose default is to allow".to_owned()
                );
            }
            Action::LOG => text += "@complain\n",
            default if Some(default) == Action::errno(1) => {}
            default => {
                return Err(format!("there is no word for {default} as the default"));
            }
        }
        let mut lines: Vec<String> = Vec::new();
        for own in &raised.arches {
            for line in self.arch(&lines::spelled_out(own))? {
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        // What is denied stands together, and first.
        lines.sort_by_key(|line| !line.starts_with('~'));
        lines.iter().for_each(|line| text += &format!("{line}\n"));
        Ok(text)
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        lines::read_back(Dialect::Snapd, text, meant)
    }
}

impl Snapd {
    fn arch(&self, own: &RaisedArch) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        for call in &own.calls {
            for part in &call.parts {
                let name = lines::name(own, call)?;
                let sign = match part.action {
                    Action::ALLOW => "",
                    action if Some(action) == denied() => "~",
                    action => {
                        return Err(format!(
                            "{}, which {} gets on {}",
                            lines::no_word(action),
                            call.title(),
                            own.arch
                        ));
                    }
                };
                for clause in lines::express(self, (own, call), part.action, &part.clauses)? {
                    lines.push(format!("{sign}{name}{}", words(&clause, own.arch, name)));
                }
            }
        }
        Ok(lines)
    }
}

/// What snapd answers to lines with `~`: EACCES.
fn denied() -> Option<Action> {
    Action::errno(13)
}

/// The words of the arguments up to the last that is tested.
fn words(clause: &Clause, arch: Arch, name: Name) -> String {
    let mut words: Vec<String> = Vec::new();
    for test in clause.tests() {
        let index = test.argument().unwrap_or_default();
        words.resize(index, "-".to_owned());
        words.extend(word(test, arch, Some(name)));
    }
    words.into_iter().map(|word| format!(" {word}")).collect()
}

/// A test as snapd writes it; a plain number is compared in 32 bits for users and groups.
fn word(test: &Test, arch: Arch, name: Option<Name>) -> Option<String> {
    let is_whole = test.mask == Test::full_mask(arch);
    let is_narrow = name.is_some_and(|name| NEGATIVE_IN_32_BITS.contains(&name.as_str()));
    let (mask, value) = (test.mask, test.value);
    Some(match test.operator {
        Operator::Eq if is_whole && !is_narrow => format!("{value}"),
        Operator::Eq if is_narrow && mask == u64::from(u32::MAX) => format!("{value}"),
        Operator::Eq => format!("{mask}|{value}"),
        _ if !is_whole => return None,
        Operator::Ne => format!("!{value}"),
        Operator::Lt => format!("<{value}"),
        Operator::Le => format!("<={value}"),
        Operator::Gt => format!(">{value}"),
        Operator::Ge => format!(">={value}"),
    })
}
