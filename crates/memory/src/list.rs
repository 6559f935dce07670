//! A vector in chunks.

use std::fmt;
use std::iter::{Chain, Flatten};
use std::ops::{Index, IndexMut};
use std::vec::IntoIter;

use crate::{Grow, OutOfMemory, TryClone};

/// The most that a [`List`] asks the allocator for at once, except for its table of chunks, which
/// is a thousandth of all.
///
/// Half of glibc's default threshold (mallopt(3), `M_MMAP_THRESHOLD`) from which on malloc(3) makes
/// a mapping for each block.
pub const CHUNK_BYTES: usize = 64 << 10;

/// Room for the first values, in bytes, and at least that many.
const FIRST_BYTES: usize = 256;
const FIRST_LEN: usize = 4;

/// A vector in chunks of at most [`CHUNK_BYTES`]. Growing it never moves more than one chunk.
///
/// The first chunk grows as a `Vec` does, so a short list is small; the others have their full size
/// from the beginning. [`List::clear`] keeps the chunks.
pub struct List<T> {
    /// The first chunk, which is all that most lists have: its values are one step away.
    first: Vec<T>,
    /// Those behind it. All but the last that holds values are full; those after it are empty.
    more: Vec<Vec<T>>,
    len: usize,
}

impl<T> List<T> {
    /// How many values a chunk has room for: a power of two.
    pub const CHUNK_LEN: usize = chunk_len(size_of::<T>());

    const SHIFT: u32 = Self::CHUNK_LEN.trailing_zeros();

    /// Room for the first values.
    const FIRST: usize = first_len(size_of::<T>(), Self::CHUNK_LEN);

    /// Shorter lists grow fourfold: what has outgrown its first room is mostly on its way to be
    /// longer, and each step moves all.
    const SMALL: usize = 8 * Self::FIRST;

    /// An empty list. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { first: Vec::new(), more: Vec::new(), len: 0 }
    }

    /// The number of values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no values.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a value.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the list is as it was.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), OutOfMemory> {
        let place = self.len >> Self::SHIFT;
        if let Some(chunk) = self.chunk_mut(place).filter(|c| c.len() < c.capacity()) {
            chunk.push(value);
        } else {
            self.with_space(1)?.push(value);
        }
        self.len += 1;
        Ok(())
    }

    /// Appends all that an iterator yields. What came before memory ran out stays appended.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn try_extend(&mut self, values: impl IntoIterator<Item = T>) -> Result<(), OutOfMemory> {
        values.into_iter().try_for_each(|value| self.try_push(value))
    }

    /// Removes the last value. Its chunk stays.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        let value = self.chunk_mut(last >> Self::SHIFT)?.pop();
        self.len = last;
        value
    }

    /// Removes all values from that index on. The chunks stay.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        let place = len >> Self::SHIFT;
        let chunks = std::iter::once(&mut self.first).chain(&mut self.more);
        for (index, chunk) in chunks.enumerate().skip(place) {
            chunk.truncate(if index == place { len & (Self::CHUNK_LEN - 1) } else { 0 });
        }
        self.len = len;
    }

    /// Removes all values. The chunks stay, so that filling the list to the same length again can't
    /// fail.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// The value at an index.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        match index >> Self::SHIFT {
            0 => self.first.get(index),
            place => self.more.get(place - 1)?.get(index & (Self::CHUNK_LEN - 1)),
        }
    }

    /// The value at an index, to be changed.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.chunk_mut(index >> Self::SHIFT)?.get_mut(index & (Self::CHUNK_LEN - 1))
    }

    /// The last value.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.get(self.len.checked_sub(1)?)
    }

    /// The last value, to be changed.
    pub fn last_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.len.checked_sub(1)?)
    }

    /// The values from front to back.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.first.iter().chain(self.more.iter().flatten())
    }

    /// The values from front to back, to be changed.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.first.iter_mut().chain(self.more.iter_mut().flatten())
    }

    /// Makes the list that long, with copies of the value where it was shorter.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the list is as it was.
    pub fn try_resize(&mut self, len: usize, value: T) -> Result<(), OutOfMemory>
    where
        T: Copy,
    {
        let before = self.len;
        self.truncate(len);
        while self.len < len {
            let missing = len - self.len;
            match self.with_space(missing) {
                Ok(chunk) => {
                    let room = missing.min(chunk.capacity() - chunk.len());
                    chunk.resize(chunk.len() + room, value);
                    self.len += room;
                }
                Err(error) => {
                    self.truncate(before);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The chunk that the next value belongs to, with space for at least one; for that many where
    /// they fit in it.
    #[cold]
    fn with_space(&mut self, wanted: usize) -> Result<&mut Vec<T>, OutOfMemory> {
        let place = self.len >> Self::SHIFT;
        if place > self.more.len() {
            self.more.try_push(Vec::new())?;
        }
        let chunk = match place {
            0 => &mut self.first,
            place => &mut self.more[place - 1],
        };
        if chunk.capacity() - chunk.len() < wanted && chunk.capacity() < Self::CHUNK_LEN {
            let factor = if chunk.capacity() < Self::SMALL { 4 } else { 2 };
            let least = match place {
                0 => Self::FIRST.max(factor * chunk.capacity()),
                _ => Self::CHUNK_LEN,
            };
            let capacity = least.max(chunk.len().saturating_add(wanted)).min(Self::CHUNK_LEN);
            chunk.try_reserve_exact(capacity - chunk.len())?;
        }
        Ok(chunk)
    }

    #[inline]
    fn chunk_mut(&mut self, place: usize) -> Option<&mut Vec<T>> {
        match place {
            0 => Some(&mut self.first),
            place => self.more.get_mut(place - 1),
        }
    }
}

/// The largest power of two that fits, and at least one.
const fn chunk_len(size: usize) -> usize {
    let fits = CHUNK_BYTES / if size == 0 { 1 } else { size };
    if fits <= 1 { 1 } else { 1 << fits.ilog2() }
}

/// [`FIRST_BYTES`] in values, within a chunk.
const fn first_len(size: usize, chunk_len: usize) -> usize {
    let fits = FIRST_BYTES / if size == 0 { 1 } else { size };
    let len = if fits < FIRST_LEN { FIRST_LEN } else { fits };
    if len < chunk_len { len } else { chunk_len }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = Chain<IntoIter<T>, Flatten<IntoIter<Vec<T>>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more.into_iter().flatten())
    }
}

impl<T> Index<usize> for List<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        match index >> Self::SHIFT {
            0 => &self.first[index],
            place => &self.more[place - 1][index & (Self::CHUNK_LEN - 1)],
        }
    }
}

