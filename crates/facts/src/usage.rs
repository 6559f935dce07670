//! Which argument takes its values from which set.

use callgate_syscalls::{Arch, Name};

use crate::constant::{unsigned, word};
use crate::generated::constants as tables;
use crate::{Constant, Constants};

/// An argument that takes its values from a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The syscall.
    pub syscall: Name,
    /// The argument, by its name in the kernel's definition.
    pub argument: &'static str,
    /// The set.
    pub constants: Constants,
    /// When: always, or only for some values of another argument.
    pub condition: Option<Dependence>,
}

/// Another argument that decides what an argument means: `optname` is a TCP option where `level` is
/// `IPPROTO_TCP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependence {
    /// The other argument, by its name in the kernel's definition.
    pub argument: &'static str,
    start: u16,
    end: u16,
}

impl Dependence {
    /// What the other argument must be: one of these.
    pub fn constants(self) -> impl Iterator<Item = Constant> + Clone {
        let constants = &tables::CONDITIONS[usize::from(self.start)..usize::from(self.end)];
        constants.iter().copied().map(Constant)
    }

    /// Whether a call with these arguments meets it; `value` gives an argument by its name.
    pub fn holds(self, arch: Arch, value: impl FnOnce(&str) -> Option<u64>) -> bool {
        let low = |value: u64| value & u64::from(u32::MAX);
        value(self.argument).is_some_and(|value| {
            let mut values = self.constants().filter_map(|constant| constant.on(arch));
            values.any(|constant| low(unsigned(constant)) == low(value))
        })
    }
}

impl Constants {
    /// The sets that a syscall's argument takes its values from, by the argument's name in the
    /// kernel's definition: more than one only where another argument decides.
    pub fn of(syscall: Name, argument: &str) -> impl Iterator<Item = Usage> {
        of_syscall(syscall).filter(move |usage| usage.argument == argument)
    }

    /// The same by the argument's place among the registers of an architecture.
    pub fn of_register(arch: Arch, syscall: Name, index: usize) -> impl Iterator<Item = Usage> {
        let signature = arch.signature(syscall);
        let argument = signature.and_then(|signature| signature.arguments().nth(index));
        argument.into_iter().flat_map(move |argument| Self::of(syscall, argument.name))
    }

    /// The arguments that take their values from the set, sorted by syscall.
    pub fn usages(self) -> impl Iterator<Item = Usage> {
        usages(&tables::ARGUMENTS).filter(move |usage| usage.constants == self)
    }
}

fn of_syscall(syscall: Name) -> impl Iterator<Item = Usage> {
    let start = tables::ARGUMENTS.partition_point(|row| row.0 < syscall);
    let length = tables::ARGUMENTS[start..].partition_point(|row| row.0 == syscall);
    usages(&tables::ARGUMENTS[start..start + length])
}

fn usages(rows: &'static [(Name, u16, u16, u16, u16, u16)]) -> impl Iterator<Item = Usage> {
    let argument = |index| word(tables::WORD_TEXT, &tables::WORD_STARTS, index);
    rows.iter().map(move |&(syscall, name, set, other, start, end)| Usage {
        syscall,
        argument: argument(name),
        constants: Constants(set),
        condition: (start < end).then(|| Dependence { argument: argument(other), start, end }),
    })
}
