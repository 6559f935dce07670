//! The calls that C libraries and runtimes make, and what becomes of them.

use std::collections::BTreeMap;

use callgate_facts::{Drift, Fallback, Occasion, Release, ReleaseKind};
use callgate_policy::{Comparison, Condition, Field, Operator};
use callgate_rules::Help;
use callgate_syscalls::{Action, ActionKind, Arch, Errno, Name, names};

use super::World;
use crate::finding::{Draft, Findings};
use crate::ground::{Call, Ground, State, arg_bits, clone_flags, constant};
use crate::process::enosys;
use crate::words;

/// What becomes of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    /// It is killed, or its process is.
    Dies,
    /// It fails.
    Fails,
}

/// A call that a filter refuses, with those who make it.
struct Refused {
    shown: Call,
    makers: Vec<String>,
    rows: Vec<String>,
    statement: String,
}

pub(super) fn check(ground: &mut Ground<'_>, findings: &mut Findings, world: &World) {
    for arch in ground.arches.clone() {
        if ground.answers(arch).all(|(_, answer)| answer.state() == State::Shut) {
            continue;
        }
        let mut certain: BTreeMap<(Harm, Name), Refused> = BTreeMap::new();
        let mut possible: BTreeMap<String, Refused> = BTreeMap::new();
        for row in Drift::all().filter(|row| row.is_on(arch)) {
            let makers = makers(row, world);
            if makers.is_empty() {
                continue;
            }
            let mut functions = Vec::new();
            for &name in row.syscalls() {
                let Some((harm, shown)) = harmed(ground, arch, name, row) else { continue };
                match is_made(ground, arch, name, row) {
                    Some(true) => {
                        let refused = Refused::new(shown, statement(row, name, harm));
                        let known = certain.entry((harm, name)).or_insert(refused);
                        known.add(&makers, told(row, name, shown.0, harm));
                    }
                    Some(false) => {}
                    None => functions.push((name, shown)),
                }
            }
            if let Some((_, shown)) = functions.first().copied() {
                let refused = || Refused::new(shown, String::new());
                let known = possible.entry(makers.join(", ")).or_insert_with(refused);
                let names: Vec<&str> = functions.iter().map(|(name, _)| name.as_str()).collect();
                let caller = format!("{}: {}{}", names.join(", "), row.part(), caller(row));
                known.add(&makers, caller);
            }
        }
        report(ground, findings, arch, certain);
        report_possible(ground, findings, arch, possible);
    }
}

/// Who makes the call: the releases of its part, or the kernel itself.
fn makers(row: Drift, world: &World) -> Vec<String> {
    let of_kernel = row.part() == "kernel" && !world.kernels.is_empty();
    let kernel = of_kernel.then(|| "the kernel".to_owned());
    let releases = world.releases.iter().filter(|release| release.makes(row));
    releases.map(Release::to_string).chain(kernel).collect()
}

/// What becomes of a caller, and the call that shows it; nothing where the caller goes on.
fn harmed(ground: &mut Ground<'_>, arch: Arch, name: Name, row: Drift) -> Option<(Harm, Call)> {
    // The kernel makes these whatever filters say, since it has them.
    if matches!(name, names::URETPROBE | names::UPROBE) {
        return None;
    }
    let arguments = row.arguments(arch, name);
    let shown = if arguments.is_empty() {
        let answer = ground.answer(arch, name)?;
        answer.refused().filter(|_| answer.state() == State::Shut)?
    } else {
        let actions = ground.ask(arch, name, &exactly(&arguments));
        let is_refused = |(action, _): &Call| !action.kind().may_execute();
        // Where other arguments decide, nobody can tell.
        *actions.first().filter(|_| actions.iter().all(is_refused))?
    };
    Some((harm(row, shown.0, arch)?, shown))
}

/// The condition that arguments have these values.
fn exactly(arguments: &[(usize, u64)]) -> Condition {
    let each = arguments.iter().map(|(register, value)| match Field::arg(*register) {
        Ok(field) => Comparison::new(field, Operator::Eq, *value).into(),
        Err(_) => Condition::never(),
    });
    Condition::all(each).unwrap_or_else(|_| Condition::never())
}

fn harm(row: Drift, action: Action, arch: Arch) -> Option<Harm> {
    if kills(action) {
        return Some(Harm::Dies);
    }
    match row.fallback() {
        Fallback::Any | Fallback::Ignored | Fallback::Probe => None,
        Fallback::Enosys => (action != enosys(arch)).then_some(Harm::Fails),
        // Some end for every error but this one.
        Fallback::Abort if action == enosys(arch) && row.on_enosys().starts_with("fallback") => {
            None
        }
        _ => Some(Harm::Fails),
    }
}

fn kills(action: Action) -> bool {
    matches!(action.kind(), ActionKind::KillProcess | ActionKind::KillThread | ActionKind::Trap)
}

/// Whether programs that run under the filter make the call; nothing where it depends on them.
fn is_made(ground: &mut Ground<'_>, arch: Arch, name: Name, row: Drift) -> Option<bool> {
    // Who makes threads alone never forks.
    let forks = matches!(name, names::FORK | names::VFORK);
    let mut is_open = |other: Name| match other {
        names::CLONE if forks => makes_processes(ground, arch),
        _ => ground.state(arch, other).is_some_and(|s| s != State::Shut),
    };
    match row.occasion() {
        // A filter under which nothing is executed is loaded by a program that runs already, and starts threads at most.
        Occasion::Start if is_of_starts(row) => {
            let executes = is_open(names::EXECVE) || is_open(names::EXECVEAT);
            let is_of_threads = row.caller().contains("each thread");
            Some(executes || is_of_threads && makes_threads(ground, arch))
        }
        Occasion::Start => Some(true),
        Occasion::For(others) => Some(others.into_iter().any(is_open)),
        Occasion::Twins => Some(older(name).is_some_and(is_open)),
        _ => None,
    }
}

