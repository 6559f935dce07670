//! Conditions with the names of arguments and constants.

use std::collections::BTreeSet;

use callgate_policy::{Comparison, Condition, Field, Operator, View, Width};
use callgate_syscalls::{Arch, Argument, ArgumentWidth, Name};

use super::{NotShown, inexpressible};
use crate::known::{self, Bits};

/// The call that a condition is about.
#[derive(Clone, Copy)]
struct Site<'a> {
    arch: Arch,
    name: Option<Name>,
    /// All architectures of the policy: a constant that one of them lacks is not written.
    arches: &'a BTreeSet<Arch>,
}

/// How tightly a text binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Binds {
    Or,
    And,
    Test,
}

type Text = (String, Binds);

/// The deepest nesting that is still read.
const DEPTH_MAX: usize = 24;

/// The condition that any of these hold, as the language writes it.
pub(super) fn text(
    any: &[Condition],
    arch: Arch,
    name: Option<Name>,
    arches: &BTreeSet<Arch>,
) -> Result<String, NotShown> {
    let site = Site { arch, name, arches };
    Ok(site.any(any, 0)?.0)
}

/// One test: an operand, and which values it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Member {
    One(u64),
    Range(u64, u64),
}

impl Site<'_> {
    fn condition(self, condition: &Condition, depth: usize) -> Result<Text, NotShown> {
        if depth > DEPTH_MAX {
            return Err(inexpressible("a condition nests too deep"));
        }
        match condition.view() {
            View::Compare(comparison) => Ok((self.comparison(comparison)?, Binds::Test)),
            View::All(list) => self.all(list, depth),
            View::Any(list) => self.any(list, depth),
        }
    }

    /// `a or b`; equalities and ranges of one operand become a set.
    fn any(self, list: &[Condition], depth: usize) -> Result<Text, NotShown> {
        let flat = flattened(list, |view| match view {
            View::Any(list) => Some(list),
            _ => None,
        });
        let mut parts: Vec<Text> = Vec::new();
        let mut sets: Vec<(Comparison, Vec<Member>, usize)> = Vec::new();
        for condition in flat {
            match self.member(condition) {
                Some((comparison, member)) => {
                    let same =
                        |set: &&mut (Comparison, Vec<Member>, usize)| is_same(&set.0, &comparison);
                    match sets.iter_mut().find(same) {
                        Some((_, members, _)) => members.push(member),
                        None => {
                            sets.push((comparison, vec![member], parts.len()));
                            parts.push((String::new(), Binds::Test));
                        }
                    }
                }
                None => parts.push(self.condition(condition, depth + 1)?),
            }
        }
        for (comparison, members, place) in sets {
            parts[place] = (self.set(&comparison, &members)?, Binds::Test);
        }
        Ok(joined(parts, " or ", Binds::Or))
    }

    /// A condition as one of the values that an operand may have.
    fn member(self, condition: &Condition) -> Option<(Comparison, Member)> {
        match condition.view() {
            View::Compare(c) => {
                let c = self.as_read(&narrowed(c));
                let is_value = c.operator() == Operator::Eq
                    && (c.mask() == full_mask(&c) || self.is_field(&c));
                is_value.then(|| (c, Member::One(c.value())))
            }
            View::All([first, second]) => {
                let (comparison, low, high) = range(first, second)?;
                Some((comparison, Member::Range(low, high)))
            }
            _ => None,
        }
    }

    /// `a and b`; two ends of a range become one test.
    fn all(self, list: &[Condition], depth: usize) -> Result<Text, NotShown> {
        let flat = flattened(list, |view| match view {
            View::All(list) => Some(list),
            _ => None,
        });
        let mut parts: Vec<Text> = Vec::new();
        let mut rest = flat.as_slice();
        while let [first, behind @ ..] = rest {
            rest = behind;
            if let [second, behind @ ..] = rest {
                if let Some((comparison, low, high)) = range(first, second) {
                    let set = self.set(&comparison, &[Member::Range(low, high)])?;
                    parts.push((set, Binds::Test));
                    rest = behind;
                    continue;
                }
            }
            parts.push(self.condition(first, depth + 1)?);
        }
        Ok(joined(parts, " and ", Binds::And))
    }

    fn set(self, comparison: &Comparison, members: &[Member]) -> Result<String, NotShown> {
        if let [Member::One(value)] = members {
            let operand = masked(comparison, self.operand(comparison, false, *value == 0)?);
            return Ok(format!("{operand} == {}", self.value(comparison, *value)));
        }
        // In the order of signed numbers the same values lie between two ends that are not
        // negative.
        let largest = members.iter().map(|member| match member {
            Member::One(_) => 0,
            Member::Range(_, high) => *high,
        });
        let unsigned = largest.max().is_some_and(|high| high > self.signed_max(comparison));
        let operand = masked(comparison, self.operand(comparison, unsigned, false)?);
        const FEW: u64 = 3;
        let members: Vec<String> = members
            .iter()
            .flat_map(|member| match *member {
                Member::One(value) => vec![self.value(comparison, value)],
                Member::Range(low, high) if high - low < FEW => {
                    (low..=high).map(|value| self.value(comparison, value)).collect()
                }
                Member::Range(low, high) => vec![format!("{low:#x}..{high:#x}")],
            })
            .collect();
        Ok(format!("{operand} in {{{}}}", members.join(", ")))
    }

    fn comparison(self, c: &Comparison) -> Result<String, NotShown> {
        let c = &self.as_read(&narrowed(c));
        let value = |value| self.value(c, value);
        let full = full_mask(c);
        let bits = |verb: &str, bits: u64| -> Result<String, NotShown> {
            let text = self.without_zeros(value(bits));
            let text = match self.is_of_values(c, verb, &text) {
                true => self.with_number(c, bits),
                false => text,
            };
            Ok(format!("{} {verb} {text}", self.operand(c, false, false)?))
        };
        if c.mask() != full {
            if self.is_field(c) && matches!(c.operator(), Operator::Eq | Operator::Ne) {
                let operand = masked(c, self.operand(c, false, false)?);
                return Ok(format!("{operand} {} {}", c.operator(), value(c.value())));
            }
            let outside = full & !c.mask();
            match (c.operator(), c.value()) {
                (Operator::Eq, 0) if c.mask().count_ones() > 16 => return bits("only", outside),
                (Operator::Eq, 0) => return bits("none", c.mask()),
                (Operator::Ne, 0) => return bits("any", c.mask()),
                (Operator::Eq, of) if of == c.mask() => return bits("has", c.mask()),
                _ => {}
            }
            let operand = self.operand(c, false, false)?;
            let of = self.without_zeros(value(c.value()));
            let mask = self.without_zeros(value(c.mask()));
            // The bits of a field by the names of values would be those of some value.
            let is_plain = c.mask() & self.field(c) == 0 && !self.is_of_values(c, "has", &mask);
            let mask = if is_plain { mask } else { self.with_number(c, c.mask()) };
            return Ok(format!("{operand} & {mask} {} {of}", c.operator()));
        }
        let is_equality = matches!(c.operator(), Operator::Eq | Operator::Ne);
        let half = self.signed_max(c).wrapping_add(1);
        if !is_equality && self.is_signed(c) && c.value() == half {
            // Unsigned numbers from the middle on are the negative ones.
            let operand = self.operand(c, false, false)?;
            // The register itself is never negative.
            let is_plain = !operand.ends_with(')');
            match c.operator() {
                Operator::Ge if is_plain => return Ok(format!("{operand} < 0")),
                Operator::Lt if is_plain => return Ok(format!("{operand} >= 0")),
                _ => {}
            }
        }
        let unsigned = !is_equality && self.is_signed(c);
        let operand = self.operand(c, unsigned, is_equality && c.value() == 0)?;
        // Of flags the order means nothing, so that a number says more.
        let text = value(c.value());
        let text = match is_equality || !text.contains('|') {
            true => text,
            false => format!("{:#x}", c.value()),
        };
        Ok(format!("{operand} {} {text}", c.operator()))
    }

    /// A comparison of bits of the low half as one of 32 bits, where the kernel reads no more: all
    /// bits but some are those of the half then.
    fn as_read(self, c: &Comparison) -> Comparison {
        let register = u64::from(self.arch.register_bits());
        let argument = self.argument(c).and_then(|(_, argument)| argument);
        match (c.width(), u32::try_from(c.mask()), u32::try_from(c.value())) {
            (Width::Bits64, Ok(mask), Ok(value)) if argument.map_or(register, bits) <= 32 => {
                Comparison::low32(c.field(), mask, c.operator(), value)
            }
            _ => *c,
        }
    }

    /// Whether exactly the bits are looked at that are a value beside flags.
    fn is_field(self, c: &Comparison) -> bool {
        self.field(c) == c.mask()
    }

    /// The bits that are a value beside flags.
    fn field(self, c: &Comparison) -> u64 {
        let argument = self.argument(c).and_then(|(_, argument)| argument);
        self.name.zip(argument).map_or(0, |(name, argument)| known::field(name, argument.name))
    }

    /// Bits: flags by their names, and those that are of a value as a number.
    fn with_number(self, c: &Comparison, bits: u64) -> String {
        let field = self.field(c);
        match (bits & !field, bits & field) {
            (0, _) | (_, 0) => format!("{bits:#x}"),
            (flags, rest) => format!("{}|{rest:#x}", self.without_zeros(self.value(c, flags))),
        }
    }

    /// A union of constants without those that are 0: beside others they say nothing.
    fn without_zeros(self, text: String) -> String {
        let is_zero = |word: &str| {
            let constant = callgate_facts::Constant::parse(word);
            constant.is_some_and(|constant| constant.on(self.arch) == Some(0))
        };
        let words: Vec<&str> = text.split('|').filter(|word| !is_zero(word)).collect();
        if words.is_empty() { text } else { words.join("|") }
    }

    /// Whether names of bits that are tested are those of values, which others share.
    fn is_of_values(self, c: &Comparison, verb: &str, text: &str) -> bool {
        let Some(test) = Bits::parse(verb) else { return false };
        let words: Vec<&str> = text.split('|').collect();
        let argument = self.argument(c).and_then(|(_, argument)| argument);
        self.name.zip(argument).is_some_and(|(name, argument)| {
            let mut arches = self.arches.iter().chain([&self.arch]);
            arches.any(|arch| known::overlap(name, argument.name, &words, test, *arch).is_some())
        })
    }

    /// The argument that a comparison reads, where the syscall's are known.
    fn argument(self, c: &Comparison) -> Option<(usize, Option<Argument>)> {
        let index = Field::ARGS.iter().position(|field| *field == c.field())?;
        let signature = self.name.and_then(|name| self.arch.signature(name));
        Some((index, signature.and_then(|signature| signature.arguments().nth(index))))
    }

    /// An operand as the language writes it: by name, and with the width where that is not what the
    /// kernel reads.
    fn operand(self, c: &Comparison, unsigned: bool, is_null: bool) -> Result<String, NotShown> {
        let Some((index, argument)) = self.argument(c) else {
            return Err(inexpressible("a condition looks at the instruction pointer"));
        };
        let register = u64::from(self.arch.register_bits());
        let read = argument.map_or(register, bits);
        let compared = if c.width() == Width::Bits32 { 32 } else { 64 };
        // Under a mask of low bits the width makes no difference.
        let within = |bits: u64| bits >= 64 || (c.mask() | c.value()) >> bits == 0;
        let low = within(32);
        let name = argument.map_or_else(|| format!("arg{index}"), |a| a.name.to_owned());
        let is_pointer = argument.is_some_and(|argument| {
            argument.c_type.contains('*') || argument.c_type.ends_with("ptr_t")
        });
        let fits = read == compared || (read < compared && within(read));
        let plain = fits && !unsigned && (!is_pointer || (is_null && c.mask() == full_mask(c)));
        let is_known =
            argument.is_some() || self.name.and_then(|name| self.arch.signature(name)).is_none();
        if plain && is_known {
            return Ok(name);
        }
        match compared {
            32 => Ok(format!("low32({name})")),
            _ if register == 64 => Ok(format!("full({name})")),
            _ if low => Ok(format!("low32({name})")),
            _ => {
                Err(inexpressible("a condition looks at bits that the architecture does not have"))
            }
        }
    }

    /// Whether the kernel compares the argument as a signed number. To take an unsigned one for
    /// signed does no harm: it is written as the register that it is.
    fn is_signed(self, c: &Comparison) -> bool {
        const UNSIGNED: [&str; 9] =
            ["unsigned", "size_t", "u32", "u64", "__u32", "uid_t", "gid_t", "umode_t", "compat_u"];
        let argument = self.argument(c).and_then(|(_, argument)| argument);
        argument.is_some_and(|argument| {
            !UNSIGNED.iter().any(|unsigned| argument.c_type.starts_with(unsigned))
        })
    }

    fn signed_max(self, c: &Comparison) -> u64 {
        full_mask(c) >> 1
    }

    /// A value by the constants that the argument takes, or as a number.
    fn value(self, c: &Comparison, value: u64) -> String {
        let argument = self.argument(c).and_then(|(_, argument)| argument);
        // A negative constant is not its low half where the whole register is compared.
        let is_wide = c.width() != Width::Bits32 && c.mask() > u64::from(u32::MAX);
        let is_half = (1 << 31..1 << 32).contains(&value);
        let spelled = match (self.name, argument) {
            _ if is_wide && is_half => None,
            // As an unsigned number a negative constant is never meant, and refused.
            _ if is_half && !matches!(c.operator(), Operator::Eq | Operator::Ne) => None,
            (Some(name), Some(argument)) => {
                if argument.c_type.contains('*') && value == 0 {
                    return known::NULL.to_owned();
                }
                known::spelling(name, argument.name, value, self.arch, self.arches)
            }
            _ => None,
        };
        spelled.unwrap_or_else(|| match value {
            0..=9 => value.to_string(),
            _ => format!("{value:#x}"),
        })
    }
}

