//! What is legal in a profile but hardly meant.

use std::fmt;

use callgate_syscalls::{Arch, KernelVersion, Name, SeccompData};

use crate::{Action, ArgsSemantics, Place};

/// Something in a profile that is legal but hardly meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: WarningKind,
}

/// The kinds of [`Warning`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WarningKind {
    /// The format has no such field; it was skipped.
    UnknownField,
    /// `errnoRet` or `errno` stands beside an action that has no use for it.
    ErrnoUnused,
    /// `valueTwo` stands beside an operator that has no use for it.
    ValueTwoUnused,
    /// `valueTwo` has bits outside the mask. Runtimes drop them, so that the rule holds for more calls than written.
    ValueOutsideMask,
    /// An allowing rule names a syscall that nobody knows; the name was skipped.
    UnknownSyscall {
        /// The name.
        name: String,
        /// A known name that is near.
        near: Option<Name>,
    },
    /// A value has more than 32 bits, of which a 32-bit architecture compares the low 32.
    Truncated {
        /// The architecture.
        arch: Arch,
    },
    /// The rule has several conditions on one argument, and readers disagree on whether one of them or all must hold.
    Ambiguous {
        /// The syscall.
        name: Name,
        /// The reading that was chosen.
        semantics: ArgsSemantics,
        /// A call on which the readings differ.
        call: SeccompData,
        /// Its action under the chosen reading.
        chosen: Action,
        /// Its action under the other.
        other: Action,
    },
    /// Runtimes skip this rule because its action is the default, and so let a call through that it refuses. Here it
    /// counts.
    SkippedByRuntimes {
        /// The syscall.
        name: Name,
        /// A call that the rule refuses.
        call: SeccompData,
        /// What runtimes do with it.
        runtimes: Action,
    },
    /// The rule refuses calls, but another one without conditions lets every call of the syscall through, and wins.
    Overruled {
        /// The syscall.
        name: Name,
        /// The path of the rule without conditions.
        by: String,
    },
    /// The kernel reads fewer bits of an argument than the rules compare, so that a call gets around them.
    HighBits {
        /// The syscall.
        name: Name,
        /// The index of the argument.
        argument: u8,
        /// A call that is let through.
        call: SeccompData,
        /// What happens to the same call without the bits that the kernel ignores.
        refused: Action,
    },
    /// On this architecture the syscall can also be made through `socketcall` or `ipc`, where filters cannot see its
    /// arguments, so that the rule does not say what happens there.
    Multiplexed {
        /// The syscall.
        name: Name,
        /// The architecture.
        arch: Arch,
        /// What happens to such calls, whatever their arguments.
        outcome: Action,
    },
    /// There were more warnings than are worth reading.
    Omitted {
        /// How many are left out.
        count: usize,
    },
}

/// Something that was decided for the profile because it does not say it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The profile's author knew syscalls up to this kernel; newer ones get `action`, as if the kernel lacked them.
    BaselineInferred {
        /// The kernel.
        baseline: KernelVersion,
        /// The newest syscall in the profile.
        newest: Name,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.kind)
    }
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownField => f.write_str("unknown field, skipped"),
            Self::ErrnoUnused => f.write_str("no effect: only ERRNO and TRACE carry a number"),
            Self::ValueTwoUnused => {
                f.write_str("no effect: only SCMP_CMP_MASKED_EQ has a second value")
            }
            Self::ValueOutsideMask => {
                f.write_str("has bits outside the mask in `value`, which runtimes drop; so do we")
            }
            Self::UnknownSyscall { name, near: Some(near) } => {
                write!(f, "unknown syscall {name:?}, skipped: did you mean {near}?")
            }
            Self::UnknownSyscall { name, near: None } => {
                write!(
                    f,
                    "unknown syscall {name:?}, skipped: no architecture has it up to Linux 7.1"
                )
            }
            Self::Truncated { arch } => write!(f, "only the low 32 bits are compared on {arch}"),
            Self::Omitted { count } => write!(f, "{count} more warnings are left out"),
            _ => self.fmt_meaning(f),
        }
    }
}

impl WarningKind {
    /// The warnings that are about what rules mean together.
    fn fmt_meaning(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous { name, semantics, call, chosen, other } => write!(
                f,
                "several conditions on one argument: with `{semantics}` {} is {chosen}, with `{}` {other}",
                Shown(*name, call),
                semantics.other()
            ),
            Self::SkippedByRuntimes { name, call, runtimes } => write!(
                f,
                "the action is the default, so runtimes skip this rule: {} is {runtimes} there; here it is refused",
                Shown(*name, call)
            ),
            Self::Overruled { name, by } => {
                write!(f, "no effect on {name}: {by} has no conditions and wins over it")
            }
            Self::HighBits { name, argument, call, refused } => write!(
                f,
                "{} is let through, but the kernel ignores the high bits of argument {argument}, and without them the \
                 call is {refused}",
                Shown(*name, call)
            ),
            Self::Multiplexed { name, arch, outcome } => write!(
                f,
                "{arch} programs may also call {name} through a multiplexer (socketcall, ipc), which hides the \
                 arguments that this rule is about; called that way, {name} is always {outcome}"
            ),
            _ => Ok(()),
        }
    }
}

/// A call as a reader would write it: `socket(0x28, 0x0) on x86_64`.
struct Shown<'a>(Name, &'a SeccompData);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, call) = self;
        let used = call.args.iter().rposition(|&arg| arg != 0).map_or(1, |last| last + 1);
        write!(f, "{name}(")?;
        for (index, arg) in call.args.iter().take(used).enumerate() {
            write!(f, "{}{arg:#x}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str(")")?;
        match Arch::of_call(call.arch, call.nr) {
            Some(arch) => write!(f, " on {arch}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BaselineInferred { baseline, newest } => write!(
                f,
                "the newest syscall in the profile is {newest} of Linux {baseline}: newer ones fail with ENOSYS, as on \
                 that kernel"
            ),
        }
    }
}