/// Whether a call is made where programs start and not later, by the program: who starts it in a container has its
/// filter before.
fn is_of_starts(row: Drift) -> bool {
    let is_container = ReleaseKind::of(row.part()) == Some(ReleaseKind::Container);
    !is_container && ["start", "dynamic loader"].iter().any(|word| row.caller().contains(word))
}

/// Whether `clone` is made without the flag of threads.
fn makes_processes(ground: &mut Ground<'_>, arch: Arch) -> bool {
    let Some(thread) = constant("CLONE_THREAD", arch) else { return false };
    let process = arg_bits(clone_flags(arch), thread, 0);
    ground.made_where(arch, names::CLONE, &process).is_some()
}

/// Whether `clone` is made with the flag of threads, or `clone3` with any.
fn makes_threads(ground: &mut Ground<'_>, arch: Arch) -> bool {
    let Some(thread) = constant("CLONE_THREAD", arch) else { return false };
    let with_flag = arg_bits(clone_flags(arch), thread, thread);
    let is_made = ground.state(arch, names::CLONE3).is_some_and(|state| state != State::Shut);
    is_made || ground.made_where(arch, names::CLONE, &with_flag).is_some()
}

/// The call of the same name without its last suffix.
fn older(name: Name) -> Option<Name> {
    let mut suffixes = ["_time64", "64"].into_iter();
    suffixes.find_map(|suffix| Name::parse(name.as_str().strip_suffix(suffix)?))
}

/// The statement that mends it: whoever has another way is sent there.
fn statement(row: Drift, name: Name, harm: Harm) -> String {
    let has_way = match row.fallback() {
        Fallback::None | Fallback::Abort => false,
        Fallback::Enosys => true,
        _ => harm == Harm::Dies,
    };
    match (has_way, row.condition(name)) {
        (true, _) => format!("enosys {name}"),
        (false, None) => format!("allow {name}"),
        (false, Some(condition)) => format!("allow {name} where {condition}"),
    }
}

/// Since when, in what, and what happens.
fn told(row: Drift, name: Name, action: Action, harm: Harm) -> String {
    let end = match (harm, row.fallback()) {
        (Harm::Dies, _) => "it is killed",
        (Harm::Fails, _) if action.kind() != ActionKind::Errno => "it fails",
        (Harm::Fails, Fallback::Enosys) => {
            return format!(
                "{}{}: {}; another way only on ENOSYS",
                row.part(),
                caller(row),
                row.on_eperm()
            );
        }
        (Harm::Fails, _) => row.on_eperm(),
    };
    let condition = row.condition(name).map_or(String::new(), |told| format!(" with {told}"));
    format!("{}{}{condition}: {end}", row.part(), caller(row))
}

/// Since when, and what in the part makes the call.
fn caller(row: Drift) -> String {
    match row.since() {
        "all" | "any" => format!(", {}", row.caller()),
        since => format!(" since {since}, {}", row.caller()),
    }
}

impl Refused {
    const fn new(shown: Call, statement: String) -> Self {
        Self { shown, makers: Vec::new(), rows: Vec::new(), statement }
    }

    fn add(&mut self, makers: &[String], row: String) {
        for maker in makers {
            if !self.makers.contains(maker) {
                self.makers.push(maker.clone());
            }
        }
        if !self.rows.contains(&row) {
            self.rows.push(row);
        }
    }
}

fn report(
    ground: &Ground<'_>,
    findings: &mut Findings,
    arch: Arch,
    refused: BTreeMap<(Harm, Name), Refused>,
) {
    for ((harm, name), refused) in refused {
        let makers = words::list(&refused.makers);
        let calls = if refused.makers.len() == 1 { "calls" } else { "call" };
        let answer = answer(refused.shown.0, arch);
        let (code, message) = match harm {
            Harm::Dies => ("L0801", format!("{makers} {calls} {name}, and programs die of it")),
            Harm::Fails => {
                ("L0802", format!("{makers} {calls} {name}, and programs fail: it gets {answer}"))
            }
        };
        let help = ground.statement(&refused.shown.1, name, &refused.statement);
        let plain = || Help { message: format!("`{}`", refused.statement), edit: None };
        let draft = Draft::of(code, name, message).on(arch).show(refused.shown);
        let draft = refused.rows.iter().fold(draft, Draft::note);
        findings.add(ground, draft.help(Some(help.unwrap_or_else(plain))));
    }
}

/// The error by its name, or the action.
pub(super) fn answer(action: Action, arch: Arch) -> String {
    let errno = (action.kind() == ActionKind::Errno).then(|| Errno::new(action.data()));
    let name = errno.and_then(|errno| errno.name(arch));
    name.map_or_else(|| action.to_string(), str::to_owned)
}

fn report_possible(
    ground: &Ground<'_>,
    findings: &mut Findings,
    arch: Arch,
    possible: BTreeMap<String, Refused>,
) {
    for (makers, refused) in possible {
        let message = format!("{makers}: functions that programs may use, and that fail here");
        let about = format!("{makers} functions");
        let draft = Draft::new("L0803", about, message).on(arch).show(refused.shown);
        findings.add(ground, refused.rows.iter().fold(draft, Draft::note));
    }
}
