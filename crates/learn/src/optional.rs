//! Calls without which nothing changes.

use std::collections::BTreeSet;

use callgate_syscalls::{Arch, Name};

use crate::evidence::seen::Seen;
use crate::evidence::{CallKey, Evidence};

/// The calls that can be done without: they were answered with ENOSYS, the command ended as ever,
/// and nothing was made in their place.
#[must_use]
pub fn optional(evidence: &Evidence) -> BTreeSet<CallKey> {
    let ordinary = ordinary(evidence);
    let replaced: BTreeSet<_> = evidence
        .calls()
        .map(|(_, observations)| observations.total())
        .filter(Seen::is_explored)
        .flat_map(|seen| seen.runs.as_slice().to_vec())
        .collect();
    let (mut without, mut needed) = (BTreeSet::new(), BTreeSet::new());
    for (id, run) in evidence.runs() {
        let Some(call) = refused_in(&run.without) else { continue };
        without.insert(call);
        if replaced.contains(&id) || !ordinary.contains(run.ended.as_str()) {
            needed.insert(call);
        }
    }
    without.difference(&needed).copied().collect()
}

/// Whether a command ended otherwise than ever when a call was answered with ENOSYS; `None` where
/// that was not tried.
pub(crate) fn is_missed(call: CallKey, evidence: &Evidence) -> Option<bool> {
    let ordinary = ordinary(evidence);
    let tried = evidence.runs().filter(|(_, run)| refused_in(&run.without) == Some(call));
    tried.map(|(_, run)| !ordinary.contains(run.ended.as_str())).reduce(|one, other| one || other)
}

/// How commands end with every call.
fn ordinary(evidence: &Evidence) -> BTreeSet<&str> {
    let runs = evidence.runs().filter(|(_, run)| run.without.is_empty());
    runs.map(|(_, run)| run.ended.as_str()).collect()
}

/// The call of `x86_64 clone3 ENOSYS`.
fn refused_in(without: &str) -> Option<CallKey> {
    let mut words = without.strip_suffix(" ENOSYS")?.split(' ');
    let (arch, name) = (Arch::from_name(words.next()?)?, Name::parse(words.next()?)?);
    CallKey::named(arch, name)
}
