//! Why a call on a context failed, and the number that C callers get for it.

use std::fmt;

use callgate_memory::OutOfMemory;
use callgate_order::{Error as OrderError, Number};
use callgate_syscalls::{Action, Arch, Errno};

use crate::{Attribute, Token};

/// Why a call on a context failed. [`Error::errno`] is the value libseccomp documents for it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The context has no architecture left.
    NoArchitecture,
    /// The number is reserved: -1 without `API_TSKIP`, or -2 to -99.
    Syscall {
        /// The number.
        number: Number,
    },
    /// The action word is not one that this context and kernel accept.
    Action {
        /// The word.
        action: Action,
    },
    /// More comparisons than a syscall has arguments.
    ArgumentCount {
        /// How many.
        count: usize,
    },
    /// Syscalls have arguments 0 to 5.
    ArgumentIndex {
        /// The index.
        index: u32,
    },
    /// Two comparisons of one rule are about the same argument.
    ArgumentRepeated {
        /// The index.
        index: u32,
    },
    /// Not a comparison operator.
    Operator {
        /// The value.
        operator: u32,
    },
    /// Not the token of an architecture.
    UnknownToken {
        /// The token.
        token: Token,
    },
    /// Not an attribute.
    UnknownAttribute {
        /// The value.
        attribute: u32,
    },
    /// API levels are 1 to 7.
    ApiLevel {
        /// The value.
        level: u32,
    },
    /// Contexts merge only with equal default action, `CTL_NNP` and `CTL_TSYNC`.
    MergeAttributes,
    /// `CTL_TSYNC` with notifications needs `SECCOMP_FILTER_FLAG_TSYNC_ESRCH`, which the kernel
    /// lacks.
    TsyncWithNotify,
    /// An exact rule with comparisons, for a call that the architecture also makes through
    /// `socketcall` or `ipc`.
    Multiplexed {
        /// The architecture.
        arch: Arch,
    },
    /// The attribute can't be changed.
    ReadOnly {
        /// The attribute.
        attribute: Attribute,
    },
    /// The rule's action is the default action.
    ActionIsDefault {
        /// The action.
        action: Action,
    },
    /// The kernel does not support what the attribute asks for.
    Unsupported {
        /// The attribute.
        attribute: Attribute,
    },
    /// `CTL_OPTIMIZE` is 1 or 2.
    OptimizeLevel {
        /// The value.
        level: u32,
    },
    /// An exact rule on a context with several architectures.
    ExactOnSeveral,
    /// The byte orders differ.
    ByteOrder {
        /// An architecture of the wrong order.
        arch: Arch,
    },
    /// An exact rule for a syscall that the architecture does not have.
    NotOnArch {
        /// The number.
        number: Number,
        /// The architecture.
        arch: Arch,
    },
    /// The context has the architecture already.
    ArchPresent {
        /// The architecture.
        arch: Arch,
    },
    /// The context does not have the architecture.
    ArchAbsent {
        /// The architecture.
        arch: Arch,
    },
    /// An accepted rule has the same comparisons, or begins with them, and another action.
    Conflict {
        /// The architecture.
        arch: Arch,
        /// The number on it.
        number: Number,
    },
    /// The number means nothing on an architecture of the context.
    Untranslatable {
        /// The number.
        number: Number,
        /// The architecture.
        arch: Arch,
    },
    /// No program of a length that a kernel accepts does what the rules say.
    TooLong {
        /// The compiler's reason.
        reason: callgate_compiler::Error,
    },
    /// The compiled program could not be proved to do what the rules say.
    NotProved {
        /// The prover's reason.
        reason: callgate_prover::Error,
    },
    /// The rules can't be written as a policy: a defect of this crate.
    Lowering {
        /// The reason.
        reason: callgate_policy::Error,
    },
    /// The compiled program has not the shape that its proof relies on: a defect of this crate.
    Shape,
    /// There is no memory for what the call needs. The context is as it was.
    OutOfMemory,
    /// The buffer is too small for the program.
    BufferTooSmall {
        /// The size of the program in bytes.
        len: usize,
    },
}

