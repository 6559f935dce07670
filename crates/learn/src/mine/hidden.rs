//! Calls whose arguments are where no filter looks, so that to allow them undoes what is said of
//! another call.
//!
//! `clone3` takes its flags from memory. Where it is allowed, conditions of `clone` refuse nothing,
//! so it is answered with ENOSYS: C libraries then go on with `clone`, and after no other error.

use callgate_facts::Groups;
use callgate_policy::Policy;
use callgate_syscalls::{Action, Arch, Errno, Name, SeccompData, names};

use super::intent::Intents;
use super::{Statement, Tier, Verdict};
use crate::evidence::{CallKey, Evidence, Observations};
use crate::optional::is_missed;

/// Which call hides its arguments, and what its callers make in its place, by which block.
const HIDDEN: (Name, Name, &str) = (names::CLONE3, names::CLONE, "spawn");

/// Flags by which the call in place of the hidden one makes a thread, and a process.
const IN_PLACE: [u64; 2] = [0x003d_0f00, 0x0120_0011];

/// Answers what hides its arguments with ENOSYS where a condition of another call depends on it,
/// and allows what its callers make then.
pub(super) fn answer(
    arch: Arch,
    intents: &Intents,
    statements: &mut Vec<Statement>,
    evidence: &Evidence,
) {
    let (hidden, open, block) = HIDDEN;
    let Some(open) = CallKey::named(arch, open) else { return };
    let of = |s: &Statement| s.call == open && s.verdict == Verdict::Allow;
    if statements.iter().any(|s| of(s) && s.condition.is_none()) {
        return;
    }
    let seen = |s: &&mut Statement| s.call.name() == Some(hidden) && s.verdict == Verdict::Allow;
    let Some(statement) = statements.iter_mut().find(seen) else { return };
    let missed = is_missed(statement.call, evidence);
    if missed == Some(true) {
        statement.because = Some("without it the command ended otherwise".to_owned());
        return;
    }
    statement.verdict = Verdict::Enosys;
    statement.because = Some(format!("callers go on with {}", HIDDEN.1.as_str()));
    let condition = Groups::LATEST
        .block(block)
        .and_then(|block| intents.condition(block, HIDDEN.1))
        .map(str::to_owned);
    let is_known = statements.iter().any(|s| of(s) && s.condition == condition);
    // Where it was tried, what is made in its place was seen.
    if is_known || missed.is_some() {
        return;
    }
    let intent =
        intents.of(HIDDEN.1).into_iter().find(|i| Some(i.condition) == condition.as_deref());
    let is_covered = |seen: &Observations| match (seen, &intent) {
        (Observations::Each(each), Some(intent)) => {
            each.keys().all(|arguments| intent.holds(&arguments.call(open)))
        }
        _ => false,
    };
    if evidence.of(open).is_some_and(is_covered) {
        let own = statements.iter_mut().filter(|s| of(s));
        own.for_each(|statement| statement.condition.clone_from(&condition));
        return;
    }
    statements.push(Statement {
        tier: Tier::Fallback,
        verdict: Verdict::Allow,
        call: open,
        condition,
        seen: None,
        because: Some(format!("for {}", hidden.as_str())),
    });
}

/// Whether a policy answers a call with ENOSYS, for its callers to make another, which it allows.
pub(crate) fn is_answered(call: CallKey, action: Action, policy: &Policy) -> bool {
    let Some(arch) = call.arch().filter(|_| call.name() == Some(HIDDEN.0)) else { return false };
    let enosys = Errno::from_name("ENOSYS", arch).unwrap_or(Errno::ENOSYS).action();
    let place = usize::from(matches!(arch, Arch::S390 | Arch::S390x));
    let is_made = |name: &Name| {
        CallKey::named(arch, *name).is_some_and(|CallKey { nr, arch }| {
            IN_PLACE.into_iter().any(|flags| {
                let mut args = [0; 6];
                args[place] = flags;
                let data = SeccompData { nr, arch, instruction_pointer: 0, args };
                policy.decide(&data) == Action::ALLOW
            })
        })
    };
    action == enosys && [HIDDEN.1, names::FORK, names::VFORK].iter().any(is_made)
}