fn bits(argument: Argument) -> u64 {
    match argument.width {
        ArgumentWidth::Bits8 => 8,
        ArgumentWidth::Bits16 => 16,
        ArgumentWidth::Bits32 => 32,
        _ => 64,
    }
}

/// An operand with the mask under which it is looked at, if there is one.
fn masked(c: &Comparison, operand: String) -> String {
    match c.mask() == full_mask(c) {
        true => operand,
        false => format!("{operand} & {:#x}", c.mask()),
    }
}

const fn full_mask(c: &Comparison) -> u64 {
    match c.width() {
        Width::Bits32 => u32::MAX as u64,
        _ => u64::MAX,
    }
}

/// A comparison of the low half of a register as one of 32 bits, which it is.
fn narrowed(c: &Comparison) -> Comparison {
    const LOW_HALF: u64 = u32::MAX as u64;
    match (c.width(), c.mask(), u32::try_from(c.value())) {
        (Width::Bits64, LOW_HALF, Ok(value)) => {
            Comparison::low32(c.field(), u32::MAX, c.operator(), value)
        }
        _ => *c,
    }
}

/// Whether two comparisons are of the same bits of the same field.
fn is_same(left: &Comparison, right: &Comparison) -> bool {
    (left.field(), left.width(), left.mask()) == (right.field(), right.width(), right.mask())
}

