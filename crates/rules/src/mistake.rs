//! Why rules have no policy on some architecture.

use std::fmt;

use callgate_syscalls::{Arch, Name, Signature, SyscallNr};

use crate::{Code, Cond, Diagnostic, Origin, Span, Which, nearest};

/// Why rules have no policy on some architecture, and which rule is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The position of the rule in its list; none where the header is to blame.
    pub rule: Option<usize>,
    /// Where it stands in a text.
    pub span: Option<Span>,
    /// What is wrong.
    pub kind: MistakeKind,
}

/// The syscall that a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Callee {
    /// By name.
    Call(Name),
    /// By number, whose arguments have no names.
    Number(SyscallNr),
}

/// What is wrong with rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MistakeKind {
    /// A rule names a syscall that none of the architectures has.
    NoSuchSyscall {
        /// The syscall.
        name: Name,
        /// The architectures.
        arches: Vec<Arch>,
    },
    /// A condition names an argument that the syscall does not have.
    UnknownArgument {
        /// The syscall.
        callee: Callee,
        /// The architecture.
        arch: Arch,
        /// The argument.
        arg: Which,
    },
    /// The architecture does not have a constant.
    UnknownConstant {
        /// The constant.
        constant: String,
        /// The architecture.
        arch: Arch,
    },
    /// A value does not fit the bits that are compared.
    ValueTooWide {
        /// The syscall.
        callee: Callee,
        /// The architecture.
        arch: Arch,
        /// The argument.
        arg: Which,
        /// The value as written.
        value: String,
        /// The number of bits.
        bits: u32,
    },
    /// A value is above the largest signed number of the bits that are compared in the order of
    /// signed numbers.
    ValueAboveSigned {
        /// The syscall.
        callee: Callee,
        /// The architecture.
        arch: Arch,
        /// The argument.
        arg: Which,
        /// The value as written.
        value: String,
        /// The number of bits.
        bits: u32,
    },
    /// Unsigned numbers are compared in order with a negative value.
    NegativeOrder {
        /// The syscall.
        callee: Callee,
        /// The argument.
        arg: Which,
        /// The value as written.
        value: String,
    },
    /// A condition nests deeper than [`Cond::DEPTH_MAX`].
    TooDeep,
    /// More than [`RULES_PER_SYSCALL_MAX`](crate::RULES_PER_SYSCALL_MAX) rules are about one
    /// syscall.
    TooManyRules {
        /// The number.
        nr: SyscallNr,
        /// The architecture.
        arch: Arch,
    },
    /// The parts do not make a policy.
    Policy(callgate_policy::Error),
}

impl Callee {
    /// Its arguments on an architecture, where they are known.
    pub(crate) fn signature(self, arch: Arch) -> Option<Signature> {
        match self {
            Self::Call(name) => arch.signature(name),
            Self::Number(_) => None,
        }
    }
}

impl MistakeKind {
    /// The code of the diagnostic.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::new(match self {
            Self::NoSuchSyscall { .. } => "E0101",
            Self::UnknownArgument { .. } => "E0102",
            Self::UnknownConstant { .. } => "E0103",
            Self::ValueTooWide { .. } => "E0104",
            Self::ValueAboveSigned { .. } => "E0105",
            Self::NegativeOrder { .. } => "E0106",
            Self::TooDeep => "E0107",
            Self::TooManyRules { .. } => "E0108",
            Self::Policy(_) => "E0109",
        })
    }

    /// The syscall whose argument is to blame.
    pub(crate) const fn callee(&self) -> Option<Callee> {
        match self {
            Self::UnknownArgument { callee, .. }
            | Self::ValueTooWide { callee, .. }
            | Self::ValueAboveSigned { callee, .. }
            | Self::NegativeOrder { callee, .. } => Some(*callee),
            Self::NoSuchSyscall { .. }
            | Self::UnknownConstant { .. }
            | Self::TooDeep
            | Self::TooManyRules { .. }
            | Self::Policy(_) => None,
        }
    }

    /// What can be done about it.
    fn advice(&self) -> Option<String> {
        match self {
            Self::UnknownArgument { callee: Callee::Call(name), arch, arg: Which::Name(text) } => {
                let names = arch.signature(*name)?;
                let near = nearest(text, names.arguments().map(|argument| argument.name))?;
                Some(format!("did you mean `{near}`?"))
            }
            Self::ValueTooWide { .. } => {
                Some("compare the whole register to see more bits".to_owned())
            }
            Self::NoSuchSyscall { .. }
            | Self::UnknownArgument { .. }
            | Self::UnknownConstant { .. }
            | Self::ValueAboveSigned { .. }
            | Self::NegativeOrder { .. }
            | Self::TooDeep
            | Self::TooManyRules { .. }
            | Self::Policy(_) => None,
        }
    }
}

