//! Drop-ins for units of systemd.

mod directives;
mod sets;

use std::collections::BTreeMap;

use callgate_dialects::Dialect;
use callgate_policy::{Action, ActionKind, Policy};
use callgate_raise::{Agreement, Call, Clause, Raised, RaisedArch, Test, compare};
use callgate_syscalls::{Arch, Errno, Name};

use crate::lines;
use crate::printer::Printer;

/// A unit's lists of syscalls, and the directives that filter and do nothing else.
pub(crate) struct Systemd;

/// What a unit's lists say of each syscall with rules, on every architecture.
pub(crate) struct Lists {
    arches: Vec<Arch>,
    default: Action,
    answers: BTreeMap<Name, Action>,
    /// The syscalls whose answer depends on their arguments, each with a rule that shows it.
    conditional: BTreeMap<Name, String>,
}

impl Printer for Systemd {
    /// Conditions have no words but those of whole directives.
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
        [Action::ALLOW, Action::LOG].contains(&action) || refusal(action).is_some()
    }

    fn print(&self, raised: &Raised, meant: &Policy) -> Result<String, String> {
        let lists = Lists::of(raised)?;
        let mut text = "[Service]\n".to_owned();
        text += &architectures(raised, meant);
        text += &directives::of(&lists, meant)?;
        text += &lists.filter()?;
        text += &lists.log()?;
        if text == "[Service]\n" {
            return Err("a filter that refuses nothing has no directive".to_owned());
        }
        match self.misguessed(&lists, &text, meant) {
            Some(lost) => Err(lost),
            None => Ok(text),
        }
    }

    fn read(&self, text: &str, meant: &Policy) -> Result<Policy, String> {
        lines::read_back(Dialect::Systemd, text, meant)
    }
}

impl Systemd {
    /// A rule whose condition is not that of the directive that was guessed for it.
    fn misguessed(&self, lists: &Lists, text: &str, meant: &Policy) -> Option<String> {
        if lists.conditional.is_empty() {
            return None;
        }
        let read = self.read(text, meant).ok()?;
        let Ok(Agreement::Differ(differing)) = compare(meant, &read) else { return None };
        let names = differing.iter().filter_map(|found| found.name);
        names.filter_map(|name| lists.conditional.get(&name)).next().cloned()
    }
}

impl Lists {
    fn of(raised: &Raised) -> Result<Self, String> {
        let open = raised.clone().without_silent().arches.into_iter();
        let with_rules: Vec<RaisedArch> = open.map(|own| lines::spelled_out(&own)).collect();
        let default = with_rules.first().ok_or("the filter is for no architecture")?.default;
        let arches = with_rules.iter().map(|own| own.arch).collect();
        let (answers, conditional) = (BTreeMap::new(), BTreeMap::new());
        let mut lists = Self { arches, default, answers, conditional };
        for own in &with_rules {
            for call in &own.calls {
                lists.add(own, call)?;
            }
        }
        Ok(lists)
    }

    fn add(&mut self, own: &RaisedArch, call: &Call) -> Result<(), String> {
        let name = lines::name(own, call)?;
        let answer = match call.parts.as_slice() {
            [] => own.default,
            [only] if only.clauses.iter().any(Clause::is_always) => only.action,
            parts => {
                let first = parts.iter().flat_map(|part| {
                    part.clauses.iter().map(|clause| (part.action, clause.clone()))
                });
                for (action, clause) in first.take(1) {
                    let named = (own.arch, Some(name));
                    let lost = lines::lost(named, &call.title(), action, &clause);
                    self.conditional.entry(name).or_insert(lost);
                }
                Action::ALLOW
            }
        };
        let known = *self.answers.entry(name).or_insert(answer);
        match known == answer {
            true => Ok(()),
            false => Err(format!(
                "{name} gets {known} on one architecture and {answer} on {}, and a unit has one list for all",
                own.arch
            )),
        }
    }

