//! The words of a call, in the order in which diagrams test them.

use callgate_bpf::DataWord;

/// The place of a data word in the order of diagrams: arch, number, then the second word of each field, then the first of
/// each.
///
/// On little endian the high halves come first: real conditions want the same of most of them, usually zero, so that is asked
/// once for all rules. With each field's halves beside each other, the proof of 1,200 pairs of 64-bit values makes twice the
/// nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rank(u8);

/// The fields of two words.
const FIELDS: u8 = (DataWord::COUNT - 2) / 2;

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
        let field = (index / 2).saturating_sub(1);
        match index {
            0 | 1 => Self(1 - index),
            _ if index % 2 == 1 => Self(2 + field),
            _ => Self(2 + FIELDS + field),
        }
    }

    /// The data word at this place.
    pub(crate) fn word(self) -> DataWord {
        let index = match self.0 {
            0 | 1 => 1 - self.0,
            second if second < 2 + FIELDS => 2 * (second - 1) + 1,
            first => 2 * (first - FIELDS - 1),
        };
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
