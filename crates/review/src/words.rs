//! Calls and actions in words: syscalls, arguments and errno values by name.

use std::fmt::Write as _;

use callgate_facts::Constants;
use callgate_syscalls::{Action, ActionKind, Arch, Errno, Name, SeccompData};

/// A call as a reader would write it: `socket(40, 0, 0) on x86_64`.
pub fn call(call: &SeccompData) -> String {
    let arch = Arch::of_call(call.arch, call.nr);
    let name = arch.and_then(|arch| Some((arch, arch.syscall_at(call.nr)?.name)));
    let declared = name.and_then(|(arch, name)| Some(arch.signature(name)?.arguments().len()));
    // What the caller would not write is shown where a filter may look at it all the same.
    let used = call.args.iter().rposition(|&arg| arg != 0).map_or(0, |last| last + 1);
    let shown = declared.unwrap_or(0).max(used);
    let args: Vec<String> = (0..shown).map(|index| argument(call, name, index)).collect();
    let mut text = match name {
        Some((_, name)) => name.to_string(),
        None => format!("syscall {}", number(call.nr.raw().into())),
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

/// A value by the constants that the argument takes. Bits that the kernel does not read are shown all
/// the same: a filter may look at them.
fn argument(call: &SeccompData, name: Option<(Arch, Name)>, index: usize) -> String {
    let value = call.args[index];
    let spelled = name.filter(|_| value != 0).and_then(|(arch, name)| {
        let names: Vec<&str> =
            arch.signature(name)?.arguments().map(|argument| argument.name).collect();
        let of = |other: &str| {
            let place = names.iter().position(|name| *name == other)?;
            call.args.get(place).copied()
        };
        let mut usages = Constants::of_register(arch, name, index);
        let usage =
            usages.find(|usage| usage.condition.is_none_or(|other| other.holds(arch, of)))?;
        let spelling = usage.constants.spell(value, arch);
        (!spelling.constants.is_empty()).then(|| spelling.to_string())
    });
    spelled.unwrap_or_else(|| number(value))
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

fn number(value: u64) -> String {
    const DECIMAL_MAX: u64 = 9999;
    if value <= DECIMAL_MAX { value.to_string() } else { format!("{value:#x}") }
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::SyscallNr;

    use super::*;

    #[test]
    fn calls_read_like_source() {
        let socket = SeccompData::new(Arch::X86_64, SyscallNr::new(41));
        let text = call(&socket.with_args([40, 0x1_0000, 0, 0, 0, 0]));
        assert!(text.starts_with("socket(AF_VSOCK, 0x10000"), "{text}");
        assert!(text.ends_with(") on x86_64"), "{text}");
        let unknown = SeccompData::new(Arch::X86_64, SyscallNr::new(0x3fff_ffff));
        assert_eq!(call(&unknown), "syscall 0x3fffffff() on x86_64");
    }
}