    /// `SystemCallFilter=` and `SystemCallErrorNumber=`.
    fn filter(&self) -> Result<String, String> {
        let is_allowed = |action: Action| [Action::ALLOW, Action::LOG].contains(&action);
        let refused = self.answers.iter().filter(|(_, action)| !is_allowed(**action));
        let mut by_answer: BTreeMap<String, Vec<Name>> = BTreeMap::new();
        for (name, action) in refused {
            let word = refusal(*action)
                .ok_or_else(|| format!("{}, which {name} gets", lines::no_word(*action)))?;
            by_answer.entry(word).or_default().push(*name);
        }
        if is_allowed(self.default) {
            return Ok(self.deny(&by_answer));
        }
        let default = refusal(self.default)
            .ok_or_else(|| format!("there is no word for {} as the default", self.default))?;
        let mut text = number(&default);
        let allowed = self.answers.iter().filter(|(_, action)| is_allowed(**action));
        let allowed: Vec<Name> = allowed.map(|(name, _)| *name).collect();
        let (implied, mut words) = sets::allowed(&allowed, &self.arches);
        if words.is_empty() {
            words.push(sets::START_UP.to_owned());
        }
        text += &lines_of("SystemCallFilter=", &words);
        // What systemd lets every unit do to start is taken off again.
        let taken = implied.into_iter().filter(|name| !allowed.contains(name));
        let taken: Vec<String> = taken
            .filter(|name| !self.answers.contains_key(name))
            .map(|name| name.to_string())
            .collect();
        text += &lines_of("SystemCallFilter=~", &taken);
        for (word, names) in &by_answer {
            let names: Vec<String> = names.iter().map(|name| format!("{name}:{word}")).collect();
            text += &lines_of("SystemCallFilter=~", &names);
        }
        Ok(text)
    }

    /// A list of what is refused.
    fn deny(&self, by_answer: &BTreeMap<String, Vec<Name>>) -> String {
        let most = by_answer.iter().max_by_key(|(_, names)| names.len());
        let Some((usual, _)) = most else { return String::new() };
        let mut text = number(usual);
        for (word, names) in by_answer {
            let suffix = if word == usual { String::new() } else { format!(":{word}") };
            let words = sets::covering(names, &self.arches);
            let words: Vec<String> = words.iter().map(|one| format!("{one}{suffix}")).collect();
            text += &lines_of("SystemCallFilter=~", &words);
        }
        text
    }

    /// `SystemCallLog=`.
    fn log(&self) -> Result<String, String> {
        let with = |wanted: Action| {
            let names = self.answers.iter().filter(move |(_, action)| **action == wanted);
            names.map(|(name, _)| name.to_string()).collect::<Vec<String>>()
        };
        if self.default != Action::LOG {
            return Ok(lines_of("SystemCallLog=", &with(Action::LOG)));
        }
        match with(Action::ALLOW) {
            names if names.is_empty() => Err("a unit cannot log every call".to_owned()),
            names => Ok(lines_of("SystemCallLog=~", &names)),
        }
    }
}

/// `SystemCallArchitectures=`, unless every call of an architecture without rules is allowed.
fn architectures(raised: &Raised, meant: &Policy) -> String {
    if raised.foreign == Action::ALLOW {
        return String::new();
    }
    let native = lines::native(meant);
    let open = raised.clone().without_silent();
    let others = open.arches.iter().map(|own| own.arch).filter(|arch| *arch != native);
    let words: String = others.map(|arch| format!(" {}", arch_word(arch))).collect();
    format!("SystemCallArchitectures=native{words}\n")
}

fn arch_word(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86-64",
        Arch::Aarch64 => "arm64",
        Arch::Mipsel => "mips-le",
        Arch::Mipsel64 => "mips64-le",
        Arch::Mipsel64n32 => "mips64-le-n32",
        Arch::Mips64n32 => "mips64-n32",
        Arch::Ppc64le => "ppc64-le",
        other => other.name(),
    }
}

/// `SystemCallErrorNumber=`, unless that is what systemd does anyway.
fn number(answer: &str) -> String {
    if answer == KILL { String::new() } else { format!("SystemCallErrorNumber={answer}\n") }
}

const KILL: &str = "kill";

/// The word for a refusal.
fn refusal(action: Action) -> Option<String> {
    let data = action.data();
    match action.kind() {
        ActionKind::KillProcess if data == 0 => Some(KILL.to_owned()),
        // systemd takes 0 for no number at all.
        ActionKind::Errno if (1..=4095).contains(&data) => {
            let name = Errno::new(data).name(Arch::X86_64);
            Some(name.map_or_else(|| data.to_string(), str::to_owned))
        }
        _ => None,
    }
}

/// Words in lines that begin with a directive.
fn lines_of(start: &str, words: &[String]) -> String {
    const WIDTH: usize = 100;
    let mut text = String::new();
    let mut line = String::new();
    for word in words {
        if !line.is_empty() && start.len() + line.len() + word.len() >= WIDTH {
            text += &format!("{start}{line}\n");
            line.clear();
        }
        line += if line.is_empty() { "" } else { " " };
        line += word;
    }
    if line.is_empty() { text } else { text + &format!("{start}{line}\n") }
}
