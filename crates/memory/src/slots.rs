//! The index of a hash table: numbers of entries that lie elsewhere.
//!
//! Beside each number stands half of the entry's hash, so that hardly any other entry is looked at than the one that is
//! meant, and none when the table grows.

use crate::{List, OutOfMemory, TryClone};

/// Open addressing with linear probing over chunks. Entries are never removed one by one.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// As many as a power of two.
    slots: List<Slot>,
}

/// A number of an entry with the upper half of its hash, or [`EMPTY`].
#[derive(Clone, Copy, Debug)]
struct Slot {
    number: u32,
    hash: u32,
}

const EMPTY: Slot = Slot { number: u32::MAX, hash: 0 };

/// How many entries a table can have.
pub(crate) const ENTRIES_MAX: usize = EMPTY.number as usize;

const FIRST_LEN: usize = 16;

/// Tables of fewer slots grow fourfold.
const SMALL_LEN: usize = 1024;

/// Where a key is, or where it would be.
pub(crate) enum Found {
    Entry(u32),
    Free(usize),
}

impl Slots {
    pub(crate) const fn new() -> Self {
        Self { slots: List::new() }
    }

    /// Looks for the entry of a hash for which `equal` holds.
    ///
    /// There is always an empty slot, except before the first [`Slots::reserve`].
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut equal: impl FnMut(u32) -> bool) -> Found {
        let Some(mask) = self.slots.len().checked_sub(1) else { return Found::Free(0) };
        let hash = upper(hash);
        let mut slot = place(hash) & mask;
        loop {
            let found = self.slots[slot];
            if found.is_empty() {
                return Found::Free(slot);
            }
            if found.hash == hash && equal(found.number) {
                return Found::Entry(found.number);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Sets a slot that [`Slots::find`] called free for this hash.
    #[inline]
    pub(crate) fn set(&mut self, slot: usize, hash: u64, number: u32) {
        self.slots[slot] = Slot { number, hash: upper(hash) };
    }

    /// Makes room for one entry more than there are, at most three quarters full. Says whether
    /// slots have moved.
    #[inline]
    pub(crate) fn reserve(&mut self, entries: usize) -> Result<bool, OutOfMemory> {
        match entries < self.slots.len() / 4 * 3 {
            true => Ok(false),
            false => self.grow(entries).map(|()| true),
        }
    }

    #[cold]
    fn grow(&mut self, entries: usize) -> Result<(), OutOfMemory> {
        if entries >= ENTRIES_MAX {
            return Err(OutOfMemory);
        }
        // Small tables are mostly on their way to be larger.
        let factor = if self.slots.len() < SMALL_LEN { 4 } else { 2 };
        let mut wider = Self::new();
        wider.slots.try_resize((factor * self.slots.len()).max(FIRST_LEN), EMPTY)?;
        let mask = wider.slots.len() - 1;
        for &found in self.slots.iter().filter(|slot| !slot.is_empty()) {
            let mut slot = place(found.hash) & mask;
            while !wider.slots[slot].is_empty() {
                slot = (slot + 1) & mask;
            }
            wider.slots[slot] = found;
        }
        *self = wider;
        Ok(())
    }

    /// Empties all slots and keeps them.
    pub(crate) fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| *slot = EMPTY);
    }
}

impl Slot {
    #[inline]
    const fn is_empty(self) -> bool {
        self.number == EMPTY.number
    }
}

impl TryClone for Slot {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(*self)
    }
}

impl TryClone for Slots {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        self.slots.try_clone().map(|slots| Self { slots })
    }
}

/// The half of a multiplicative hash that has its best bits.
#[inline]
const fn upper(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Where a hash begins to look. The best bits are at the top.
#[inline]
const fn place(hash: u32) -> usize {
    (hash ^ (hash >> 17)) as usize
}
