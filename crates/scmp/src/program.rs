//! From a policy to a program that is proved to follow it.

use callgate_bpf::Program;
use callgate_policy::Policy;
use callgate_prover::{Certificate, Error as ProverError, Options};
use callgate_syscalls::Endian;

use crate::{Error, pieces};

/// A program that was proved to follow the policy of its context. Nothing else makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    program: Program,
    proof: Proof,
}

/// How a program was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// As a whole.
    Whole(Certificate),
    /// In this many pieces, because it exceeds what is spent on a whole: the choice of the syscall, and each rule.
    Pieces(usize),
    /// Not at all: built for measuring.
    #[cfg(feature = "unproved")]
    Unproved,
}

impl Verified {
    /// The program.
    #[must_use]
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// How it was proved.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }

    #[cfg(not(feature = "unproved"))]
    fn whole(policy: &Policy, program: Program, options: &Options) -> Result<Self, ProverError> {
        let proved = callgate_prover::prove(policy, program, options)?;
        let proof = Proof::Whole(*proved.certificate());
        Ok(Self { program: proved.into_program(), proof })
    }

    #[cfg(feature = "unproved")]
    fn whole(_: &Policy, program: Program, _: &Options) -> Result<Self, ProverError> {
        Ok(Self { program, proof: Proof::Unproved })
    }
}

/// Compiles a policy and proves the result.
///
/// Rules that mask the same arguments in many ways can need diagrams of any size, while a plain program for them is short.
/// Such a policy is compiled rule by rule, and what comes out is proved rule by rule ([`pieces`]). If that is too long for
/// a kernel, the optimised program gets one more chance with a larger budget.
///
/// # Errors
/// [`Error::TooLong`], [`Error::NotProved`].
pub(crate) fn build(policy: &Policy, endian: Endian) -> Result<Verified, Error> {
    let compiled = callgate_compiler::compile(policy);
    if let Ok(program) = &compiled {
        match Verified::whole(policy, program.clone(), &Options::while_waiting(policy)) {
            Ok(verified) => return Ok(verified),
            Err(ProverError::Undecided(_)) => {}
            Err(reason) => return Err(Error::NotProved { reason }),
        }
    }
    match (pieces::build(policy, endian), compiled) {
        (Ok((program, count)), _) => Ok(Verified { program, proof: Proof::Pieces(count) }),
        (Err(Error::TooLong { .. }), Ok(program)) => {
            let whole = Verified::whole(policy, program, &patient(policy));
            whole.map_err(|reason| Error::NotProved { reason })
        }
        (Err(Error::TooLong { .. }), Err(reason)) => Err(Error::TooLong { reason }),
        (Err(error), _) => Err(error),
    }
}

/// Sixteen times the usual budget.
fn patient(policy: &Policy) -> Options {
    let mut options = Options::while_waiting(policy);
    options.nodes_max *= 16;
    options.time_max *= 16;
    options
}
