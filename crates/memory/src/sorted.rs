//! A map for a few keys.

use crate::{Grow, OutOfMemory, TryClone};

/// A map that keeps its keys in order, for at most some hundreds of them: inserting moves the keys
/// behind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

impl<K: Ord, V> SortedMap<K, V> {
    /// An empty map. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets the value of a key; returns the one it had.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the map is as it was.
    pub fn insert(&mut self, key: K, value: V) -> Result<Option<V>, OutOfMemory> {
        match self.place(&key) {
            Ok(place) => Ok(Some(std::mem::replace(&mut self.0[place].1, value))),
            Err(place) => self.0.try_insert(place, (key, value)).map(|()| None),
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
        let place = match self.place(&key) {
            Ok(place) => place,
            Err(place) => {
                self.0.try_insert(place, (key, make()))?;
                place
            }
        };
        Ok(&mut self.0[place].1)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().map(|place| &self.0[place].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.place(key).ok().map(|place| &mut self.0[place].1)
    }

    /// Whether a key has a value.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.place(key).is_ok()
    }

    /// Removes a key; returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.place(key).ok().map(|place| self.0.remove(place).1)
    }

    /// Removes the first key; returns it with its value.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }

    /// Removes the last key; returns it with its value.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        self.0.pop()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values in the order of the keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + ExactSizeIterator {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The values in the order of the keys, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> + ExactSizeIterator {
        self.0.iter_mut().map(|(_, value)| value)
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(key))
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: TryClone, V: TryClone> TryClone for SortedMap<K, V> {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        self.0.try_clone().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order() {
        let mut map = SortedMap::new();
        for key in [5_u32, 1, 9, 5] {
            map.insert(key, 10 * key).unwrap();
        }
        assert_eq!(map.insert(1, 11).unwrap(), Some(10));
        *map.or_insert_with(7, || 70).unwrap() += 1;
        *map.get_mut(&9).unwrap() += 1;
        assert!(map.iter().eq([(&1, &11), (&5, &50), (&7, &71), (&9, &91)]));
        assert_eq!((map.remove(&5), map.remove(&5), map.len()), (Some(50), None, 3));
        assert_eq!(map.try_clone().unwrap(), map);
        assert_eq!((map.pop_first(), map.pop_last()), (Some((1, 11)), Some((9, 91))));
        assert!(map.contains_key(&7) && !map.is_empty());
    }
}
