//! Calls that were seen and may be refused: what programs do on kernels and with libraries that do
//! not make them.

use std::collections::BTreeSet;

use callgate_facts::{Drift, Fallback};
use callgate_syscalls::{Arch, Name};

use crate::evidence::{CallKey, Evidence};
use crate::mine::OLDEST;

/// The calls of evidence that are probe-like: newer than the oldest kernel, or known to be tried by
/// a library that has another way.
#[must_use]
pub fn probes(evidence: &Evidence) -> Vec<CallKey> {
    let tried: BTreeSet<Name> = Drift::all()
        .filter(|drift| !matches!(drift.fallback(), Fallback::None | Fallback::Abort))
        .flat_map(|drift| drift.syscalls().iter().copied())
        .collect();
    let is_probe = |key: &CallKey| {
        let call = key.arch().and_then(|arch| arch.syscall_at(key.nr));
        call.is_some_and(|call| {
            let recent = call.since > callgate_syscalls::KernelVersion::new(3, 0);
            call.since > OLDEST || recent && tried.contains(&call.name)
        })
    };
    evidence.calls().map(|(key, _)| key).filter(is_probe).collect()
}

/// The text of a filter that hands everything over but one call, which it refuses. `None` for calls
/// without a name.
#[must_use]
pub fn refusing(call: CallKey, errno: &str) -> Option<String> {
    let (arch, name) = (call.arch()?, call.name()?);
    let arches = match arch {
        Arch::X86_64 => "x86_64, x86".to_owned(),
        other => other.name().to_owned(),
    };
    let arch = arch.name();
    Some(format!(
        "policy 1\narch {arches}\nforeign notify\ndefault notify\non {arch} {{\n    errno {errno} {}\n}}\n",
        name.as_str()
    ))
}

/// How a run without a call is written in evidence: `x86_64 clone3 ENOSYS`.
#[must_use]
pub fn without(call: CallKey, errno: &str) -> Option<String> {
    Some(format!("{} {} {errno}", call.arch()?.name(), call.name()?.as_str()))
}
