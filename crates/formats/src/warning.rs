//! What is legal in a profile but hardly meant.

use std::fmt;

use callgate_syscalls::{Arch, KernelVersion, Name, SeccompData};

use crate::{Action, ArchName, Place, Reading};

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
    /// The key is in another case, which readers in Go take, and others not.
    KeyCase,
    /// The key has its words apart, or joined in another way, which no runtime reads.
    KeySpelling {
        /// The key as the format has it.
        known: &'static str,
    },
    /// A number stands in quotes.
    NumberAsText {
        /// The number.
        value: u64,
    },
    /// An architecture is named in a way that is not the format's.
    ArchSpelling {
        /// The architecture.
        arch: Arch,
    },
    /// `SCMP_CMP_MASKED_EQ` has no `valueTwo`.
    ValueTwoMissing,
    /// A condition says how many bits it compares, and the reading skips that.
    WidthSkipped {
        /// The reading.
        reading: Reading,
    },
    /// A condition is about an argument that the syscall does not have.
    ArgumentUnused {
        /// The syscall.
        name: Name,
        /// The index of the argument.
        argument: u8,
        /// How many arguments the syscall has.
        count: usize,
    },
    /// The list of names is empty.
    NamesNothing,
    /// `errnoRet` or `errno` stands beside an action that has no use for it.
    ErrnoUnused,
    /// `valueTwo` stands beside an operator that has no use for it.
    ValueTwoUnused,
    /// `valueTwo` has bits outside the mask. Runtimes drop them, so that the rule holds for more
    /// calls than written.
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
    /// Another reading permits a call that this one refuses, or the other way round: the chosen one
    /// and [`Reading::Kernel`], or that and the one that the form is written for.
    Readings {
        /// The syscall.
        name: Name,
        /// Where the readings part.
        cause: Cause,
        /// A call on which they differ.
        call: SeccompData,
        /// The reading that was chosen, and its action.
        chosen: (Reading, Action),
        /// The other, and its action.
        other: (Reading, Action),
    },
    /// The rule refuses calls, but another one without conditions lets every call of the syscall
    /// through, and wins.
    Overruled {
        /// The syscall.
        name: Name,
        /// The path of the rule without conditions.
        by: String,
    },
    /// The rule's action is the default, and the reading skips such rules.
    EqualsDefault,
    /// The kernel reads fewer bits of an argument than the rules compare, so that a call gets
    /// around them.
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
    /// On this architecture the syscall can also be made through `socketcall` or `ipc`, where
    /// filters cannot see its arguments, so that the rule does not say what happens there.
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

/// Why two readings of a rule differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// The rule has several conditions on one argument.
    Conditions,
    /// The action of the rule is the default.
    DefaultAction,
    /// Programs of that architecture may also make the call through `socketcall` or `ipc`.
    Multiplexer(Arch),
    /// The rule depends on capabilities or architectures.
    Circumstances,
    /// A condition says how many bits it compares, which runtimes skip.
    Width,
    /// The call is newer, or has a larger number, than what the profile names.
    Unknown,
    /// None of these alone.
    Other,
}

/// Something that was decided for the profile because it does not say it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The profile's author knew syscalls up to this kernel; newer ones get `action`, as if the
    /// kernel lacked them.
    BaselineInferred {
        /// The kernel.
        baseline: KernelVersion,
        /// The newest syscall in the profile.
        newest: Name,
    },
    /// Numbers above that of this syscall, the largest that the profile names for the architecture,
    /// get `ENOSYS`, as runc has it.
    NumbersInferred {
        /// The architecture.
        arch: Arch,
        /// The syscall with the largest number.
        largest: Name,
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
            Self::KeyCase => f.write_str(
                "read though its key is in another case: runc and Docker do so too, crun does not",
            ),
            Self::KeySpelling { known } => write!(
                f,
                "read as `{known}`, but no runtime reads this spelling: they skip the field"
            ),
            Self::NumberAsText { value } => write!(
                f,
                "read as {value}, but runtimes take no numbers in quotes: write {value}"
            ),
            Self::ArchSpelling { arch } => {
                let word = ArchName(*arch);
                write!(f, "read as {word}, but runtimes know that spelling alone: write {word}")
            }
            Self::ValueTwoMissing => f.write_str(
                "no `valueTwo`: runtimes compare with 0, and so do we, so that the rule holds where all bits of the \
                 mask are clear",
            ),
            Self::ArgumentUnused { name, argument, count } => write!(
                f,
                "{name} has {count} argument{}: what stands in argument {argument} (counted from 0) means nothing, and \
                 the caller chooses it",
                if *count == 1 { "" } else { "s" }
            ),
            Self::WidthSkipped { reading } => write!(
                f,
                "no effect: `width` is an addition of callgate's, which runtimes skip; read as `{reading}`, all bits are \
                 compared. A mask of 0xffffffff with SCMP_CMP_MASKED_EQ says the same to every reader"
            ),
            Self::NamesNothing => f.write_str("no effect: the rule names no syscall"),
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
            Self::EqualsDefault => {
                f.write_str("no effect: the action is what calls get that no rule is about")
            }
            Self::Omitted { count } => write!(f, "{count} more warnings are left out"),
            _ => self.fmt_meaning(f),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conditions => f.write_str("several conditions on one argument"),
            Self::DefaultAction => {
                f.write_str("the action is the default, and runtimes skip such rules")
            }
            Self::Multiplexer(arch) => write!(
                f,
                "{arch} programs may also make this call through a multiplexer (socketcall, ipc), which hides the \
                 arguments that this rule is about"
            ),
            Self::Circumstances => f.write_str(
                "engines compare capabilities and architectures as text (CAP_BPF, amd64), and runtimes do not know them",
            ),
            Self::Width => f.write_str("runtimes skip `width` and compare all bits"),
            Self::Unknown => f.write_str("the number is above the largest that runc knows"),
            Self::Other => f.write_str("its rules are read in two ways"),
        }
    }
}

impl WarningKind {
    /// The warnings that are about what rules mean together.
    fn fmt_meaning(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readings { name, cause, call, chosen, other } => write!(
                f,
                "{cause}: read as `{}`, {} is {}; read as `{}`, {}",
                chosen.0,
                Shown(*name, call),
                chosen.1,
                other.0,
                other.1
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
            Self::NumbersInferred { arch, largest } => write!(
                f,
                "the largest syscall number in the profile is that of {largest} on {arch}: larger ones fail with \
                 ENOSYS, as runc has it"
            ),
        }
    }
}
