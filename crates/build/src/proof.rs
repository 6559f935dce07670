//! The ways in which programs are proved.

use callgate_bpf::Program;
use callgate_compiler::{Parted, compile_parted};
use callgate_memory::{Collect, Grow};
use callgate_policy::Policy;
use callgate_prover::{Body, Certificate, Options, Proved, prove_pieces};

use crate::Error;

/// A program that was proved to follow a policy. Nothing else makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    program: Program,
    proof: Proof,
}

/// How a program was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// As a whole.
    Whole(Certificate),
    /// The choice of the syscall, and of its rules a few at a time.
    Pieces {
        /// What all proofs together consisted of.
        certificate: Certificate,
        /// How many pieces of rules there are.
        pieces: usize,
    },
    /// Not at all: built for measuring.
    #[cfg(feature = "unproved")]
    Unproved,
}

impl Proof {
    /// What the proof consisted of; `None` where there is none.
    #[must_use]
    pub const fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Whole(certificate) | Self::Pieces { certificate, .. } => Some(certificate),
            #[cfg(feature = "unproved")]
            Self::Unproved => None,
        }
    }
}

impl Built {
    /// The program.
    #[must_use]
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// The program, no longer known to be proved.
    #[must_use]
    pub fn into_program(self) -> Program {
        self.program
    }

    /// How it was proved.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// Proves a program as a whole. Not part of its caller, whose stack is in use while it compiles: a
/// thread of 16 KiB has room for the deeper of both, not for both.
#[cfg(not(feature = "unproved"))]
#[inline(never)]
pub(crate) fn whole(policy: &Policy, program: Program, options: &Options) -> Result<Built, Error> {
    let proved = callgate_prover::prove(policy, program, options)?;
    let proof = Proof::Whole(*proved.certificate());
    Ok(Built { program: proved.into_program(), proof })
}

/// Takes a program as it is.
#[cfg(feature = "unproved")]
#[expect(clippy::unnecessary_wraps, reason = "its twin can fail")]
pub(crate) fn whole(_: &Policy, program: Program, _: &Options) -> Result<Built, Error> {
    Ok(Built { program, proof: Proof::Unproved })
}

/// Compiles a program that tests rules as they are written, and proves it in pieces. Apart from its
/// caller as [`whole`].
#[inline(never)]
pub(crate) fn in_pieces(policy: &Policy, options: &Options) -> Result<Built, Error> {
    let Parted { program, bodies } = compile_parted(policy)?;
    // The places of all pieces, body after body.
    let mut places: Vec<(usize, usize)> = Vec::new();
    for body in &bodies {
        places.try_extend(body.pieces.iter().map(|piece| (piece.rule, piece.start)))?;
    }
    let mut left = places.as_slice();
    let claims = bodies.iter().map(|body| {
        let (pieces, rest) = left.split_at(body.pieces.len());
        left = rest;
        Body { arch: body.arch, nr: body.nr, pieces }
    });
    let claims: Vec<Body<'_>> = claims.try_collect_vec()?;
    let (proved, pieces): (Proved, usize) = prove_pieces(policy, program, &claims, options)?;
    let proof = Proof::Pieces { certificate: *proved.certificate(), pieces };
    Ok(Built { program: proved.into_program(), proof })
}
