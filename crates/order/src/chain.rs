//! Comparisons as callers write them, and as a rule keeps them.

use std::fmt;
use std::ops::Deref;

use callgate_policy::{Comparison, Condition, Error as PolicyError, Field, Operator};
use callgate_syscalls::Arch;

use crate::Error;

/// A comparison of one argument, as in `struct scmp_arg_cmp`; nothing is checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the layout of the C structure will not change")]
pub struct ArgCmp {
    /// The index of the argument, 0 to 5.
    pub arg: u32,
    /// The operator: NE 1, LT 2, LE 3, EQ 4, GE 5, GT 6, MASKED_EQ 7.
    pub op: u32,
    /// The value; for MASKED_EQ the mask.
    pub datum_a: u64,
    /// For MASKED_EQ the value, else unused.
    pub datum_b: u64,
}

impl ArgCmp {
    /// The most comparisons that a rule can have, one for each argument.
    pub const COUNT_MAX: usize = 6;
}

/// A list of comparisons of different arguments in ascending order of the arguments, as an
/// architecture reads them.
///
/// There are at most six, so they need no memory of their own.
#[derive(Clone, Copy)]
pub struct Chain {
    steps: [Step; ArgCmp::COUNT_MAX],
    len: u8,
}

impl Chain {
    /// The list of no comparisons, which always holds.
    pub const EMPTY: Self = Self { steps: [Step::UNUSED; ArgCmp::COUNT_MAX], len: 0 };

    /// A single comparison.
    #[must_use]
    pub fn of(step: Step) -> Self {
        let mut chain = Self::EMPTY;
        chain.insert(step);
        chain
    }

    /// Leaves the low half of the comparisons of an argument, which libseccomp's interface has no
    /// word for.
    pub fn narrow(&mut self, arg: u8) {
        let len = usize::from(self.len);
        for step in self.steps.iter_mut().take(len).filter(|step| step.test.arg == arg) {
            step.test.mask &= u64::from(u32::MAX);
            step.test.datum &= step.test.mask;
        }
    }

    /// Enters a step before those of higher arguments. Where there are six, it is left out.
    fn insert(&mut self, step: Step) {
        let place = self.iter().position(|known| known.test.arg > step.test.arg);
        let len = usize::from(self.len);
        if let Some(rest) = self.steps.get_mut(place.unwrap_or(len)..=len) {
            rest.rotate_right(1);
            rest[0] = step;
            self.len += 1;
        }
    }
}

impl Deref for Chain {
    type Target = [Step];

    fn deref(&self) -> &[Step] {
        &self.steps[..usize::from(self.len)]
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Chain {}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A comparison in its stored form: a [`Test`] and the answer that it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "these are all parts of a comparison")]
pub struct Step {
    /// The test.
    pub test: Test,
    /// Its answer where the comparison holds.
    pub answer: bool,
    /// Where it stands among others about the same argument.
    pub class: Class,
}

impl Step {
    /// What fills a chain up.
    const UNUSED: Self = Self {
        test: Test { arg: 0, stored: StoredOperator::Equal, mask: 0, datum: 0 },
        answer: false,
        class: Class::Equality,
    };
}

/// `(argument & mask) operator datum`, all of the argument's bits that the architecture has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "these are all parts of a test")]
pub struct Test {
    /// The index of the argument, 0 to 5.
    pub arg: u8,
    /// The operator.
    pub stored: StoredOperator,
    /// The bits that are compared.
    pub mask: u64,
    /// What they are compared with; it has no bit outside the mask.
    pub datum: u64,
}

/// The operators of stored tests; the others are these with the answer no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "libseccomp's operators will not change")]
pub enum StoredOperator {
    /// Equal.
    Equal,
    /// Equal under a mask, be it of all bits: not the same test as [`StoredOperator::Equal`].
    MaskedEqual,
    /// Greater than.
    Greater,
    /// Greater than or equal.
    GreaterOrEqual,
}

impl StoredOperator {
    /// The policy's operator, beside the mask.
    #[must_use]
    pub const fn operator(self) -> Operator {
        match self {
            Self::Equal | Self::MaskedEqual => Operator::Eq,
            Self::Greater => Operator::Gt,
            Self::GreaterOrEqual => Operator::Ge,
        }
    }
}

/// Kinds of comparison in the order in which they are asked about one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "libseccomp's operators will not change")]
pub enum Class {
    /// EQ, NE, MASKED_EQ.
    Equality,
    /// LT, LE: the smallest bound first.
    Less,
    /// GT, GE: the largest bound first.
    Greater,
}

/// Checks comparisons as callers write them: the first one that is wrong is reported.
///
/// # Errors
/// [`Error::ArgumentIndex`], [`Error::ArgumentRepeated`], [`Error::Operator`].
pub fn check(comparisons: &[ArgCmp]) -> Result<(), Error> {
    for (place, &ArgCmp { arg, op, .. }) in comparisons.iter().enumerate() {
        if arg > 5 {
            return Err(Error::ArgumentIndex { index: arg });
        }
        if comparisons[..place].iter().any(|earlier| earlier.arg == arg) {
            return Err(Error::ArgumentRepeated { index: arg });
        }
        stored(op)?;
    }
    Ok(())
}

