//! What is answered, whoever calls: fake success, deaths of one thread, tracers, and what is not listed.

use callgate_syscalls::{Action, ActionKind, Arch, Name, SeccompData};

use crate::finding::{Draft, Findings};
use crate::ground::{Ground, State};
use crate::words;

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        fake_success(ground, findings, arch);
        odd_words(ground, findings, arch);
        tracers(ground, findings, arch);
        unlisted(ground, findings, arch);
    }
}

/// The calls that get an action for which `wanted` holds.
fn with(
    ground: &Ground<'_>,
    arch: Arch,
    wanted: impl Fn(Action) -> bool,
) -> Option<(Vec<Name>, (Action, SeccompData))> {
    let mut names = Vec::new();
    let mut shown = None;
    for (name, answer) in ground.answers(arch) {
        if let Some(found) = answer.actions.iter().copied().find(|(action, _)| wanted(*action)) {
            names.push(name);
            shown = shown.or(Some(found));
        }
    }
    Some((names, shown?))
}

fn fake_success(ground: &Ground<'_>, findings: &mut Findings, arch: Arch) {
    let is_fake = |action: Action| action.kind() == ActionKind::Errno && action.data() == 0;
    let Some((names, call)) = with(ground, arch, is_fake) else { return };
    let message = format!(
        "the caller is told that it succeeded, and nothing was done: {}",
        words::names(&names)
    );
    findings
        .add(ground, Draft::new("L0506", "success", message).on(arch).named(names[0]).show(call));
}

fn odd_words(ground: &Ground<'_>, findings: &mut Findings, arch: Arch) {
    const ERRNO_MAX: u16 = 4095;
    let is_clamped =
        |action: Action| action.kind() == ActionKind::Errno && action.data() > ERRNO_MAX;
    if let Some((names, call)) = with(ground, arch, is_clamped) {
        let message = format!(
            "the kernel makes 4095 of the error number {}: {}",
            call.0.data(),
            words::names(&names)
        );
        findings.add(ground, Draft::new("L0510", "errno", message).on(arch).show(call));
    }
    if let Some((names, call)) = with(ground, arch, |action| action.kind() == ActionKind::Unknown) {
        let message = format!(
            "no kernel has the action {:#x}, for which it kills the process: {}",
            call.0.raw(),
            words::names(&names)
        );
        findings.add(ground, Draft::new("L0511", "action", message).on(arch).show(call));
    }
}

fn tracers(ground: &Ground<'_>, findings: &mut Findings, arch: Arch) {
    if let Some((names, call)) = with(ground, arch, |action| action.kind() == ActionKind::Trace) {
        let message = format!(
            "without a tracer these fail with ENOSYS, and a tracer can let them pass: {}",
            words::names(&names)
        );
        findings
            .add(ground, Draft::new("L0509", "trace", message).on(arch).named(names[0]).show(call));
    }
    if let Some((names, call)) = with(ground, arch, |action| action == Action::KILL_THREAD) {
        let message = format!(
            "only the calling thread dies, and the rest goes on with what it left locked: {} calls",
            names.len()
        );
        findings.add(ground, Draft::new("L0508", "thread", message).on(arch).show(call));
    }
}

/// Calls that are newer than the filter.
fn unlisted(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    let Some((action, call)) = ground.unlisted(arch) else { return };
    let mut known = ground.answers(arch);
    let refuses_any = known.any(|(_, answer)| answer.state() != State::Open);
    drop(known);
    if action.kind().executes() && refuses_any {
        let message = "what is not refused by name is made, also calls that the next kernel brings";
        findings
            .add(ground, Draft::new("L0512", "unlisted", message).on(arch).show((action, call)));
    } else if action.kind() == ActionKind::Errno
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
