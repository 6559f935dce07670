//! One test of one field, without the widths in which policies write them.

use callgate_policy::{Comparison, Field, Operator};
use callgate_syscalls::Arch;

/// `(field & mask) operator value`.
///
/// A comparison of the low 32 bits is a test under a mask of these bits: one meaning has one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "printers have to look at each part")]
pub struct Test {
    /// The field.
    pub field: Field,
    /// The bits that are looked at.
    pub mask: u64,
    /// How they are compared, as unsigned numbers.
    pub operator: Operator,
    /// What they are compared with.
    pub value: u64,
}

impl Test {
    /// The bits of a register of an architecture.
    #[must_use]
    pub const fn full_mask(arch: Arch) -> u64 {
        match arch.word_bits() {
            64 => u64::MAX,
            _ => u32::MAX as u64,
        }
    }

    /// The position of the argument that is tested; none for the instruction pointer.
    #[must_use]
    pub fn argument(&self) -> Option<usize> {
        Field::ARGS.iter().position(|field| *field == self.field)
    }

    /// The test that holds exactly where this one does not.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { operator: self.operator.negated(), ..self }
    }

    /// Whether the test holds for a value of its field.
    #[must_use]
    pub const fn holds(&self, value: u64) -> bool {
        self.operator.holds(value & self.mask, self.value)
    }

    /// The same test in a policy.
    #[must_use]
    pub const fn comparison(&self) -> Comparison {
        Comparison::masked(self.field, self.mask, self.operator, self.value)
    }

    /// Equality under a mask.
    pub(crate) const fn equal(field: Field, mask: u64, value: u64) -> Self {
        Self { field, mask, operator: Operator::Eq, value }
    }
}

impl From<&Comparison> for Test {
    fn from(comparison: &Comparison) -> Self {
        Self {
            field: comparison.field(),
            mask: comparison.mask(),
            operator: comparison.operator(),
            value: comparison.value(),
        }
    }
}

impl std::fmt::Display for Test {
    /// `arg0 & 0xff == 0x5`, for messages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.argument() {
            Some(index) => write!(f, "arg{index}")?,
            None => f.write_str("the instruction pointer")?,
        }
        if self.mask != u64::MAX {
            write!(f, " & {:#x}", self.mask)?;
        }
        write!(f, " {} {:#x}", self.operator, self.value)
    }
}
