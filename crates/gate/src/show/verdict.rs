//! Actions as verdicts and in words.

use callgate_policy::{Action, ActionKind};
use callgate_rules::{ErrnoSpec, Verdict};
use callgate_syscalls::{Arch, Errno};

/// An action as the language writes it.
pub(crate) fn text(action: Action, arch: Arch) -> String {
    let verdict = match action.kind() {
        ActionKind::Errno => {
            let name = Errno::new(action.data()).name(arch);
            let named = name.and_then(ErrnoSpec::named).map(Verdict::Errno);
            named.filter(|verdict| verdict.on(arch) == action)
        }
        _ => None,
    };
    match verdict.unwrap_or_else(|| Verdict::from(action)) {
        Verdict::Errno(ErrnoSpec::Named("ENOSYS", _)) => "enosys".to_owned(),
        Verdict::Errno(ErrnoSpec::Number(number)) => format!("errno {number}"),
        Verdict::Trap(0) => "trap".to_owned(),
        Verdict::Trace(ErrnoSpec::Number(0)) => "trace".to_owned(),
        Verdict::Word(action) => format!("raw {:#x}", action.raw()),
        other => other.to_string(),
    }
}

/// What is an answer on each of some architectures in the same words: an errno by its name, or by
/// its number where that has different names. None where there are no such words.
pub(super) fn common(answers: &[(Arch, Action)]) -> Option<String> {
    let (arch, action) = *answers.first()?;
    let name = text(action, arch);
    if answers.iter().all(|(arch, action)| text(*action, *arch) == name) {
        return Some(name);
    }
    let is_number = action.kind() == ActionKind::Errno;
    let is_same = answers.iter().all(|(_, other)| *other == action);
    (is_number && is_same).then(|| format!("errno {}", action.data()))
}

/// In which order verdicts are shown: those under which calls are executed first.
pub(super) fn rank(action: Action) -> u8 {
    match action.kind() {
        ActionKind::Allow => 0,
        ActionKind::Log => 1,
        ActionKind::UserNotify => 2,
        ActionKind::Trace => 3,
        ActionKind::Errno => 4,
        ActionKind::Trap => 5,
        ActionKind::KillThread => 6,
        ActionKind::KillProcess => 7,
        _ => 8,
    }
}

/// What an action does with a call, as a sentence's predicate.
#[must_use]
pub fn in_words(action: Action, arch: Arch) -> String {
    match action.kind() {
        ActionKind::Allow => "is executed".to_owned(),
        ActionKind::Log => "is executed and logged".to_owned(),
        ActionKind::UserNotify => "is handed to the filter's supervisor".to_owned(),
        ActionKind::Trace => "is handed to a tracer, and fails with ENOSYS without one".to_owned(),
        ActionKind::Errno if action.data() == 0 => {
            "is not executed, but tells the program that it succeeded".to_owned()
        }
        ActionKind::Errno => match Errno::new(action.data()).name(arch) {
            Some(name) => format!("fails with {name}"),
            None => format!("fails with errno {}", action.data()),
        },
        ActionKind::Trap => "is not executed, and the thread gets SIGSYS".to_owned(),
        ActionKind::KillThread => "kills the thread".to_owned(),
        _ => "kills the process".to_owned(),
    }
}
