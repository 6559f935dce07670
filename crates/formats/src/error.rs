//! Why a profile cannot be used.

use std::fmt;

use callgate_rules::{Position, SourceError};
use callgate_syscalls::{Arch, Name, SyscallNr};

use crate::json::PlacedFault;
use crate::{Action, FILE_MAX, Place, RULES_PER_SYSCALL_MAX};

/// Why a profile cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    Unreadable {
        /// The file.
        origin: String,
        /// The system's reason.
        reason: String,
    },
    /// The file is longer than [`FILE_MAX`] bytes.
    TooLong {
        /// The file.
        origin: String,
    },
    /// The file is not UTF-8 text.
    NotUtf8 {
        /// The file.
        origin: String,
        /// The first byte that is wrong; its column counts the characters before it.
        position: Position,
    },
    /// The text is not JSON, or a value is not of the kind the format has there.
    Format(PlacedFault),
    /// The file is an OCI configuration that has no `linux.seccomp`.
    NoSeccomp {
        /// The file.
        origin: String,
    },
    /// Values that are fine alone contradict each other or leave the meaning open.
    Invalid {
        /// Where.
        place: Place,
        /// What is wrong.
        reason: String,
    },
    /// A rule that refuses calls names a syscall that nobody knows; left out, it would let the call
    /// through.
    UnknownSyscall {
        /// Where.
        place: Place,
        /// The name.
        name: String,
        /// A known name that is near.
        near: Option<Name>,
    },
    /// Two rules give different actions to the same calls, and neither is more specific. Runtimes
    /// refuse that too.
    Conflict {
        /// The later rule.
        place: Place,
        /// The path of the earlier rule.
        other: String,
        /// The syscall.
        name: Name,
        /// The architecture.
        arch: Arch,
    },
    /// More than [`RULES_PER_SYSCALL_MAX`] rules are about one syscall.
    TooManyRules {
        /// The rule that is too many.
        place: Place,
        /// The syscall.
        name: Name,
    },
    /// There is no memory to put the rules in order.
    OutOfMemory,
    /// A filter holds architectures of one byte order.
    MixedEndianness {
        /// An architecture.
        first: Arch,
        /// One of the other byte order.
        second: Arch,
    },
    /// The policy has a part that OCI's format has no words for.
    NotExpressible(Inexpressible),
    /// The parts do not make a policy.
    Policy(callgate_policy::Error),
}

/// The part of a policy that OCI's format has no words for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inexpressible {
    /// The architectures have different defaults.
    Defaults,
    /// The action has no name, or carries data that cannot be written.
    Action(Action),
    /// The action for foreign architectures is not the one that runtimes leave in place.
    Foreign(Action),
    /// The number has no name on its architecture.
    Number {
        /// The architecture.
        arch: Arch,
        /// The number.
        nr: SyscallNr,
    },
    /// The rules of a syscall would be read back as something else, or there are no words for
    /// them: they look at the instruction pointer, or differ between architectures.
    Rules {
        /// The architecture.
        arch: Arch,
        /// The syscall.
        name: Name,
        /// What would be lost.
        lost: String,
    },
    /// Whether the text means the policy was not decided.
    Unproved(String),
}

impl Inexpressible {
    /// A number whose conditions take too many alternatives.
    pub(crate) fn of_number(arch: Arch, nr: SyscallNr) -> Self {
        match arch.syscall_at(nr) {
            None => Self::Number { arch, nr },
            Some(syscall) => {
                let lost = "its conditions take too many alternatives".to_owned();
                Self::Rules { arch, name: syscall.name, lost }
            }
        }
    }
}

impl Error {
    /// Where in a file the error is, if it has a place.
    #[must_use]
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Self::Format(PlacedFault { place, .. })
            | Self::Invalid { place, .. }
            | Self::UnknownSyscall { place, .. }
            | Self::Conflict { place, .. }
            | Self::TooManyRules { place, .. } => Some(place),
            Self::Unreadable { .. }
            | Self::TooLong { .. }
            | Self::NotUtf8 { .. }
            | Self::NoSeccomp { .. }
            | Self::OutOfMemory
            | Self::MixedEndianness { .. }
            | Self::NotExpressible(_)
            | Self::Policy(_) => None,
        }
    }
}

/// `FILE:LINE:COLUMN: PATH: MESSAGE`, as far as there is a place.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place() {
            write!(f, "{place}: ")?;
        }
        Message(self).fmt(f)
    }
}

/// An error without its place.
pub(crate) struct Message<'a>(pub(crate) &'a Error);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Unreadable { origin, reason } => write!(f, "{origin}: cannot read: {reason}"),
            Error::TooLong { origin } => {
                write!(f, "{origin}: longer than {FILE_MAX} bytes, which no profile needs")
            }
            Error::NotUtf8 { origin, position } => {
                write!(f, "{origin}:{position}: not UTF-8 text, so not JSON")
            }
            Error::Format(PlacedFault { reason, .. }) | Error::Invalid { reason, .. } => {
                f.write_str(reason)
            }
            Error::NoSeccomp { origin } => {
                write!(f, "{origin}: this OCI configuration has no linux.seccomp")
            }
            Error::UnknownSyscall { name, near, .. } => {
                write!(f, "unknown syscall {name:?} in a rule that refuses calls: ")?;
                match near {
                    Some(near) => write!(f, "did you mean {near}?"),
                    None => f.write_str("no architecture has it up to Linux 7.1; remove the name"),
                }
            }
            Error::Conflict { other, name, arch, .. } => write!(
                f,
                "contradicts {other} for {name} on {arch}: both hold for the same calls, with different actions; remove \
                 one"
            ),
            Error::TooManyRules { name, .. } => {
                write!(f, "more than {RULES_PER_SYSCALL_MAX} rules for {name}")
            }
            Error::MixedEndianness { first, second } => write!(
                f,
                "{first} and {second} differ in byte order: a filter is for one of them; choose with --arch"
            ),
            Error::OutOfMemory => f.write_str("out of memory"),
            Error::NotExpressible(what) => write!(f, "cannot be written as an OCI profile: {what}"),
            Error::Policy(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("the architectures have different default actions"),
            Self::Action(action) => write!(f, "there is no word for the action {action}"),
            Self::Foreign(action) => write!(
                f,
                "calls of foreign architectures get {action}, but runtimes give them KILL_THREAD"
            ),
            Self::Number { arch, nr } => write!(f, "syscall number {nr} has no name on {arch}"),
            Self::Rules { arch, name, lost } => {
                write!(f, "the rules of {name} on {arch} have no words in the format: {lost}")
            }
            Self::Unproved(reason) => {
                write!(f, "it could not be proved that the text means the filter: {reason}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Policy(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Unreadable { name, reason } => Self::Unreadable { origin: name, reason },
            SourceError::TooLong { name } => Self::TooLong { origin: name },
            SourceError::NotUtf8 { name, position } => Self::NotUtf8 { origin: name, position },
        }
    }
}

impl From<PlacedFault> for Error {
    fn from(fault: PlacedFault) -> Self {
        Self::Format(fault)
    }
}

impl From<callgate_policy::Error> for Error {
    fn from(error: callgate_policy::Error) -> Self {
        Self::Policy(error)
    }
}
