//! Calls and lists in words.

use callgate_facts::{Constants, Form};
use callgate_syscalls::{Arch, Name, SeccompData};

/// The most that is listed of anything.
pub(crate) const LISTED_MAX: usize = 8;

/// A call as a reader would write it, with constants by name: `socket(AF_ALG, 0x5) on x86_64`.
pub(crate) fn call(call: &SeccompData) -> String {
    let arch = Arch::of_call(call.arch, call.nr);
    let syscall = arch.and_then(|arch| Some((arch, arch.syscall_at(call.nr)?.name)));
    let Some((arch, name)) = syscall else {
        return match arch {
            Some(arch) => format!("number {} on {arch}", call.nr),
            None => format!("number {} of architecture {}", call.nr, call.arch),
        };
    };
    let used = call.args.iter().rposition(|&arg| arg != 0).map_or(0, |last| last + 1);
    let args: Vec<String> =
        (0..used).map(|index| argument(arch, name, index, call.args[index])).collect();
    let at = match call.instruction_pointer {
        0 => String::new(),
        pointer => format!(" from {pointer:#x}"),
    };
    format!("{name}({}){at} on {arch}", args.join(", "))
}

/// The value of an argument, by the names of its constants where it has any.
fn argument(arch: Arch, name: Name, index: usize, value: u64) -> String {
    if value == 0 {
        return "0".to_owned();
    }
    let constants = Constants::of_register(arch, name, index).next().map(|usage| usage.constants);
    let spelled = constants.map(|constants| constants.spell(value, arch));
    match spelled.filter(|spelling| !spelling.constants.is_empty() && spelling.rest == 0) {
        Some(spelling) => spelling.to_string(),
        None => number(arch, name, index, value),
    }
}

fn number(arch: Arch, name: Name, index: usize, value: u64) -> String {
    let argument = arch.signature(name).and_then(|signature| signature.arguments().nth(index));
    let is_signed = argument.and_then(Form::of) == Some(Form::Signed);
    let signed = 0_i64.wrapping_add_unsigned(value);
    if is_signed && (-4096..0).contains(&signed) {
        signed.to_string()
    } else {
        format!("{value:#x}")
    }
}

pub(crate) fn arches(arches: &[Arch]) -> String {
    list(arches.iter().map(|arch| arch.name()))
}

/// A list of names, the first few of it.
pub(crate) fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<T> = items.into_iter().collect();
    let shown: Vec<&str> = items.iter().take(LISTED_MAX).map(AsRef::as_ref).collect();
    match items.len().saturating_sub(LISTED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

pub(crate) fn names(names: &[Name]) -> String {
    list(names.iter().map(|name| name.as_str()))
}