/// Two comparisons as both ends of a range.
fn range(first: &Condition, second: &Condition) -> Option<(Comparison, u64, u64)> {
    let (View::Compare(first), View::Compare(second)) = (first.view(), second.view()) else {
        return None;
    };
    let (first, second) = (&narrowed(first), &narrowed(second));
    if !is_same(first, second) || first.mask() != full_mask(first) {
        return None;
    }
    let low = |c: &Comparison| match c.operator() {
        Operator::Ge => Some(c.value()),
        Operator::Gt => c.value().checked_add(1),
        _ => None,
    };
    let high = |c: &Comparison| match c.operator() {
        Operator::Le => Some(c.value()),
        Operator::Lt => c.value().checked_sub(1),
        _ => None,
    };
    let ends = match (low(first), high(second)) {
        (Some(low), Some(high)) => (low, high),
        _ => (low(second)?, high(first)?),
    };
    (ends.0 <= ends.1).then_some((*first, ends.0, ends.1))
}

/// The parts of a list, those of the same kind within it taken apart.
fn flattened<'a>(
    list: &'a [Condition],
    same: impl Fn(View<'a>) -> Option<&'a [Condition]>,
) -> Vec<&'a Condition> {
    let mut flat = Vec::new();
    let mut stack: Vec<&Condition> = list.iter().rev().collect();
    while let Some(condition) = stack.pop() {
        match same(condition.view()) {
            Some(inner) => stack.extend(inner.iter().rev()),
            None => flat.push(condition),
        }
    }
    flat
}

/// Parts with a word between them, in parentheses where they bind less.
fn joined(mut parts: Vec<Text>, word: &str, binds: Binds) -> Text {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let each = parts.into_iter().map(|(text, own)| match own <= binds {
        true => format!("({text})"),
        false => text,
    });
    (each.collect::<Vec<_>>().join(word), binds)
}
