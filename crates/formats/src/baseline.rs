//! Which syscalls the author of a profile knew.

use std::collections::BTreeMap;

use callgate_order::resolve_name;
use callgate_policy::{ArchPolicy, Condition, Known, Unknown};
use callgate_rules::ErrnoSpec;
use callgate_syscalls::{Action, ActionKind, Arch, KernelVersion, Name, SyscallNr};

use crate::Notice;
use crate::lower::real;

/// The newest of some syscalls, with the first kernel that had it on any architecture.
///
/// Any, because an author who lists a syscall knows it also where it was wired up late. The first
/// by name, of several.
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

/// The largest number of some syscalls on an architecture. Pseudo numbers do not count, so that
/// neither do calls that libseccomp knows as multiplexed there.
pub(crate) fn largest(
    arch: Arch,
    names: impl IntoIterator<Item = Name>,
) -> Option<(SyscallNr, Name)> {
    let number = |name: Name| Some((real(resolve_name(arch, name.as_str())?)?, name));
    let largest = names.into_iter().filter_map(number).max_by_key(|(nr, _)| *nr);
    // runc takes 0 for "none".
    largest.filter(|(nr, _)| nr.raw() != 0)
}

/// The syscalls that count as known.
pub(crate) enum KnownSyscalls {
    /// No number gets another action than the default.
    All,
    /// Those of a kernel; the name that tells, where it was inferred.
    Kernel(KernelVersion, Option<Name>),
    /// As runc has it: on each of these architectures those up to a number, which that name has.
    Numbers(BTreeMap<Arch, (SyscallNr, Name)>),
}

impl KnownSyscalls {
    /// What an architecture answers to syscalls that are not known, where the default is a refusal
    /// that would hide from a program that it should fall back.
    ///
    /// A tracer that gets unknown calls can answer them itself, so `TRACE` counts as letting
    /// through, as it does in runc. A baseline from before the architecture's first kernel stands
    /// for that one: nothing older can be meant.
    pub(crate) fn on(&self, arch: Arch, default: Action) -> Option<Unknown> {
        let action = Action::errno(ErrnoSpec::ENOSYS.on(arch))?;
        if matches!(default.kind(), ActionKind::Allow | ActionKind::Log | ActionKind::Trace) {
            return None;
        }
        match self {
            Self::All => None,
            Self::Kernel(kernel, _) => {
                let oldest = arch.syscalls().map(|syscall| syscall.since).min();
                let known = Known::Kernel(oldest.map_or(*kernel, |oldest| oldest.max(*kernel)));
                (default != action).then_some(Unknown { known, action })
            }
            Self::Numbers(last) => {
                let (last, _) = last.get(&arch)?;
                Some(Unknown { known: Known::UpTo(*last), action })
            }
        }
    }

    /// Adds what runc's stub does with a number that it takes for others.
    ///
    /// - On s390, calls with a number that the kernel does not know arrive as number 0.
    /// - Number -1, with which a tracer skips a call, has x32's bit.
    pub(crate) fn add_odd_number(&self, policy: &mut ArchPolicy, arch: Arch) -> Option<SyscallNr> {
        let Self::Numbers(last) = self else { return None };
        let default = policy.default_action();
        let unknown = |arch| self.on(arch, default).map(|unknown| unknown.action);
        let odd = match arch {
            Arch::S390 | Arch::S390x => unknown(arch).map(|action| (0, action)),
            Arch::X86_64 if last.contains_key(&Arch::X32) => {
                unknown(Arch::X32).map(|action| (u32::MAX, action))
            }
            Arch::X86_64 => unknown(arch).map(|_| (u32::MAX, default)),
            _ => None,
        };
        let (nr, action) = odd?;
        policy.rule(SyscallNr::new(nr), Condition::always(), action);
        Some(SyscallNr::new(nr))
    }

    /// What was inferred for those architectures on which it makes a difference.
    pub(crate) fn notices(&self, arches: &[Arch], default: Action) -> Vec<Notice> {
        let mut applies = arches.iter().filter(|arch| self.on(**arch, default).is_some());
        match self {
            Self::Kernel(baseline, Some(newest)) if applies.next().is_some() => {
                vec![Notice::BaselineInferred { baseline: *baseline, newest: *newest }]
            }
            Self::All | Self::Kernel(..) => Vec::new(),
            Self::Numbers(last) => applies
                .filter_map(|&arch| Some((arch, *last.get(&arch)?)))
                .map(|(arch, (_, largest))| Notice::NumbersInferred { arch, largest })
                .collect(),
        }
    }
}
