//! The meaning of a policy, from its rules.
//!
//! For every call the classes hold what [`Policy::decide`] returns; `recheck` and the tests hold them to that.

use callgate_bpf::{DataWord, Test};
use callgate_policy::{
    ArchPolicy, Comparison, Condition, Field, Known, Operator, Policy, Rule, Unknown, View,
};
use callgate_syscalls::{Arch, ArchToken, Endian, SyscallNr, X32_BIT};

use crate::budget::Undecided;
use crate::cubes;
use crate::diagram::{Diagrams, FALSE, NodeId};
use crate::meaning::{ArchClass, NumberClass};
use crate::numbers::Interval;

/// What a policy decides for each token, number and the rest of a call.
pub(crate) fn classes(d: &mut Diagrams, policy: &Policy) -> Result<Vec<ArchClass>, Undecided> {
    let mut tokens: Vec<ArchToken> = policy.arches().map(|(arch, _)| arch.token()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let foreign = d.action(policy.foreign())?;
    let mut classes = Vec::with_capacity(2 * tokens.len() + 1);
    let mut next = Some(0);
    for token in tokens {
        let raw = token.raw();
        let gap = next.zip(raw.checked_sub(1)).and_then(|(first, last)| Interval::new(first, last));
        classes.extend(gap.map(|gap| ArchClass::constant(gap, foreign)));
        let numbers = token_numbers(d, policy, token, foreign)?;
        classes.push(ArchClass { tokens: Interval::point(raw), numbers });
        next = raw.checked_add(1);
    }
    let gap = next.and_then(|first| Interval::new(first, u32::MAX));
    classes.extend(gap.map(|gap| ArchClass::constant(gap, foreign)));
    Ok(classes)
}

/// The numbers between which [`Arch::of_call`] may change its mind: x32's begin at its bit and -1 is not one of them.
pub(crate) const OWNERS: [Interval; 3] = [
    Interval { first: 0, last: X32_BIT - 1 },
    Interval { first: X32_BIT, last: u32::MAX - 1 },
    Interval { first: u32::MAX, last: u32::MAX },
];

fn token_numbers(
    d: &mut Diagrams,
    policy: &Policy,
    token: ArchToken,
    foreign: NodeId,
) -> Result<Vec<NumberClass>, Undecided> {
    let mut classes = Vec::new();
    for owned in OWNERS {
        let arch = Arch::of_call(token, SyscallNr::new(owned.first));
        match arch.and_then(|arch| Some((arch, policy.arch(arch)?))) {
            Some((arch, rules)) => arch_numbers(d, arch, rules, owned, &mut classes)?,
            None => NumberClass::push(&mut classes, owned, foreign),
        }
    }
    Ok(classes)
}

/// The classes of the numbers `within`, all of which belong to the architecture.
fn arch_numbers(
    d: &mut Diagrams,
    arch: Arch,
    policy: &ArchPolicy,
    within: Interval,
    classes: &mut Vec<NumberClass>,
) -> Result<(), Undecided> {
    let endian = arch.endian();
    let gaps = Gaps::new(d, policy)?;
    let mut next = Some(within.first);
    for nr in numbers_of_note(arch, policy) {
        if !within.contains(nr.raw()) {
            continue;
        }
        let before = nr.raw().checked_sub(1);
        let before = next.zip(before).and_then(|(first, last)| Interval::new(first, last));
        if let Some(before) = before {
            gaps.push(classes, before);
        }
        let node = match policy.rules_for(nr) {
            // Most numbers have one rule, without conditions.
            [rule, ..] if rule.condition().is_always() => d.action(rule.action())?,
            rules => {
                let otherwise = d.action(policy.action_without_rule(arch, nr))?;
                rules_node(d, rules, endian, otherwise)?
            }
        };
        NumberClass::push(classes, Interval::point(nr.raw()), node);
        next = nr.raw().checked_add(1);
    }
    if let Some(rest) = next.and_then(|first| Interval::new(first, within.last)) {
        gaps.push(classes, rest);
    }
    Ok(())
}

/// The functions of numbers that have no rules and are not of note: up to the last known one, and beyond.
struct Gaps {
    known: Option<(Interval, NodeId)>,
    beyond: NodeId,
}

impl Gaps {
    fn new(d: &mut Diagrams, policy: &ArchPolicy) -> Result<Self, Undecided> {
        let default = d.action(policy.default_action())?;
        let Some(unknown) = policy.unknown_action() else {
            return Ok(Self { known: None, beyond: default });
        };
        let beyond = d.action(unknown.action)?;
        let known = match unknown.known {
            Known::Kernel(_) => None,
            Known::UpTo(last) => Some((Interval { first: 0, last: last.raw() }, default)),
        };
        Ok(Self { known, beyond })
    }

    fn push(&self, classes: &mut Vec<NumberClass>, numbers: Interval) {
        let known = self.known.and_then(|(known, node)| Some((known.intersection(numbers)?, node)));
        let rest = match known {
            None => Some(numbers),
            Some((known, node)) => {
                NumberClass::push(classes, known, node);
                let next = known.last.checked_add(1);
                next.and_then(|first| Interval::new(first, numbers.last))
            }
        };
        if let Some(rest) = rest {
            NumberClass::push(classes, rest, self.beyond);
        }
    }
}

/// The numbers that may differ from a number without rules that no kernel has, ascending.
fn numbers_of_note(arch: Arch, policy: &ArchPolicy) -> Vec<SyscallNr> {
    let mut numbers: Vec<SyscallNr> = policy.rules().map(|(nr, _)| nr).collect();
    if matches!(policy.unknown_action(), Some(Unknown { known: Known::Kernel(_), .. })) {
        numbers.extend(arch.syscalls().map(|syscall| syscall.nr));
        // Two ascending lists: a stable sort merges them.
        numbers.sort();
        numbers.dedup();
    }
    numbers
}

/// Shorter lists are joined in less time than is needed to split them bit by bit.
const CUBES_MIN: usize = 16;

/// The function of a rule list: the first rule that holds decides.
fn rules_node(
    d: &mut Diagrams,
    rules: &[Rule],
    endian: Endian,
    otherwise: NodeId,
) -> Result<NodeId, Undecided> {
    if rules.len() >= CUBES_MIN {
        if let Some(node) = cubes::function(d, rules, endian, otherwise)? {
            return Ok(node);
        }
    }
    joined(d, rules, endian, otherwise)
}

/// The same by joining what each rule decides.
///
/// Each rule alone decides where it holds and leaves open what else there is. Joining neighbours first walks only along
/// what two parts of the list have in common, where adding one rule after the other would walk along all of it each time.
pub(crate) fn joined(
    d: &mut Diagrams,
    rules: &[Rule],
    endian: Endian,
    otherwise: NodeId,
) -> Result<NodeId, Undecided> {
    let actions = rules.iter().map(|rule| d.action(rule.action()));
    let actions = actions.collect::<Result<Vec<NodeId>, Undecided>>()?;
    // What is open ends as `otherwise`, and can be that from the start where no rule decides the same.
    let open = if actions.contains(&otherwise) { FALSE } else { otherwise };
    let mut parts = Vec::with_capacity(rules.len() + 1);
    for (rule, &action) in rules.iter().zip(&actions) {
        parts.push(d.where_holds(rule.condition(), endian, [action, open])?);
    }
    parts.push(otherwise);
    while parts.len() > 1 {
        let pairs = parts.chunks(2).map(|pair| match *pair {
            [first, second] => d.first(open, first, second),
            _ => Ok(pair[0]),
        });
        parts = pairs.collect::<Result<_, _>>()?;
    }
    Ok(parts[0])
}

impl Diagrams {
    /// The first function where a condition holds, the second elsewhere. A condition's depth is limited, so the recursion
    /// is.
    pub(crate) fn where_holds(
        &mut self,
        condition: &Condition,
        endian: Endian,
        [yes, no]: [NodeId; 2],
    ) -> Result<NodeId, Undecided> {
        match condition.view() {
            View::Compare(comparison) => self.compared(comparison, endian, [yes, no]),
            View::All(list) => list
                .iter()
                .rev()
                .try_fold(yes, |all, condition| self.where_holds(condition, endian, [all, no])),
            View::Any(list) => list
                .iter()
                .rev()
                .try_fold(no, |any, condition| self.where_holds(condition, endian, [yes, any])),
        }
    }

    fn compared(
        &mut self,
        c: &Comparison,
        endian: Endian,
        [yes, no]: [NodeId; 2],
    ) -> Result<NodeId, Undecided> {
        let (test, [yes, no]) = match c.operator() {
            Operator::Eq => (Test::Equal, [yes, no]),
            Operator::Ne => (Test::Equal, [no, yes]),
            Operator::Ge => (Test::GreaterOrEqual, [yes, no]),
            Operator::Lt => (Test::GreaterOrEqual, [no, yes]),
            Operator::Gt => (Test::Greater, [yes, no]),
            // Le is the operator left; a test goes through all there are.
            _ => (Test::Greater, [no, yes]),
        };
        let [high, low] = halves(c, endian);
        let low = self.half(test, low, [yes, no])?;
        let same = self.half(Test::Equal, high, [low, no])?;
        match test {
            Test::Equal => Ok(same),
            _ => self.half(Test::Greater, high, [yes, same]),
        }
    }

    fn half(&mut self, test: Test, half: Half, sides: [NodeId; 2]) -> Result<NodeId, Undecided> {
        self.where_word(test, half.word, half.mask, half.value, sides)
    }
}

/// One 32-bit half of a comparison.
#[derive(Clone, Copy)]
pub(crate) struct Half {
    pub(crate) word: DataWord,
    pub(crate) mask: u32,
    pub(crate) value: u32,
}

/// The high and the low half of a comparison.
pub(crate) fn halves(c: &Comparison, endian: Endian) -> [Half; 2] {
    let [mask_high, mask_low] = split(c.mask());
    let [value_high, value_low] = split(c.value());
    let [high, low] = words_of(c.field(), endian);
    [
        Half { word: high, mask: mask_high, value: value_high },
        Half { word: low, mask: mask_low, value: value_low },
    ]
}

/// The high and the low half of a 64-bit number.
pub(crate) fn split(number: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}

/// The data words that hold the high and the low half of a field.
pub(crate) fn words_of(field: Field, endian: Endian) -> [DataWord; 2] {
    let first = match field {
        Field::Arg0 => 4,
        Field::Arg1 => 6,
        Field::Arg2 => 8,
        Field::Arg3 => 10,
        Field::Arg4 => 12,
        Field::Arg5 => 14,
        _ => 2,
    };
    // All of these are words of seccomp_data.
    let [first, second] =
        [first, first + 1].map(|index| DataWord::new(index).unwrap_or(DataWord::NR));
    match endian {
        Endian::Little => [second, first],
        Endian::Big => [first, second],
    }
}
