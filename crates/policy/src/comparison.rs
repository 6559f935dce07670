//! One test of one 64-bit field of a call.

use std::fmt;

use callgate_syscalls::SeccompData;

use crate::Error;

/// A 64-bit field of `seccomp_data` that a condition can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The address after the syscall instruction.
    InstructionPointer,
    /// The first argument.
    Arg0,
    /// The second argument.
    Arg1,
    /// The third argument.
    Arg2,
    /// The fourth argument.
    Arg3,
    /// The fifth argument.
    Arg4,
    /// The sixth argument.
    Arg5,
}

impl Field {
    /// The six arguments in order.
    pub const ARGS: [Self; 6] =
        [Self::Arg0, Self::Arg1, Self::Arg2, Self::Arg3, Self::Arg4, Self::Arg5];

    /// The argument with that index.
    ///
    /// # Errors
    /// [`Error::ArgumentIndex`] above 5.
    pub fn arg(index: usize) -> Result<Self, Error> {
        Self::ARGS.get(index).copied().ok_or(Error::ArgumentIndex { index })
    }

    /// The value of this field in a call.
    #[must_use]
    #[inline]
    pub const fn of(self, call: &SeccompData) -> u64 {
        match self {
            Self::InstructionPointer => call.instruction_pointer,
            Self::Arg0 => call.args[0],
            Self::Arg1 => call.args[1],
            Self::Arg2 => call.args[2],
            Self::Arg3 => call.args[3],
            Self::Arg4 => call.args[4],
            Self::Arg5 => call.args[5],
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InstructionPointer => "instruction_pointer",
            Self::Arg0 => "args[0]",
            Self::Arg1 => "args[1]",
            Self::Arg2 => "args[2]",
            Self::Arg3 => "args[3]",
            Self::Arg4 => "args[4]",
            Self::Arg5 => "args[5]",
        })
    }
}

/// How much of a field a comparison reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// The low 32 bits; the high half may hold anything. Right for `int` arguments and for 32-bit
    /// ABIs.
    Bits32,
    /// All 64 bits.
    Bits64,
}

/// How a field is compared: always as unsigned numbers, as the kernel's machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 6] = [Self::Eq, Self::Ne, Self::Lt, Self::Le, Self::Gt, Self::Ge];

    /// Whether `left` stands in this relation to `right`.
    #[must_use]
    #[inline]
    pub const fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Lt => left < right,
            Self::Le => left <= right,
            Self::Gt => left > right,
            Self::Ge => left >= right,
        }
    }

    /// The operator that holds exactly where this one does not.
    #[must_use]
    pub const fn negated(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Ge => Self::Lt,
            Self::Gt => Self::Le,
            Self::Le => Self::Gt,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        })
    }
}

/// `(field & mask) operator value`, over all 64 bits of the field or its low 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Comparison {
    field: Field,
    width: Width,
    mask: u64,
    operator: Operator,
    value: u64,
}

impl Comparison {
    /// A comparison of all 64 bits with no mask.
    #[must_use]
    pub const fn new(field: Field, operator: Operator, value: u64) -> Self {
        Self::masked(field, u64::MAX, operator, value)
    }

    /// A comparison of 64 bits under a mask. A value with bits outside the mask is legal: `==` is
    /// then never true.
    #[must_use]
    pub const fn masked(field: Field, mask: u64, operator: Operator, value: u64) -> Self {
        Self { field, width: Width::Bits64, mask, operator, value }
    }

    /// A comparison of the low 32 bits under a mask; the high half of the field is not looked at.
    #[must_use]
    pub const fn low32(field: Field, mask: u32, operator: Operator, value: u32) -> Self {
        Self { field, width: Width::Bits32, mask: mask as u64, operator, value: value as u64 }
    }

    /// The field.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.field
    }

    /// How much of the field is read.
    #[must_use]
    pub const fn width(&self) -> Width {
        self.width
    }

    /// The mask; its high half is zero for 32-bit comparisons.
    #[must_use]
    pub const fn mask(&self) -> u64 {
        self.mask
    }

    /// The operator.
    #[must_use]
    pub const fn operator(&self) -> Operator {
        self.operator
    }

    /// The value on the right; its high half is zero for 32-bit comparisons.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// The comparison that holds exactly where this one does not.
    #[must_use]
    pub const fn negated(mut self) -> Self {
        self.operator = self.operator.negated();
        self
    }

    /// Whether this holds for a call.
    #[must_use]
    #[inline]
    pub const fn holds(&self, call: &SeccompData) -> bool {
        // A 32-bit comparison's mask has no high bits, so the mask alone selects what is read.
        self.operator.holds(self.field.of(call) & self.mask, self.value)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, full) = match self.width {
            Width::Bits32 => (".lo", u64::from(u32::MAX)),
            Width::Bits64 => ("", u64::MAX),
        };
        write!(f, "{}{low}", self.field)?;
        if self.mask != full {
            write!(f, " & {:#x}", self.mask)?;
        }
        write!(f, " {} {:#x}", self.operator, self.value)
    }
}
