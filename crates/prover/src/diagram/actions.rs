//! Operations on functions whose results are actions.

use callgate_bpf::{DataWord, Test};
use callgate_syscalls::Action;

use super::{DEPENDS, Diagrams, FALSE, InputBit, LEVELS, NodeId, TRUE, View};
use crate::budget::Undecided;
use crate::hash::FastMap;
use crate::numbers::Interval;

/// How two actions become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Combine {
    /// The one the kernel prefers among stacked filters; on equal precedence the left.
    Strictest,
    /// The other one; on equal precedence the left.
    Loosest,
}

impl Combine {
    pub(crate) const fn apply(self, left: Action, right: Action) -> Action {
        let right_wins = match self {
            Self::Strictest => right.precedence() < left.precedence(),
            Self::Loosest => right.precedence() > left.precedence(),
        };
        if right_wins { right } else { left }
    }

    /// What stands in the place of the third operand in the cache: no node has these ids.
    const fn cache_key(self) -> NodeId {
        match self {
            Self::Strictest => NodeId(u32::MAX),
            Self::Loosest => NodeId(u32::MAX - 1),
        }
    }
}

/// What stands in the cache as the third operand of [`Diagrams::differ`]: no node has this id.
const DIFFER: NodeId = NodeId(u32::MAX - 2);

/// The bit that is set in the third operand of [`Diagrams::first`] in the cache, and in the id of no node.
const FIRST: u32 = 1 << 31;

impl Diagrams {
    /// Combines the actions of two functions, input by input.
    pub(crate) fn combine(
        &mut self,
        how: Combine,
        left: NodeId,
        right: NodeId,
    ) -> Result<NodeId, Undecided> {
        if left == right {
            return Ok(left);
        }
        if left == DEPENDS || right == DEPENDS {
            return Ok(DEPENDS);
        }
        if let (View::Action(l), View::Action(r)) = (self.view(left), self.view(right)) {
            return self.action(how.apply(l, r));
        }
        if self.first_level(left, right) == LEVELS {
            // OUTSIDE or a Boolean leaf beside an action: not a meaning, so nothing is combined.
            return Ok(left);
        }
        self.descend([left, right, how.cache_key()], |d, l, r| d.combine(how, l, r))
    }

    /// What the first function gives, and where that is the leaf `open`, the second.
    pub(crate) fn first(
        &mut self,
        open: NodeId,
        first: NodeId,
        second: NodeId,
    ) -> Result<NodeId, Undecided> {
        if first == open || first == second {
            return Ok(second);
        }
        if second == open || self.node(first).level == LEVELS {
            return Ok(first);
        }
        let operands = [first, second, NodeId(open.0 | FIRST)];
        self.descend(operands, |d, first, second| d.first(open, first, second))
    }

    /// The condition under which two functions differ.
    pub(crate) fn differ(&mut self, left: NodeId, right: NodeId) -> Result<NodeId, Undecided> {
        if left == right {
            return Ok(FALSE);
        }
        if self.first_level(left, right) == LEVELS {
            return Ok(TRUE);
        }
        self.descend([left.min(right), left.max(right), DIFFER], Self::differ)
    }

    /// The level of the first bit that either of two functions reads.
    fn first_level(&self, left: NodeId, right: NodeId) -> u32 {
        self.node(left).level.min(self.node(right).level)
    }

    /// What an operation makes of two functions, not both leaves, by what it makes of them for each value of the first bit
    /// that either reads. The third operand stands for the operation in the cache.
    fn descend(
        &mut self,
        operands: [NodeId; 3],
        operation: impl Fn(&mut Self, NodeId, NodeId) -> Result<NodeId, Undecided>,
    ) -> Result<NodeId, Undecided> {
        if let Some(result) = self.cached(operands) {
            return Ok(result);
        }
        self.budget.step()?;
        let [left, right, _] = operands;
        let level = self.first_level(left, right);
        let ((l0, l1), (r0, r1)) = (self.cofactors(left, level), self.cofactors(right, level));
        let low = operation(self, l0, r0)?;
        let high = operation(self, l1, r1)?;
        let result = self.test(InputBit(level), low, high)?;
        self.remember(operands, result);
        Ok(result)
    }

