//! The seam between compiling and loading: a compiled program is [`Unproved`], and only its proof makes it a [`Filter`].

use callgate_bpf::Program;
use callgate_policy::Policy;
use callgate_prover::Options;

use crate::{Error, Filter};

/// A policy with a compiled program that nobody has proved equal to it yet.
///
/// It can be looked at and timed, but this crate neither loads nor exports it: [`Unproved::prove`] makes a [`Filter`].
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
        let program = callgate_compiler::compile(&policy)?;
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
    /// [`Error::Proof`] where they differ, with calls on which they do, and where the comparison exceeds its budget.
    ///
    /// Claim: C-PROVED
    pub fn prove(self, options: &Options) -> Result<Filter, Error> {
        let proved = callgate_prover::prove(&self.policy, self.program, options)?;
        Ok(Filter::new(self.policy, proved))
    }
}
