//! The bits of a call, in the order in which diagrams test them.

use callgate_bpf::DataWord;

const WORD_BITS: u32 = 32;

/// One of the 512 bits of a call, ordered as diagrams test them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InputBit(pub(super) u32);

impl InputBit {
    /// The one that diagrams test first.
    pub(crate) const FIRST: Self = Self(0);

    /// A bit of a data word, 0 the lowest.
    pub(crate) fn new(word: DataWord, bit: u32) -> Self {
        let rank = match word.index() {
            word @ (0 | 1) => 1 - word,
            word => word ^ 1,
        };
        Self(u32::from(rank) * WORD_BITS + (WORD_BITS - 1 - bit))
    }

    /// The data word that the bit is part of.
    pub(crate) fn word(self) -> DataWord {
        // Levels are below 512, so ranks are below 16: the fallback is never taken.
        let rank = u8::try_from(self.0 / WORD_BITS).unwrap_or(0);
        let index = if rank < 2 { 1 - rank } else { rank ^ 1 };
        DataWord::new(index).unwrap_or(DataWord::NR)
    }

    /// Where its word stands in the order.
    pub(crate) const fn rank(self) -> usize {
        (self.0 / WORD_BITS) as usize
    }

    /// The highest of the bits of the word at a place in the order.
    pub(crate) fn highest(rank: usize, bits: u32) -> Option<Self> {
        let level = u32::try_from(rank).ok()? * WORD_BITS + bits.leading_zeros();
        (bits != 0).then_some(Self(level))
    }

    /// The bit after it.
    pub(crate) fn next(self) -> Option<Self> {
        (self.0 + 1 < super::LEVELS).then_some(Self(self.0 + 1))
    }

    /// Which bit of its word, 0 the lowest.
    pub(crate) const fn bit(self) -> u32 {
        WORD_BITS - 1 - self.0 % WORD_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_name_themselves() {
        let mut seen = std::collections::BTreeSet::new();
        for word in (0..DataWord::COUNT).filter_map(DataWord::new) {
            for bit in 0..32 {
                let input = InputBit::new(word, bit);
                assert_eq!((input.word(), input.bit()), (word, bit));
                assert!(input.0 < 512 && seen.insert(input));
            }
        }
        assert!(InputBit::new(DataWord::ARCH, 0) < InputBit::new(DataWord::NR, 31));
        let [low, high] = [4, 5].map(|index| DataWord::new(index).unwrap());
        assert!(InputBit::new(high, 0) < InputBit::new(low, 31));
    }
}
