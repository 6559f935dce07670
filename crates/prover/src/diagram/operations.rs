//! The operations on functions: what they are where no bit has to be asked about any more.

use callgate_bpf::{DataWord, Test};
use callgate_syscalls::Action;

use super::apply::Operands;
use super::{DEPENDS, Diagrams, FALSE, NodeId, Pattern, Rank, TRUE, View};
use crate::budget::Halt;
use crate::numbers::Interval;

/// How two actions become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Combine {
    /// The one the kernel prefers among stacked filters; on equal precedence the left.
    Strictest,
    /// The one that permits more; where neither does, the left.
    Loosest,
    /// The one that permits more; where neither does, the same one whichever is left.
    Freest,
}

impl Combine {
    pub(crate) fn apply(self, left: Action, right: Action) -> Action {
        let right_wins = match self {
            Self::Strictest => right.precedence() < left.precedence(),
            Self::Loosest => right.freedom() > left.freedom(),
            Self::Freest => (right.freedom(), right.raw()) > (left.freedom(), left.raw()),
        };
        if right_wins { right } else { left }
    }
}

/// An operation with its parameters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation<'a> {
    /// The second function where the first, a condition, holds, else the third.
    Choose,
    /// The first function; the second where the first is the third, a leaf.
    First,
    Combine(Combine),
    /// Whether the first and the second differ.
    Differ,
    /// [`Action::normalised`] of each action of the first.
    Normalise,
    /// The actions of the first with one more bit set.
    WithBit(u32),
    /// The freest action of the first over all values of some bits, by word; the results hold for one such list, which the
    /// number stands for.
    Freest(&'a [u32; Rank::COUNT], u32),
}

impl Operation<'_> {
    /// What stands for the operation in the cache.
    pub(super) const fn key(&self) -> u32 {
        const EPOCHS: u32 = 64;
        match *self {
            Self::Choose => 0,
            Self::First => 1,
            Self::Combine(Combine::Strictest) => 2,
            Self::Combine(Combine::Loosest) => 3,
            Self::Combine(Combine::Freest) => 4,
            Self::Differ => 5,
            Self::Normalise => 6,
            Self::WithBit(bit) => 7 + bit,
            Self::Freest(_, epoch) => EPOCHS + epoch,
        }
    }
}

impl Diagrams {
    /// `then` where a condition holds, `other` elsewhere.
    pub(crate) fn ite(
        &mut self,
        condition: NodeId,
        then: NodeId,
        other: NodeId,
    ) -> Result<NodeId, Halt> {
        self.apply(&Operation::Choose, [condition, then, other])
    }