impl Error {
    /// The errno value that libseccomp documents for this failure, as this machine numbers it.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            Self::NoArchitecture
            | Self::Syscall { .. }
            | Self::Action { .. }
            | Self::ArgumentCount { .. }
            | Self::ArgumentIndex { .. }
            | Self::ArgumentRepeated { .. }
            | Self::Operator { .. }
            | Self::UnknownToken { .. }
            | Self::UnknownAttribute { .. }
            | Self::ApiLevel { .. }
            | Self::MergeAttributes
            | Self::TsyncWithNotify
            | Self::Multiplexed { .. } => code::EINVAL,
            Self::ReadOnly { .. } | Self::ActionIsDefault { .. } => code::EACCES,
            Self::Unsupported { .. } | Self::OptimizeLevel { .. } | Self::ExactOnSeveral => {
                code::EOPNOTSUPP
            }
            Self::ByteOrder { .. } | Self::NotOnArch { .. } => code::EDOM,
            Self::ArchPresent { .. } | Self::ArchAbsent { .. } | Self::Conflict { .. } => {
                code::EEXIST
            }
            Self::Untranslatable { .. }
            | Self::TooLong { .. }
            | Self::NotProved { .. }
            | Self::Lowering { .. }
            | Self::Shape => code::EFAULT,
            Self::OutOfMemory => code::ENOMEM,
            Self::BufferTooSmall { .. } => code::ERANGE,
        }
    }

    /// What a C function returns for this failure: the negative of [`Error::errno`].
    #[must_use]
    pub fn code(&self) -> i32 {
        -i32::from(self.errno().raw())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoArchitecture => f.write_str("the context has no architecture; add one"),
            Self::Syscall { number } => write!(f, "syscall number {number} is reserved"),
            Self::Action { action } => write!(f, "action {:#010x} is not available", action.raw()),
            Self::ArgumentCount { count } => {
                write!(f, "{count} comparisons in a rule; syscalls have 6 arguments")
            }
            Self::ArgumentIndex { index } => {
                write!(f, "no argument {index}: syscalls have arguments 0 to 5")
            }
            Self::ArgumentRepeated { index } => {
                write!(f, "argument {index} is compared twice; add two rules or one mask")
            }
            Self::Operator { operator } => write!(f, "no operator {operator}; known are 1 to 7"),
            Self::UnknownToken { token } => write!(f, "no architecture has the token {token}"),
            Self::UnknownAttribute { attribute } => {
                write!(f, "no attribute {attribute}; known are 1 to 10")
            }
            Self::ApiLevel { level } => write!(f, "no API level {level}; known are 1 to 7"),
            Self::MergeAttributes => {
                f.write_str("contexts merge only with equal default action, CTL_NNP and CTL_TSYNC")
            }
            Self::TsyncWithNotify => f.write_str(
                "this kernel can't synchronise threads and notify; drop CTL_TSYNC or NOTIFY",
            ),
            Self::Multiplexed { arch } => write!(
                f,
                "{arch} also makes this call through another one, whose arguments can't be compared exactly"
            ),
            Self::ReadOnly { attribute } => {
                write!(f, "{attribute} can't be changed; reset the context")
            }
            Self::ActionIsDefault { action } => {
                write!(f, "{action} is the default action already; drop the rule")
            }
            Self::Unsupported { attribute } => write!(f, "this kernel does not know {attribute}"),
            Self::OptimizeLevel { level } => write!(f, "no optimisation level {level}; use 1 or 2"),
            Self::ExactOnSeveral => f.write_str(
                "exact rules need a context with one architecture; use one context for each",
            ),
            Self::ByteOrder { arch } => {
                write!(f, "{arch} has another byte order than the context; use a second context")
            }
            Self::NotOnArch { number, arch } => write!(f, "{arch} has no syscall for {number}"),
            Self::ArchPresent { arch } => write!(f, "the context has {arch} already"),
            Self::ArchAbsent { arch } => write!(f, "the context does not have {arch}"),
            Self::Conflict { arch, number } => write!(
                f,
                "syscall {number} on {arch} has a rule with these comparisons and another action"
            ),
            Self::Untranslatable { number, arch } => {
                write!(f, "syscall number {number} means nothing on {arch}")
            }
            Self::TooLong { reason } => reason.fmt(f),
            Self::NotProved { reason } => reason.fmt(f),
            Self::Lowering { reason } => write!(f, "internal error: {reason}"),
            Self::Shape => f.write_str("internal error: the program has an unexpected shape"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::BufferTooSmall { len } => write!(f, "the program needs {len} bytes"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooLong { reason } => Some(reason),
            Self::NotProved { reason } => Some(reason),
            Self::Lowering { reason } => Some(reason),
            _ => None,
        }
    }
}

