//! The rules of one syscall, in the order in which libseccomp asks them.
//!
//! A profile's rules have no order of their own: libseccomp, which runtimes hand them to, decides which of several that
//! hold for a call wins. For the rules of one syscall on one architecture that is:
//!
//! - A rule without conditions wins over all others. Of several, the first in the profile wins.
//! - A rule whose conditions begin with all the conditions of an earlier one (in the order of the arguments) has no
//!   effect, and takes the earlier one's place if it is the other way round and the action is the same.
//! - Where such two differ in their action, libseccomp refuses the profile.
//! - Otherwise rules are asked in the order of their conditions, first condition first: the higher argument before the
//!   lower; equality before upper bounds before lower bounds; the smaller upper bound and the larger lower bound or
//!   value first. What is equal by this, such as two values under masks of which one leaves out the high half, keeps the
//!   profile's order.
//!
//! Rules whose action is the default never reach libseccomp: runc skips them. That loses refusals: with a default of
//! `EPERM`, "allow `socket` below 100" and "`EPERM` for `socket` 40" allow 40. Here **a refusing rule counts even if its
//! action is the default**, by the order above; and where libseccomp would refuse the pair, or discard the other rules for
//! its sake, the rule that comes first in the profile wins. An allowing rule whose action is the default is skipped.
//!
//! libseccomp has defects beside this order, for ordered comparisons that overlap; those are not reproduced.

use std::cmp::Ordering;

use callgate_policy::{Comparison, Condition, Field, Operator};
use callgate_syscalls::Action;

use crate::check::is_permissive;

/// The six arguments of a call.
pub(crate) type Args = [u64; 6];

/// `argument & mask operator datum`, with a mask of 32 bits where only those are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) argument: u8,
    pub(crate) operator: Operator,
    pub(crate) mask: u64,
    pub(crate) datum: u64,
    pub(crate) low32: bool,
}

impl Test {
    pub(crate) const fn holds(&self, args: &Args) -> bool {
        self.operator.holds(args[self.argument as usize] & self.mask, self.datum)
    }

    fn comparison(&self) -> Result<Comparison, callgate_policy::Error> {
        let field = Field::arg(usize::from(self.argument))?;
        let halves = (u32::try_from(self.mask), u32::try_from(self.datum));
        Ok(match halves {
            (Ok(mask), Ok(datum)) if self.low32 => {
                Comparison::low32(field, mask, self.operator, datum)
            }
            _ => Comparison::masked(field, self.mask, self.operator, self.datum),
        })
    }

    /// Which of two tests libseccomp asks first; equal where that is the one added first.
    fn order(&self, other: &Self) -> Ordering {
        let class = self.class();
        other.argument.cmp(&self.argument).then(class.cmp(&other.class())).then_with(|| match class
        {
            Class::Upper => self.datum.cmp(&other.datum),
            Class::Lower => other.datum.cmp(&self.datum),
            Class::Equality => self.order_of_equalities(other),
        })
    }

    /// Halves are tested one after the other, so tests whose high halves differ only in their mask are not compared
    /// any further.
    fn order_of_equalities(&self, other: &Self) -> Ordering {
        match self.shares_high_half(other) {
            true => other.datum.cmp(&self.datum),
            false => (other.datum >> 32).cmp(&(self.datum >> 32)),
        }
    }

    /// Whether both begin with the same test of the high half.
    fn shares_high_half(&self, other: &Self) -> bool {
        let half = |test: &Self| (test.argument, test.class(), test.mask >> 32, test.datum >> 32);
        self.class() == Class::Equality && half(self) == half(other)
    }

    const fn class(&self) -> Class {
        match self.operator {
            Operator::Lt | Operator::Le => Class::Upper,
            Operator::Gt | Operator::Ge => Class::Lower,
            _ => Class::Equality,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Equality,
    Upper,
    Lower,
}

/// A rule about one syscall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The position of the profile's rule that it comes from.
    pub(crate) rule: usize,
    /// All must hold; in the order of the arguments.
    pub(crate) tests: Vec<Test>,
    pub(crate) action: Action,
}

impl Candidate {
    pub(crate) fn condition(&self) -> Result<Condition, callgate_policy::Error> {
        match self.tests.as_slice() {
            [] => return Ok(Condition::always()),
            [test] => return test.comparison().map(Condition::compare),
            _ => {}
        }
        let comparisons: Result<Vec<_>, _> = self.tests.iter().map(Test::comparison).collect();
        Condition::all(comparisons?.into_iter().map(Condition::compare))
    }
}

/// What to do with rules whose action is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redundant {
    /// Skip them, as runtimes do.
    Skip,
    /// Keep those that refuse.
    KeepRefusals,
}

