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
        match Verified::whole(policy, program.clone(), &usual(policy)) {
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

/// How often conditions are evaluated, at most, on the calls tried beside the proof.
const EVALUATIONS_MAX: usize = 1 << 16;

/// The prover's own budget, with fewer calls tried beside the proof: filters are built while containers and services wait,
/// and the proof does not rest on those calls. The longer the lists of rules that each call may have to go through, the
/// fewer they are.
fn usual(policy: &Policy) -> Options {
    let lists = policy.arches().flat_map(|(_, arch)| arch.rules());
    let longest = lists.map(|(_, rules)| rules.len()).max().unwrap_or(0);
    let calls_max = (EVALUATIONS_MAX / longest.max(1)).clamp(64, 512);
    Options { calls_max, ..Options::default() }
}

/// Sixteen times the usual budget.
fn patient(policy: &Policy) -> Options {
    let mut options = usual(policy);
    options.nodes_max *= 16;
    options.time_max *= 16;
    options
}
