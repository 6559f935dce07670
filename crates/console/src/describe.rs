//! Calls, actions and conditions in words: syscalls, arguments and errno values by name.

use std::fmt::Write as _;

use callgate_policy::{Comparison, Condition, Field, View, Width};
use callgate_syscalls::{
    Action, ActionKind, Arch, Argument, ArgumentWidth, Errno, SeccompData, SyscallNr,
};

/// A call as a reader would write it: `socket(40, 0, 0) on x86_64`.
pub fn call(call: &SeccompData) -> String {
    let arch = Arch::of_call(call.arch, call.nr);
    let name = arch.and_then(|arch| Some((arch, arch.syscall_at(call.nr)?.name)));
    let declared = name.and_then(|(arch, name)| Some(arch.signature(name)?.arguments().len()));
    // What the caller would not write is shown where a filter may look at it all the same.
    let used = call.args.iter().rposition(|&arg| arg != 0).map_or(0, |last| last + 1);
    let shown = declared.unwrap_or(0).max(used);
    let args: Vec<String> = call.args.iter().take(shown).map(|&arg| number(arg)).collect();
    let mut text = match name {
        Some((_, name)) => name.to_string(),
        None => format!("syscall {}", nr(call.nr)),
    };
    // Writing to a string cannot fail.
    let _ = write!(text, "({}) on ", args.join(", "));
    let _ = match arch {
        Some(arch) => write!(text, "{arch}"),
        None => write!(text, "arch {}", call.arch),
    };
    if call.instruction_pointer != 0 {
        let _ = write!(text, " at {:#x}", call.instruction_pointer);
    }
    text
}

/// An action as the caller sees it: an errno by its name.
pub fn action(action: Action, call: &SeccompData) -> String {
    let errno = Errno::new(action.data());
    let name = Arch::of_call(call.arch, call.nr).and_then(|arch| errno.name(arch));
    match name.filter(|_| action.kind() == ActionKind::Errno) {
        Some(name) => name.to_owned(),
        None => action.to_string(),
    }
}

/// A syscall number: decimal while that is readable.
pub fn nr(nr: SyscallNr) -> String {
    number(nr.raw().into())
}

/// The arguments of a syscall, where they are known.
pub fn arguments(arch: Arch, nr: SyscallNr) -> Vec<Argument> {
    let signature = arch.syscall_at(nr).and_then(|syscall| arch.signature(syscall.name));
    signature.map(|signature| signature.arguments().collect()).unwrap_or_default()
}

/// A condition on a syscall with these arguments, which are called by their names.
pub fn condition(condition: &Condition, arguments: &[Argument]) -> String {
    let (list, joint, empty) = match condition.view() {
        View::Compare(one) => return comparison(one, arguments),
        View::All(list) => (list, " and ", "always"),
        View::Any(list) => (list, " or ", "never"),
    };
    let one = |inner: &Condition| match inner.view() {
        View::All(_) | View::Any(_) if list.len() > 1 => {
            format!("({})", self::condition(inner, arguments))
        }
        _ => self::condition(inner, arguments),
    };
    match list.is_empty() {
        true => empty.to_owned(),
        false => list.iter().map(one).collect::<Vec<_>>().join(joint),
    }
}

fn comparison(comparison: &Comparison, arguments: &[Argument]) -> String {
    const HIGH_HALF: u64 = 0xffff_ffff_0000_0000;
    let index = Field::ARGS.iter().position(|&field| field == comparison.field());
    let argument = index.and_then(|index| arguments.get(index));
    let field = argument.map_or_else(|| comparison.field().to_string(), |a| a.name.to_owned());
    let (mask, value, operator) = (comparison.mask(), comparison.value(), comparison.operator());
    if mask == HIGH_HALF {
        return format!("high half of {field} {operator} {}", number(value >> 32));
    }
    let (full, half) = match comparison.width() {
        // Where the kernel reads no more, that is the argument's value and needs no words.
        Width::Bits32 if argument.is_some_and(|a| a.width <= ArgumentWidth::Bits32) => {
            (u64::from(u32::MAX), "")
        }
        Width::Bits32 => (u64::from(u32::MAX), "low half of "),
        _ => (u64::MAX, ""),
    };
    match mask == full {
        true => format!("{half}{field} {operator} {}", number(value)),
        false => format!("{half}{field} & {mask:#x} {operator} {}", number(value)),
    }
}

fn number(value: u64) -> String {
    const DECIMAL_MAX: u64 = 9999;
    if value <= DECIMAL_MAX { value.to_string() } else { format!("{value:#x}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate_policy::Operator;

    #[test]
    fn calls_read_like_source() {
        let socket = SeccompData::new(Arch::X86_64, SyscallNr::new(41));
        let text = call(&socket.with_args([40, 0x1_0000, 0, 0, 0, 0]));
        assert!(text.starts_with("socket(40, 0x10000"), "{text}");
        assert!(text.ends_with(") on x86_64"), "{text}");
        let unknown = SeccompData::new(Arch::X86_64, SyscallNr::new(0x3fff_ffff));
        assert_eq!(call(&unknown), "syscall 0x3fffffff() on x86_64");
    }

    #[test]
    fn conditions_name_arguments_and_say_what_is_read() {
        let known = arguments(Arch::X86_64, SyscallNr::new(41));
        let family = Comparison::low32(Field::Arg0, u32::MAX, Operator::Eq, 40);
        let flags = Comparison::masked(Field::Arg1, 0x7e02_0000, Operator::Ne, 0);
        let high = Comparison::masked(Field::Arg0, !u64::from(u32::MAX), Operator::Ne, 1 << 32);
        let both = Condition::all([family.into(), flags.into()]).unwrap();
        assert_eq!(condition(&both, &known), "family == 40 and type & 0x7e020000 != 0");
        assert_eq!(
            condition(&both, &[]),
            "low half of args[0] == 40 and args[1] & 0x7e020000 != 0"
        );
        assert_eq!(condition(&high.into(), &known), "high half of family != 1");
        let nested = Condition::any([both, family.into()]).unwrap();
        assert!(condition(&nested, &known).starts_with("(family == 40 and "));
        assert_eq!(condition(&Condition::always(), &[]), "always");
    }
}
