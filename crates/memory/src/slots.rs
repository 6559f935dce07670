//! The index of a hash table: numbers of entries that lie elsewhere.

use crate::{List, OutOfMemory, TryClone};

/// Open addressing with linear probing over chunks. Entries are never removed one by one.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// The number of an entry, or [`EMPTY`]; as many as a power of two.
    numbers: List<u32>,
}

const EMPTY: u32 = u32::MAX;

/// How many entries a table can have.
pub(crate) const ENTRIES_MAX: usize = EMPTY as usize;

const FIRST_LEN: usize = 16;

/// Tables of fewer slots grow fourfold.
const SMALL_LEN: usize = 4096;

/// Where a key is, or where it would be.
pub(crate) enum Found {
    Entry(u32),
    Free(usize),
}

impl Slots {
    pub(crate) const fn new() -> Self {
        Self { numbers: List::new() }
    }

    /// Looks for the entry of a hash for which `equal` holds.
    ///
    /// There is always an empty slot, except before the first [`Slots::reserve`].
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut equal: impl FnMut(u32) -> bool) -> Found {
        let Some(mask) = self.numbers.len().checked_sub(1) else { return Found::Free(0) };
        let mut slot = place(hash) & mask;
        loop {
            match self.numbers[slot] {
                EMPTY => return Found::Free(slot),
                number if equal(number) => return Found::Entry(number),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// Sets a slot that [`Slots::find`] called free.
    #[inline]
    pub(crate) fn set(&mut self, slot: usize, number: u32) {
        self.numbers[slot] = number;
    }

    /// Makes room for one entry more than there are, at most three quarters full. Says whether
    /// slots have moved.
    ///
    /// `hash` tells the hash of an entry that is there.
    #[inline]
    pub(crate) fn reserve(
        &mut self,
        entries: usize,
        hash: impl Fn(u32) -> u64,
    ) -> Result<bool, OutOfMemory> {
        match entries < self.numbers.len() / 4 * 3 {
            true => Ok(false),
            false => self.grow(entries, hash).map(|()| true),
        }
    }

    #[cold]
    fn grow(&mut self, entries: usize, hash: impl Fn(u32) -> u64) -> Result<(), OutOfMemory> {
        if entries >= ENTRIES_MAX {
            return Err(OutOfMemory);
        }
        // Small tables are mostly on their way to be larger, and each step asks for all hashes
        // again.
        let factor = if self.numbers.len() < SMALL_LEN { 4 } else { 2 };
        let len = (factor * self.numbers.len()).max(FIRST_LEN);
        self.numbers.try_resize(len, EMPTY)?;
        self.numbers.iter_mut().for_each(|slot| *slot = EMPTY);
        for number in 0..u32::try_from(entries).unwrap_or(EMPTY) {
            if let Found::Free(slot) = self.find(hash(number), |_| false) {
                self.numbers[slot] = number;
            }
        }
        Ok(())
    }

    /// Empties all slots and keeps them.
    pub(crate) fn clear(&mut self) {
        self.numbers.iter_mut().for_each(|slot| *slot = EMPTY);
    }
}

impl TryClone for Slots {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        self.numbers.try_clone().map(|numbers| Self { numbers })
    }
}

/// Where a hash begins to look. A multiplicative hash has its best bits at the top.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
const fn place(hash: u64) -> usize {
    (hash ^ (hash >> 29)) as usize
}
