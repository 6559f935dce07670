//! What is answered, whoever calls: fake success, deaths of one thread, tracers, and what is not listed.

use callgate_syscalls::{Action, ActionKind, Arch, Name};

use crate::finding::{Draft, Findings};
use crate::ground::{Call, Ground, State};
use crate::words;

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        fake_success(ground, findings, arch);
        odd_words(ground, findings, arch);
        tracers(ground, findings, arch);
        unlisted(ground, findings, arch);
    }
}

/// The syscalls that get an action for which `wanted` holds, each with a call that gets it.
fn with(
    ground: &Ground<'_>,
    arch: Arch,
    wanted: impl Fn(Action) -> bool,
) -> Vec<(Name, Option<Call>)> {
    let found = ground.answers(arch).filter_map(|(name, answer)| {
        let call = answer.actions.iter().copied().find(|(action, _)| wanted(*action))?;
        Some((name, Some(call)))
    });
    found.collect()
}

/// A finding that lists syscalls, if there are any.
fn listed(
    (code, about): (&'static str, &str),
    message: impl Into<String>,
    arch: Arch,
    calls: &[(Name, Option<Call>)],
) -> Option<Draft> {
    let (_, first) = calls.first()?;
    Some(Draft::new(code, about, message).listing(arch, calls).on(arch).show_if_any(*first))
}

fn fake_success(ground: &Ground<'_>, findings: &mut Findings, arch: Arch) {
    let is_fake = |action: Action| action.kind() == ActionKind::Errno && action.data() == 0;
    let message = "the caller is told that it succeeded, and nothing was done";
    let draft = listed(("L0506", "success"), message, arch, &with(ground, arch, is_fake));
    findings.extend(ground, draft);
}

fn odd_words(ground: &Ground<'_>, findings: &mut Findings, arch: Arch) {
    const ERRNO_MAX: u16 = 4095;
    let is_clamped =
        |action: Action| action.kind() == ActionKind::Errno && action.data() > ERRNO_MAX;
    let calls = with(ground, arch, is_clamped);
    if let Some((_, Some((action, _)))) = calls.first() {
        let message = format!("the kernel makes 4095 of the error number {}", action.data());
        findings.extend(ground, listed(("L0510", "errno"), message, arch, &calls));
    }
    let calls = with(ground, arch, |action| action.kind() == ActionKind::Unknown);
    if let Some((_, Some((action, _)))) = calls.first() {
        let message =
            format!("no kernel has the action {:#x}, for which it kills the process", action.raw());
        findings.extend(ground, listed(("L0511", "action"), message, arch, &calls));
    }
}

fn tracers(ground: &Ground<'_>, findings: &mut Findings, arch: Arch) {
    let calls = with(ground, arch, |action| action.kind() == ActionKind::Trace);
    let message = "without a tracer these fail with ENOSYS, and a tracer can let them pass";
    findings.extend(ground, listed(("L0509", "trace"), message, arch, &calls));
    // An architecture of which no call is made is kept out as a whole, and nobody's threads make its calls.
    if ground.answers(arch).all(|(_, answer)| answer.state() == State::Shut) {
        return;
    }
    let calls = with(ground, arch, |action| action == Action::KILL_THREAD);
    let Some(&(_, first)) = calls.first() else { return };
    // What becomes of all that is not allowed is not listed.
    let (few, message) = if calls.len() <= words::LISTED_MAX {
        (
            calls.as_slice(),
            "only the calling thread dies, and the rest goes on with what it left locked",
        )
    } else {
        let message = "by many calls only the calling thread dies, and the rest goes on with what it left locked";
        (&[][..], message)
    };
    let draft = Draft::new("L0508", "thread", message).listing(arch, few).on(arch);
    findings.add(ground, draft.show_if_any(first));
}

/// Calls that are newer than the filter.
fn unlisted(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    let Some((action, call)) = ground.unlisted(arch) else { return };
    let has = |wanted: fn(State) -> bool| ground.answers(arch).any(|(_, it)| wanted(it.state()));
    let refuses_any = has(|state| state != State::Open);
    let makes_any = has(|state| state != State::Shut);
    if action.kind().executes() && refuses_any {
        let message = "what is not refused by name is made, also calls that the next kernel brings";
        let draft = Draft::new("L0512", "unlisted", message).on(arch).show((action, call));
        let open = crate::ways::left_open(ground, arch);
        let told = format!("among what is made: {}", open.join(", "));
        let draft = if open.is_empty() { draft } else { draft.note(told) };
        findings.add(ground, draft);
    } else if makes_any
        && action.kind() == ActionKind::Errno
        && action != crate::process::enosys(arch)
        && action.data() != 0
    {
        let message = format!(
            "calls that are newer than the filter fail with {action}, and not as on a kernel without them"
        );
        findings
            .add(ground, Draft::new("L0513", "unlisted", message).on(arch).show((action, call)));
    }
}
