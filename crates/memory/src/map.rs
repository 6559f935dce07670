//! Values by key.

use std::fmt;
use std::hash::Hash;

use crate::interner::hash;
use crate::slots::{Found, Slots};
use crate::{List, OutOfMemory, TryClone};

/// A hash map that is iterated in the order of insertion. Keys are never removed one by one.
pub struct Map<K, V> {
    entries: List<(K, V)>,
    slots: Slots,
}

impl<K: Eq + Hash, V> Map<K, V> {
    /// An empty map. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: List::new(), slots: Slots::new() }
    }

    /// Sets the value of a key; returns the one it had.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the map is as it was.
    pub fn insert(&mut self, key: K, value: V) -> Result<Option<V>, OutOfMemory> {
        let hash = hash(&key);
        match self.place(&key, hash)? {
            Found::Entry(number) => {
                let entry = &mut self.entries[number as usize];
                Ok(Some(std::mem::replace(&mut entry.1, value)))
            }
            Found::Free(slot) => self.push((slot, hash), key, value).map(|_| None),
        }
    }

    /// The value of a key, to be changed; `make` makes it where it is missing.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the map is as it was.
    pub fn or_insert_with(
        &mut self,
        key: K,
        make: impl FnOnce() -> V,
    ) -> Result<&mut V, OutOfMemory> {
        let hash = hash(&key);
        let number = match self.place(&key, hash)? {
            Found::Entry(number) => number as usize,
            Found::Free(slot) => self.push((slot, hash), key, make())?,
        };
        Ok(&mut self.entries[number].1)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        let found = self.slots.find(hash(key), |number| self.entries[number as usize].0 == *key);
        match found {
            Found::Entry(number) => Some(&self.entries[number as usize].1),
            Found::Free(_) => None,
        }
    }

    /// Whether a key has a value.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// How many keys there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and values in the order in which the keys were added.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// Removes all keys and keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.slots.clear();
    }

    /// Where a key with that hash is, or a slot for it.
    fn place(&mut self, key: &K, hash: u64) -> Result<Found, OutOfMemory> {
        let Self { entries, slots } = self;
        match slots.find(hash, |number| entries[number as usize].0 == *key) {
            Found::Free(slot) => {
                let moved = slots.reserve(entries.len())?;
                Ok(if moved { slots.find(hash, |_| false) } else { Found::Free(slot) })
            }
            found @ Found::Entry(_) => Ok(found),
        }
    }

    fn push(&mut self, (slot, hash): (usize, u64), key: K, value: V) -> Result<usize, OutOfMemory> {
        let index = self.entries.len();
        let number = u32::try_from(index).map_err(|_| OutOfMemory)?;
        self.entries.try_push((key, value))?;
        self.slots.set(slot, hash, number);
        Ok(index)
    }
}

impl<K: TryClone, V: TryClone> TryClone for Map<K, V> {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(Self { entries: self.entries.try_clone()?, slots: self.slots.try_clone()? })
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { entries: List::new(), slots: Slots::new() }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|(key, value)| (key, value))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_value_that_was_set_last() {
        let mut map = Map::new();
        for n in 0..20_000_u64 {
            assert_eq!(map.insert(n << 32, n).unwrap(), None);
        }
        assert_eq!(map.insert(5 << 32, 7).unwrap(), Some(5));
        *map.or_insert_with(6 << 32, || 0).unwrap() += 1;
        *map.or_insert_with(1, || 10).unwrap() += 1;
        assert_eq!(
            (map.get(&(5 << 32)), map.get(&(6 << 32)), map.get(&1)),
            (Some(&7), Some(&7), Some(&11))
        );
        assert!(!map.contains_key(&2));
        assert_eq!(
            (map.len(), map.iter().next(), map.iter().last()),
            (20_001, Some((&0, &0)), Some((&1, &11)))
        );
        let copy = map.try_clone().unwrap();
        assert_eq!((copy.len(), copy.get(&1), copy.get(&2)), (20_001, Some(&11), None));
        map.clear();
        assert!(map.is_empty() && map.get(&0).is_none());
    }
}
