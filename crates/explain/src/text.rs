//! Explanations for people.

use std::collections::BTreeMap;
use std::fmt;

use callgate_gate::in_words;
use callgate_syscalls::{Action, ActionKind, Arch};

use crate::call::number;
use crate::json::kind_word;
use crate::{Answer, Change, Cost, Denial, Effect, Explanation, Frame, Intent, Ruling};

/// The most frames of a stack, and the most syscalls of a cost, that are shown.
const FRAMES_MAX: usize = 5;
const NAMES_MAX: usize = 6;

impl fmt::Display for Explanation {
    /// A headline, then what is known, a line for each, indented.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = match self.denial.count {
            1 => String::new(),
            count => format!(", {count} times"),
        };
        writeln!(f, "{}: {}{times}", self.call, self.outcome())?;
        write_process(f, &self.denial)?;
        for (index, frame) in self.denial.caller.iter().take(FRAMES_MAX).enumerate() {
            line(f, if index == 0 { "caller" } else { "" }, frame)?;
        }
        self.write_rulings(f)?;
        for intent in &self.intents {
            write_intent(f, intent)?;
        }
        for (index, change) in self.changes.iter().enumerate() {
            write_change(f, index + 1, change, self.is_for_profile)?;
        }
        if !self.capabilities.is_empty() {
            let caps = self.capabilities.join(" or ");
            line(
                f,
                "or",
                &format_args!(
                    "give it {caps}, with which this filter allows the call (--caps; docker run --cap-add)"
                ),
            )?;
        }
        if self.is_fine {
            let none = "none: the caller was told that there is no such call, and does without";
            line(f, "change", &none)?;
        }
        if let Some(why) = self.no_change {
            line(f, "change", &format_args!("none: {why}"))?;
        }
        if let Some(machine) = &self.machine {
            line(f, "machine", &format_args!("the filter is read as on one of {machine}"))?;
        }
        if !self.unknown.is_empty() {
            let source = self.denial.knowledge.words();
            line(f, "not said", &format_args!("by {source}: {}", self.unknown.join(", ")))?;
        }
        Ok(())
    }
}

impl Explanation {
    /// What happened to the call, as a predicate; where the filter says something else, that too.
    fn outcome(&self) -> String {
        let seen = self.seen();
        let arch = self.call.arch.unwrap_or(Arch::X86_64);
        if self.is_from_elsewhere() {
            return format!("{seen}, and this filter lets it pass");
        }
        let passes = self.denial.answer.kind().is_some_and(ActionKind::executes);
        if self.denial.is_let_pass && !passes {
            return format!("let pass; by this filter it {seen}");
        }
        match (self.is_consistent, &self.rulings[..]) {
            (false, [one]) => format!("{seen}; by this filter it {}", said(one.action, arch)),
            _ => seen,
        }
    }

    fn seen(&self) -> String {
        let arch = self.call.arch.unwrap_or(Arch::X86_64);
        match self.denial.answer {
            Answer::Action(action) => said(action, arch),
            Answer::Kind(ActionKind::Errno) => match &self.rulings[..] {
                [one] if self.is_consistent => said(one.action, arch),
                _ => "refused with an errno".to_owned(),
            },
            Answer::Kind(kind) => format!("{} ({})", kind_in_words(kind), kind_word(kind)),
            Answer::Returned(errno) => format!("failed with {}", self.errno(errno)),
            Answer::Sigsys(None | Some(0)) => "ended by SIGSYS".to_owned(),
            Answer::Sigsys(Some(data)) => format!("SIGSYS with {data} from the filter"),
            Answer::Unknown => match &self.rulings[..] {
                [one] if self.denial.has_later_filters => {
                    let said = said(one.action, arch);
                    format!("answered by this filter or another; by this one it {said}")
                }
                [one] => said(one.action, arch),
                [] => "what happens to it depends on the filter (--policy)".to_owned(),
                _ => "what happens to it depends on its arguments".to_owned(),
            },
        }
    }

