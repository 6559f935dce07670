//! What a policy or program means: an action for every call.

use std::sync::atomic::{AtomicUsize, Ordering};

use callgate_bpf::{Program, Stack};
use callgate_memory::Grow;
use callgate_policy::Policy;
use callgate_syscalls::{Action, Arch, ArchToken, Endian, SeccompData};

use crate::budget::Halt;
use crate::diagram::{Combine, Diagrams, NodeId, Rank, View};
use crate::numbers::Interval;
use crate::visible;

/// What a policy, a program or a stack of programs answers to each of the 2^512 calls.
///
/// It belongs to the [`Prover`](crate::Prover) that made it and borrows what it is the meaning of, so that a witness can
/// be tried there before anybody is told about it.
#[derive(Clone, Debug)]
pub struct Meaning<'a> {
    pub(crate) owner: Owner,
    pub(crate) classes: Vec<ArchClass>,
    pub(crate) source: Source<'a>,
}

impl Meaning<'_> {
    /// How many pairs of an interval of arch tokens and an interval of numbers are told apart.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes.iter().map(|class| class.numbers.len()).sum()
    }

    /// Whether all numbers get the same answers under two tokens, as far as classes show.
    #[must_use]
    pub fn is_same_for(&self, one: ArchToken, other: ArchToken) -> bool {
        let class =
            |token: ArchToken| self.classes.iter().find(|class| class.tokens.contains(token.raw()));
        class(one).map(|class| &class.numbers) == class(other).map(|class| &class.numbers)
    }
}

/// Which prover a meaning belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(usize);

impl Owner {
    /// One that no prover has yet. The number is all that provers share, and no answer depends on it.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
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
    pub(crate) fn constant(tokens: Interval, node: NodeId) -> Result<Self, Halt> {
        let mut numbers = Vec::with_room(1)?;
        numbers.try_push(NumberClass { numbers: Interval::ALL, node })?;
        Ok(Self { tokens, numbers })
    }
}

impl NumberClass {
    /// Appends the next numbers; neighbours with the same function become one class.
    pub(crate) fn push(list: &mut Vec<Self>, numbers: Interval, node: NodeId) -> Result<(), Halt> {
        match list.last_mut() {
            Some(last)
                if last.node == node && last.numbers.last.checked_add(1) == Some(numbers.first) =>
            {
                last.numbers.last = numbers.last;
            }
            _ => list.try_push(Self { numbers, node })?,
        }
        Ok(())
    }

    /// Joins the class at a place with the one before it, if they have the same function.
    fn join_at(list: &mut Vec<Self>, place: usize) {
        let Some(&[before, at]) = place.checked_sub(1).and_then(|p| list.get(p..=place)) else {
            return;
        };
        if before.node == at.node && before.numbers.last.checked_add(1) == Some(at.numbers.first) {
            list[place].numbers.first = before.numbers.first;
            list.remove(place - 1);
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

/// Appends a class whose function may depend on token and number, as classes that do not, at least for each syscall.
pub(crate) fn flatten(
    d: &mut Diagrams,
    tokens: Interval,
    class: NumberClass,
    list: &mut Vec<NumberClass>,
) -> Result<(), Halt> {
    if !d.reads_class(class.node) {
        return NumberClass::push(list, class.numbers, class.node);
    }
    let before = list.len();
    let Some(node) = at_token(d, tokens, class.node) else { return Ok(list.try_push(class)?) };
    if pieces(d, NumberClass { node, ..class }, list)? {
        NumberClass::join_at(list, before);
        return Ok(());
    }
    list.truncate(before);
    for (numbers, _) in visible::parts(tokens, class.numbers)? {
        let (before, part) = (list.len(), NumberClass { numbers, node });
        if !pieces(d, part, list)? {
            list.truncate(before);
            list.try_push(part)?;
        }
    }
    Ok(())
}

/// The function that remains for tokens of an interval, where it is the same for all of them.
fn at_token(d: &Diagrams, tokens: Interval, mut node: NodeId) -> Option<NodeId> {
    while let View::Test { rank: Rank::ARCH, pattern, yes, no } = d.view(node) {
        node = if pattern.holds(tokens.single()?) { yes } else { no };
    }
    Some(node)
}

/// The numbers whose bits above the lowest `free_bits` are those of `base`, and their function.
#[derive(Clone, Copy)]
struct Block {
    node: NodeId,
    free_bits: u32,
    base: u32,
}

/// Appends a class as pieces without tests of the number; says whether they are few enough. If not, some are there.
fn pieces(d: &mut Diagrams, class: NumberClass, list: &mut Vec<NumberClass>) -> Result<bool, Halt> {
    let before = list.len();
    let mut open = Vec::new();
    open.try_push(Block { node: class.node, free_bits: u32::BITS, base: 0 })?;
    let mut steps = 0;
    while let Some(Block { node, free_bits, base }) = open.pop() {
        steps += 1;
        if steps > FLATTEN_STEPS_MAX {
            return Ok(false);
        }
        d.budget.test()?;
        let span = u32::MAX.checked_shr(u32::BITS - free_bits).unwrap_or(0);
        let all = Interval { first: base, last: base | span };
        let Some(here) = all.intersection(class.numbers) else { continue };
        if !d.reads_class(node) {
            // The first is not joined with what was there before, so that it can be taken back.
            match list.len() > before {
                true => NumberClass::push(list, here, node)?,
                false => list.try_push(NumberClass { numbers: here, node })?,
            }
            continue;
        }
        let Some(bits_below) = free_bits.checked_sub(1) else { return Ok(false) };
        let half = 1 << bits_below;
        let [low, high] = d.halves(node, Rank::NR, half)?;
        open.try_push(Block { node: high, free_bits: bits_below, base: base | half })?;
        open.try_push(Block { node: low, free_bits: bits_below, base })?;
    }
    Ok(true)
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
    let arch = Arch::ALL.iter().copied().find(|arch| arch.token() == token);
    arch.map_or(Endian::Little, Arch::endian)
}

#[cfg(test)]
mod tests;
