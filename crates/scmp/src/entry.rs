//! What a filter knows of each syscall number.

use callgate_memory::{Grow, List, Map, OutOfMemory, Sort, TryClone};
use callgate_order::Rules;
use callgate_syscalls::SyscallNr;

/// One syscall number of one architecture: its rules and its priority.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) rules: Rules,
    /// What callers asked for; the shape of the rules adds to it.
    pub(crate) priority: u8,
    /// Whether a rule made this entry, and not a priority. The layout of the tree in the PFC text
    /// depends on it.
    pub(crate) made_by_rule: bool,
}

impl TryClone for Entry {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        let Self { ref rules, priority, made_by_rule } = *self;
        Ok(Self { rules: rules.try_clone()?, priority, made_by_rule })
    }
}

/// Entries by number. The numbers that kernels use are found by one look-up in an array.
#[derive(Debug)]
pub(crate) struct Entries {
    /// The first of the numbers that are found by array.
    base: u32,
    /// As they were made.
    list: List<(SyscallNr, Entry)>,
    /// Places in `list` plus one by number less `base`; 0 where there is no entry.
    near: Vec<u32>,
    /// Places in `list` of all other numbers. Those of entries that were taken out again may still
    /// be here.
    far: Map<SyscallNr, u32>,
}

/// How many numbers are found by array. Kernels use fewer.
const NEAR: u32 = 1024;

/// The shortest such array.
const NEAR_FIRST: usize = 64;

/// Up to so many entries are sorted sooner than found by a look at the whole array.
const FEW: usize = 48;

impl Entries {
    pub(crate) const fn new(base: u32) -> Self {
        Self { base, list: List::new(), near: Vec::new(), far: Map::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn get(&self, nr: SyscallNr) -> Option<&Entry> {
        self.place(nr).map(|place| &self.list[place].1)
    }

    pub(crate) fn get_mut(&mut self, nr: SyscallNr) -> Option<&mut Entry> {
        self.place(nr).map(|place| &mut self.list[place].1)
    }

    /// Makes the entry of a number that has none.
    ///
    /// # Errors
    /// [`OutOfMemory`]; nothing is changed.
    pub(crate) fn push(&mut self, nr: SyscallNr, entry: Entry) -> Result<(), OutOfMemory> {
        let place = u32::try_from(self.list.len()).map_err(|_| OutOfMemory)?;
        let near = self.near_index(nr);
        match near {
            Some(index) if index >= self.near.len() => {
                // In steps: a filter of a few low numbers does not pay for the whole array.
                let len = (index + 1).next_power_of_two().max(NEAR_FIRST);
                self.near.try_resize(len, 0)?;
            }
            Some(_) => {}
            None => drop(self.far.insert(nr, place)?),
        }
        self.list.try_push((nr, entry))?;
        if let Some(index) = near {
            self.near[index] = place + 1;
        }
        Ok(())
    }

    /// Takes out the entry that was made last.
    pub(crate) fn pop(&mut self) {
        if let Some((nr, _)) = self.list.pop() {
            if let Some(place) = self.near_index(nr).and_then(|index| self.near.get_mut(index)) {
                *place = 0;
            }
        }
    }

    /// Ascending by number.
    ///
    /// # Errors
    /// [`OutOfMemory`], only where there are few entries, or numbers that no kernel uses.
    pub(crate) fn in_order(&self) -> Result<InOrder<'_>, OutOfMemory> {
        let mut listed = Vec::new();
        let near = if self.list.len() <= FEW {
            listed.try_extend(self.list.iter().map(|(nr, _)| *nr).zip(0..))?;
            &[]
        } else {
            let far = self.far.iter().filter(|&(&nr, &place)| self.is_at(nr, place as usize));
            listed.try_extend(far.map(|(&nr, &place)| (nr, place)))?;
            self.near.as_slice()
        };
        listed.sort_in_place();
        Ok(InOrder { entries: self, listed, near })
    }

    fn place(&self, nr: SyscallNr) -> Option<usize> {
        match self.near_index(nr) {
            Some(index) => self.near.get(index).and_then(|&next| near_place(next)),
            None => {
                let place = *self.far.get(&nr)? as usize;
                self.is_at(nr, place).then_some(place)
            }
        }
    }

    fn is_at(&self, nr: SyscallNr, place: usize) -> bool {
        self.list.get(place).is_some_and(|(found, _)| *found == nr)
    }

    fn near_index(&self, nr: SyscallNr) -> Option<usize> {
        let index = nr.raw().checked_sub(self.base).filter(|&index| index < NEAR)?;
        usize::try_from(index).ok()
    }
}

impl TryClone for Entries {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        let mut copy = Self::new(self.base);
        for (nr, entry) in self.list.iter() {
            copy.push(*nr, entry.try_clone()?)?;
        }
        Ok(copy)
    }
}

/// Entries in the order of their numbers as filters see them.
#[derive(Debug)]
pub(crate) struct InOrder<'a> {
    entries: &'a Entries,
    /// The places of those that are not found by array, ascending by number.
    listed: Vec<(SyscallNr, u32)>,
    /// The places of the others.
    near: &'a [u32],
}

impl<'a> InOrder<'a> {
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (SyscallNr, &'a Entry)> {
        let Entries { base, list, .. } = self.entries;
        let middle = self.listed.partition_point(|(nr, _)| nr.raw() < *base);
        let (below, above) = self.listed.split_at(middle);
        let near = self.near.iter().filter_map(|&next| near_place(next));
        let listed = |&(_, place): &(SyscallNr, u32)| place as usize;
        below.iter().map(listed).chain(near).chain(above.iter().map(listed)).map(|place| {
            let (nr, entry) = &list[place];
            (*nr, entry)
        })
    }
}

fn near_place(next: u32) -> Option<usize> {
    usize::try_from(next.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_and_read_in_order_wherever_they_lie() {
        let few: Vec<u32> = vec![0, 4999, 5000, 5001, 5000 + NEAR - 1, 5000 + NEAR, u32::MAX];
        let between = |count: usize| (5010..).take(count - few.len());
        for len in [few.len(), FEW, FEW + 1] {
            let mut numbers: Vec<u32> = few.iter().copied().chain(between(len)).collect();
            numbers.sort_unstable();
            check(&numbers);
        }
    }

    fn check(numbers: &[u32]) {
        let mut entries = Entries::new(5000);
        for &nr in numbers.iter().rev().chain(numbers) {
            let nr = SyscallNr::new(nr);
            if entries.get(nr).is_none() {
                entries.push(nr, Entry::default()).unwrap();
            }
            entries.get_mut(nr).unwrap().priority += 1;
        }
        for taken in [7, 5002] {
            entries.push(SyscallNr::new(taken), Entry::default()).unwrap();
            entries.pop();
            assert!(entries.get(SyscallNr::new(taken)).is_none());
        }
        let in_order = entries.in_order().unwrap();
        let read: Vec<u32> = in_order.iter().map(|(nr, _)| nr.raw()).collect();
        assert_eq!(read, numbers);
        assert!(in_order.iter().all(|(_, entry)| entry.priority == 2));
        let back: Vec<u32> = in_order.iter().rev().map(|(nr, _)| nr.raw()).collect();
        assert!(back.iter().eq(numbers.iter().rev()));
        assert!(numbers.iter().all(|&nr| entries.get(SyscallNr::new(nr)).is_some()));
        assert!([1, 5002].iter().all(|&nr| entries.get(SyscallNr::new(nr)).is_none()));
    }
}
