//! From a context to the policy that its program must follow.

use std::collections::{BTreeMap, BTreeSet};

use callgate_policy::{ArchPolicy, Condition, Policy};
use callgate_syscalls::{Arch, SyscallNr};

use crate::chain;
use crate::entry::Entry;
use crate::rules::Rules;
use crate::{Context, Error, Number, order};

const MINUS_ONE: SyscallNr = Number::ERROR.unsigned();

/// The policy of a context with at least one architecture.
///
/// Pseudo numbers are left out: no call has them. Number -1 counts while `API_TSKIP` is set.
///
/// # Errors
/// [`Error::Lowering`], which does not happen.
pub(crate) fn policy(context: &Context) -> Result<Policy, Error> {
    let attributes = context.attributes();
    let mut arches: BTreeMap<Arch, ArchPolicy> = BTreeMap::new();
    for filter in context.filters() {
        arches.insert(filter.arch, ArchPolicy::new(attributes.default));
    }
    let x32_alone = has(context, Arch::X32) && !has(context, Arch::X86_64);
    if x32_alone {
        arches.insert(Arch::X86_64, ArchPolicy::new(attributes.bad_arch));
    }
    let mut done: BTreeSet<(Arch, SyscallNr)> = BTreeSet::new();
    for filter in context.filters() {
        for (nr, entry) in filter.entries().filter(|(nr, _)| counts(context, *nr)) {
            // A number of the sibling, on x86_64 and x32, counts only where the sibling is present.
            let target = Arch::of_call(filter.arch.token(), nr);
            let present = |target: &Arch| has(context, *target) || nr == MINUS_ONE;
            let Some(target) = target.filter(present) else { continue };
            if let Some(policy) = arches.get_mut(&target) {
                if !entry.rules.is_none() && done.insert((target, nr)) {
                    add(policy, filter.arch, nr, entry)?;
                }
            }
        }
    }
    if x32_alone {
        // A tracer's -1 comes under the token that both share; the model counts it to x86_64, libseccomp to both.
        let x86_64 = arches.entry(Arch::X86_64).or_insert(ArchPolicy::new(attributes.bad_arch));
        x86_64.rule(MINUS_ONE, Condition::always(), attributes.default);
    }
    let builder = Policy::builder(attributes.bad_arch);
    let builder =
        arches.into_iter().fold(builder, |builder, (arch, rules)| builder.arch(arch, rules));
    builder.build().map_err(|reason| Error::Lowering { reason })
}

/// Whether calls with this number can be filtered.
fn counts(context: &Context, nr: SyscallNr) -> bool {
    let number = Number::from(nr);
    number.raw() >= 0 || nr == MINUS_ONE && context.attributes().tskip
}

fn has(context: &Context, arch: Arch) -> bool {
    context.arches().any(|known| known == arch)
}

fn add(policy: &mut ArchPolicy, arch: Arch, nr: SyscallNr, entry: &Entry) -> Result<(), Error> {
    match &entry.rules {
        Rules::None => {}
        Rules::Always(action) => {
            policy.rule(nr, Condition::always(), *action);
        }
        Rules::Listed(list) => {
            for rule in order::ordered(arch, list) {
                let condition = chain::condition(arch, &rule.chain);
                let condition = condition.map_err(|reason| Error::Lowering { reason })?;
                policy.rule(nr, condition, rule.action);
            }
        }
    }
    Ok(())
}