/// The comparisons as an architecture reads them: values are cut to its word size, bits outside the
/// mask are dropped, and so is a comparison that no bit can fail. Empty for a rule that always
/// holds.
///
/// # Errors
/// As [`check`], which is what keeps the comparisons to six.
pub fn read(arch: Arch, comparisons: &[ArgCmp]) -> Result<Chain, Error> {
    let word = word_mask(arch);
    let mut chain = Chain::EMPTY;
    for comparison in comparisons {
        let (stored, answer, class) = stored(comparison.op)?;
        let masked = comparison.op == MASKED_EQ;
        let (mask, datum) = match masked {
            true => (comparison.datum_a & word, comparison.datum_b),
            false => (word, comparison.datum_a),
        };
        if mask == 0 {
            continue;
        }
        let index = Error::ArgumentIndex { index: comparison.arg };
        let arg = u8::try_from(comparison.arg).map_err(|_| index)?;
        chain.insert(Step { test: Test { arg, stored, mask, datum: datum & mask }, answer, class });
    }
    Ok(chain)
}

/// The bits of an argument that an architecture has.
pub(crate) const fn word_mask(arch: Arch) -> u64 {
    if arch.word_bits() == 64 { u64::MAX } else { u32::MAX as u64 }
}

/// The condition of a policy that holds where all steps do.
///
/// # Errors
/// None for steps that [`read`] made: arguments are 0 to 5 and nothing nests.
pub fn condition(arch: Arch, steps: &[Step]) -> Result<Condition, PolicyError> {
    let mut parts = [None; ArgCmp::COUNT_MAX];
    for (part, step) in parts.iter_mut().zip(steps) {
        *part = Some(comparison(arch, step)?);
    }
    Condition::all(parts.into_iter().flatten().map(Condition::from))
}

fn comparison(arch: Arch, step: &Step) -> Result<Comparison, PolicyError> {
    let Test { arg, stored, mask, datum } = step.test;
    let field = Field::arg(usize::from(arg))?;
    let operator = stored.operator();
    let low = |value: u64| halves(value).1;
    let comparison = match arch.word_bits() {
        // Only MASKED_EQ has a mask of its own: this one was narrowed.
        64 if stored != StoredOperator::MaskedEqual && mask == u64::from(u32::MAX) => {
            Comparison::low32(field, low(mask), operator, low(datum))
        }
        64 => Comparison::masked(field, mask, operator, datum),
        _ => Comparison::low32(field, low(mask), operator, low(datum)),
    };
    Ok(if step.answer { comparison } else { comparison.negated() })
}

/// The high and the low half of a value.
#[must_use]
pub fn halves(value: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

const MASKED_EQ: u32 = 7;

/// The stored form of an operator of libseccomp's header.
fn stored(op: u32) -> Result<(StoredOperator, bool, Class), Error> {
    Ok(match op {
        1 => (StoredOperator::Equal, false, Class::Equality),
        2 => (StoredOperator::GreaterOrEqual, false, Class::Less),
        3 => (StoredOperator::Greater, false, Class::Less),
        4 => (StoredOperator::Equal, true, Class::Equality),
        5 => (StoredOperator::GreaterOrEqual, true, Class::Greater),
        6 => (StoredOperator::Greater, true, Class::Greater),
        MASKED_EQ => (StoredOperator::MaskedEqual, true, Class::Equality),
        operator => return Err(Error::Operator { operator }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn cmp(arg: u32, op: u32, datum_a: u64, datum_b: u64) -> ArgCmp {
        ArgCmp { arg, op, datum_a, datum_b }
    }

    #[test]
    fn the_first_wrong_comparison_is_reported() {
        let good = cmp(5, 7, 0, 0);
        assert_eq!(check(&[good]), Ok(()));
        for (bad, expected) in [
            (cmp(6, 4, 0, 0), Error::ArgumentIndex { index: 6 }),
            (cmp(6, 9, 0, 0), Error::ArgumentIndex { index: 6 }),
            (cmp(5, 9, 0, 0), Error::ArgumentRepeated { index: 5 }),
            (cmp(4, 0, 0, 0), Error::Operator { operator: 0 }),
            (cmp(4, 8, 0, 0), Error::Operator { operator: 8 }),
        ] {
            assert_eq!(check(&[good, bad]), Err(expected));
        }
    }

    #[test]
    fn values_are_cut_to_the_word_and_to_the_mask() {
        const HIGH: u64 = 1 << 32;
        let test = |arch, comparison| read(arch, &[comparison]).unwrap();
        let on = |arch, comparison| {
            let step = test(arch, comparison)[0];
            (step.test.mask, step.test.datum)
        };
        let eq = cmp(0, 4, HIGH + 5, 7);
        assert_eq!(on(Arch::X86_64, eq), (u64::MAX, HIGH + 5));
        assert_eq!(on(Arch::X86, eq), (0xffff_ffff, 5));
        assert_eq!(on(Arch::X86_64, cmp(0, 7, 0xf, 0x15)), (0xf, 5));
        assert!(test(Arch::X86, cmp(0, 7, HIGH, HIGH)).is_empty());
        assert_eq!(on(Arch::X86_64, cmp(0, 7, HIGH, HIGH)), (HIGH, HIGH));
        assert!(test(Arch::X86_64, cmp(0, 7, 0, 1)).is_empty());
    }

    #[test]
    fn steps_stand_in_the_order_of_the_arguments() {
        let chain = read(Arch::X86_64, &[cmp(3, 1, 1, 0), cmp(1, 3, 2, 0)]).unwrap();
        let args: Vec<u8> = chain.iter().map(|step| step.test.arg).collect();
        assert_eq!(args, [1, 3]);
        assert!(chain.iter().all(|step| !step.answer));
    }
}
