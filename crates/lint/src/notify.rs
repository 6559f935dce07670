//! Calls that are handed to a listener.

use callgate_syscalls::{ActionKind, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Answer, Ground};
use crate::subject::Listener;

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    let is_notified = |action: callgate_syscalls::Action| action.kind() == ActionKind::UserNotify;
    let notified =
        |answer: &Answer| answer.actions.iter().copied().find(|(action, _)| is_notified(*action));
    let arches = ground.arches.clone();
    let any = arches.iter().find_map(|&arch| {
        ground.answers(arch).find_map(|(name, answer)| Some((name, notified(answer)?)))
    });
    for &arch in &arches {
        if let Some(call) = ground.unlisted(arch).filter(|(action, _)| is_notified(*action)) {
            let message = "the default hands calls to a listener: also those that hand the listener over, and those that answer";
            findings.add(ground, Draft::new("L0501", "default", message).on(arch).show(call));
        }
        for name in [names::WRITE, names::SENDMSG] {
            if let Some(call) = ground.answer(arch, name).and_then(notified) {
                let message = format!(
                    "{name} is handed to a listener, which is sent to its supervisor by that call"
                );
                findings.add(ground, Draft::of("L0502", name, message).on(arch).show(call));
            }
        }
    }
    if let (Some((name, call)), Listener::Missing) = (any, ground.subject.listener) {
        let message =
            format!("{name} is handed to a listener, and the profile names nobody who gets it");
        findings.add(ground, Draft::new("L0503", "listener", message).named(name).show(call));
    }
}
