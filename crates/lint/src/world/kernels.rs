//! What a kernel knows of a filter's answers, and of the calls that it is about.

use callgate_facts::{Drift, Fallback};
use callgate_policy::Known;
use callgate_syscalls::{ActionKind, Arch, KernelVersion, Name};

use super::callers::answer;
use crate::finding::{Draft, Findings};
use crate::ground::{Call, Ground, State};
use crate::process::enosys;
use crate::words;

/// Answers, with the first kernel that knows them.
const ANSWERS: [(ActionKind, KernelVersion); 3] = [
    (ActionKind::KillProcess, KernelVersion::new(4, 14)),
    (ActionKind::Log, KernelVersion::new(4, 14)),
    (ActionKind::UserNotify, KernelVersion::new(5, 0)),
];

/// The most callers that are told of.
const CALLERS_MAX: usize = 6;

pub(super) fn check(ground: &mut Ground<'_>, findings: &mut Findings, kernel: KernelVersion) {
    for arch in ground.arches.clone() {
        answers(ground, findings, (arch, kernel));
        absent(ground, findings, (arch, kernel));
        hidden(ground, findings, (arch, kernel));
    }
}

/// Answers that the kernel does not know: it kills the thread for them.
fn answers(ground: &mut Ground<'_>, findings: &mut Findings, on: (Arch, KernelVersion)) {
    let (arch, kernel) = on;
    for (kind, since) in ANSWERS.into_iter().filter(|(_, since)| *since > kernel) {
        let of = |(action, _): &Call| action.kind() == kind;
        let unlisted = ground.unlisted(arch).filter(of).map(|call| (None, call));
        let listed = ground.answers(arch).find_map(|(name, answer)| {
            answer.actions.iter().copied().find(of).map(|call| (Some(name), call))
        });
        let Some((name, shown)) = listed.or(unlisted) else { continue };
        let what = match kind {
            ActionKind::KillProcess => "and ends the thread alone",
            _ => "and ends the thread",
        };
        let word = shown.0;
        let message =
            format!("Linux {kernel} does not know the answer {word}, which {since} has, {what}");
        let about = format!("{kernel} {word}");
        let draft = Draft::new("L0804", about, message).on(arch).show(shown);
        let draft = name.into_iter().fold(draft, Draft::named);
        findings.add(ground, draft);
    }
}

/// Calls that are refused before the kernel can say that it does not have them.
fn hidden(ground: &Ground<'_>, findings: &mut Findings, (arch, kernel): (Arch, KernelVersion)) {
    let mut names = Vec::new();
    let mut shown = None;
    for (name, answer) in newer(ground, arch, kernel) {
        let refused = answer.refused().filter(|_| answer.state() == State::Shut);
        let Some(call) = refused.filter(|(action, _)| *action != enosys(arch)) else { continue };
        let mut rows = Drift::of(name).filter(|row| row.is_on(arch));
        if rows.any(|row| row.fallback() == Fallback::Enosys) && has_older(ground, arch, name) {
            names.push(name);
            shown.get_or_insert(call);
        }
    }
    let Some(shown) = shown else { return };
    let answer = answer(shown.0, arch);
    let message = format!(
        "Linux {kernel} would say ENOSYS, for which callers have another way, but they get {answer}: {}",
        words::names(&names)
    );
    let draft = Draft::new("L0805", format!("{kernel} hidden"), message).named(names[0]).on(arch);
    let draft = draft.note(baseline(ground, arch, kernel)).show(shown);
    findings.add(ground, draft);
}

/// Calls that are allowed, and that the kernel does not have.
fn absent(ground: &Ground<'_>, findings: &mut Findings, (arch, kernel): (Arch, KernelVersion)) {
    let open = newer(ground, arch, kernel).filter(|(_, answer)| answer.state() != State::Shut);
    let open: Vec<(Name, Option<Call>)> =
        open.map(|(name, answer)| (name, answer.made())).collect();
    let Some((_, made)) = open.first().copied() else { return };
    let names: Vec<Name> = open.iter().map(|(name, _)| *name).collect();
    let message = format!(
        "Linux {kernel} does not have calls that are allowed here, and says ENOSYS: {}",
        words::names(&names)
    );
    let draft = Draft::new("L0806", format!("{kernel} absent"), message).named(names[0]).on(arch);
    let draft = draft.note(baseline(ground, arch, kernel)).show_if_any(made);
    findings.add(ground, callers(&names, arch).into_iter().fold(draft, Draft::note));
}

/// Those who have no other way than calls that are not there.
fn callers(names: &[Name], arch: Arch) -> Vec<String> {
    let rows = names.iter().flat_map(|name| Drift::of(*name).map(move |row| (name, row)));
    let rows = rows.filter(|(_, row)| {
        row.is_on(arch) && matches!(row.fallback(), Fallback::None | Fallback::Abort)
    });
    let told = rows.map(|(name, row)| {
        format!("{} {} has no other way than {name} in {}", row.part(), row.since(), row.caller())
    });
    told.take(CALLERS_MAX).collect()
}

/// The known calls that the kernel does not have.
fn newer<'g>(
    ground: &'g Ground<'_>,
    arch: Arch,
    kernel: KernelVersion,
) -> impl Iterator<Item = (Name, &'g crate::ground::Answer)> {
    let is_newer = move |name: Name| arch.syscall(name).is_some_and(|call| call.since > kernel);
    ground.answers(arch).filter(move |(name, _)| is_newer(*name))
}

/// Whether what is made in its place is allowed.
fn has_older(ground: &Ground<'_>, arch: Arch, name: Name) -> bool {
    let is_open = |other: Name| ground.state(arch, other).is_some_and(|s| s != State::Shut);
    let family = callgate_facts::Groups::LATEST.family_of(name);
    let mut others = family.into_iter().flat_map(|family| family.members_on(arch));
    others.any(|other| other != name && is_open(other))
}

/// What the filter's own baseline says.
fn baseline(ground: &Ground<'_>, arch: Arch, kernel: KernelVersion) -> String {
    let policy = ground.policy().and_then(|policy| policy.arch(arch));
    let unknown = policy.and_then(callgate_policy::ArchPolicy::unknown_action);
    match unknown.map(|unknown| (unknown.known, unknown.action)) {
        Some((Known::Kernel(base), action)) if base > kernel => format!(
            "the filter's baseline is linux {base}: calls that came up to then and are not listed \
             get the default; `baseline linux {kernel}` gives them {}",
            answer(action, arch)
        ),
        Some((Known::Kernel(base), action)) => format!(
            "the filter's baseline is linux {base}: calls that are newer and not listed get {}",
            answer(action, arch)
        ),
        Some((Known::UpTo(nr), action)) => {
            format!("numbers above {nr} that are not listed get {}", answer(action, arch))
        }
        None => format!(
            "the filter has no baseline: `baseline linux {kernel} else ENOSYS` answers what is \
             newer and not listed as that kernel would"
        ),
    }
}
