//! Which kernel the author of a profile knew.

use callgate_policy::{Known, Unknown};
use callgate_syscalls::{Action, ActionKind, Arch, KernelVersion, Name};

use crate::errno::ErrnoSpec;

/// The newest of some syscalls, with the first kernel that had it on any architecture.
///
/// Any, because an author who lists a syscall knows it also where it was wired up late. The first by name, of several.
pub(crate) fn newest(names: impl IntoIterator<Item = Name>) -> Option<(KernelVersion, Name)> {
    let mut best: Option<(KernelVersion, Name)> = None;
    for name in names {
        let oldest = best.map_or(KernelVersion::new(0, 0), |(kernel, _)| kernel);
        let Some(first) = first_kernel(name, oldest) else { continue };
        if best.is_none_or(|best| first > best.0 || name < best.1) {
            best = Some((first, name));
        }
    }
    best
}

/// The first kernel that had a syscall on any architecture, unless that is older than `oldest`.
fn first_kernel(name: Name, oldest: KernelVersion) -> Option<KernelVersion> {
    let mut first: Option<KernelVersion> = None;
    for syscall in Arch::ALL.into_iter().filter_map(|arch| arch.syscall(name)) {
        if syscall.since < oldest {
            return None;
        }
        first = Some(first.map_or(syscall.since, |first| first.min(syscall.since)));
    }
    first
}

/// What an architecture answers to syscalls newer than the baseline, where the default is a refusal that would hide
/// from a program that it should fall back.
///
/// A tracer that gets unknown calls can answer them itself, so `TRACE` counts as letting through, as it does in runc.
/// A baseline from before the architecture's first kernel stands for that one: nothing older can be meant.
pub(crate) fn unknown(arch: Arch, default: Action, baseline: KernelVersion) -> Option<Unknown> {
    let action = Action::errno(ErrnoSpec::ENOSYS.on(arch))?;
    let lets_through =
        matches!(default.kind(), ActionKind::Allow | ActionKind::Log | ActionKind::Trace);
    let oldest = arch.syscalls().map(|syscall| syscall.since).min();
    let baseline = oldest.map_or(baseline, |oldest| oldest.max(baseline));
    (!lets_through && default != action)
        .then_some(Unknown { known: Known::Kernel(baseline), action })
}
