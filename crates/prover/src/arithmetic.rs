//! The machine's arithmetic on values of which each bit is a diagram.
//!
//! These are the school algorithms of a hardware textbook: ripple carry, shift and add, restoring division. They are
//! reached only by programs that calculate with their input; diagrams of a product can exceed any budget, and then the
//! answer is [`Undecided`](crate::Undecided).

use callgate_bpf::{Alu, Shift, Test};

use crate::budget::Halt;
use crate::diagram::{Diagrams, FALSE, NodeId, TRUE};
use crate::word::Bits;

impl Diagrams {
    pub(crate) fn alu(&mut self, op: Alu, a: &Bits, b: &Bits) -> Result<Bits, Halt> {
        match op {
            Alu::Add => self.add(a, b, FALSE),
            Alu::Sub => self.subtract(a, b),
            Alu::Mul => self.multiply(a, b),
            Alu::Or => self.bitwise(a, b, Self::or),
            Alu::And => self.bitwise(a, b, Self::and),
            Alu::Xor => self.bitwise(a, b, Self::xor),
        }
    }

    /// The quotient, where `b` is not zero.
    pub(crate) fn divide(&mut self, a: &Bits, b: &Bits) -> Result<Bits, Halt> {
        let mut quotient = [FALSE; 32];
        let mut rest = [FALSE; 32];
        for place in (0..32).rev() {
            // The rest is below b, so doubled it may need a 33rd bit: then it certainly exceeds b.
            let carry = rest[31];
            rest.rotate_right(1);
            rest[0] = a[place];
            let fits = self.test_bits(Test::GreaterOrEqual, &rest, b)?;
            let fits = self.or(carry, fits)?;
            let less = self.subtract(&rest, b)?;
            rest = self.select(fits, &less, &rest)?;
            quotient[place] = fits;
        }
        Ok(quotient)
    }

    /// A value shifted by the low five bits of another.
    pub(crate) fn shift(
        &mut self,
        direction: Shift,
        a: &Bits,
        amount: &Bits,
    ) -> Result<Bits, Halt> {
        let mut result = *a;
        for (stage, &by_this) in amount.iter().enumerate().take(5) {
            let distance = 1 << stage;
            let shifted = std::array::from_fn(|place| {
                let source = match direction {
                    Shift::Left => place.checked_sub(distance),
                    Shift::Right => place.checked_add(distance),
                };
                source.and_then(|source| result.get(source)).copied().unwrap_or(FALSE)
            });
            result = self.select(by_this, &shifted, &result)?;
        }
        Ok(result)
    }

    /// The condition that a test of two values holds.
    pub(crate) fn test_bits(&mut self, test: Test, a: &Bits, b: &Bits) -> Result<NodeId, Halt> {
        let mut result = match test {
            Test::Equal | Test::GreaterOrEqual => TRUE,
            Test::Greater | Test::AnyBit => FALSE,
        };
        for (&a, &b) in a.iter().zip(b) {
            // What decides where only a, or only b, has the bit.
            let (only_a, only_b, both) = match test {
                Test::Equal => (FALSE, FALSE, result),
                Test::Greater | Test::GreaterOrEqual => (TRUE, FALSE, result),
                Test::AnyBit => (result, result, TRUE),
            };
            let set = self.ite(b, both, only_a)?;
            let clear = self.ite(b, only_b, result)?;
            result = self.ite(a, set, clear)?;
        }
        Ok(result)
    }

    fn add(&mut self, a: &Bits, b: &Bits, mut carry: NodeId) -> Result<Bits, Halt> {
        let mut sum = [FALSE; 32];
        for (sum, (&a, &b)) in sum.iter_mut().zip(a.iter().zip(b)) {
            let differ = self.xor(a, b)?;
            *sum = self.xor(differ, carry)?;
            carry = self.ite(differ, carry, a)?;
        }
        Ok(sum)
    }

    fn subtract(&mut self, a: &Bits, b: &Bits) -> Result<Bits, Halt> {
        let mut inverse = *b;
        for bit in &mut inverse {
            *bit = self.not(*bit)?;
        }
        self.add(a, &inverse, TRUE)
    }

    fn multiply(&mut self, a: &Bits, b: &Bits) -> Result<Bits, Halt> {
        let mut product = [FALSE; 32];
        let mut shifted = *a;
        for &bit in b {
            if bit != FALSE {
                let sum = self.add(&product, &shifted, FALSE)?;
                product = self.select(bit, &sum, &product)?;
            }
            shifted.rotate_right(1);
            shifted[0] = FALSE;
        }
        Ok(product)
    }

    fn select(&mut self, condition: NodeId, then: &Bits, other: &Bits) -> Result<Bits, Halt> {
        self.bitwise(then, other, |d, then, other| d.ite(condition, then, other))
    }

    fn bitwise(
        &mut self,
        a: &Bits,
        b: &Bits,
        op: impl Fn(&mut Self, NodeId, NodeId) -> Result<NodeId, Halt>,
    ) -> Result<Bits, Halt> {
        let mut result = [FALSE; 32];
        for (result, (&a, &b)) in result.iter_mut().zip(a.iter().zip(b)) {
            *result = op(self, a, b)?;
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests;
