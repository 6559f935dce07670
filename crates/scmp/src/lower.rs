//! From a context to the policy that its program must follow.

use callgate_memory::SortedMap;
use callgate_order::{Rules, condition, ordered};
use callgate_policy::{ArchPolicy, Condition, Error as PolicyError, Policy};
use callgate_syscalls::{Arch, SyscallNr};

use crate::entry::Entry;
use crate::filter::Filter;
use crate::{Context, Error, Number};

const MINUS_ONE: SyscallNr = Number::ERROR.unsigned();

/// The policy of a context with at least one architecture.
///
/// Pseudo numbers are left out: no call has them. Number -1 counts while `API_TSKIP` is set.
///
/// # Errors
/// [`Error::OutOfMemory`]; [`Error::Lowering`], which does not happen.
pub(crate) fn policy(context: &Context) -> Result<Policy, Error> {
    let attributes = context.attributes();
    let mut arches: SortedMap<Arch, ArchPolicy> = SortedMap::new();
    for filter in context.filters() {
        let rules = || ArchPolicy::new(attributes.default);
        arches.or_insert_with(filter.arch, rules)?.try_reserve(filter.len())?;
    }
    let x32_alone = has(context, Arch::X32) && !has(context, Arch::X86_64);
    if x32_alone {
        arches.insert(Arch::X86_64, ArchPolicy::new(attributes.bad_arch))?;
    }
    for filter in context.filters() {
        add_filter(context, filter, &mut arches)?;
    }
    if x32_alone {
        // A tracer's -1 comes under the token that both share; the model counts it to x86_64,
        // libseccomp to both.
        let rules = || ArchPolicy::new(attributes.bad_arch);
        let x86_64 = arches.or_insert_with(Arch::X86_64, rules)?;
        x86_64.try_rule(MINUS_ONE, Condition::always(), attributes.default)?;
    }
    let mut builder = Policy::builder(attributes.bad_arch);
    while let Some((arch, rules)) = arches.pop_last() {
        builder = builder.try_arch(arch, rules)?;
    }
    builder.build().map_err(lowering)
}

/// What a policy says, as this crate's error.
pub(crate) fn lowering(reason: PolicyError) -> Error {
    match reason {
        PolicyError::OutOfMemory => Error::OutOfMemory,
        reason => Error::Lowering { reason },
    }
}

/// Adds the rules of one architecture.
fn add_filter(
    context: &Context,
    filter: &Filter,
    arches: &mut SortedMap<Arch, ArchPolicy>,
) -> Result<(), Error> {
    let token = filter.arch.token();
    let shares_token = token == Arch::X86_64.token();
    let had_rules = |arch: &Arch| arches.get(arch).is_some_and(|rules| rules.rules().len() > 0);
    let comes_first = !had_rules(&filter.arch);
    for (nr, entry) in filter.entries()?.iter().filter(|(nr, _)| counts(context, *nr)) {
        // A number of the sibling, on x86_64 and x32, counts only where the sibling is present.
        let target = match shares_token {
            true => Arch::of_call(token, nr).unwrap_or(filter.arch),
            false => filter.arch,
        };
        if target != filter.arch && !has(context, target) && nr != MINUS_ONE {
            continue;
        }
        // Where both siblings have rules for a number, those of the first count.
        let is_free = |policy: &&mut ArchPolicy| {
            !shares_token || comes_first && target == filter.arch || policy.rules_for(nr).is_empty()
        };
        if let Some(policy) = arches.get_mut(&target).filter(is_free) {
            add(policy, filter.arch, nr, entry)?;
        }
    }
    Ok(())
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
        Rules::Always { action, .. } => {
            policy.try_rule(nr, Condition::always(), *action)?;
        }
        Rules::Listed(list) => {
            for rule in ordered(arch, list)? {
                let condition = condition(arch, &rule.chain).map_err(lowering)?;
                policy.try_rule(nr, condition, rule.action)?;
            }
        }
    }
    Ok(())
}
