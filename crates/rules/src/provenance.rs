//! Which rule of a text became which rule of a policy.

use callgate_policy::RuleId;
use callgate_syscalls::{Arch, SyscallNr};

use crate::Origin;

/// For each rule of a policy, the rule that it comes from and its place.
///
/// It stands beside the policy and is not part of its meaning: compiler and prover never see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The origins of the rules that were written, in their order.
    origins: Vec<Origin>,
    /// For each architecture and number, the written rules behind the policy's, in the policy's
    /// order.
    rules: Vec<Entry>,
    /// Where the header says what happens otherwise.
    pub default: Option<Origin>,
    /// The same for architectures of which another place says it.
    defaults: Vec<(Arch, Origin)>,
    /// Where the header says what happens to unknown syscalls.
    pub unknown: Option<Origin>,
    /// Where the header says what happens to foreign architectures.
    pub foreign: Option<Origin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    arch: Arch,
    nr: SyscallNr,
    rule: Option<u32>,
}

/// A rule as it was written, which a rule of a policy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenRule {
    /// Its position in the list of all rules, from 0.
    pub index: usize,
    /// Who says so.
    pub origin: Origin,
}

impl Provenance {
    /// A table without entries for rules that were written in these places.
    #[must_use]
    pub const fn new(origins: Vec<Origin>) -> Self {
        Self {
            origins,
            rules: Vec::new(),
            default: None,
            defaults: Vec::new(),
            unknown: None,
            foreign: None,
        }
    }

    /// Makes room for that many rules more.
    pub fn reserve(&mut self, rules: usize) {
        self.rules.reserve(rules);
    }

    /// Notes that the next rule of a number comes from a written one, or from none.
    ///
    /// Call it as often and in the order in which the policy's rules of that number are made.
    pub fn push(&mut self, arch: Arch, nr: SyscallNr, rule: Option<usize>) {
        let rule = rule.and_then(|rule| u32::try_from(rule).ok());
        self.rules.push(Entry { arch, nr, rule });
    }

    /// Notes who says what happens otherwise on an architecture.
    pub fn push_default(&mut self, arch: Arch, origin: Origin) {
        self.defaults.push((arch, origin));
    }

    /// Who says what happens on an architecture where no rule holds.
    #[must_use]
    pub fn default_on(&self, arch: Arch) -> Option<Origin> {
        let own = self.defaults.iter().find(|(of, _)| *of == arch);
        own.map(|(_, origin)| *origin).or(self.default)
    }

    /// Forgets who says what happens otherwise.
    pub fn forget_default(&mut self) {
        self.default = None;
        self.defaults.clear();
    }

    /// Ends the notes of rules; look-ups work from then on.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        // Stable: the rules of a number keep their order.
        self.rules.sort_by_key(|entry| (entry.arch, entry.nr));
        self
    }

    /// The written rule that a rule of the policy comes from; none where it was made for another
    /// reason.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<WrittenRule> {
        let RuleId { arch, nr, index } = id;
        let first = self.rules.partition_point(|entry| (entry.arch, entry.nr) < (arch, nr));
        let entry = self.rules.get(first.checked_add(index)?)?;
        let index = entry.rule.filter(|_| (entry.arch, entry.nr) == (arch, nr))? as usize;
        Some(WrittenRule { index, origin: *self.origins.get(index)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_by_their_position() {
        let origins = (0..4).map(Origin::Observation).collect();
        let mut provenance = Provenance::new(origins);
        let [one, two] = [SyscallNr::new(1), SyscallNr::new(2)];
        for (arch, nr, rule) in [
            (Arch::X86_64, two, Some(3)),
            (Arch::X86_64, one, Some(1)),
            (Arch::X86_64, two, Some(0)),
            (Arch::X86, two, Some(2)),
            (Arch::X86_64, two, None),
        ] {
            provenance.push(arch, nr, rule);
        }
        let provenance = provenance.sorted();
        let rule = |arch, nr, index| {
            provenance.rule(RuleId { arch, nr, index }).map(|written| {
                assert_eq!(
                    written.origin,
                    Origin::Observation(u32::try_from(written.index).unwrap())
                );
                written.index
            })
        };
        assert_eq!(
            (0..4).map(|i| rule(Arch::X86_64, two, i)).collect::<Vec<_>>(),
            [Some(3), Some(0), None, None]
        );
        assert_eq!((0..2).map(|i| rule(Arch::X86_64, one, i)).collect::<Vec<_>>(), [Some(1), None]);
        assert_eq!((0..2).map(|i| rule(Arch::X86, two, i)).collect::<Vec<_>>(), [Some(2), None]);
        assert_eq!(rule(Arch::Arm, one, usize::MAX), None);
    }
}
