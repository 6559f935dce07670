//! Why a filter could not be built or loaded.

use std::fmt;

use callgate_policy::Arch;
use callgate_syscalls::Name;

use crate::condition::{Value, Which};

/// Why a filter could not be built or loaded. Whatever the reason, no filter was installed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// This machine's architecture has no seccomp filters that callgate knows; name the architectures to build for.
    NativeUnknown,
    /// A rule names a syscall that none of the filter's architectures has.
    NoSuchSyscall {
        /// The syscall.
        name: Name,
        /// The architectures.
        arches: Vec<Arch>,
    },
    /// A condition names an argument that the syscall does not have.
    UnknownArgument {
        /// The syscall.
        name: Name,
        /// The architecture.
        arch: Arch,
        /// The argument.
        arg: Which,
    },
    /// A value does not fit the bits that are compared.
    ValueTooWide {
        /// The syscall.
        name: Name,
        /// The architecture.
        arch: Arch,
        /// The argument.
        arg: Which,
        /// The value.
        value: Value,
        /// The number of bits.
        bits: u32,
    },
    /// An order comparison with a negative value: the kernel's machine compares unsigned numbers.
    NegativeOrder {
        /// The syscall.
        name: Name,
        /// The argument.
        arg: Which,
        /// The value.
        value: Value,
    },
    /// The parts do not make a policy.
    Policy(callgate_policy::Error),
    /// The policy could not be compiled.
    Compile(callgate_compiler::Error),
    /// The program was not proved equal to the policy.
    Proof(callgate_prover::Error),
    /// The profile could not be read.
    Profile(callgate_formats::Error),
    /// The kernel did not take the filter.
    Kernel(callgate_kernel::Error),
    /// There can be no supervisor.
    Supervise(callgate_supervise::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NativeUnknown => f.write_str(
                "this machine's architecture is unknown; name the filter's architectures with `arches`",
            ),
            Self::NoSuchSyscall { name, arches } => {
                write!(f, "syscall {name} exists on none of the filter's architectures:")?;
                arches.iter().try_for_each(|arch| write!(f, " {arch}"))
            }
            Self::UnknownArgument { name, arch, arg } => {
                write!(f, "{name} has no {arg} on {arch}; ")?;
                match arch.signature(*name) {
                    None => f.write_str("its arguments are not known by name: use positions"),
                    Some(signature) => {
                        f.write_str("it has")?;
                        signature.arguments().try_for_each(|arg| write!(f, " {}", arg.name))
                    }
                }
            }
            Self::ValueTooWide { name, arch, arg, value, bits } => write!(
                f,
                "{value} does not fit {arg} of {name}: the kernel reads {bits} bits of it on {arch} (`all_bits` compares the register)"
            ),
            Self::NegativeOrder { name, arg, value } => write!(
                f,
                "{arg} of {name} is compared in order with {value}, but filters compare unsigned numbers"
            ),
            Self::Policy(error) => write!(f, "{error}"),
            Self::Compile(error) => write!(f, "{error}"),
            Self::Proof(error) => write!(f, "{error}"),
            Self::Profile(error) => write!(f, "{error}"),
            Self::Kernel(error) => write!(f, "{error}"),
            Self::Supervise(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The inner error is this one's text; its own source comes next.
        match self {
            Self::Policy(error) => error.source(),
            Self::Compile(error) => error.source(),
            Self::Proof(error) => error.source(),
            Self::Profile(error) => error.source(),
            Self::Kernel(error) => error.source(),
            Self::Supervise(error) => error.source(),
            _ => None,
        }
    }
}

macro_rules! error_from {
    ($($variant:ident($inner:ty))*) => {$(
        impl From<$inner> for Error {
            fn from(error: $inner) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

error_from! {
    Policy(callgate_policy::Error)
    Compile(callgate_compiler::Error)
    Proof(callgate_prover::Error)
    Profile(callgate_formats::Error)
    Kernel(callgate_kernel::Error)
    Supervise(callgate_supervise::Error)
}