    /// The condition under which a function gives an action.
    pub(crate) fn where_action(&mut self, id: NodeId, action: Action) -> Result<NodeId, Undecided> {
        let constant = self.action(action)?;
        let differ = self.differ(id, constant)?;
        self.not(differ)
    }

    /// A function after each of its actions went through another one; `seen` keeps what is known already.
    pub(crate) fn map_actions(
        &mut self,
        id: NodeId,
        seen: &mut FastMap<NodeId, NodeId>,
        map: &impl Fn(Action) -> Action,
    ) -> Result<NodeId, Undecided> {
        match self.view(id) {
            View::Other => Ok(id),
            View::Action(action) => self.action(map(action)),
            View::Test { bit, low, high } => {
                if let Some(&known) = seen.get(&id) {
                    return Ok(known);
                }
                self.budget.step()?;
                let low = self.map_actions(low, seen, map)?;
                let high = self.map_actions(high, seen, map)?;
                let result = self.test(bit, low, high)?;
                seen.insert(id, result);
                Ok(result)
            }
        }
    }

    /// A function after the caller chose some bits so as to get the loosest action.
    pub(crate) fn loosest_over(
        &mut self,
        id: NodeId,
        seen: &mut FastMap<NodeId, NodeId>,
        chosen: &impl Fn(InputBit) -> bool,
    ) -> Result<NodeId, Undecided> {
        let View::Test { bit, low, high } = self.view(id) else { return Ok(id) };
        if let Some(&known) = seen.get(&id) {
            return Ok(known);
        }
        self.budget.step()?;
        let low = self.loosest_over(low, seen, chosen)?;
        let high = self.loosest_over(high, seen, chosen)?;
        let result = match chosen(bit) {
            true => self.combine(Combine::Loosest, low, high)?,
            false => self.test(bit, low, high)?,
        };
        seen.insert(id, result);
        Ok(result)
    }

    /// The condition that arch token and number lie in intervals.
    pub(crate) fn inside(
        &mut self,
        tokens: Interval,
        numbers: Interval,
    ) -> Result<NodeId, Undecided> {
        let mut result = TRUE;
        for (word, interval) in [(DataWord::NR, numbers), (DataWord::ARCH, tokens)] {
            let above = self.test_word(Test::Greater, word, u32::MAX, interval.last)?;
            result = self.ite(above, FALSE, result)?;
            let enough = self.test_word(Test::GreaterOrEqual, word, u32::MAX, interval.first)?;
            result = self.and(enough, result)?;
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Budget, Options};

    #[test]
    fn combining_prefers_by_precedence_and_the_left_on_ties() {
        let mut d = Diagrams::new(Budget::new(&Options::default()));
        let [allow, errno1, errno2] =
            [0x7fff_0000, 0x0005_0001, 0x0005_0002].map(|raw| d.action(Action::from_raw(raw)));
        let (allow, errno1, errno2) = (allow.unwrap(), errno1.unwrap(), errno2.unwrap());
        let bit = d.bit(InputBit::new(DataWord::NR, 7)).unwrap();
        let mixed = d.ite(bit, allow, errno2).unwrap();
        assert_eq!(d.combine(Combine::Strictest, mixed, errno1).unwrap(), {
            d.ite(bit, errno1, errno2).unwrap()
        });
        assert_eq!(d.combine(Combine::Loosest, errno1, mixed).unwrap(), {
            d.ite(bit, allow, errno1).unwrap()
        });
        assert_eq!(d.combine(Combine::Loosest, DEPENDS, mixed), Ok(DEPENDS));
    }
}
