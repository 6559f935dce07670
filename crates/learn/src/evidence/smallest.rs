//! The smallest of a set, so many and no more.

/// The `N` smallest of all values that were ever put in. Putting values in commutes and can be
/// repeated, so that sets of sets need no more memory than one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Smallest<T, const N: usize>(Vec<T>);

impl<T: Ord, const N: usize> Smallest<T, N> {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Puts a value in.
    pub fn insert(&mut self, value: T) {
        // Most are there already, or are larger than all of a full set.
        let Err(place) = self.0.binary_search(&value) else { return };
        if place < N {
            self.0.truncate(N - 1);
            self.0.insert(place, value);
        }
    }

    /// Puts all values of another set in.
    pub fn join(&mut self, other: Self) {
        for value in other.0 {
            self.insert(value);
        }
    }

    /// The values, smallest first.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// Whether there may have been more values than these.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.len() == N
    }
}

impl<T: Ord, const N: usize> Default for Smallest<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Ord, const N: usize> FromIterator<T> for Smallest<T, N> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut set = Self::new();
        values.into_iter().for_each(|value| set.insert(value));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_are_kept_whatever_the_order() {
        let of = |values: &[u8]| values.iter().copied().collect::<Smallest<u8, 3>>();
        assert_eq!(of(&[5, 1, 5, 4, 1, 9, 2]).as_slice(), [1, 2, 4]);
        assert_eq!(of(&[9, 1, 2, 4, 5]), of(&[5, 4, 2, 1, 9, 9]));
        assert!(!of(&[1, 2]).is_full() && of(&[1, 2, 3]).is_full());
        let mut joined = of(&[9, 3]);
        joined.join(of(&[3, 4, 1]));
        assert_eq!(joined.as_slice(), [1, 3, 4]);
    }
}
