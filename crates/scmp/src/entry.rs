//! What a filter knows of each syscall number.

use std::collections::BTreeMap;

use callgate_syscalls::SyscallNr;

use callgate_order::Rules;

/// One syscall number of one architecture: its rules and its priority.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) rules: Rules,
    /// What callers asked for; the shape of the rules adds to it.
    pub(crate) priority: u8,
    /// Whether a rule made this entry, and not a priority. The layout of the tree in the PFC text depends on it.
    pub(crate) made_by_rule: bool,
}

impl Entry {
    /// An entry that a priority makes: it says nothing about the syscall until it gets a rule.
    pub(crate) fn with_priority(priority: u8) -> Self {
        Self { priority, ..Self::default() }
    }
}

/// Entries by number. The numbers that kernels use are found by one look-up in an array.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    /// The first of the numbers that are found by array.
    base: u32,
    /// As they were made.
    list: Vec<(SyscallNr, Entry)>,
    /// Places in `list` plus one by number less `base`; 0 where there is no entry.
    near: Vec<u32>,
    /// Places in `list` of all other numbers.
    far: BTreeMap<SyscallNr, usize>,
}

/// For how many entries there is room when the first is made: filters have either a few or hundreds.
const FIRST: usize = 128;

/// How many numbers are found by array. Kernels use fewer.
const NEAR: u32 = 1024;

impl Entries {
    pub(crate) const fn new(base: u32) -> Self {
        Self { base, list: Vec::new(), near: Vec::new(), far: BTreeMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn get(&self, nr: SyscallNr) -> Option<&Entry> {
        self.place(nr).map(|place| &self.list[place].1)
    }

    /// The entry of a number, made where there is none.
    pub(crate) fn or_insert(&mut self, nr: SyscallNr, new: impl FnOnce() -> Entry) -> &mut Entry {
        let place = self.place(nr).unwrap_or_else(|| {
            let place = self.list.len();
            if place == 0 {
                self.list.reserve(FIRST);
            }
            self.list.push((nr, new()));
            self.note(nr, place);
            place
        });
        &mut self.list[place].1
    }

    /// Ascending by number.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (SyscallNr, &Entry)> {
        let base = SyscallNr::new(self.base);
        let near = self.near.iter().filter_map(|&next| Self::near_place(next));
        let below = self.far.range(..base).map(|(_, &place)| place);
        let above = self.far.range(base..).map(|(_, &place)| place);
        below.chain(near).chain(above).map(|place| {
            let (nr, entry) = &self.list[place];
            (*nr, entry)
        })
    }

    fn place(&self, nr: SyscallNr) -> Option<usize> {
        match self.near_index(nr) {
            Some(index) => self.near.get(index).and_then(|&next| Self::near_place(next)),
            None => self.far.get(&nr).copied(),
        }
    }

    fn note(&mut self, nr: SyscallNr, place: usize) {
        match (self.near_index(nr), u32::try_from(place + 1)) {
            (Some(index), Ok(next)) => {
                if self.near.len() <= index {
                    self.near.resize(NEAR as usize, 0);
                }
                self.near[index] = next;
            }
            _ => drop(self.far.insert(nr, place)),
        }
    }

    fn near_index(&self, nr: SyscallNr) -> Option<usize> {
        let index = nr.raw().checked_sub(self.base).filter(|&index| index < NEAR)?;
        usize::try_from(index).ok()
    }

    fn near_place(next: u32) -> Option<usize> {
        usize::try_from(next.checked_sub(1)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_and_read_in_order_wherever_they_lie() {
        let mut entries = Entries::new(5000);
        let numbers = [0, 4999, 5000, 5001, 5000 + NEAR - 1, 5000 + NEAR, u32::MAX];
        for &nr in numbers.iter().rev().chain(&numbers) {
            let entry = entries.or_insert(SyscallNr::new(nr), Entry::default);
            entry.priority += 1;
        }
        let read: Vec<u32> = entries.iter().map(|(nr, _)| nr.raw()).collect();
        assert_eq!(read, numbers);
        assert!(entries.iter().all(|(_, entry)| entry.priority == 2));
        let back: Vec<u32> = entries.iter().rev().map(|(nr, _)| nr.raw()).collect();
        assert!(back.iter().eq(numbers.iter().rev()));
        assert!(numbers.iter().all(|&nr| entries.get(SyscallNr::new(nr)).is_some()));
        assert!([1, 5002].iter().all(|&nr| entries.get(SyscallNr::new(nr)).is_none()));
    }
}
