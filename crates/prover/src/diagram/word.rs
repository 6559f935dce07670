//! The words of a call, in the order in which diagrams test them.

use callgate_bpf::DataWord;
use callgate_memory::Sort;

/// The place of a data word in the order of diagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rank(u8);

/// An order of the words: arch and number first. All diagrams of a prover have one; that equal nodes mean equal functions
/// does not depend on which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The place of each word.
    ranks: [u8; DataWord::COUNT as usize],
    /// The word at each place.
    words: [u8; DataWord::COUNT as usize],
}

/// How often each word is loaded in the text of a program.
pub(crate) type Loads = [u32; DataWord::COUNT as usize];

/// That many times as often as another is much.
const MANY: u32 = 4;

/// What is asked of the words of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fields {
    /// Only whether whole words have certain values.
    Values,
    /// In one field at most, whether it is above or below something, or not equal to it.
    Any,
    /// In several fields.
    Ordered,
}

impl Rank {
    /// How many words there are.
    pub(crate) const COUNT: usize = DataWord::COUNT as usize;
    /// Where leaves stand: behind all words.
    pub(super) const LEAF: Self = Self(DataWord::COUNT);
    pub(crate) const ARCH: Self = Self(0);
    pub(crate) const NR: Self = Self(1);

    /// The place as an index.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Order {
    /// The second word of each field, then the first of each.
    ///
    /// On little endian the high halves come first: real conditions want the same of most of them, usually zero, so that
    /// is asked once for all rules. With each field's halves beside each other, the proof of 1,200 pairs of 64-bit values
    /// makes twice the nodes.
    pub(crate) const APART: Self = Self::of([1, 0, 3, 5, 7, 9, 11, 13, 15, 2, 4, 6, 8, 10, 12, 14]);

    /// Field after field, the second word of each before its first.
    ///
    /// What an order comparison or `!=` makes of a high half has to be remembered until the low half is asked. With other
    /// fields between, the functions there multiply: of five such comparisons 32.
    pub(crate) const TOGETHER: Self =
        Self::of([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14]);

    /// The order that suits conditions and a program which loads each word so often.
    ///
    /// Where only values are asked for, words that are loaded less often come first: in a search for one word that leads on
    /// to tests of another, the first is loaded once and the other at each end. The diagram of such a search in another
    /// order is made of as many diagrams as there are ends.
    pub(crate) fn of_loads(fields: Fields, loads: &Loads) -> Self {
        match fields {
            Fields::Ordered => Self::TOGETHER,
            Fields::Values if loads[2..].iter().any(|&count| count >= MANY) => {
                let mut words = Self::APART.words;
                let class = |word: u8| loads[usize::from(word)].max(1).ilog2() / MANY.ilog2();
                words[2..].sort_in_place_by_key(|&word| (class(word), word % 2 == 0, word));
                Self::of(words)
            }
            Fields::Values | Fields::Any => Self::APART,
        }
    }

    const fn of(words: [u8; DataWord::COUNT as usize]) -> Self {
        let mut ranks = [0; DataWord::COUNT as usize];
        let mut place = 0;
        while place < DataWord::COUNT {
            ranks[words[place as usize] as usize] = place;
            place += 1;
        }
        Self { ranks, words }
    }

    /// The place of a data word.
    #[inline]
    pub(crate) const fn rank(&self, word: DataWord) -> Rank {
        Rank(self.ranks[word.index() as usize])
    }

    /// The data word at a place.
    pub(crate) fn word(&self, rank: Rank) -> DataWord {
        // Ranks of words are below 16: the fallback is never taken.
        let index = self.words.get(rank.index()).copied().unwrap_or(0);
        DataWord::new(index).unwrap_or(DataWord::NR)
    }
}

#[cfg(test)]
mod tests;
