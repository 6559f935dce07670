//! Conditions as the calls of 32-bit architectures can meet them.

use callgate_policy::{
    ArchPolicy, Comparison, Condition, Error, Field, Operator, Policy, View, Width,
};
use callgate_syscalls::Arch;

/// A policy that says the same of every call that a machine can make. Registers of 32 bits are shown to filters
/// with a high half of zeros: what a filter tests there is decided already, and the language has no words for it.
///
/// # Errors
/// Those of the policy's builder.
pub fn on_registers(policy: &Policy) -> Result<Policy, Error> {
    let mut builder = Policy::builder(policy.foreign());
    for (arch, own) in policy.arches() {
        let own = if arch.register_bits() < 64 { narrowed(own)? } else { own.clone() };
        builder = builder.arch(arch, own);
    }
    builder.build()
}

/// Whether that leaves out anything: a policy that tests high halves which a machine leaves at zero.
#[must_use]
pub fn tests_more_than_registers(policy: &Policy) -> bool {
    let tests = |arch: Arch, own: &ArchPolicy| {
        arch.register_bits() < 64
            && own.rules().flat_map(|(_, rules)| rules).any(|rule| is_wide(rule.condition()))
    };
    policy.arches().any(|(arch, own)| tests(arch, own))
}

fn is_wide(condition: &Condition) -> bool {
    match condition.view() {
        View::Compare(c) => half(c).is_some() && c.mask() | c.value() > LOW_HALF,
        View::All(list) | View::Any(list) => list.iter().any(is_wide),
    }
}

fn narrowed(own: &ArchPolicy) -> Result<ArchPolicy, Error> {
    let mut narrow = ArchPolicy::new(own.default_action());
    if let Some(unknown) = own.unknown_action() {
        narrow.unknown(unknown);
    }
    for (nr, rules) in own.rules() {
        for rule in rules {
            match of_halves(rule.condition())? {
                Met::Never => {}
                Met::Always => {
                    narrow.rule(nr, Condition::always(), rule.action());
                }
                Met::When(condition) => {
                    narrow.rule(nr, condition, rule.action());
                }
            }
        }
    }
    Ok(narrow)
}

/// When a condition holds.
enum Met {
    Always,
    Never,
    When(Condition),
}

const LOW_HALF: u64 = u32::MAX as u64;

// No deeper than conditions are.
fn of_halves(condition: &Condition) -> Result<Met, Error> {
    let (list, is_all) = match condition.view() {
        View::Compare(c) => {
            return Ok(half(c).unwrap_or_else(|| Met::When(condition.clone())));
        }
        View::All(list) => (list, true),
        View::Any(list) => (list, false),
    };
    let mut left = Vec::new();
    for one in list {
        match (of_halves(one)?, is_all) {
            (Met::Always, true) | (Met::Never, false) => {}
            (Met::Always, false) => return Ok(Met::Always),
            (Met::Never, true) => return Ok(Met::Never),
            (Met::When(one), _) => left.push(one),
        }
    }
    Ok(match (left.is_empty(), is_all) {
        (true, true) => Met::Always,
        (true, false) => Met::Never,
        (false, true) => Met::When(Condition::all(left)?),
        (false, false) => Met::When(Condition::any(left)?),
    })
}

/// A comparison of a whole register as one of its low half; none for what is no such comparison.
fn half(c: &Comparison) -> Option<Met> {
    if c.width() == Width::Bits32 || c.field() == Field::InstructionPointer {
        return None;
    }
    // Lossless: only the low half is kept.
    let mask = u32::try_from(c.mask() & LOW_HALF).ok()?;
    let constant = |holds| if holds { Met::Always } else { Met::Never };
    Some(match (mask, u32::try_from(c.value())) {
        (0, _) => constant(c.operator().holds(0, c.value())),
        (_, Ok(value)) => Met::When(Comparison::low32(c.field(), mask, c.operator(), value).into()),
        (_, Err(_)) => constant(matches!(c.operator(), Operator::Ne | Operator::Lt | Operator::Le)),
    })
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::{Action, SeccompData, SyscallNr};

    use super::*;

    #[test]
    fn a_call_of_32_bits_gets_the_same_answer_from_half_of_the_condition() {
        let values = [0, 1, 0x541b, LOW_HALF, 1 << 32, (1 << 32) + 1, u64::MAX];
        let nr = SyscallNr::new(54);
        for (operator, mask, value) in Operator::ALL
            .into_iter()
            .flat_map(|operator| values.map(|mask| (operator, mask)))
            .flat_map(|(operator, mask)| values.map(|value| (operator, mask, value)))
        {
            let test = Condition::from(Comparison::masked(Field::Arg1, mask, operator, value));
            let other = Condition::from(Comparison::new(Field::Arg0, Operator::Eq, 7));
            let each = [
                test.clone(),
                Condition::all([test.clone(), other.clone()]).unwrap(),
                Condition::any([test, other]).unwrap(),
            ];
            for condition in each {
                let mut own = ArchPolicy::new(Action::KILL_PROCESS);
                own.rule(nr, condition.clone(), Action::ALLOW);
                let whole = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86, own);
                let whole = whole.build().unwrap();
                let narrow = on_registers(&whole).unwrap();
                assert!(!tests_more_than_registers(&narrow), "{condition:?}");
                for (first, second) in [(7, 0), (7, LOW_HALF), (0, 1), (0, 0x541b), (0, LOW_HALF)] {
                    let call =
                        SeccompData::new(Arch::X86, nr).with_args([first, second, 0, 0, 0, 0]);
                    assert_eq!(narrow.decide(&call), whole.decide(&call), "{condition:?} {call:?}");
                }
            }
        }
    }
}
