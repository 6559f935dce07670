//! How much it tells that a call may be made: what a reader wants to see first.

use std::collections::BTreeMap;

use callgate_facts::{Block, Groups, Risk, Stance};
use callgate_syscalls::{Arch, Name};

use crate::Change;

/// How much a call tells, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Telling {
    /// Out of a sandbox or into the kernel: `mount`, `init_module`.
    Outward,
    /// Into other processes, or to what had many holes: `ptrace`, `bpf`.
    Severe,
    /// Beyond the program's own files and process in another way.
    Risky,
    /// What a program does to itself.
    Harmless,
    /// No kernel of today answers it: `create_module`.
    Dead,
}

/// What leads out of a sandbox.
const OUTWARD: [Risk; 3] = [Risk::Bypass, Risk::Escape, Risk::Kernel];

/// What comes next to that.
const SEVERE: [Risk; 2] = [Risk::AttackSurface, Risk::OtherProcesses];

/// How much each call tells that changes are about.
pub(crate) struct Tellings(BTreeMap<&'static str, Telling>);

impl Tellings {
    pub(crate) fn of(changes: &[Change]) -> Self {
        let mut arches: BTreeMap<&'static str, Vec<Arch>> = BTreeMap::new();
        for change in changes {
            for name in &change.syscalls {
                arches.entry(name).or_default().extend(change.machine);
            }
        }
        let blocks: Vec<Block> =
            Groups::LATEST.blocks().filter(|block| block.is_intent()).collect();
        let tell = |(name, arches): (&'static str, Vec<Arch>)| {
            Some((name, telling(Name::parse(name)?, &arches, &blocks)))
        };
        Self(arches.into_iter().filter_map(tell).collect())
    }

    /// How much a call tells; a number without a name is nothing that a kernel answers.
    pub(crate) fn get(&self, name: &str) -> Telling {
        self.0.get(name).copied().unwrap_or(Telling::Dead)
    }
}

fn telling(name: Name, arches: &[Arch], blocks: &[Block]) -> Telling {
    // What a kernel answers has arguments that are known.
    if arches.iter().all(|arch| arch.signature(name).is_none()) {
        return Telling::Dead;
    }
    let Some(arch) = arches.first() else { return Telling::Dead };
    let allows =
        |block: &&Block| block.line(name, *arch).is_some_and(|line| line.stance() == Stance::Allow);
    let mut risks: Vec<&[Risk]> = blocks.iter().filter(allows).map(|one| one.risks()).collect();
    // What everyday programs do in a harmless way tells less, whatever else it can do.
    let is_everyday = risks.iter().any(|risks| risks.is_empty());
    risks.retain(|risks| !risks.is_empty());
    let has = |of: &[Risk]| risks.iter().any(|own| own.iter().any(|risk| of.contains(risk)));
    match (risks.is_empty(), is_everyday) {
        (true, _) => Telling::Harmless,
        (false, false) if has(&OUTWARD) => Telling::Outward,
        (false, false) if has(&SEVERE) => Telling::Severe,
        (false, _) => Telling::Risky,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_out_of_a_sandbox_tell_most_and_dead_calls_nothing() {
        let blocks: Vec<Block> = Groups::LATEST.blocks().filter(|it| it.is_intent()).collect();
        let of = |name| telling(Name::parse(name).unwrap(), &[Arch::X86_64, Arch::X86], &blocks);
        for (expected, names) in [
            (Telling::Outward, &["mount", "init_module", "setns"][..]),
            (Telling::Severe, &["ptrace", "bpf"]),
            (Telling::Risky, &["execve", "setuid", "socket"]),
            (Telling::Harmless, &["read", "getpid"]),
            (Telling::Dead, &["create_module", "_sysctl", "tuxcall"]),
        ] {
            for name in names {
                assert_eq!(of(name), expected, "{name}");
            }
        }
    }
}