impl From<OutOfMemory> for Error {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<OrderError> for Error {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::ArgumentIndex { index } => Self::ArgumentIndex { index },
            OrderError::ArgumentRepeated { index } => Self::ArgumentRepeated { index },
            OrderError::Operator { operator } => Self::Operator { operator },
            OrderError::Untranslatable { number, arch } => Self::Untranslatable { number, arch },
            OrderError::NotOnArch { number, arch } => Self::NotOnArch { number, arch },
            OrderError::Multiplexed { arch } => Self::Multiplexed { arch },
        }
    }
}

/// The errno values that libseccomp's functions return.
pub mod code {
    use callgate_syscalls::Errno;

    const MIPS: bool = cfg!(any(target_arch = "mips", target_arch = "mips64"));

    /// No such file or directory: the notification is no longer valid.
    pub const ENOENT: Errno = Errno::new(2);
    /// No such process: a thread could not be synchronised.
    pub const ESRCH: Errno = Errno::new(3);
    /// Out of memory.
    pub const ENOMEM: Errno = Errno::new(12);
    /// Permission denied: the value can't be changed.
    pub const EACCES: Errno = Errno::new(13);
    /// Bad address: libseccomp's word for an internal error.
    pub const EFAULT: Errno = Errno::new(14);
    /// Exists already, or conflicts with what exists.
    pub const EEXIST: Errno = Errno::new(17);
    /// Invalid argument.
    pub const EINVAL: Errno = Errno::new(22);
    /// Outside what the architecture can do.
    pub const EDOM: Errno = Errno::new(33);
    /// The buffer is too small.
    pub const ERANGE: Errno = Errno::new(34);
    /// Not supported.
    pub const EOPNOTSUPP: Errno = Errno::new(if MIPS { 122 } else { 95 });
    /// The kernel refused; `API_SYSRAWRC` asks for its own value instead.
    pub const ECANCELED: Errno = Errno::new(if MIPS { 158 } else { 125 });

    /// The values that leave libseccomp as they are; every other one becomes [`EFAULT`].
    pub const PASSED: [Errno; 10] =
        [EACCES, ECANCELED, EDOM, EEXIST, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP, ERANGE, ESRCH];

    /// What libseccomp returns for a kernel's errno that is to be passed on raw.
    #[must_use]
    pub fn filtered(errno: Errno) -> Errno {
        if PASSED.contains(&errno) { errno } else { EFAULT }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documented_values_leave_the_library() {
        assert_eq!(code::filtered(code::ESRCH), code::ESRCH);
        assert_eq!(code::filtered(Errno::new(1)), code::EFAULT);
        assert_eq!(Error::NoArchitecture.code(), -22);
        assert_eq!(Error::BufferTooSmall { len: 8 }.code(), -34);
        assert_eq!(Error::OutOfMemory.code(), -12);
    }
}
