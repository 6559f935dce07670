//! What a policy or program means: an action for every call.

use std::sync::Arc;

use callgate_bpf::{DataWord, Program, Stack};
use callgate_policy::Policy;
use callgate_syscalls::{Action, Arch, ArchToken, Endian, SeccompData};

use crate::diagram::{Combine, Diagrams, NodeId, View};
use crate::numbers::Interval;

/// What a policy, a program or a stack of programs answers to each of the 2^512 calls.
///
/// It belongs to the [`Prover`](crate::Prover) that made it and borrows what it is the meaning of, so that a witness can
/// be tried there before anybody is told about it.
#[derive(Clone, Debug)]
pub struct Meaning<'a> {
    pub(crate) owner: Arc<()>,
    pub(crate) classes: Vec<ArchClass>,
    pub(crate) source: Source<'a>,
}

impl Meaning<'_> {
    /// How many pairs of an interval of arch tokens and an interval of numbers are told apart.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes.iter().map(|class| class.numbers.len()).sum()
    }
}

/// Tokens for which the classes of numbers are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArchClass {
    pub(crate) tokens: Interval,
    /// Ascending and without gaps.
    pub(crate) numbers: Vec<NumberClass>,
}

/// Numbers for which the function of the rest of the call is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberClass {
    pub(crate) numbers: Interval,
    pub(crate) node: NodeId,
}

impl ArchClass {
    pub(crate) fn constant(tokens: Interval, node: NodeId) -> Self {
        Self { tokens, numbers: vec![NumberClass { numbers: Interval::ALL, node }] }
    }
}

impl NumberClass {
    /// Appends the next numbers; neighbours with the same function become one class.
    pub(crate) fn push(list: &mut Vec<Self>, numbers: Interval, node: NodeId) {
        match list.last_mut() {
            Some(last)
                if last.node == node && last.numbers.last.checked_add(1) == Some(numbers.first) =>
            {
                last.numbers.last = numbers.last;
            }
            _ => list.push(Self { numbers, node }),
        }
    }
}

/// Whether the classes answer every token and number exactly once.
pub(crate) fn is_partition(classes: &[ArchClass]) -> bool {
    covers(classes.iter().map(|class| class.tokens))
        && classes.iter().all(|class| covers(class.numbers.iter().map(|n| n.numbers)))
}

/// Whether intervals cover all words, in order and each once.
fn covers(mut intervals: impl Iterator<Item = Interval>) -> bool {
    let end = intervals.try_fold(Some(0), |next, interval| {
        (next == Some(interval.first)).then(|| interval.last.checked_add(1))
    });
    end == Some(None)
}

/// The most steps that [`flatten`] takes for one class.
const FLATTEN_STEPS_MAX: usize = 1 << 14;

/// Appends a class whose function may depend on token and number, as classes that do not, where that is possible.
pub(crate) fn flatten(
    d: &Diagrams,
    tokens: Interval,
    class: NumberClass,
    list: &mut Vec<NumberClass>,
) {
    let mut flat = Vec::new();
    let mut steps = FLATTEN_STEPS_MAX;
    let whole = |node| Block { node, free_bits: 32, base: 0 };
    match at_token(d, tokens, class.node)
        .and_then(|node| pieces(d, whole(node), class.numbers, &mut flat, &mut steps))
    {
        Some(()) => flat.iter().for_each(|c| NumberClass::push(list, c.numbers, c.node)),
        None => list.push(class),
    }
}

/// The function that remains for tokens of an interval, where it is the same for all of them.
fn at_token(d: &Diagrams, tokens: Interval, mut node: NodeId) -> Option<NodeId> {
    loop {
        match d.view(node) {
            View::Test { bit, low, high } if bit.word() == DataWord::ARCH => {
                let token = tokens.single()?;
                node = if token >> bit.bit() & 1 == 1 { high } else { low };
            }
            _ => return Some(node),
        }
    }
}

/// The numbers whose bits above the lowest `free_bits` are those of `base`, and their function.
#[derive(Clone, Copy)]
struct Block {
    node: NodeId,
    free_bits: u32,
    base: u32,
}

