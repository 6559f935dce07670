//! What a change of a filter permits beyond, and what it takes away: the prover's difference, in
//! calls.

use std::collections::BTreeMap;

use callgate_policy::Policy;
use callgate_prover::{Difference, Prover, Scope};
use callgate_syscalls::{Arch, SyscallNr};

/// What a changed filter executes that the old one does not, and the other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// The syscalls by architecture and name, each with whether all of its calls are meant: those
    /// with some arguments only are permitted in part.
    pub permits: Vec<(Arch, String, bool)>,
    /// How many numbers are permitted for which the tables have no syscall.
    pub unnamed: u64,
    /// The syscalls that the old filter executes and the changed one refuses, in the same form.
    pub refuses: Vec<(Arch, String, bool)>,
    /// How many numbers without a syscall are refused that were not.
    pub unnamed_refused: u64,
}

/// What one of two filters executes and the other does not.
#[derive(Default)]
struct OneSided {
    named: BTreeMap<(Arch, String), bool>,
    unnamed: u64,
}

impl Cost {
    /// What `new` executes that `old` does not, and what `old` does; none where the prover has no
    /// answer.
    #[must_use]
    pub fn between(old: &Policy, new: &Policy) -> Option<Self> {
        let mut prover = Prover::default();
        let (left, right) = (prover.policy(old).ok()?, prover.policy(new).ok()?);
        let differences = prover.differences(&left, &right, Scope::Effective).ok()?;
        let (mut gained, mut lost) = (OneSided::default(), OneSided::default());
        for difference in &differences {
            let (left, right) = (difference.left.kind(), difference.right.kind());
            match (left.may_execute(), right.may_execute()) {
                (false, true) => gained.count(difference),
                (true, false) => lost.count(difference),
                _ => {}
            }
        }
        let (unnamed, unnamed_refused) = (gained.unnamed, lost.unnamed);
        Some(Self { permits: gained.list(), unnamed, refuses: lost.list(), unnamed_refused })
    }

    /// Whether nothing is permitted beyond.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.permits.is_empty() && self.unnamed == 0
    }

    /// Whether nothing is refused that was not.
    #[must_use]
    pub fn takes_nothing(&self) -> bool {
        self.refuses.is_empty() && self.unnamed_refused == 0
    }
}

impl OneSided {
    fn list(self) -> Vec<(Arch, String, bool)> {
        self.named.into_iter().map(|((arch, name), whole)| (arch, name, whole)).collect()
    }

    fn count(&mut self, difference: &Difference) {
        let whole = difference.when.as_ref().is_some_and(callgate_policy::Condition::is_always);
        let tokens = difference.first_token..=difference.last_token;
        let arches: Vec<Arch> =
            Arch::ALL.into_iter().filter(|arch| tokens.contains(&arch.token())).collect();
        for &(first, last) in &difference.numbers {
            let span = u64::from(last.raw()) - u64::from(first.raw()) + 1;
            let mut known = 0;
            for &arch in &arches {
                let inside = |nr: SyscallNr| (first..=last).contains(&nr);
                for syscall in arch.syscalls().filter(|syscall| inside(syscall.nr)) {
                    known += 1;
                    // A syscall of which two parts are permitted is still permitted in part.
                    let entry = self.named.entry((arch, syscall.name.to_string())).or_insert(whole);
                    *entry &= whole;
                }
            }
            self.unnamed = self.unnamed.saturating_add(span.saturating_sub(known));
        }
    }
}
