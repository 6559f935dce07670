//! Calls on which two functions differ.
//!
//! Both diagrams are walked together, 0 before 1, so that the first call found for a pair of actions is the smallest in
//! the order of the diagrams' bits.

use std::collections::BTreeMap;

use callgate_bpf::DataWord;
use callgate_policy::Field;
use callgate_syscalls::{Action, ArchToken, SeccompData, SyscallNr};

use crate::budget::Undecided;
use crate::diagram::{DEPENDS, Diagrams, NodeId, View};
use crate::hash::FastSet;
use crate::meaning::endian_of;
use crate::policy::{split, words_of};

/// The 16 data words of a call.
pub(crate) type Words = [u32; DataWord::COUNT as usize];

/// The pairs of different actions that two functions give, with the smallest call for each.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) calls: BTreeMap<(Action, Action), Words>,
    /// Whether there are calls on which a side is [`DEPENDS`].
    pub(crate) depends: bool,
}

struct Walk<'d> {
    diagrams: &'d mut Diagrams,
    seen: FastSet<(NodeId, NodeId)>,
    words: Words,
    pairs: Pairs,
}

/// Walks two functions, from words that hold wherever the functions do not care.
pub(crate) fn pairs(
    diagrams: &mut Diagrams,
    left: NodeId,
    right: NodeId,
    words: Words,
) -> Result<Pairs, Undecided> {
    let mut walk = Walk { diagrams, seen: FastSet::default(), words, pairs: Pairs::default() };
    walk.visit(left, right)?;
    Ok(walk.pairs)
}

/// Whether a function is [`DEPENDS`] anywhere.
pub(crate) fn depends(diagrams: &Diagrams, function: NodeId, seen: &mut FastSet<NodeId>) -> bool {
    if let View::Test { low, high, .. } = diagrams.view(function) {
        return seen.insert(function)
            && (depends(diagrams, low, seen) || depends(diagrams, high, seen));
    }
    function == DEPENDS
}

impl Walk<'_> {
    /// Recurses once for each bit of a call at most.
    fn visit(&mut self, left: NodeId, right: NodeId) -> Result<(), Undecided> {
        if left == right || !self.seen.insert((left, right)) {
            return Ok(());
        }
        self.diagrams.budget().step()?;
        let (l, r) = (self.diagrams.view(left), self.diagrams.view(right));
        let bit = match (l, r) {
            (View::Test { bit: l, .. }, View::Test { bit: r, .. }) => l.min(r),
            (View::Test { bit, .. }, _) | (_, View::Test { bit, .. }) => bit,
            (View::Action(l), View::Action(r)) => {
                self.pairs.calls.entry((l, r)).or_insert(self.words);
                return Ok(());
            }
            _ => {
                self.pairs.depends |= left == DEPENDS || right == DEPENDS;
                return Ok(());
            }
        };
        let (place, mask) = (usize::from(bit.word().index()), 1 << bit.bit());
        let before = self.words[place];
        for value in [0, mask] {
            let branch = |view, id| match view {
                View::Test { bit: own, low, high } if own == bit => {
                    if value == 0 {
                        low
                    } else {
                        high
                    }
                }
                _ => id,
            };
            self.words[place] = before & !mask | value;
            self.visit(branch(l, left), branch(r, right))?;
        }
        self.words[place] = before;
        Ok(())
    }
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
