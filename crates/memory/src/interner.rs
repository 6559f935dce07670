//! Each value once.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::Index;

use crate::slots::{Found, Slots};
use crate::{FixedState, List, OutOfMemory};

/// A hash-cons table: each value once, under a number that counts from zero in the order of
/// insertion.
///
/// Neither values nor numbers depend on a seed: the same insertions give the same numbers in every
/// run.
pub struct Interner<T> {
    values: List<T>,
    slots: Slots,
}

impl<T: Eq + Hash> Interner<T> {
    /// An empty table. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { values: List::new(), slots: Slots::new() }
    }

    /// The number of a value, which is added where it is new.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the table is as it was. Also where it has 2^32 - 1 values.
    pub fn insert(&mut self, value: T) -> Result<u32, OutOfMemory> {
        self.entry(value).map(|(number, _)| number)
    }

    /// As [`Interner::insert`], and whether the value is new.
    ///
    /// # Errors
    /// As [`Interner::insert`].
    #[inline]
    pub fn entry(&mut self, value: T) -> Result<(u32, bool), OutOfMemory> {
        let hash = hash(&value);
        let values = &self.values;
        let equal = |number: u32| values[number as usize] == value;
        let mut slot = match self.slots.find(hash, equal) {
            Found::Entry(number) => return Ok((number, false)),
            Found::Free(slot) => slot,
        };
        if self.slots.reserve(values.len())? {
            if let Found::Free(moved) = self.slots.find(hash, |_| false) {
                slot = moved;
            }
        }
        let number = u32::try_from(self.values.len()).map_err(|_| OutOfMemory)?;
        self.values.try_push(value)?;
        self.slots.set(slot, hash, number);
        Ok((number, true))
    }

    /// The number of a value that is there.
    #[must_use]
    pub fn find(&self, value: &T) -> Option<u32> {
        match self.slots.find(hash(value), |number| self.values[number as usize] == *value) {
            Found::Entry(number) => Some(number),
            Found::Free(_) => None,
        }
    }

    /// The value with that number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize)
    }

    /// How many values there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no values.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values in the order of their numbers.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.values.iter()
    }

    /// Removes all values and keeps the memory.
    pub fn clear(&mut self) {
        self.values.clear();
        self.slots.clear();
    }
}

#[inline]
pub(crate) fn hash<T: Hash>(value: &T) -> u64 {
    FixedState::default().hash_one(value)
}

impl<T> Index<u32> for Interner<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        &self.values[number as usize]
    }
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self { values: List::new(), slots: Slots::new() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Interner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_number_in_the_order_of_insertion() {
        let mut table = Interner::new();
        for round in 0..2 {
            for n in 0..50_000_u32 {
                // The multiplication is a permutation: each value once.
                let value = n.wrapping_mul(0x9e37_79b1);
                assert_eq!(table.entry(value).unwrap(), (n, round == 0));
            }
        }
        assert_eq!(table.len(), 50_000);
        assert_eq!((table[7], table.get(50_000)), (7_u32.wrapping_mul(0x9e37_79b1), None));
        assert_eq!((table.find(&table[9]), table.find(&1)), (Some(9), None));
        assert!(table.iter().zip(0_u32..).all(|(&value, n)| value == n.wrapping_mul(0x9e37_79b1)));
        table.clear();
        assert!(table.is_empty() && table.find(&0).is_none());
        assert_eq!(table.insert(3).unwrap(), 0);
    }

    #[test]
    fn values_whose_hashes_collide_are_told_apart() {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        struct Same(u32);
        impl Hash for Same {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                state.write_u32(1);
            }
        }
        let mut table = Interner::new();
        for n in 0..300 {
            assert_eq!(table.insert(Same(n)).unwrap(), n);
        }
        assert!((0..300).all(|n| table.find(&Same(n)) == Some(n)));
        assert_eq!(table.find(&Same(300)), None);
    }
}
