//! The lines of firejail's profiles.

use std::collections::BTreeMap;

use callgate_dialects::{Dialect, FIREJAIL_GROUPS, FIREJAIL_NAMESPACES, FIREJAIL_PROTOCOLS};
use callgate_facts::Alias;
use callgate_policy::{Action, ActionKind, Policy, SyscallNr};
use callgate_raise::{Clause, Raised, RaisedArch, Test};
use callgate_syscalls::{Arch, Errno, Name, SeccompData, names};

use crate::lines;
use crate::printer::Printer;

/// Lists of what is kept or dropped, and the lines that filter by arguments.
pub(crate) struct Firejail;

/// What of a filter the lines have words for.
struct Lists {
    default: Action,
    /// The answers that do not depend on arguments, but for the default.
    answers: BTreeMap<Name, Action>,
    /// Lines that filter by arguments.
    others: Vec<String>,
}

impl Printer for Firejail {
    /// Conditions have no words but those of whole lines.
    fn says(&self, _arch: Arch, _name: Option<Name>, _test: &Test) -> bool {
        false
    }

    fn repeats(&self) -> bool {
        false
    }

    fn guesses(&self) -> bool {
        true
    }

    fn has_action(&self, action: Action) -> bool {
        action == Action::ALLOW || suffix(action).is_some()
    }

    fn has_default(&self, action: Action) -> bool {
        action == Action::ALLOW || error_action(action).is_some()
    }

    fn print(&self, raised: &Raised, meant: &Policy) -> Result<String, String> {
        let own = lines::only(raised, "a firejail profile")?;
        let lists = Lists::of(&own, meant)?;
        let is_kept = own.default != Action::ALLOW;
        let refusal = match is_kept {
            true => own.default,
            false => lists.usual_refusal(raised.foreign),
        };
        let word = error_action(refusal)
            .ok_or_else(|| format!("there is no word for {refusal} as what most calls get"))?;
        let mut text = format!("seccomp-error-action {word}\n");
        // Calls of other architectures are allowed, or get what other refused calls get.
        if raised.foreign != Action::ALLOW {
            text += "seccomp.block-secondary\n";
        }
        text += &match is_kept {
            true => lists.keep(own.arch)?,
            false => lists.drop(refusal)?,
        };
        text += &lists.others.concat();
        Ok(text)
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        lines::read_back(Dialect::Firejail, text, meant)
    }
}

impl Lists {
    fn of(own: &RaisedArch, meant: &Policy) -> Result<Self, String> {
        let mut lists = Self { default: own.default, answers: BTreeMap::new(), others: Vec::new() };
        // -1 gets what x32's numbers get, which no line says.
        for call in own.calls.iter().filter(|call| call.nr != SyscallNr::new(u32::MAX)) {
            let name = lines::name(own, call)?;
            match call.parts.as_slice() {
                [] => {}
                [only] if only.clauses.iter().any(Clause::is_always) => {
                    lists.answers.insert(name, only.action);
                }
                parts => {
                    let line = line(name, own.arch, meant).ok_or_else(|| {
                        let part = &parts[0];
                        let named = (own.arch, Some(name));
                        lines::lost(named, &call.title(), part.action, &part.clauses[0])
                    })?;
                    if !line.is_empty() && !lists.others.contains(&line) {
                        lists.others.push(line);
                    }
                    // What the line leaves is for the list to say.
                    let first = meant.decide(&SeccompData::new(own.arch, call.nr));
                    let left = if name == names::PERSONALITY { first } else { Action::ALLOW };
                    if own.default != left {
                        lists.answers.insert(name, left);
                    }
                }
            }
        }
        Ok(lists)
    }

