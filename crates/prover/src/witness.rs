//! Calls on which two functions differ.
//!
//! Both diagrams are walked together, smaller values before larger ones, so that the first call found for a pair of
//! actions is the smallest in the order of the diagrams' bits.

use callgate_bpf::DataWord;
use callgate_memory::{Grow, Map};
use callgate_policy::Field;
use callgate_syscalls::{Action, ArchToken, SeccompData, SyscallNr};

use crate::budget::Halt;
use crate::diagram::{DEPENDS, Diagrams, FALSE, NodeId, Pattern, Rank, View};
use crate::meaning::endian_of;
use crate::policy::{split, words_of};

/// The 16 data words of a call.
pub(crate) type Words = [u32; DataWord::COUNT as usize];

/// The pairs of different actions that two functions give, with the smallest call for each.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// Ascending by actions.
    pub(crate) calls: Vec<((Action, Action), Words)>,
    /// Whether there are calls on which a side is [`DEPENDS`].
    pub(crate) depends: bool,
}

/// Two functions that a walk comes to, after it has set some bits of a word.
struct Visit {
    left: NodeId,
    right: NodeId,
    set: Option<(Rank, Pattern)>,
    /// How many words were set on the way here.
    depth: usize,
}

/// A word that a walk has set, with the value it had.
type Undo = (Rank, u32);

/// Walks two functions, from words that hold wherever the functions do not care.
pub(crate) fn pairs(
    d: &mut Diagrams,
    left: NodeId,
    right: NodeId,
    mut words: Words,
) -> Result<Pairs, Halt> {
    let mut pairs = Pairs::default();
    let mut seen = Map::new();
    let mut undo: Vec<Undo> = Vec::new();
    let mut open = Vec::new();
    open.try_push(Visit { left, right, set: None, depth: 0 })?;
    while let Some(Visit { left, right, set, depth }) = open.pop() {
        while undo.len() > depth {
            if let Some((rank, value)) = undo.pop() {
                words[usize::from(d.order.word(rank).index())] = value;
            }
        }
        if left == right || seen.insert((left, right), ())?.is_some() {
            continue;
        }
        d.budget.test()?;
        d.budget.take(16)?;
        if let Some((rank, Pattern { mask, value })) = set {
            let word = &mut words[usize::from(d.order.word(rank).index())];
            undo.try_push((rank, *word))?;
            *word = *word & !mask | value;
        }
        match (d.view(left), d.view(right)) {
            (View::Test { .. }, _) | (_, View::Test { .. }) => {
                let depth = undo.len();
                for (matched, set) in sides(d, left, right)? {
                    let [left, right, _] = matched;
                    open.try_push(Visit { left, right, set: Some(set), depth })?;
                }
            }
            (View::Action(l), View::Action(r)) => pairs.add((l, r), &words)?,
            _ => pairs.depends |= left == DEPENDS || right == DEPENDS,
        }
    }
    Ok(pairs)
}

/// The functions on one side of a test, and the bits that lead there.
type Side = ([NodeId; 3], (Rank, Pattern));

/// Both sides of the first test of either function, each with the smallest bits that lead there; the smaller side last.
fn sides(d: &mut Diagrams, left: NodeId, right: NodeId) -> Result<[Side; 2], Halt> {
    let split = d.split([left, right, FALSE])?;
    let Pattern { mask, value } = split.pattern;
    // The smallest value that is not the expected one: none of the bits, or the lowest where that is expected.
    let other = if value == 0 { mask & mask.wrapping_neg() } else { 0 };
    let matched = (split.matched, (split.rank, split.pattern));
    let other = (split.other, (split.rank, Pattern { mask, value: other }));
    Ok(if value == 0 { [other, matched] } else { [matched, other] })
}

impl Pairs {
    /// Adds a pair with its call, unless there is a smaller one.
    fn add(&mut self, pair: (Action, Action), words: &Words) -> Result<(), Halt> {
        if let Err(place) = self.calls.binary_search_by_key(&pair, |(pair, _)| *pair) {
            self.calls.try_insert(place, (pair, *words))?;
        }
        Ok(())
    }
}

/// Whether a function is [`DEPENDS`] anywhere. What has been looked at is in `seen`.
pub(crate) fn depends(
    d: &mut Diagrams,
    function: NodeId,
    seen: &mut Map<NodeId, ()>,
) -> Result<bool, Halt> {
    let mut open = Vec::new();
    open.try_push(function)?;
    while let Some(function) = open.pop() {
        match d.view(function) {
            View::Test { .. } if seen.insert(function, ())?.is_some() => {}
            View::Test { yes, no, .. } => {
                d.budget.test()?;
                d.budget.take(8)?;
                open.try_push(yes)?;
                open.try_push(no)?;
            }
            _ if function == DEPENDS => return Ok(true),
            _ => {}
        }
    }
    Ok(false)
}

/// The call that a program sees as these words.
pub(crate) fn call_of(words: &Words) -> SeccompData {
    let arch = ArchToken::new(words[1]);
    let value = |field| {
        let places = words_of(field, endian_of(arch));
        let [high, low] = places.map(|place| u64::from(words[usize::from(place.index())]));
        high << 32 | low
    };
    SeccompData {
        nr: SyscallNr::new(words[0]),
        arch,
        instruction_pointer: value(Field::InstructionPointer),
        args: Field::ARGS.map(value),
    }
}

/// The words as which a program sees a call.
pub(crate) fn words_of_call(call: &SeccompData) -> Words {
    let mut words = [0; DataWord::COUNT as usize];
    words[0] = call.nr.raw();
    words[1] = call.arch.raw();
    let fields = std::iter::once(Field::InstructionPointer).chain(Field::ARGS);
    for field in fields {
        let places = words_of(field, endian_of(call.arch));
        for (place, half) in places.into_iter().zip(split(field.of(call))) {
            words[usize::from(place.index())] = half;
        }
    }
    words
}
