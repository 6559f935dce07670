//! From conditions with names and natural widths to the policy's comparisons of words, one architecture at a time.

use callgate_policy::{Arch, Comparison, Condition, Field, Operator};
use callgate_syscalls::{ArgumentWidth, Name};

use crate::Error;
use crate::condition::{Arg, Cond, Expression, Value, Which};

/// A syscall on an architecture, for which a condition is lowered.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) arch: Arch,
    pub(crate) name: Name,
}

impl Site {
    /// The policy's form of a condition.
    ///
    /// Recursion follows the expression; the policy's own limit on depth is reached before a stack's.
    pub(crate) fn condition(self, cond: &Cond) -> Result<Condition, Error> {
        let each =
            |list: &[Cond]| list.iter().map(|c| self.condition(c)).collect::<Result<Vec<_>, _>>();
        Ok(match &cond.0 {
            Expression::Compare { arg, operator, value } => {
                self.comparison(arg, *operator, *value)?.into()
            }
            Expression::All(list) => Condition::all(each(list)?)?,
            Expression::Any(list) => Condition::any(each(list)?)?,
            Expression::Not(cond) => self.condition(cond)?.negated(),
        })
    }

    fn comparison(self, arg: &Arg, operator: Operator, value: Value) -> Result<Comparison, Error> {
        let (field, bits) = self.field(arg)?;
        if value.0 < 0 && !matches!(operator, Operator::Eq | Operator::Ne) {
            return Err(Error::NegativeOrder { name: self.name, arg: arg.which, value });
        }
        let value = self.fit(arg, value, bits)?;
        let read = u64::MAX >> (64 - bits);
        let mask = arg.mask.map_or(Ok(read), |mask| self.fit(arg, mask, bits))?;
        Ok(match (u32::try_from(mask), u32::try_from(value)) {
            (Ok(mask), Ok(value)) if bits <= 32 => Comparison::low32(field, mask, operator, value),
            _ => Comparison::masked(field, mask, operator, value),
        })
    }

    /// The field that an argument names and how many bits of it the kernel reads.
    fn field(self, arg: &Arg) -> Result<(Field, u32), Error> {
        let signature = self.arch.signature(self.name);
        let unknown =
            || Error::UnknownArgument { name: self.name, arch: self.arch, arg: arg.which };
        let index = match (arg.which, signature) {
            (Which::Index(index), _) => index,
            (Which::Name(_), None) => return Err(unknown()),
            (Which::Name(name), Some(signature)) => {
                signature.arguments().position(|a| a.name == name).ok_or_else(unknown)?
            }
        };
        let field = Field::arg(index)?;
        let argument = signature.and_then(|signature| signature.arguments().nth(index));
        let bits = match argument.map(|argument| argument.width) {
            _ if arg.all_bits => u32::from(self.arch.word_bits()),
            None => u32::from(self.arch.word_bits()),
            Some(ArgumentWidth::Bits8) => 8,
            Some(ArgumentWidth::Bits16) => 16,
            Some(ArgumentWidth::Bits32) => 32,
            Some(_) => 64,
        };
        Ok((field, bits))
    }

    /// A value in the low `bits` bits, negative ones as two's complement.
    fn fit(self, arg: &Arg, value: Value, bits: u32) -> Result<u64, Error> {
        let range = -(1i128 << (bits - 1))..(1i128 << bits);
        let read = (1i128 << bits) - 1;
        range.contains(&value.0).then(|| u64::try_from(value.0 & read).ok()).flatten().ok_or(
            Error::ValueTooWide { name: self.name, arch: self.arch, arg: arg.which, value, bits },
        )
    }
}
