//! What is known of arguments beside their types: how the kernel reads them, what stands behind
//! pointers, and what manual pages call them.

use callgate_syscalls::{Arch, Argument, Name};

use crate::Constant;
use crate::constant::arch_bit;
use crate::generated::arguments as tables;

/// How the kernel reads the register of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// An address: a filter sees where, not what.
    Address,
    /// A signed number, such as a descriptor.
    Signed,
    /// An unsigned number, or bits.
    Unsigned,
}

impl Form {
    /// How an argument is read; none for a type that no entry point here takes.
    ///
    /// # Examples
    /// ```
    /// use callgate_facts::Form;
    /// use callgate_syscalls::{Arch, names};
    ///
    /// let read = Arch::X86_64.signature(names::READ).expect("read is known");
    /// let forms: Vec<_> = read.arguments().filter_map(Form::of).collect();
    /// assert_eq!(forms, [Form::Unsigned, Form::Address, Form::Unsigned]);
    /// ```
    #[must_use]
    pub fn of(argument: Argument) -> Option<Self> {
        if argument.c_type.contains('*') {
            return Some(Self::Address);
        }
        // Half of a number in two registers is compared for what it is, bits.
        if argument.name.ends_with("_word0") || argument.name.ends_with("_word1") {
            return Some(Self::Unsigned);
        }
        match argument.c_type.strip_prefix("const ").unwrap_or(argument.c_type) {
            "__sighandler_t" | "cap_user_data_t" | "cap_user_header_t" | "compat_uptr_t"
            | "uintptr_t" => Some(Self::Address),
            "__s32" | "clockid_t" | "compat_long_t" | "compat_off_t" | "compat_pid_t"
            | "compat_ssize_t" | "int" | "key_serial_t" | "key_t" | "loff_t" | "long" | "mqd_t"
            | "off_t" | "pid_t" | "rwf_t" | "s32" | "timer_t" => Some(Self::Signed),
            "__u32"
            | "__u64"
            | "aio_context_t"
            | "compat_aio_context_t"
            | "compat_mode_t"
            | "compat_size_t"
            | "compat_ulong_t"
            | "enum landlock_rule_type"
            | "gid_t"
            | "old_gid_t"
            | "old_sigset_t"
            | "old_uid_t"
            | "qid_t"
            | "size_t"
            | "u32"
            | "u64"
            | "uid_t"
            | "uint"
            | "umode_t"
            | "unsigned"
            | "unsigned int"
            | "unsigned long" => Some(Self::Unsigned),
            _ => None,
        }
    }
}

/// What a call takes from memory, where no filter sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The argument that points to it, by its name in the kernel's definition.
    pub pointer: &'static str,
    fields: &'static str,
    /// Where it can be tested, if another call has it as an argument.
    pub instead: Option<&'static str>,
}

impl Hidden {
    /// What is known to be behind the pointers of a syscall on an architecture. Paths and data are
    /// not listed.
    pub fn of(syscall: Name, arch: Arch) -> impl Iterator<Item = Self> {
        let rows = tables::HIDDEN
            .iter()
            .filter(move |row| row.0 == syscall && row.1 & arch_bit(arch) != 0);
        rows.map(|&(_, _, pointer, fields, instead)| Self {
            pointer,
            fields,
            instead: Some(instead).filter(|instead| !instead.is_empty()),
        })
    }

    /// What is behind the pointer, by the names in the kernel's structures.
    pub fn fields(self) -> impl Iterator<Item = &'static str> {
        self.fields.split(' ')
    }
}

/// An argument of which the kernel reads the low 32 bits where another has one of some values, and more where not:
/// `arg` of fcntl where `cmd` is `F_SETFL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowHalf {
    /// The argument, by its name in the kernel's definition.
    pub argument: &'static str,
    /// The other argument, which has 32 bits.
    pub command: &'static str,
    values: &'static str,
}

impl LowHalf {
    /// What is known of a syscall on an architecture.
    pub fn of(syscall: Name, arch: Arch) -> impl Iterator<Item = Self> {
        let rows = tables::COMMANDS
            .iter()
            .filter(move |row| row.0 == syscall && row.1 & arch_bit(arch) != 0);
        rows.map(|&(_, _, command, values, argument)| Self { argument, command, values })
    }

    /// The values of the other argument.
    pub fn values(self) -> impl Iterator<Item = Constant> {
        self.values.split(' ').filter_map(Constant::parse)
    }
}

/// The kernel's name of an argument that a manual page calls otherwise: `clone_flags` for the
/// `flags` of `clone`.
#[must_use]
pub fn kernel_name(syscall: Name, other: &str) -> Option<&'static str> {
    let row = tables::NAMES.iter().find(|row| row.0 == syscall && row.1 == other)?;
    Some(row.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_commands_are_known() {
        for (name, _, _, values, _) in tables::COMMANDS {
            for value in values.split(' ') {
                assert!(Constant::parse(value).is_some(), "{name}: {value}");
            }
        }
    }
}