impl Mistake {
    /// A mistake that no rule is to blame for.
    pub(crate) const fn of_header(kind: MistakeKind) -> Self {
        Self { rule: None, span: None, kind }
    }

    /// The same at the place of a rule, unless it has a place of its own already.
    pub(crate) fn in_rule(mut self, rule: usize, origin: Origin) -> Self {
        self.rule = Some(rule);
        self.span = self.span.or(match origin {
            Origin::Text(span) => Some(span),
            Origin::Observation(_) | Origin::Program => None,
        });
        self
    }
}

impl From<MistakeKind> for Mistake {
    fn from(kind: MistakeKind) -> Self {
        Self::of_header(kind)
    }
}

impl From<Mistake> for Diagnostic {
    fn from(mistake: Mistake) -> Self {
        let mut diagnostic = Self::error(mistake.kind.code(), mistake.to_string());
        if let Some(span) = mistake.span {
            diagnostic = diagnostic.primary(span, "");
        }
        match mistake.kind.advice() {
            Some(advice) => diagnostic.help(advice),
            None => diagnostic,
        }
    }
}

impl fmt::Display for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(name) => name.fmt(f),
            Self::Number(nr) => write!(f, "syscall number {nr}"),
        }
    }
}

impl fmt::Display for MistakeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchSyscall { name, arches } => {
                write!(f, "syscall {name} exists on none of the filter's architectures:")?;
                arches.iter().try_for_each(|arch| write!(f, " {arch}"))
            }
            Self::UnknownArgument { callee, arch, arg } => {
                write!(f, "{callee} has no {arg} on {arch}; ")?;
                match callee.signature(*arch) {
                    None => f.write_str("its arguments are not known by name: use positions"),
                    Some(signature) => {
                        f.write_str("it has")?;
                        signature.arguments().try_for_each(|arg| write!(f, " {}", arg.name))
                    }
                }
            }
            Self::UnknownConstant { constant, arch } => write!(f, "{arch} has no {constant}"),
            Self::ValueTooWide { callee, arch, arg, value, bits } => write!(
                f,
                "{value} does not fit {arg} of {callee}: the kernel reads {bits} bits of it on {arch}"
            ),
            Self::ValueAboveSigned { callee, arch, arg, value, bits } => write!(
                f,
                "{arg} of {callee} is a signed number of {bits} bits on {arch}, in whose order {value} does not exist"
            ),
            Self::NegativeOrder { callee, arg, value } => write!(
                f,
                "{arg} of {callee} is compared in order with {value}, but as an unsigned number it is never negative"
            ),
            Self::TooDeep => {
                write!(f, "the condition nests deeper than the limit of {}", Cond::DEPTH_MAX)
            }
            Self::TooManyRules { nr, arch } => {
                write!(
                    f,
                    "more than {} rules for syscall number {nr} on {arch}",
                    crate::RULES_PER_SYSCALL_MAX
                )
            }
            Self::Policy(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for Mistake {}
