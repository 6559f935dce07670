//! What a program that may do something can do to others with it.

use std::fmt;

use callgate_syscalls::{Arch, Name, names};

use crate::Constant;

/// A risk of a block: what goes beyond the program's own files and process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Risk {
    /// Much kernel code that programs rarely reach, with a history of holes.
    AttackSurface,
    /// Acts past what a filter sees.
    Bypass,
    /// Code that was data runs.
    CodeInjection,
    /// A way out of what a sandbox shows.
    Escape,
    /// Sees what belongs to others.
    Information,
    /// Changes the running kernel or drives the machine past it.
    Kernel,
    /// Talks to other machines.
    Network,
    /// Runs other programs.
    NewProgram,
    /// Reads, changes or ends other processes.
    OtherProcesses,
    /// Gains or gives privileges.
    Privilege,
    /// Takes processor or memory from others.
    Starvation,
    /// Changes the state of the whole system.
    SystemState,
}

impl Risk {
    /// The word for it, such as `attack-surface`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AttackSurface => "attack-surface",
            Self::Bypass => "bypass",
            Self::CodeInjection => "code-injection",
            Self::Escape => "escape",
            Self::Information => "information",
            Self::Kernel => "kernel",
            Self::Network => "network",
            Self::NewProgram => "new-program",
            Self::OtherProcesses => "other-processes",
            Self::Privilege => "privilege",
            Self::Starvation => "starvation",
            Self::SystemState => "system-state",
        }
    }
}

/// Values of arguments that no block permits, because of what a program can do to others by them:
/// syscall, argument, constant.
const APART: [(Name, &str, &str, &[Risk]); 6] = [
    // Types commands into the shell that shares the terminal.
    (names::IOCTL, "cmd", "TIOCSTI", &[Risk::Escape]),
    (names::IOCTL, "cmd", "TIOCLINUX", &[Risk::Escape]),
    // Takes what the console of the machine prints.
    (names::IOCTL, "cmd", "TIOCCONS", &[Risk::Information, Risk::SystemState]),
    // Loads the module of a line discipline.
    (names::IOCTL, "cmd", "TIOCSETD", &[Risk::AttackSurface]),
    // Signals go to whomever it names.
    (names::FCNTL, "cmd", "F_SETOWN", &[Risk::OtherProcesses]),
    (names::PERSONALITY, "personality", "READ_IMPLIES_EXEC", &[Risk::CodeInjection]),
];

impl Risk {
    /// What is risky about a value of an argument by itself, beside what a block says of the syscall.
    ///
    /// ```
    /// use callgate_facts::Risk;
    /// use callgate_syscalls::{Arch, names};
    ///
    /// let typed = Risk::of_argument(Arch::X86_64, names::IOCTL, "cmd", 0x5412);
    /// assert_eq!(typed, [Risk::Escape]);
    /// assert!(Risk::of_argument(Arch::X86_64, names::IOCTL, "cmd", 0x5401).is_empty());
    /// ```
    #[must_use]
    pub fn of_argument(arch: Arch, syscall: Name, argument: &str, value: u64) -> &'static [Self] {
        let is_value = |constant: &str| {
            let known = Constant::parse(constant).and_then(|constant| constant.on(arch));
            known.is_some_and(|known| known == 0_i64.wrapping_add_unsigned(value))
        };
        let row = APART.iter().find(|(of, its, constant, _)| {
            (*of, *its) == (syscall, argument) && is_value(constant)
        });
        row.map_or(&[], |(.., risks)| risks)
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Constants;

    #[test]
    fn each_value_is_one_that_the_argument_takes() {
        for (syscall, argument, constant, risks) in APART {
            let known = Constant::parse(constant).unwrap();
            let value = 0_u64.wrapping_add_signed(known.on(Arch::X86_64).unwrap());
            assert_eq!(Risk::of_argument(Arch::X86_64, syscall, argument, value), risks);
            let mut usages = Constants::of(syscall, argument);
            assert!(usages.any(|usage| usage.constants.members().any(|one| one == known)));
        }
    }
}
