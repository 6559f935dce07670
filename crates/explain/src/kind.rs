//! What makes a call another one: not its pointers, sizes and descriptors, but what has a name.

use callgate_facts::{Constants, Form};
use callgate_syscalls::{Arch, ArchToken, Argument, SyscallNr};

use crate::Denial;
use crate::call::{is_mode, read_part};

/// The arguments of a call by which it is told from others of the same number: those that take
/// constants, but for addresses and descriptors, which have one value that is named and thousands
/// that are not.
#[must_use]
pub fn told_apart(token: ArchToken, nr: SyscallNr) -> [bool; 6] {
    let arguments = arguments(token, nr);
    std::array::from_fn(|index| {
        let Some((arch, name, argument)) = arguments.get(index) else { return false };
        let is_number = Form::of(*argument).is_some_and(|form| form != Form::Address);
        is_number
            && !is_descriptor(argument)
            && !is_mode(argument)
            && Constants::of_register(*arch, *name, index).next().is_some()
    })
}

/// What of the arguments counts where calls are told apart, in the bits that the kernel reads.
pub(crate) fn of(denial: &Denial) -> [Option<u64>; 6] {
    let counts = told_apart(denial.token, denial.nr);
    let arguments = arguments(denial.token, denial.nr);
    std::array::from_fn(|index| {
        let value = denial.args[index].filter(|_| counts[index])?;
        Some(arguments.get(index).map_or(value, |(.., it)| read_part(value, it.width)))
    })
}

fn arguments(token: ArchToken, nr: SyscallNr) -> Vec<(Arch, callgate_syscalls::Name, Argument)> {
    let signature = Arch::of_call(token, nr).and_then(|arch| {
        let name = arch.syscall_at(nr)?.name;
        Some((arch, name, arch.signature(name)?))
    });
    let Some((arch, name, signature)) = signature else { return Vec::new() };
    signature.arguments().map(|argument| (arch, name, argument)).collect()
}

fn is_descriptor(argument: &Argument) -> bool {
    argument.name.ends_with("fd") || argument.name == "fildes"
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::{Name, names};

    use super::*;

    fn of_call(name: Name) -> [bool; 6] {
        told_apart(Arch::X86_64.token(), Arch::X86_64.syscall(name).unwrap().nr)
    }

    #[test]
    fn names_count_and_pointers_sizes_and_descriptors_do_not() {
        assert_eq!(of_call(names::SOCKET)[..3], [true, true, true]);
        assert_eq!(of_call(names::OPENAT), [false, false, true, false, false, false]);
        assert_eq!(of_call(names::READ), [false; 6]);
        assert_eq!(of_call(names::IOCTL)[..2], [false, true]);
    }

    #[test]
    fn numbers_without_a_name_have_no_arguments_that_count() {
        assert_eq!(told_apart(ArchToken::new(1), SyscallNr::new(1)), [false; 6]);
    }
}