    fn write_rulings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = self.rulings.len() > 1;
        for Ruling { action, place, line: text, by, rule, .. } in &self.rulings {
            let who = match (place, rule) {
                // Its line says more than its number.
                (Some(place), Some(_)) => place.clone(),
                (Some(place), None) if text.is_some() && by.starts_with("rule ") => place.clone(),
                (Some(place), None) => format!("{place}, {by}"),
                (None, _) => by.clone(),
            };
            let possible = if several { " (possibly)" } else { "" };
            line(f, "rule", &format_args!("{who}: {action}{possible}"))?;
            if let Some(text) = text {
                line(f, "", &format_args!("| {text}"))?;
            }
        }
        let is_foreign = self.rulings.iter().any(|ruling| ruling.is_foreign);
        if let Some(arch) = self.call.arch.filter(|_| is_foreign) {
            line(
                f,
                "",
                &format_args!("add `{arch}` to the filter's architectures to have its rules count"),
            )?;
        }
        if self.is_from_elsewhere() {
            line(
                f,
                "but",
                &"so the refusal came from elsewhere: a capability that the process lacks, the owner or mode of a file, \
                  an LSM (AppArmor, SELinux, Landlock), a limit, a namespace, or another filter that is also loaded",
            )?;
            return line(
                f,
                "go on",
                &"`callgate explain --check` makes the call without any filter; `callgate disasm --pid` shows all that a \
                  process has; `journalctl -k` has what LSMs deny; `callgate doctor` what this environment lacks",
            );
        }
        match (self.has_filter, self.is_consistent) {
            (true, false) => line(
                f,
                "but",
                &"this filter does not do what was seen: another one is in force, or none refused the call",
            ),
            (true, true) if self.rulings.is_empty() => {
                line(f, "rule", &"not found out: the prover has no answer for these programs")
            }
            _ => Ok(()),
        }
    }
}

/// A line with a word before it.
fn line(f: &mut fmt::Formatter<'_>, word: &str, text: &dyn fmt::Display) -> fmt::Result {
    writeln!(f, "  {word:<9} {text}")
}

fn said(action: Action, arch: Arch) -> String {
    format!("{} ({action})", in_words(action, arch))
}

const fn kind_in_words(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::KillProcess | ActionKind::Unknown => "kills the process",
        ActionKind::KillThread => "kills the thread",
        ActionKind::Trap => "is not executed, and the thread gets SIGSYS",
        ActionKind::Errno => "refused with an errno",
        ActionKind::UserNotify => "is handed to the filter's supervisor",
        ActionKind::Trace => "is handed to a tracer",
        ActionKind::Log => "is executed and logged",
        ActionKind::Allow => "is executed",
    }
}

fn write_process(f: &mut fmt::Formatter<'_>, denial: &Denial) -> fmt::Result {
    let process = &denial.process;
    let mut parts = Vec::new();
    match (process.pid, process.tid) {
        (Some(pid), Some(tid)) if pid != tid => parts.push(format!("{pid}, thread {tid}")),
        (Some(id), _) => parts.push(id.to_string()),
        (None, Some(tid)) => parts.push(format!("thread {tid}")),
        (None, None) => {}
    }
    parts.extend(process.comm.as_ref().map(|comm| format!("{comm:?}")));
    parts.extend(process.exe.clone());
    if !parts.is_empty() {
        line(f, "process", &parts.join(", "))?;
    }
    match (denial.first, denial.last) {
        (Some(first), Some(last)) if first != last => {
            line(f, "when", &format_args!("{first} to {last}"))
        }
        (Some(time), _) | (None, Some(time)) => line(f, "when", &time),
        (None, None) => Ok(()),
    }
}

impl fmt::Display for Frame {
    /// `connect+0x14 (libc.so.6+0x10a3b4)`, as far as it is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.object {
            Some(object) => format!("{object}+{:#x}", self.offset),
            None => format!("{:#x}", self.offset),
        };
        match &self.symbol {
            Some((name, offset)) => write!(f, "{name}+{offset:#x} ({place})"),
            None => f.write_str(&place),
        }
    }
}

fn write_intent(f: &mut fmt::Formatter<'_>, intent: &Intent) -> fmt::Result {
    line(f, "why", &format_args!("{}, by {}", intent.call, intent.caller))?;
    if let Some(symptom) = intent.symptom {
        line(f, "", &format_args!("seen as: {symptom}"))?;
    }
    let after = match intent.effect {
        Effect::OnlyEnosysHelps => " (so the caller falls back on ENOSYS, not on EPERM)",
        Effect::AnyErrorHelps => " (so the caller takes any error, but not being killed)",
        Effect::Fails | Effect::Unknown => "",
    };
    let answers = format!("EPERM: {}; ENOSYS: {}{after}", intent.on_eperm, intent.on_enosys);
    line(f, "", &answers)?;
    if let (Some(remedy), Some(risk)) = (intent.remedy, intent.risk) {
        let risk =
            if matches!(risk, "" | "-") { String::new() } else { format!(" (opens: {risk})") };
        line(f, "", &format_args!("what helped others: {remedy}{risk}"))?;
    }
    Ok(())
}