    pub(crate) fn and(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, Halt> {
        self.ite(left, right, FALSE)
    }

    pub(crate) fn or(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, Halt> {
        self.ite(left, TRUE, right)
    }

    pub(crate) fn not(&mut self, condition: NodeId) -> Result<NodeId, Halt> {
        self.ite(condition, FALSE, TRUE)
    }

    pub(crate) fn xor(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, Halt> {
        let inverse = self.not(right)?;
        self.ite(left, inverse, right)
    }

    /// Combines the actions of two functions, input by input.
    pub(crate) fn combine(
        &mut self,
        how: Combine,
        left: NodeId,
        right: NodeId,
    ) -> Result<NodeId, Halt> {
        self.apply(&Operation::Combine(how), [left, right, FALSE])
    }

    /// What the first function gives, and where that is the leaf `open`, the second.
    pub(crate) fn first(
        &mut self,
        open: NodeId,
        first: NodeId,
        second: NodeId,
    ) -> Result<NodeId, Halt> {
        self.apply(&Operation::First, [first, second, open])
    }

    /// The condition under which two functions differ.
    pub(crate) fn differ(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, Halt> {
        self.apply(&Operation::Differ, [left.min(right), left.max(right), FALSE])
    }

    /// The condition under which a function gives an action.
    pub(crate) fn where_action(&mut self, id: NodeId, action: Action) -> Result<NodeId, Halt> {
        let constant = self.action(action)?;
        let differ = self.differ(id, constant)?;
        self.not(differ)
    }

    /// A function with what the kernel makes of its actions: [`Action::normalised`].
    pub(crate) fn normalised(&mut self, id: NodeId) -> Result<NodeId, Halt> {
        self.apply(&Operation::Normalise, [id, FALSE, FALSE])
    }

    /// A function whose actions have one more bit set.
    pub(crate) fn with_bit(&mut self, id: NodeId, bit: u32) -> Result<NodeId, Halt> {
        self.apply(&Operation::WithBit(bit), [id, FALSE, FALSE])
    }

    /// Functions after the caller chose some bits of each word so as to get the freest action.
    pub(crate) fn freest_over(
        &mut self,
        functions: [NodeId; 2],
        chosen: &[u32; Rank::COUNT],
    ) -> Result<[NodeId; 2], Halt> {
        self.epoch = self.epoch.wrapping_add(1);
        let op = Operation::Freest(chosen, self.epoch);
        let [left, right] = functions;
        Ok([self.apply(&op, [left, FALSE, FALSE])?, self.apply(&op, [right, FALSE, FALSE])?])
    }

    /// The condition that arch token and number lie in intervals.
    pub(crate) fn inside(&mut self, tokens: Interval, numbers: Interval) -> Result<NodeId, Halt> {
        let mut result = TRUE;
        for (word, interval) in [(DataWord::NR, numbers), (DataWord::ARCH, tokens)] {
            let above = (Test::Greater, word, u32::MAX, interval.last);
            result = self.where_word(above, [FALSE, result])?;
            let enough = (Test::GreaterOrEqual, word, u32::MAX, interval.first);
            let enough = self.where_word(enough, [TRUE, FALSE])?;
            result = self.and(enough, result)?;
        }
        Ok(result)
    }

    /// The result of an operation where it is plain without splitting its operands.
    #[inline]
    pub(super) fn settled(
        &mut self,
        op: &Operation<'_>,
        operands: Operands,
    ) -> Result<Option<NodeId>, Halt> {
        let [first, second, third] = operands;
        Ok(match op {
            Operation::Choose => match first {
                TRUE => Some(second),
                FALSE => Some(third),
                _ if second == third => Some(second),
                _ if second == TRUE && third == FALSE => Some(first),
                _ => None,
            },
            Operation::First => match first {
                _ if first == third || first == second => Some(second),
                _ if second == third || self.is_leaf(first) => Some(first),
                _ => None,
            },
            Operation::Combine(how) => return self.combined(*how, first, second),
            Operation::Differ if first == second => Some(FALSE),
            Operation::Differ => (self.is_leaf(first) && self.is_leaf(second)).then_some(TRUE),
            Operation::Normalise => return self.mapped(first, Action::normalised),
            Operation::WithBit(bit) => {
                return self.mapped(first, |action| Action::from_raw(action.raw() | 1 << bit));
            }
            Operation::Freest(..) => self.is_leaf(first).then_some(first),
        })
    }

    /// What an operation makes of its results for the two sides of a test.
    #[inline]
    pub(super) fn finish(
        &mut self,
        op: &Operation<'_>,
        (rank, pattern): (Rank, Pattern),
        yes: NodeId,
        no: NodeId,
    ) -> Result<NodeId, Halt> {
        let chosen = match op {
            Operation::Freest(chosen, _) => chosen[rank.index()] & pattern.mask,
            _ => 0,
        };
        if chosen == 0 {
            return self.choice(rank, pattern, yes, no);
        }
        let either = self.combine(Combine::Freest, yes, no)?;
        let Pattern { mask, value } = pattern;
        self.choice(rank, Pattern { mask: mask & !chosen, value: value & !chosen }, either, no)
    }

    fn combined(&mut self, how: Combine, l: NodeId, r: NodeId) -> Result<Option<NodeId>, Halt> {
        if l == r {
            return Ok(Some(l));
        }
        if l == DEPENDS || r == DEPENDS {
            return Ok(Some(DEPENDS));
        }
        match (self.view(l), self.view(r)) {
            (View::Action(l), View::Action(r)) => self.action(how.apply(l, r)).map(Some),
            (View::Test { .. }, _) | (_, View::Test { .. }) => Ok(None),
            // OUTSIDE or a Boolean leaf beside an action: not a meaning, so nothing is combined.
            _ => Ok(Some(l)),
        }
    }

    fn mapped(
        &mut self,
        id: NodeId,
        map: impl Fn(Action) -> Action,
    ) -> Result<Option<NodeId>, Halt> {
        match self.view(id) {
            View::Action(action) => self.action(map(action)).map(Some),
            View::Test { .. } => Ok(None),
            View::Other => Ok(Some(id)),
        }
    }

    #[inline]
    pub(crate) fn is_leaf(&self, id: NodeId) -> bool {
        self.rank(id) == Rank::LEAF
    }
}
