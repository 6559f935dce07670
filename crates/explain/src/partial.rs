//! What a policy can say of a call of which not all arguments are known.

use callgate_policy::{
    Comparison, Condition, Decider, Decision, Field, Operator, Policy, RuleId, View,
};
use callgate_syscalls::SeccompData;

use crate::Denial;

/// Every decision that is possible: one, where what is not known makes no difference.
pub(crate) fn decisions(policy: &Policy, denial: &Denial) -> Vec<Decision> {
    let call = call(denial);
    let Some((arch, own)) = denial.arch().and_then(|arch| Some((arch, policy.arch(arch)?))) else {
        return vec![policy.decisive(&call)];
    };
    let rules = own.rules_for(denial.nr);
    let mut possible = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        // What the same condition has decided before is not left to decide.
        if rules[..index].iter().any(|earlier| earlier.condition() == rule.condition()) {
            continue;
        }
        let holds = holds(rule.condition(), denial, &call);
        if holds != Some(false) {
            let by = Decider::Rule(RuleId { arch, nr: denial.nr, index });
            possible.push(Decision { action: rule.action(), by });
        }
        if holds == Some(true) {
            return possible;
        }
    }
    // No rule holds for certain, so what the policy says without one is possible too.
    let by = match rules.is_empty() {
        true => policy.decisive(&call).by,
        false => Decider::Default(arch),
    };
    possible.push(Decision { action: own.action_without_rule(arch, denial.nr), by });
    possible
}

/// The call, with 0 for what is not known.
pub(crate) fn call(denial: &Denial) -> SeccompData {
    SeccompData {
        nr: denial.nr,
        arch: denial.token,
        instruction_pointer: denial.ip.unwrap_or(0),
        args: denial.args.map(|arg| arg.unwrap_or(0)),
    }
}

/// Whether a condition holds; none where that depends on what is not known.
///
/// No deeper than [`Condition::DEPTH_MAX`].
fn holds(condition: &Condition, denial: &Denial, call: &SeccompData) -> Option<bool> {
    match condition.view() {
        View::Compare(comparison) => compare(comparison, denial, call),
        View::All(list) => joined(list, denial, call, false),
        View::Any(list) => joined(list, denial, call, true),
    }
}

/// A list of conditions of which one that is `decisive` settles all.
fn joined(list: &[Condition], denial: &Denial, call: &SeccompData, decisive: bool) -> Option<bool> {
    let mut all_known = true;
    for condition in list {
        match holds(condition, denial, call) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decisive)
}

fn compare(comparison: &Comparison, denial: &Denial, call: &SeccompData) -> Option<bool> {
    let field = comparison.field();
    let is_known = match Field::ARGS.iter().position(|&arg| arg == field) {
        Some(index) => denial.args[index].is_some(),
        None => field != Field::InstructionPointer || denial.ip.is_some(),
    };
    // What looks at no bit does not depend on them.
    match is_known || comparison.mask() == 0 {
        true => Some(comparison.holds(call)),
        false => trivial(comparison),
    }
}

/// The few comparisons that every value passes or fails.
fn trivial(comparison: &Comparison) -> Option<bool> {
    match (comparison.operator(), comparison.value()) {
        (Operator::Ge, 0) => Some(true),
        (Operator::Lt, 0) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use callgate_policy::ArchPolicy;
    use callgate_syscalls::{Action, Arch, SyscallNr};

    use super::*;
    use crate::Knowledge;

    #[test]
    fn what_is_not_known_leaves_all_that_is_possible() {
        let is = |field, value| Condition::from(Comparison::new(field, Operator::Eq, value));
        let both = Condition::all([is(Field::Arg0, 1), is(Field::Arg1, 2)]).unwrap();
        let nr = SyscallNr::new(41);
        let mut x86_64 = ArchPolicy::new(Action::KILL_PROCESS);
        x86_64.rule(nr, both, Action::LOG).rule(nr, is(Field::Arg0, 3), Action::ALLOW);
        let policy = Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64);
        let policy = policy.build().unwrap();
        let actions = |args: [Option<u64>; 2]| -> Vec<Action> {
            let mut denial = Denial::new(Arch::X86_64.token(), nr, Knowledge::Audit);
            denial.args[..2].copy_from_slice(&args);
            decisions(&policy, &denial).into_iter().map(|decision| decision.action).collect()
        };
        let [log, allow, kill] = [Action::LOG, Action::ALLOW, Action::KILL_PROCESS];
        assert_eq!(actions([None, None]), [log, allow, kill]);
        assert_eq!(actions([Some(1), None]), [log, kill]);
        assert_eq!(actions([None, Some(3)]), [allow, kill]);
        assert_eq!(actions([Some(3), None]), [allow]);
        assert_eq!(actions([Some(1), Some(2)]), [log]);
        assert_eq!(actions([Some(9), None]), [kill]);
    }
}