impl<T> IndexMut<usize> for List<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        match index >> Self::SHIFT {
            0 => &mut self.first[index],
            place => &mut self.more[place - 1][index & (Self::CHUNK_LEN - 1)],
        }
    }
}

impl<T: PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for List<T> {}

impl<T: TryClone> TryClone for List<T> {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        let mut copy = Self::new();
        for value in self.iter() {
            copy.try_push(value.try_clone()?)?;
        }
        Ok(copy)
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_a_power_of_two_of_values_and_never_larger_than_said() {
        for (size, expected) in [
            (0, 65_536),
            (1, 65_536),
            (4, 16_384),
            (24, 2_048),
            (32_768, 2),
            (32_769, 1),
            (65_536, 1),
            (65_537, 1),
        ] {
            assert_eq!(chunk_len(size), expected, "{size}");
        }
    }

    #[test]
    fn values_are_where_a_vector_has_them() {
        let ends = [0, 1, 3, 4_095, 4_096, 4_097, 8_191, 8_192, 8_193, 20_000];
        for len in ends {
            let mut list = List::new();
            list.try_extend((0..len).map(|n| [n, n + 1])).unwrap();
            assert_eq!(list.len(), len);
            assert!(list.iter().eq((0..len).map(|n| [n, n + 1]).collect::<Vec<_>>().iter()));
            assert!((0..len).all(|n| list[n][0] == n && list.get(n) == Some(&[n, n + 1])));
            assert_eq!(list.get(len), None);
            assert_eq!(list.last().map(|last| last[1]), (len > 0).then_some(len));
            assert!(list.into_iter().eq((0..len).map(|n| [n, n + 1])));
        }
    }

    #[test]
    fn the_first_chunk_has_never_more_room_than_a_chunk() {
        for first in [1, 3, 5, 100, 10_000, 16_383] {
            let mut list = List::new();
            list.try_resize(first, 0_u32).unwrap();
            assert!(list.first.capacity() < first + List::<u32>::FIRST, "{first}");
            (0..20_000).for_each(|n| list.try_push(n).unwrap());
            assert_eq!(list.first.capacity(), List::<u32>::CHUNK_LEN);
        }
    }

    #[test]
    fn lists_shrink_to_any_length_and_grow_again() {
        let mut list = List::new();
        for len in [0_usize, 40_000, 16_384, 16_385, 16_383, 1, 50_000, 0, 3] {
            list.try_resize(len, 7_u32).unwrap();
            assert_eq!((list.len(), list.iter().count()), (len, len));
            assert!(list.iter().all(|&value| value == 7));
        }
        assert_eq!(
            (list.pop(), list.pop(), list.pop(), list.pop()),
            (Some(7), Some(7), Some(7), None)
        );
        assert!(list.is_empty());
        list.try_push(8).unwrap();
        list[0] += 1;
        *list.last_mut().unwrap() += 1;
        assert_eq!(list[0], 10);
    }
}
