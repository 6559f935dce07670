//! Every observation, decided by a finished policy.

use callgate_policy::Policy;
use callgate_syscalls::{Action, SeccompData};

use crate::evidence::{Arguments, CallKey, Evidence, Observations};
use crate::mine::is_answered;

/// An observation that a policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The call.
    pub call: CallKey,
    /// Its selectors; none where too many values were seen to be told apart.
    pub arguments: Option<Arguments>,
    /// A call like it.
    pub data: SeccompData,
    /// What the policy does.
    pub action: Action,
}

/// The observations that the policy does not allow, of all that there are. `clone3` is none where it
/// is answered with ENOSYS and `clone` allowed, which its callers go on with.
///
/// An observation holds the arguments that decide what a call does, so all others are 0 here: a
/// policy that tests one of those may decide a real call otherwise.
#[must_use]
pub fn replay(evidence: &Evidence, policy: &Policy) -> Vec<Refusal> {
    let mut refused = Vec::new();
    for (call, observations) in evidence.calls() {
        let arguments: Vec<Option<Arguments>> = match observations {
            Observations::Many(_) => vec![None],
            Observations::Each(each) => each.keys().cloned().map(Some).collect(),
        };
        for arguments in arguments {
            let data = arguments.clone().unwrap_or_default().call(call);
            let action = policy.decide(&data);
            if !action.kind().executes() && !is_answered(call, action, policy) {
                refused.push(Refusal { call, arguments, data, action });
            }
        }
    }
    refused
}