fn pieces(
    d: &Diagrams,
    block: Block,
    within: Interval,
    list: &mut Vec<NumberClass>,
    steps: &mut usize,
) -> Option<()> {
    *steps = steps.checked_sub(1)?;
    let span = u32::MAX.checked_shr(32 - block.free_bits).unwrap_or(0);
    let all = Interval { first: block.base, last: block.base | span };
    let Some(here) = all.intersection(within) else { return Some(()) };
    if !d.reads_class(block.node) {
        NumberClass::push(list, here, block.node);
        return Some(());
    }
    let free_bits = block.free_bits.checked_sub(1)?;
    let (low, high) = match d.view(block.node) {
        View::Test { bit, low, high } if bit.bit() == free_bits => (low, high),
        _ => (block.node, block.node),
    };
    pieces(d, Block { node: low, free_bits, ..block }, within, list, steps)?;
    let base = block.base | 1 << free_bits;
    pieces(d, Block { node: high, free_bits, base }, within, list, steps)
}

/// What a meaning is the meaning of.
#[derive(Clone, Debug)]
pub(crate) enum Source<'a> {
    Policy(&'a Policy),
    Program(&'a Program),
    Stack(&'a Stack),
    /// The left and the right, combined call by call.
    Combined(Combine, Vec<Self>),
}

impl Source<'_> {
    /// The action for a call, by other means than diagrams: the specification or the simulator.
    pub(crate) fn decide(&self, call: &SeccompData) -> Action {
        let endian = endian_of(call.arch);
        match self {
            Self::Policy(policy) => policy.decide(call),
            Self::Program(program) => program.run(call, endian),
            Self::Stack(stack) => stack.run(call, endian).action,
            Self::Combined(how, parts) => {
                let actions = parts.iter().map(|part| part.decide(call));
                actions.reduce(|left, right| how.apply(left, right)).unwrap_or(Action::ALLOW)
            }
        }
    }
}

/// The byte order of machines that report a token. Nobody can say for unassigned tokens; programs see words, not bytes,
/// so the choice only decides how a witness spells the words.
pub(crate) fn endian_of(token: ArchToken) -> Endian {
    let arch = Arch::ALL.into_iter().find(|arch| arch.token() == token);
    arch.map_or(Endian::Little, Arch::endian)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Budget, Options};
    use crate::diagram::{FALSE, InputBit, TRUE};

    #[test]
    fn partitions_have_neither_gaps_nor_overlaps() {
        let class = |numbers: &[(u32, u32)]| {
            let class =
                |&(first, last)| NumberClass { numbers: Interval { first, last }, node: TRUE };
            let numbers = numbers.iter().map(class).collect();
            is_partition(&[ArchClass { tokens: Interval::ALL, numbers }])
        };
        assert!(class(&[(0, u32::MAX)]));
        assert!(class(&[(0, 7), (8, u32::MAX)]));
        assert!(!class(&[(0, 7), (9, u32::MAX)]));
        assert!(!class(&[(0, 7), (7, u32::MAX)]));
        assert!(!class(&[(0, 7)]));
        assert!(!class(&[(1, u32::MAX)]));
        assert!(!class(&[]));
        assert!(!is_partition(&[]));
    }

    #[test]
    fn flattening_cuts_numbers_where_the_function_changes() {
        let mut d = Diagrams::new(Budget::new(&Options::default()));
        let bit = |d: &mut Diagrams, n| d.bit(InputBit::new(DataWord::NR, n)).unwrap();
        let node = bit(&mut d, 2);
        let numbers = Interval { first: 2, last: 13 };
        let mut list = Vec::new();
        flatten(&d, Interval::ALL, NumberClass { numbers, node }, &mut list);
        let found: Vec<_> =
            list.iter().map(|c| (c.numbers.first, c.numbers.last, c.node)).collect();
        assert_eq!(found, [(2, 3, FALSE), (4, 7, TRUE), (8, 11, FALSE), (12, 13, TRUE)]);
        let odd = bit(&mut d, 0);
        let class = NumberClass { numbers: Interval::ALL, node: odd };
        let mut list = Vec::new();
        flatten(&d, Interval::ALL, class, &mut list);
        assert_eq!(list, [class], "2^32 pieces are not made");
    }
}
