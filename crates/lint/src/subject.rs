//! What is looked at.

use callgate_bpf::Stack;
use callgate_formats::Warning;
use callgate_policy::Policy;
use callgate_rules::{Diagnostic, Provenance, Sources};
use callgate_syscalls::Arch;

/// A filter, and what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub(crate) what: What<'a>,
    /// The text that a policy comes from.
    pub text: Option<Text<'a>>,
    /// What was remarkable when a profile was read.
    pub warnings: &'a [Warning],
    /// What the reader of a text in any other form warns of: each is a finding of its own code.
    pub remarks: &'a [Diagnostic],
    /// Who answers the calls that are handed over.
    pub listener: Listener,
}

/// A policy or programs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What<'a> {
    Policy(&'a Policy),
    Stack(&'a Stack),
}

/// Where the rules of a policy stand.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Which rule is which of the text.
    pub provenance: &'a Provenance,
    /// The texts.
    pub sources: &'a Sources,
    /// Whether several filters of the text were joined: the policy's rules are then products, and
    /// what one of them decides says nothing about a line.
    pub joined: bool,
}

/// Whether anybody answers `NOTIFY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listener {
    /// Nobody can tell from the filter.
    #[default]
    Unknown,
    /// The profile names a socket.
    Named,
    /// The profile could name one, and does not.
    Missing,
}

/// What a filter does not say itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The architectures that a program is looked at for, where it does not tell them apart itself; x86_64 if there are
    /// none.
    pub arches: Vec<Arch>,
}

impl<'a> Subject<'a> {
    /// A policy.
    #[must_use]
    pub const fn policy(policy: &'a Policy) -> Self {
        Self::of(What::Policy(policy))
    }

    /// One program or several, the oldest first.
    #[must_use]
    pub const fn stack(stack: &'a Stack) -> Self {
        Self::of(What::Stack(stack))
    }

    const fn of(what: What<'a>) -> Self {
        Self { what, text: None, warnings: &[], remarks: &[], listener: Listener::Unknown }
    }
}
