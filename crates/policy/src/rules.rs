//! Rule lists by syscall number.
//!
//! Policies are made one rule at a time and mostly have one rule for a number, so a single rule
//! needs no list of its own. Numbers are kept in order beside the lists, which stay where they were
//! made: what moves when a number is inserted is small.

use std::fmt;

use callgate_memory::{Grow, List as Chunks, OutOfMemory};
use callgate_syscalls::SyscallNr;

use crate::Rule;

/// The rules of each number, in the order in which they were appended.
#[derive(Default)]
pub(crate) struct RuleLists {
    /// The numbers, ascending, each with the place of its list.
    numbers: Vec<(SyscallNr, u32)>,
    lists: Chunks<List>,
}

/// The rules of one number.
#[derive(Clone)]
enum List {
    One(Rule),
    Several(Vec<Rule>),
}

impl RuleLists {
    pub(crate) const fn new() -> Self {
        Self { numbers: Vec::new(), lists: Chunks::new() }
    }

    /// Makes room for that many numbers more.
    pub(crate) fn reserve(&mut self, numbers: usize) -> Result<(), OutOfMemory> {
        Ok(self.numbers.try_reserve(numbers)?)
    }

    /// Appends a rule to a number's list.
    pub(crate) fn push(&mut self, nr: SyscallNr, rule: Rule) -> Result<(), OutOfMemory> {
        let Self { numbers, lists } = self;
        // Most policies come in the order of their numbers.
        let place = match numbers.last() {
            Some((last, _)) if *last >= nr => numbers.binary_search_by_key(&nr, |(nr, _)| *nr),
            _ => Err(numbers.len()),
        };
        match place {
            Ok(place) => lists[numbers[place].1 as usize].push(rule),
            Err(place) => {
                let list = u32::try_from(lists.len()).map_err(|_| OutOfMemory)?;
                numbers.try_reserve(1)?;
                lists.try_push(List::One(rule))?;
                numbers.try_insert(place, (nr, list))
            }
        }
    }

    /// The numbers that have rules, ascending, each with its rules.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (SyscallNr, &[Rule])> {
        self.numbers.iter().map(|&(nr, place)| (nr, self.lists[place as usize].as_slice()))
    }

    /// All rules, in no order that means anything.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Rule> {
        self.lists.iter_mut().flat_map(|list| match list {
            List::One(rule) => std::slice::from_mut(rule),
            List::Several(rules) => rules,
        })
    }

    /// The rules of one number; empty where it has none.
    pub(crate) fn of(&self, nr: SyscallNr) -> &[Rule] {
        match self.numbers.binary_search_by_key(&nr, |(nr, _)| *nr) {
            Ok(place) => self.lists[self.numbers[place].1 as usize].as_slice(),
            Err(_) => &[],
        }
    }
}

impl List {
    fn push(&mut self, rule: Rule) -> Result<(), OutOfMemory> {
        match self {
            Self::Several(list) => list.try_push(rule),
            Self::One(_) => {
                let list = Vec::with_room(4)?;
                if let Self::One(first) = std::mem::replace(self, Self::Several(list)) {
                    self.push(first)?;
                }
                self.push(rule)
            }
        }
    }

    fn as_slice(&self) -> &[Rule] {
        match self {
            Self::One(rule) => std::slice::from_ref(rule),
            Self::Several(list) => list,
        }
    }
}

/// Ends the process where there is no more memory: only callers that could not go on either copy
/// whole policies.
impl Clone for RuleLists {
    fn clone(&self) -> Self {
        let mut copy = Self { numbers: self.numbers.clone(), lists: Chunks::new() };
        for list in self.lists.iter() {
            crate::policy::must(copy.lists.try_push(list.clone()));
        }
        copy
    }
}

// Where the lists are does not matter.
impl PartialEq for RuleLists {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for RuleLists {}

impl fmt::Debug for RuleLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::{ArchPolicy, Condition};
    use callgate_syscalls::{Action, SyscallNr};

    /// A policy whose rules tell by their data when they were appended.
    fn appended(numbers: &[u32]) -> ArchPolicy {
        let mut policy = ArchPolicy::new(Action::ALLOW);
        for (data, nr) in (0u16..).zip(numbers) {
            policy.rule(SyscallNr::new(*nr), Condition::always(), Action::trap(data));
        }
        policy
    }

    #[test]
    fn numbers_ascend_and_rules_keep_their_order() {
        let policy = appended(&[7, 3, 7, u32::MAX, 0, 7, 3]);
        let numbers: Vec<u32> = policy.rules().map(|(nr, _)| nr.raw()).collect();
        assert_eq!(numbers, [0, 3, 7, u32::MAX]);
        let data = |nr| -> Vec<Action> {
            policy.rules_for(SyscallNr::new(nr)).iter().map(|rule| rule.action()).collect()
        };
        assert_eq!(data(7), [0, 2, 5].map(Action::trap));
        assert_eq!(data(3), [1, 6].map(Action::trap));
        assert_eq!(data(8), []);
        assert!(policy.rules().all(|(nr, rules)| rules == policy.rules_for(nr)));
    }

    #[test]
    fn the_order_between_numbers_makes_no_difference() {
        let mut ascending = ArchPolicy::new(Action::ALLOW);
        let mut descending = ascending.clone();
        for nr in 0..50 {
            ascending.rule(SyscallNr::new(nr), Condition::always(), Action::LOG);
            descending.rule(SyscallNr::new(49 - nr), Condition::always(), Action::LOG);
        }
        assert_eq!(ascending, descending);
        assert_eq!(format!("{ascending:?}"), format!("{descending:?}"));
        descending.rule(SyscallNr::new(9), Condition::never(), Action::LOG);
        assert_ne!(ascending, descending);
    }
}
