//! The words of a call, in the order in which diagrams test them.

use callgate_bpf::DataWord;

/// The place of a data word in the order of diagrams: arch, number, then the second word of each field before its first.
///
/// On little endian that is the high half first, so that a comparison of 64 bits is decided from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rank(u8);

impl Rank {
    /// How many words there are.
    pub(crate) const COUNT: usize = DataWord::COUNT as usize;
    /// Where leaves stand: behind all words.
    pub(super) const LEAF: Self = Self(DataWord::COUNT);
    pub(crate) const ARCH: Self = Self(0);
    pub(crate) const NR: Self = Self(1);

    /// The place of a data word.
    pub(crate) const fn of(word: DataWord) -> Self {
        let index = word.index();
        Self(if index < 2 { 1 - index } else { index ^ 1 })
    }

    /// The data word at this place.
    pub(crate) fn word(self) -> DataWord {
        let index = if self.0 < 2 { 1 - self.0 } else { self.0 ^ 1 };
        // Ranks of words are below 16: the fallback is never taken.
        DataWord::new(index).unwrap_or(DataWord::NR)
    }

    /// The place as an index.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_name_themselves() {
        for (place, rank) in (0..DataWord::COUNT).map(Rank).enumerate() {
            assert_eq!((Rank::of(rank.word()), rank.index()), (rank, place));
        }
        assert!(Rank::of(DataWord::ARCH) == Rank::ARCH && Rank::of(DataWord::NR) == Rank::NR);
        let [low, high] = [4, 5].map(|index| Rank::of(DataWord::new(index).unwrap()));
        assert!(high < low && low < Rank::LEAF);
    }
}
