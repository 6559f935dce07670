//! The variables that argument conditions are about: words of the call under masks.

use callgate_bpf::{DataWord, Test};
use callgate_policy::{Comparison, Field};
use callgate_syscalls::Endian;

use crate::graph::{Question, has_high_bits_only};

/// `word & mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Variable {
    pub(crate) word: DataWord,
    pub(crate) mask: u32,
}

/// Where the values equal to a constant and those above it start, where there are any. All others
/// are below.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Regions {
    pub(crate) equal: Option<u32>,
    pub(crate) above: Option<u32>,
}

impl Regions {
    /// Whether there is more than one region.
    pub(crate) fn differ(&self) -> bool {
        self.above.is_some_and(|above| above > 0) || self.equal.is_some_and(|equal| equal > 0)
    }
}

/// A comparison of 64 bits as one of two variables, each against its half of the constant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Halves {
    pub(crate) high: (Variable, Regions),
    pub(crate) low: (Variable, Regions),
}

impl Variable {
    /// The syscall number.
    pub(crate) const NUMBER: Self = Self { word: DataWord::NR, mask: u32::MAX };

    /// The order of arguments, the high half first because it decides; whole words before masks,
    /// which lose the word.
    pub(crate) fn natural_order(&self, endian: Endian) -> impl Ord + use<> {
        let index = self.word.index();
        let is_first_half = index % 2 == 0;
        let is_low = is_first_half == (endian == Endian::Little);
        (index / 2, is_low, std::cmp::Reverse(self.mask))
    }

    /// A question about this variable.
    pub(crate) const fn question(self, test: Test, value: u32) -> Question {
        Question::new(self.word, self.mask, test, value)
    }
}

impl Halves {
    pub(crate) fn of(comparison: &Comparison, endian: Endian) -> Self {
        let (mask_high, mask_low) = halves(comparison.mask());
        let (value_high, value_low) = halves(comparison.value());
        let half = |half, mask, value| split(word(comparison.field(), half, endian), mask, value);
        Self {
            high: half(Half::High, mask_high, value_high),
            low: half(Half::Low, mask_low, value_low),
        }
    }

    /// The values that the words must have to be equal, for each word that matters; `None` where
    /// one of them may have several values or can have none.
    pub(crate) fn exact(&self) -> Option<[Option<(Variable, u32)>; 2]> {
        let exact = |(variable, regions): (Variable, Regions)| {
            let value = regions.equal?;
            match regions.differ() {
                false => Some(None),
                true if regions.above == value.checked_add(1) => Some(Some((variable, value))),
                true => None,
            }
        };
        Some([exact(self.high)?, exact(self.low)?])
    }
}

/// The variable that tells `word & mask` apart from a value, and how.
fn split(word: DataWord, mask: u32, value: u32) -> (Variable, Regions) {
    let possible = value & !mask == 0;
    let equal = possible.then_some(value);
    if has_high_bits_only(mask) {
        // The mask drops low bits: values that it makes equal are neighbours, so that the whole
        // word can be asked.
        let above = (value | !mask).checked_add(1);
        return (Variable { word, mask: u32::MAX }, Regions { equal, above });
    }
    let above = if possible { value.checked_add(1) } else { Some(value) };
    (Variable { word, mask }, Regions { equal, above })
}

/// A half of a 64-bit field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    High,
    Low,
}

/// The high and the low half.
pub(crate) fn halves(value: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

/// The word that holds a half of a field. The instruction pointer is words 2 and 3, argument i
/// words 4+2i and 5+2i.
pub(crate) fn word(field: Field, half: Half, endian: Endian) -> DataWord {
    const FIRST: [DataWord; 7] = pairs(0);
    const SECOND: [DataWord; 7] = pairs(1);
    let index = match field {
        Field::Arg0 => 1,
        Field::Arg1 => 2,
        Field::Arg2 => 3,
        Field::Arg3 => 4,
        Field::Arg4 => 5,
        Field::Arg5 => 6,
        Field::InstructionPointer => 0,
    };
    let low_first = endian == Endian::Little;
    if (half == Half::Low) == low_first { FIRST[index] } else { SECOND[index] }
}

/// The first or second words of the seven 64-bit fields.
const fn pairs(second: u8) -> [DataWord; 7] {
    let mut words = [DataWord::NR; 7];
    let mut field = 0;
    while field < 7 {
        #[expect(clippy::cast_possible_truncation, reason = "field is below 7")]
        if let Some(word) = DataWord::new(2 + 2 * field as u8 + second) {
            words[field] = word;
        }
        field += 1;
    }
    words
}
