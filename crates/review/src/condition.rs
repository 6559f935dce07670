//! Conditions as people write them: with names, and what they leave out where that is shorter.

use callgate_policy::{Comparison, Condition, Operator, View, Width};
use callgate_syscalls::{Arch, SyscallNr};

/// A condition on a syscall of an architecture in the words of the language; none where it always
/// holds or takes more than the language can say.
pub(crate) fn text(condition: &Condition, arch: Arch, nr: SyscallNr) -> Option<String> {
    if *condition == Condition::always() {
        return None;
    }
    let name = arch.syscall_at(nr).map(|syscall| syscall.name);
    let say = |condition: &Condition| callgate_gate::condition_text(condition, arch, name).ok();
    match all_but(condition).as_deref() {
        Some([(one, value)]) => say(&Condition::from(equality(one, *value)))
            .map(|text| text.replacen(" == ", " != ", 1)),
        Some(several) => {
            let left_out = several.iter().map(|(one, value)| equality(one, *value).into());
            say(&Condition::any(left_out).ok()?).map(|text| format!("not {text}"))
        }
        None => say(condition),
    }
}

/// The most values that are named as left out.
const LEFT_OUT_MAX: usize = 12;

/// The values of its one operand for which a condition does not hold, if these are fewer than the
/// ranges for which it does.
fn all_but(condition: &Condition) -> Option<Vec<(Comparison, u64)>> {
    let View::Any(list) = condition.view() else { return None };
    let mut ranges = Vec::new();
    let mut operand: Option<Comparison> = None;
    for part in list {
        let (comparison, low, high) = range(part)?;
        let known = *operand.get_or_insert(comparison);
        let same = (known.field(), known.width()) == (comparison.field(), comparison.width());
        ranges.push((low, high));
        same.then_some(())?;
    }
    ranges.sort_unstable();
    let operand = operand?;
    let mut left_out = Vec::new();
    let mut next = Some(0);
    for (low, high) in ranges {
        let from = next?;
        // Wider gaps are said shorter by the ranges around them.
        if low < from || low - from > LEFT_OUT_MAX as u64 {
            return None;
        }
        left_out.extend((from..low).map(|value| (operand, value)));
        next = high.checked_add(1).filter(|_| high < full(&operand));
    }
    let complete = next.is_none();
    let worth = !left_out.is_empty() && left_out.len() <= LEFT_OUT_MAX;
    (complete && worth && left_out.len() <= list.len() * 2).then_some(left_out)
}

/// The values for which a comparison of a whole operand, or two as both ends of a range, holds.
fn range(condition: &Condition) -> Option<(Comparison, u64, u64)> {
    match condition.view() {
        View::Compare(one) => {
            let one = narrowed(one);
            let (low, high) = ends(&one)?;
            Some((one, low, high))
        }
        View::All([first, second]) => {
            let (View::Compare(first), View::Compare(second)) = (first.view(), second.view())
            else {
                return None;
            };
            let (first, second) = (&narrowed(first), &narrowed(second));
            let (a, b) = (ends(first)?, ends(second)?);
            let same = (first.field(), first.width()) == (second.field(), second.width());
            (same && a.0.max(b.0) <= a.1.min(b.1)).then(|| (*first, a.0.max(b.0), a.1.min(b.1)))
        }
        // A list of one, which a rule with one argument has. No deeper than conditions are.
        View::All([one]) | View::Any([one]) => range(one),
        View::All(_) | View::Any(_) => None,
    }
}

/// A comparison of the low half of a register as one of 32 bits, which it is.
fn narrowed(c: &Comparison) -> Comparison {
    match (c.width(), c.mask(), u32::try_from(c.value())) {
        (Width::Bits64, LOW_HALF, Ok(value)) => {
            Comparison::low32(c.field(), u32::MAX, c.operator(), value)
        }
        _ => *c,
    }
}

const LOW_HALF: u64 = u32::MAX as u64;

fn ends(c: &Comparison) -> Option<(u64, u64)> {
    let (full, value) = (full(c), c.value());
    if c.mask() != full {
        return None;
    }
    match c.operator() {
        Operator::Eq => Some((value, value)),
        Operator::Le => Some((0, value)),
        Operator::Lt => Some((0, value.checked_sub(1)?)),
        Operator::Ge => Some((value, full)),
        Operator::Gt => Some((value.checked_add(1)?, full)),
        Operator::Ne => None,
    }
}

const fn full(c: &Comparison) -> u64 {
    match c.width() {
        Width::Bits32 => u32::MAX as u64,
        Width::Bits64 => u64::MAX,
    }
}

fn equality(of: &Comparison, value: u64) -> Comparison {
    match (of.width(), u32::try_from(value)) {
        (Width::Bits32, Ok(low)) => Comparison::low32(of.field(), u32::MAX, Operator::Eq, low),
        _ => Comparison::new(of.field(), Operator::Eq, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate_policy::Field;
    use callgate_syscalls::names;

    fn low32(operator: Operator, value: u32) -> Condition {
        Comparison::low32(Field::Arg0, u32::MAX, operator, value).into()
    }

    fn socket(condition: &Condition) -> Option<String> {
        let nr = Arch::X86_64.syscall(names::SOCKET).unwrap().nr;
        text(condition, Arch::X86_64, nr)
    }

    #[test]
    fn what_is_left_out_is_named_where_that_is_shorter() {
        let all_but_one =
            Condition::any([low32(Operator::Lt, 38), low32(Operator::Gt, 38)]).unwrap();
        assert_eq!(socket(&all_but_one).as_deref(), Some("family != AF_ALG"));
        let between = Condition::all([low32(Operator::Ge, 39), low32(Operator::Le, 39)]).unwrap();
        let all_but_two =
            Condition::any([low32(Operator::Le, 37), between, low32(Operator::Ge, 41)]).unwrap();
        assert_eq!(socket(&all_but_two).as_deref(), Some("not family in {AF_ALG, AF_VSOCK}"));
    }

    #[test]
    fn the_low_half_of_a_register_is_a_whole_operand() {
        let wide = |operator, value| {
            Condition::from(Comparison::masked(Field::Arg0, LOW_HALF, operator, value))
        };
        // As rules of profiles have it, each in a list of its own.
        let [low, one, high] = [(Operator::Le, 37), (Operator::Eq, 39), (Operator::Ge, 41)]
            .map(|(operator, value)| Condition::all([wide(operator, value)]).unwrap());
        let all_but_two = Condition::any([one, low, high]).unwrap();
        assert_eq!(socket(&all_but_two).as_deref(), Some("not family in {AF_ALG, AF_VSOCK}"));
    }

    #[test]
    fn everything_else_is_said_as_it_is() {
        assert_eq!(socket(&Condition::always()), None);
        assert_eq!(socket(&low32(Operator::Eq, 16)).as_deref(), Some("family == AF_NETLINK"));
        let ends = Condition::any([low32(Operator::Lt, 10), low32(Operator::Gt, 90)]).unwrap();
        assert!(socket(&ends).unwrap().contains("or"), "{:?}", socket(&ends));
    }
}
