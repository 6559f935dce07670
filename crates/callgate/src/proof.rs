//! The seam between compiling and loading: a compiled program is [`Unproved`], and only its proof
//! makes it a [`Filter`].

use callgate_bpf::{Program, Stack};
use callgate_policy::Policy;
use callgate_prover::Options;

use crate::{Error, Filter, FilterStack};

/// A policy with a compiled program that nobody has proved equal to it yet.
///
/// It can be looked at and timed, but this crate neither loads nor exports it: [`Unproved::prove`]
/// makes a [`Filter`].
#[derive(Clone, Debug)]
pub struct Unproved {
    policy: Policy,
    program: Program,
}

impl Unproved {
    /// Compiles a policy.
    ///
    /// # Errors
    /// [`Error::Compile`] where the program would be too long.
    pub fn compile(policy: Policy) -> Result<Self, Error> {
        Self::compile_with(policy, &callgate_compiler::Options::default())
    }

    /// Compiles a policy for calls that are made as often as the options say.
    ///
    /// # Errors
    /// As [`Unproved::compile`].
    pub fn compile_with(
        policy: Policy,
        options: &callgate_compiler::Options,
    ) -> Result<Self, Error> {
        let program = callgate_compiler::compile_with(&policy, options)?;
        Ok(Self { policy, program })
    }

    /// The program, for looking at.
    #[must_use]
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// Compares the meaning of the program with that of the policy, for every possible call.
    ///
    /// # Errors
    /// [`Error::Proof`] where they differ, with calls on which they do, and where the comparison
    /// exceeds its budget.
    ///
    /// Claim: C-PROVED
    pub fn prove(self, options: &Options) -> Result<Filter, Error> {
        let built = callgate_build::prove(&self.policy, self.program, options)?;
        Ok(Filter::new(self.policy, built))
    }
}

/// A policy with as few compiled filters as it takes, which nobody has proved to mean it yet.
///
/// As with [`Unproved`], only [`UnprovedStack::prove`] makes of it what can be loaded.
#[derive(Clone, Debug)]
pub struct UnprovedStack {
    policy: Policy,
    stack: Stack,
}

impl UnprovedStack {
    /// Compiles a policy to one filter, or to several where one would be longer than the kernel
    /// accepts.
    ///
    /// # Errors
    /// [`Error::Compile`] where the kernel's budget for all filters of a process does not suffice.
    pub fn compile(policy: Policy, options: &callgate_compiler::Options) -> Result<Self, Error> {
        let stack = callgate_build::compile_stack(&policy, options)?;
        Ok(Self { policy, stack })
    }

    /// The filters, for looking at.
    #[must_use]
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Compares what the kernel does under the filters with what it would do on the policy's
    /// actions, for every possible call.
    ///
    /// # Errors
    /// As [`Unproved::prove`].
    ///
    /// Claim: C-PROVED
    pub fn prove(self, options: &Options) -> Result<FilterStack, Error> {
        let built = callgate_build::prove_stack(&self.policy, self.stack, options)?;
        Ok(FilterStack::new(self.policy, built))
    }
}