/// Two rules of the profile that libseccomp would not accept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) earlier: usize,
    pub(crate) later: usize,
}

/// The rules of one syscall, first asked first.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    default: Action,
    rules: Vec<Candidate>,
    /// Refusing rules that lost to an allowing one without conditions: (loser, winner).
    overruled: Vec<(usize, usize)>,
}

impl Chain {
    /// Adds rules in the order of the profile.
    pub(crate) fn build(
        default: Action,
        candidates: &[Candidate],
        redundant: Redundant,
    ) -> Result<Self, Conflict> {
        let mut chain = Self { default, rules: Vec::new(), overruled: Vec::new() };
        for candidate in candidates {
            let skipped = redundant == Redundant::Skip || is_permissive(default);
            if candidate.action != default || !skipped {
                chain.add(candidate)?;
            }
        }
        Ok(chain)
    }

    pub(crate) const fn default_action(&self) -> Action {
        self.default
    }

    pub(crate) fn rules(&self) -> &[Candidate] {
        &self.rules
    }

    pub(crate) fn into_rules(self) -> Vec<Candidate> {
        self.rules
    }

    pub(crate) fn overruled(&self) -> &[(usize, usize)] {
        &self.overruled
    }

    /// The action for a call.
    pub(crate) fn decide(&self, args: &Args) -> Action {
        let holds = |rule: &&Candidate| rule.tests.iter().all(|test| test.holds(args));
        self.rules.iter().find(holds).map_or(self.default, |rule| rule.action)
    }

    fn add(&mut self, new: &Candidate) -> Result<(), Conflict> {
        if let Some(winner) = self.rules.first().filter(|rule| rule.tests.is_empty()) {
            if is_permissive(winner.action) && !is_permissive(new.action) {
                self.overruled.push((new.rule, winner.rule));
            }
            return Ok(());
        }
        if new.tests.is_empty() {
            self.replace_all(new);
            return Ok(());
        }
        self.insert(new)
    }

    fn replace_all(&mut self, new: &Candidate) {
        // Behind rules with conditions, the default action is what the rest gets anyway.
        if new.action == self.default && !self.rules.is_empty() {
            return;
        }
        if is_permissive(new.action) {
            let refusing = self.rules.iter().filter(|rule| !is_permissive(rule.action));
            self.overruled.extend(refusing.map(|rule| (rule.rule, new.rule)));
        }
        self.rules = vec![new.clone()];
    }

    fn insert(&mut self, new: &Candidate) -> Result<(), Conflict> {
        let mut floor = 0;
        let mut absorbed = Vec::new();
        for (index, old) in self.rules.iter().enumerate() {
            let is_conflict = old.action != new.action
                && old.action != self.default
                && new.action != self.default;
            if new.tests.starts_with(&old.tests) {
                return match is_conflict && new.tests.len() == old.tests.len() {
                    true => Err(Conflict { earlier: old.rule, later: new.rule }),
                    false => Ok(()),
                };
            }
            if old.tests.starts_with(&new.tests) {
                if is_conflict {
                    return Err(Conflict { earlier: old.rule, later: new.rule });
                }
                match old.action == new.action {
                    true => absorbed.push(index),
                    false => floor = index + 1,
                }
            }
        }
        let position = self.position(new, floor);
        self.rules.insert(position, new.clone());
        for index in absorbed.into_iter().rev() {
            self.rules.remove(if index < position { index } else { index + 1 });
        }
        Ok(())
    }

    /// Where a new rule goes, at `floor` or behind it: before the first rule that libseccomp asks later.
    ///
    /// Rules that begin with the same test, or test the same high half first, stay together. So a new rule goes before
    /// one of equal rank if it belongs to rules that were there earlier.
    fn position(&self, new: &Candidate, floor: usize) -> usize {
        let (mut same, mut same_half) = (0, 0);
        for (index, old) in self.rules.iter().enumerate() {
            let mut pairs = new.tests.iter().zip(&old.tests).enumerate();
            let Some((at, (mine, theirs))) = pairs.find(|(_, (new, old))| new != old) else {
                continue;
            };
            let shares_half = mine.shares_high_half(theirs);
            let is_before = match mine.order(theirs) {
                Ordering::Less => true,
                Ordering::Equal => at < same || (at < same_half && !shares_half),
                Ordering::Greater => false,
            };
            if is_before && index >= floor {
                return index;
            }
            same = same.max(at);
            if shares_half {
                same_half = same_half.max(at + 1);
            }
        }
        self.rules.len()
    }
}

#[cfg(test)]
mod tests;
