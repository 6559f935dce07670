//! The 32-bit values that a program computes, as functions of its input.
//!
//! Real filters hold constants and input words, whole or masked; those are kept as such and compared with constants in
//! one diagram node a bit. Everything else is 32 Boolean diagrams, one a bit, in `arithmetic.rs`.

use callgate_bpf::{Alu, DataWord, Shift, Test};
use callgate_memory::Interner;

use crate::budget::Halt;
use crate::diagram::{Diagrams, FALSE, NodeId, Pattern, TRUE, View};

/// The bits of a value, the lowest first.
pub(crate) type Bits = [NodeId; 32];

/// A 32-bit value as a function of the input. Equal values are equal functions and the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    /// The same for every input.
    Constant(u32),
    /// A data word under a mask that is not zero.
    Word {
        /// The data word.
        word: DataWord,
        /// The bits that are kept.
        mask: u32,
    },
    /// Anything else: an index into [`Words`].
    Bits(u32),
}

impl Value {
    /// A data word with all its bits.
    pub(crate) const fn word(word: DataWord) -> Self {
        Self::Word { word, mask: u32::MAX }
    }

    fn masked(word: DataWord, mask: u32) -> Self {
        if mask == 0 { Self::Constant(0) } else { Self::Word { word, mask } }
    }
}

/// The values that are neither constants nor masked words, each kept once.
#[derive(Debug)]
pub(crate) struct Words(Interner<Bits>);

impl Words {
    pub(crate) const fn new() -> Self {
        Self(Interner::new())
    }

    /// The bits of a value.
    pub(crate) fn bits(&self, d: &mut Diagrams, value: Value) -> Result<Bits, Halt> {
        let mut bits = [FALSE; 32];
        match value {
            Value::Constant(constant) => bits = constant_bits(constant),
            Value::Word { word, mask } => {
                for bit in set_bits(mask) {
                    bits[bit as usize] = d.bit(d.order.rank(word), bit)?;
                }
            }
            Value::Bits(index) => bits = self.0[index],
        }
        Ok(bits)
    }

    /// The value with these bits, in its simplest form.
    pub(crate) fn value(&mut self, d: &mut Diagrams, bits: Bits) -> Result<Value, Halt> {
        if let Some(simple) = as_constant(&bits).or_else(|| as_word(d, &bits)) {
            return Ok(simple);
        }
        let (index, new) = self.0.entry(bits)?;
        if new {
            d.budget.take(size_of::<Bits>() + 8)?;
        }
        Ok(Value::Bits(index))
    }

    /// The result of an operation on two values.
    pub(crate) fn alu(
        &mut self,
        d: &mut Diagrams,
        op: Alu,
        left: Value,
        right: Value,
    ) -> Result<Value, Halt> {
        match (op, left, right) {
            (_, Value::Constant(l), Value::Constant(r)) => Ok(Value::Constant(op.apply(l, r))),
            (Alu::And, Value::Word { word, mask }, Value::Constant(keep))
            | (Alu::And, Value::Constant(keep), Value::Word { word, mask }) => {
                Ok(Value::masked(word, mask & keep))
            }
            (Alu::Add | Alu::Sub | Alu::Or | Alu::Xor, _, Value::Constant(0)) => Ok(left),
            _ => {
                let (l, r) = (self.bits(d, left)?, self.bits(d, right)?);
                let bits = d.alu(op, &l, &r)?;
                self.value(d, bits)
            }
        }
    }

    /// The quotient of two values, where the divisor is not zero.
    pub(crate) fn divide(
        &mut self,
        d: &mut Diagrams,
        left: Value,
        right: Value,
    ) -> Result<Value, Halt> {
        if let (Value::Constant(l), Value::Constant(r)) = (left, right) {
            return Ok(Value::Constant(l.checked_div(r).unwrap_or(0)));
        }
        let (l, r) = (self.bits(d, left)?, self.bits(d, right)?);
        let bits = d.divide(&l, &r)?;
        self.value(d, bits)
    }

    /// A value shifted by another modulo 32.
    pub(crate) fn shift(
        &mut self,
        d: &mut Diagrams,
        direction: Shift,
        left: Value,
        amount: Value,
    ) -> Result<Value, Halt> {
        if let (Value::Constant(l), Value::Constant(r)) = (left, amount) {
            return Ok(Value::Constant(direction.apply(l, r % u32::BITS)));
        }
        let (l, r) = (self.bits(d, left)?, self.bits(d, amount)?);
        let bits = d.shift(direction, &l, &r)?;
        self.value(d, bits)
    }