    /// What most refused calls get.
    fn usual_refusal(&self, foreign: Action) -> Action {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for action in self.answers.values().filter(|action| error_action(**action).is_some()) {
            *counts.entry(action.raw()).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let eperm = Action::errno(1).unwrap_or(Action::KILL_THREAD);
        let foreign = if error_action(foreign).is_some() { foreign } else { eperm };
        most.map_or(foreign, |(raw, _)| Action::from_raw(raw))
    }

    fn keep(&self, arch: Arch) -> Result<String, String> {
        for name in kept_anyway().into_iter().filter(|name| arch.syscall(*name).is_some()) {
            if self.answers.get(&name) != Some(&Action::ALLOW) {
                return Err(format!(
                    "firejail itself calls {name} under its filter, and allows it always"
                ));
            }
        }
        let words: Result<Vec<String>, String> =
            self.answers.iter().map(|(name, action)| self.word(*name, *action)).collect();
        Ok(format!("seccomp.keep {}\n", words?.join(",")))
    }

    fn drop(&self, refusal: Action) -> Result<String, String> {
        let kept = kept_anyway();
        let mut words = Vec::new();
        for (name, action) in &self.answers {
            match *action == refusal {
                true => words.push(name.to_string()),
                false if kept.contains(name) => {
                    return Err(format!(
                        "firejail itself calls {name} under its filter, and refuses it later with {refusal}"
                    ));
                }
                false => words.push(self.word(*name, *action)?),
            }
        }
        match words.is_empty() {
            // Something must be dropped, and no syscall has this number.
            true => Err("a filter that refuses nothing has no line".to_owned()),
            false => Ok(format!("seccomp.drop {}\n", words.join(","))),
        }
    }

    fn word(&self, name: Name, action: Action) -> Result<String, String> {
        if action == Action::ALLOW && self.default != Action::ALLOW {
            return Ok(name.to_string());
        }
        let suffix = suffix(action);
        let suffix =
            suffix.ok_or_else(|| format!("{}, which {name} gets", lines::no_word(action)))?;
        Ok(format!("{name}:{suffix}"))
    }
}

/// What firejail calls itself under its filter.
fn kept_anyway() -> Vec<Name> {
    let group = Alias::parse(FIREJAIL_GROUPS, "@default-keep");
    group.map(|group| group.syscalls().into_iter().collect()).unwrap_or_default()
}

/// The line that filters a syscall by its arguments, guessed from a few calls; that it means the
/// rules is proved.
fn line(name: Name, arch: Arch, meant: &Policy) -> Option<String> {
    let is_allowed = |name: Name, args: [u64; 6]| {
        let nr = arch.syscall(name).map(|syscall| syscall.nr)?;
        let action = meant.decide(&SeccompData::new(arch, nr).with_args(args));
        Some(action == Action::ALLOW)
    };
    match name {
        names::SOCKET => {
            let allowed = FIREJAIL_PROTOCOLS
                .iter()
                .filter(|(_, family)| is_allowed(name, [*family, 0, 0, 0, 0, 0]) == Some(true));
            let words: Vec<&str> = allowed.map(|(word, _)| *word).collect();
            (!words.is_empty()).then(|| format!("protocol {}\n", words.join(",")))
        }
        names::MMAP | names::MMAP2 | names::MPROTECT | names::PKEY_MPROTECT | names::SHMAT => {
            Some("memory-deny-write-execute\n".to_owned())
        }
        names::CLONE | names::UNSHARE | names::SETNS => {
            let refused = FIREJAIL_NAMESPACES.iter().filter(|(_, flag)| {
                is_allowed(names::UNSHARE, [*flag, 0, 0, 0, 0, 0]) == Some(false)
            });
            let words: Vec<&str> = refused.map(|(word, _)| *word).collect();
            (!words.is_empty()).then(|| format!("restrict-namespaces {}\n", words.join(",")))
        }
        // A part of `seccomp.block-secondary`.
        names::PERSONALITY => Some(String::new()),
        _ => None,
    }
}

/// The word for what every refused call gets.
fn error_action(action: Action) -> Option<String> {
    match action {
        Action::LOG => Some("log".to_owned()),
        other => suffix(other),
    }
}

/// The word for what a call gets that is refused in its own way.
fn suffix(action: Action) -> Option<String> {
    match action.kind() {
        ActionKind::KillThread if action.data() == 0 => Some("kill".to_owned()),
        ActionKind::Errno if action.data() != 0 => {
            Errno::new(action.data()).name(Arch::X86_64).map(str::to_owned)
        }
        _ => None,
    }
}