fn write_change(
    f: &mut fmt::Formatter<'_>,
    number: usize,
    change: &Change,
    is_for_profile: bool,
) -> fmt::Result {
    let word = format!("change {number}");
    let before = change.before.as_ref();
    line(f, &word, &change.line)?;
    for step in change.steps() {
        line(f, "", &step)?;
    }
    if let Some(rule) = &change.profile_rule {
        line(f, "", &format_args!("in a container profile: {rule}"))?;
        if let Some(before) = before.filter(|before| before.is_profile) {
            let place = &before.place;
            line(f, "", &format_args!("and without the call in the rule at {place}"))?;
        }
    } else if is_for_profile {
        line(f, "", &"no container profile can say it")?;
    }
    match &change.cost {
        Some(cost) => line(f, "", cost)?,
        None => line(f, "", &"what it permits beyond is known with --policy")?,
    }
    if let Some(refused) = change.cost.as_ref().and_then(Cost::refused_in_words) {
        line(f, "", &refused)?;
    }
    if !change.still_refused.is_empty() {
        line(f, "", &format_args!("still refused: {}", still_refused(change)))?;
    }
    match change.risks {
        [] => Ok(()),
        risks => {
            let risks: Vec<&str> = risks.iter().map(|risk| risk.name()).collect();
            line(f, "", &format_args!("risks: {}", risks.join(", ")))
        }
    }
}

/// `ptrace (p.gate:5:1), kcmp`, as many as there is room for.
fn still_refused(change: &Change) -> String {
    let name = |(name, place): &(callgate_syscalls::Name, Option<String>)| match place {
        Some(place) => format!("{name} ({place})"),
        None => name.to_string(),
    };
    let mut names: Vec<String> = change.still_refused.iter().take(NAMES_MAX).map(name).collect();
    let left = change.still_refused.len().saturating_sub(NAMES_MAX);
    if left > 0 {
        names.push(format!("{left} others"));
    }
    names.join(", ")
}

impl fmt::Display for Cost {
    /// `permits nothing more`, or `permits 2 calls more: bind, socket (in part); on x32, x86_64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match listed(&self.permits, self.unnamed) {
            None => f.write_str("permits nothing more"),
            Some((count, list)) => write!(f, "permits {count} more{list}"),
        }
    }
}

impl Cost {
    /// `refuses what was allowed, 1 call: openat2`; none where there is none.
    fn refused_in_words(&self) -> Option<String> {
        let (count, list) = listed(&self.refuses, self.unnamed_refused)?;
        Some(format!("refuses what was allowed, {count}{list}"))
    }
}

/// How many calls, and which, with what stands before: `2 calls` and `: bind, socket (in part); on
/// x32, x86_64`. None for none.
fn listed(all: &[(Arch, String, bool)], unnamed: u64) -> Option<(String, String)> {
    let mut calls: BTreeMap<&str, bool> = BTreeMap::new();
    for (_, name, whole) in all {
        *calls.entry(name).or_insert(true) &= whole;
    }
    let name = |(name, whole): (&&str, &bool)| match whole {
        true => (*name).to_owned(),
        false => format!("{name} (in part)"),
    };
    let mut names: Vec<String> = calls.iter().take(NAMES_MAX).map(name).collect();
    let left = calls.len().saturating_sub(NAMES_MAX);
    if left > 0 {
        names.push(format!("{left} others"));
    }
    if unnamed > 0 {
        names.push(unnamed_numbers(unnamed));
    }
    let count = match calls.len() {
        0 if unnamed == 0 => return None,
        0 => return Some((unnamed_numbers(unnamed), String::new())),
        1 => "1 call".to_owned(),
        count => format!("{count} calls"),
    };
    let mut arches: Vec<&str> = all.iter().map(|(arch, ..)| arch.name()).collect();
    arches.sort_unstable();
    arches.dedup();
    let on = match arches[..] {
        [] | [_] => String::new(),
        _ => format!("; on {}", arches.join(", ")),
    };
    Some((count, format!(": {}{on}", names.join(", "))))
}

fn unnamed_numbers(count: u64) -> String {
    match count {
        1 => "1 number without a name".to_owned(),
        count => format!("{} numbers without a name", number(count)),
    }
}
