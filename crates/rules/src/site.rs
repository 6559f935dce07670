//! From conditions with names and natural widths to the policy's comparisons of words, for one
//! syscall on one architecture.

use callgate_policy::{Comparison, Condition, Field, Operator};
use callgate_syscalls::{Arch, Argument, ArgumentWidth, SyscallNr};

use crate::{
    Arg, ArgBits, ArgSign, ArgTest, Callee, Cond, CondView, Member, Mistake, MistakeKind, Relation,
    Value, Which,
};

/// A syscall on an architecture, for which a condition is lowered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) arch: Arch,
    pub(crate) nr: SyscallNr,
    pub(crate) callee: Callee,
}

/// What of an argument is compared, and how.
#[derive(Clone, Copy, Debug)]
struct Lane {
    field: Field,
    /// How many of the low bits.
    bits: u32,
    /// Those of the bits that are looked at.
    mask: u64,
    is_signed: bool,
}

impl Site {
    /// The policy's form of a condition.
    ///
    /// Recursion follows the expression, which nests at most [`Cond::DEPTH_MAX`] deep.
    pub(crate) fn condition(self, cond: &Cond) -> Result<Condition, Mistake> {
        let each =
            |list: &[Cond]| list.iter().map(|c| self.condition(c)).collect::<Result<Vec<_>, _>>();
        match cond.view() {
            CondView::Test(test) => {
                self.test(test).map_err(|kind| Mistake { rule: None, span: test.span, kind })
            }
            CondView::All(list) => joined(Condition::all(each(list)?)).map_err(Mistake::from),
            CondView::Any(list) => joined(Condition::any(each(list)?)).map_err(Mistake::from),
            CondView::Not(cond) => self.condition(cond).map(Condition::negated),
            CondView::TooDeep => Err(MistakeKind::TooDeep.into()),
        }
    }

    fn test(self, test: &ArgTest) -> Result<Condition, MistakeKind> {
        let lane = self.lane(&test.arg)?;
        let bits = |value: &Value| self.fit(&test.arg, lane, value);
        Ok(match &test.relation {
            Relation::Compare(operator, value) => self.compare(test, lane, *operator, value)?,
            Relation::In(members) => {
                let each = members.iter().map(|member| self.member(test, lane, member));
                match each.collect::<Result<Vec<_>, _>>()? {
                    list if list.len() == 1 => {
                        list.into_iter().next().unwrap_or_else(Condition::never)
                    }
                    list => joined(Condition::any(list))?,
                }
            }
            Relation::Has(value) => {
                let bits = bits(value)?;
                lane.masked(bits).comparison(Operator::Eq, bits)
            }
            Relation::Any(value) => lane.masked(bits(value)?).comparison(Operator::Ne, 0),
            Relation::None(value) => lane.masked(bits(value)?).comparison(Operator::Eq, 0),
            Relation::Only(value) => lane.masked(!bits(value)?).comparison(Operator::Eq, 0),
        })
    }

    fn member(self, test: &ArgTest, lane: Lane, member: &Member) -> Result<Condition, MistakeKind> {
        match member {
            Member::One(value) => self.compare(test, lane, Operator::Eq, value),
            Member::Range(first, last) => joined(Condition::all([
                self.compare(test, lane, Operator::Ge, first)?,
                self.compare(test, lane, Operator::Le, last)?,
            ])),
        }
    }

    fn compare(
        self,
        test: &ArgTest,
        lane: Lane,
        operator: Operator,
        value: &Value,
    ) -> Result<Condition, MistakeKind> {
        let raw = self.fit(&test.arg, lane, value)?;
        if matches!(operator, Operator::Eq | Operator::Ne) {
            return Ok(lane.comparison(operator, raw));
        }
        let number = self.number(value)?;
        let (callee, arg) = (self.callee, test.arg.which.clone());
        if !lane.is_signed {
            return match number < 0 {
                true => Err(MistakeKind::NegativeOrder { callee, arg, value: value.to_string() }),
                false => Ok(lane.comparison(operator, raw)),
            };
        }
        if number >> (lane.bits - 1) > 0 {
            let (arch, value, bits) = (self.arch, value.to_string(), lane.bits);
            return Err(MistakeKind::ValueAboveSigned { callee, arch, arg, value, bits });
        }
        joined(lane.signed_order(operator, raw, number < 0))
    }

    /// What of an argument is compared.
    fn lane(self, arg: &Arg) -> Result<Lane, MistakeKind> {
        let (index, argument) = self.argument(arg)?;
        let field = Field::arg(index).map_err(|_| self.unknown(arg))?;
        let register = u32::from(self.arch.register_bits());
        let natural = argument.map_or(register, |argument| match argument.width {
            ArgumentWidth::Bits8 => 8,
            ArgumentWidth::Bits16 => 16,
            ArgumentWidth::Bits32 => 32,
            _ => 64,
        });
        let bits = match arg.bits {
            ArgBits::Kernel => natural,
            ArgBits::Full => register,
            ArgBits::Low32 => 32,
        };
        let is_signed = arg.sign == ArgSign::Kernel
            && arg.mask.is_none()
            && bits == natural
            && argument.is_some_and(is_signed);
        let full = Lane { field, bits, mask: u64::MAX >> (64 - bits), is_signed };
        match &arg.mask {
            Some(mask) => Ok(full.masked(self.fit(arg, full, mask)?)),
            None => Ok(full),
        }
    }