    /// The condition that a test of two values holds.
    pub(crate) fn test(
        &self,
        d: &mut Diagrams,
        test: Test,
        left: Value,
        right: Value,
    ) -> Result<NodeId, Halt> {
        match (left, right) {
            (Value::Constant(l), Value::Constant(r)) => {
                Ok(if test.holds(l, r) { TRUE } else { FALSE })
            }
            (Value::Word { word, mask }, Value::Constant(constant)) => {
                d.where_word((test, word, mask, constant), [TRUE, FALSE])
            }
            _ => {
                let (l, r) = (self.bits(d, left)?, self.bits(d, right)?);
                d.test_bits(test, &l, &r)
            }
        }
    }
}

/// The bits of a constant.
pub(crate) fn constant_bits(constant: u32) -> Bits {
    std::array::from_fn(|bit| if constant >> bit & 1 == 1 { TRUE } else { FALSE })
}

fn set_bits(mask: u32) -> impl Iterator<Item = u32> {
    (0..u32::BITS).filter(move |bit| mask >> bit & 1 == 1)
}

fn as_constant(bits: &Bits) -> Option<Value> {
    let constant = bits.iter().rev().try_fold(0_u32, |acc, &bit| match bit {
        FALSE => Some(acc << 1),
        TRUE => Some(acc << 1 | 1),
        _ => None,
    });
    constant.map(Value::Constant)
}

fn as_word(d: &Diagrams, bits: &Bits) -> Option<Value> {
    let mut found: Option<(DataWord, u32)> = None;
    for (place, &bit) in (0..u32::BITS).zip(bits) {
        if bit == FALSE {
            continue;
        }
        let own = 1 << place;
        match d.view(bit) {
            View::Test { rank, pattern, yes: TRUE, no: FALSE }
                if pattern == (Pattern { mask: own, value: own }) =>
            {
                let own_word = d.order.word(rank);
                let (word, mask) = found.get_or_insert((own_word, 0));
                if *word != own_word {
                    return None;
                }
                *mask |= own;
            }
            _ => return None,
        }
    }
    found.map(|(word, mask)| Value::masked(word, mask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Budget, Options};

    const WORD: DataWord = DataWord::NR;

    #[test]
    fn tests_of_masked_words_are_those_of_their_bits() {
        let mut d = Diagrams::new(Budget::new(&Options::default())).unwrap();
        let words = Words::new();
        for test in [Test::Equal, Test::Greater, Test::GreaterOrEqual, Test::AnyBit] {
            for (mask, constant) in (0..16).flat_map(|m| (0..32).map(move |c| (m, c))) {
                let fast = (test, WORD, mask, constant);
                let fast = d.where_word(fast, [TRUE, FALSE]).unwrap();
                let mut bits = words.bits(&mut d, Value::word(WORD)).unwrap();
                for (place, bit) in bits.iter_mut().enumerate() {
                    *bit = if mask >> place & 1 == 1 { *bit } else { FALSE };
                }
                let slow = d.test_bits(test, &bits, &constant_bits(constant)).unwrap();
                assert_eq!(fast, slow, "{test:?} {mask:#x} {constant:#x}");
            }
        }
    }

    #[test]
    fn values_take_their_simplest_form() {
        let mut d = Diagrams::new(Budget::new(&Options::default())).unwrap();
        let mut words = Words::new();
        let word = Value::word(WORD);
        for (value, mask) in [(word, u32::MAX), (Value::masked(WORD, 0xf0), 0xf0)] {
            let bits = words.bits(&mut d, value).unwrap();
            assert_eq!(words.value(&mut d, bits), Ok(Value::Word { word: WORD, mask }));
        }
        let (one, four) = (Value::Constant(1), Value::Constant(4));
        let plus = words.alu(&mut d, Alu::Add, word, one).unwrap();
        assert!(matches!(plus, Value::Bits(_)));
        assert_eq!(words.alu(&mut d, Alu::Sub, plus, one), Ok(word));
        let right = words.shift(&mut d, Shift::Right, word, four).unwrap();
        let left = words.shift(&mut d, Shift::Left, right, four).unwrap();
        assert_eq!(left, Value::Word { word: WORD, mask: 0xffff_fff0 });
        assert_eq!(words.alu(&mut d, Alu::Xor, plus, plus), Ok(Value::Constant(0)));
    }
}