    /// The position of an argument, and the argument itself, where the syscall's are known.
    fn argument(self, arg: &Arg) -> Result<(usize, Option<Argument>), MistakeKind> {
        let signature = self.callee.signature(self.arch);
        let mut arguments = signature.into_iter().flat_map(|signature| signature.arguments());
        match &arg.which {
            Which::Name(name) => arguments
                .enumerate()
                .find(|(_, argument)| argument.name == name)
                .map(|(index, argument)| (index, Some(argument)))
                .ok_or_else(|| self.unknown(arg)),
            Which::Index(index) => match (arguments.nth(*index), signature) {
                // A register that the kernel does not read can be compared as such, not as an
                // argument.
                (None, Some(_)) if arg.bits == ArgBits::Kernel => Err(self.unknown(arg)),
                (argument, _) => Ok((*index, argument)),
            },
        }
    }

    fn unknown(self, arg: &Arg) -> MistakeKind {
        let Self { arch, callee, .. } = self;
        MistakeKind::UnknownArgument { callee, arch, arg: arg.which.clone() }
    }

    /// A value in the low bits that are compared, negative ones as two's complement.
    fn fit(self, arg: &Arg, lane: Lane, value: &Value) -> Result<u64, MistakeKind> {
        let bits = lane.bits;
        let number = self.number(value)?;
        let range = -(1i128 << (bits - 1))..(1i128 << bits);
        let read = (1i128 << bits) - 1;
        let fit = range.contains(&number).then(|| u64::try_from(number & read).ok()).flatten();
        fit.ok_or_else(|| MistakeKind::ValueTooWide {
            callee: self.callee,
            arch: self.arch,
            arg: arg.which.clone(),
            value: value.to_string(),
            bits,
        })
    }

    fn number(self, value: &Value) -> Result<i128, MistakeKind> {
        let unknown = |constant: &crate::Constant| MistakeKind::UnknownConstant {
            constant: constant.name().to_owned(),
            arch: self.arch,
        };
        value.on(self.arch).map_err(unknown)
    }
}

impl Lane {
    /// The lane narrowed to the bits of a mask that it holds.
    const fn masked(self, mask: u64) -> Self {
        Self { mask: self.mask & mask, ..self }
    }

    fn comparison(self, operator: Operator, value: u64) -> Condition {
        Condition::compare(match (u32::try_from(self.mask), u32::try_from(value)) {
            (Ok(mask), Ok(value)) if self.bits <= 32 => {
                Comparison::low32(self.field, mask, operator, value)
            }
            _ => Comparison::masked(self.field, self.mask, operator, value),
        })
    }

    /// The order of signed numbers by comparisons of unsigned ones, where the negative are above
    /// all others.
    fn signed_order(
        self,
        operator: Operator,
        value: u64,
        is_negative: bool,
    ) -> Result<Condition, callgate_policy::Error> {
        // Greater is not less or equal, and so on.
        if matches!(operator, Operator::Gt | Operator::Ge) {
            let opposite = self.signed_order(operator.negated(), value, is_negative)?;
            return Ok(opposite.negated());
        }
        let below = self.comparison(operator, value);
        let negative = self.comparison(Operator::Ge, 1 << (self.bits - 1));
        match (is_negative, value, operator) {
            (true, _, _) => Condition::all([negative, below]),
            (false, 0, Operator::Lt) => Ok(negative),
            (false, _, _) => Condition::any([below, negative]),
        }
    }
}

/// Whether the kernel's type of an argument is signed.
fn is_signed(argument: Argument) -> bool {
    // Half of a value in two registers is compared for what it is, bits.
    let is_half = argument.name.ends_with("_word0") || argument.name.ends_with("_word1");
    let c_type = argument.c_type.strip_prefix("const ").unwrap_or(argument.c_type);
    !is_half && SIGNED.contains(&c_type)
}

/// The signed types that system calls take.
///
/// References: `include/uapi/asm-generic/posix_types.h`, `include/linux/types.h`,
/// `include/linux/compat.h`.
const SIGNED: [&str; 20] = [
    "int",
    "long",
    "s32",
    "__s32",
    "pid_t",
    "clockid_t",
    "timer_t",
    "mqd_t",
    "key_t",
    "key_serial_t",
    "rwf_t",
    "off_t",
    "loff_t",
    "ssize_t",
    "compat_long_t",
    "compat_pid_t",
    "compat_off_t",
    "compat_ssize_t",
    "compat_key_t",
    "compat_int_t",
];

fn joined(condition: Result<Condition, callgate_policy::Error>) -> Result<Condition, MistakeKind> {
    condition.map_err(MistakeKind::Policy)
}
