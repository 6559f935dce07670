//! The ways in which programs are proved.

use callgate_bpf::Program;
use callgate_compiler::{Error as CompilerError, Parted, compile_parted};
use callgate_memory::{Collect, Grow};
use callgate_policy::Policy;
use callgate_prover::{Body, Certificate, Error as ProverError, Options, Proved, prove_pieces};

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
    parted(policy, compile_parted(policy)?, options)
}

/// As [`in_pieces`], where the program is not longer than another one; `None` where it is, or was
/// not proved.
#[inline(never)]
pub(crate) fn plain(
    policy: &Policy,
    len_max: usize,
    options: &Options,
) -> Result<Option<Built>, Error> {
    let compiled = match compile_parted(policy) {
        Ok(compiled) if compiled.program.len() <= len_max => compiled,
        Ok(_) | Err(CompilerError::TooLong { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match parted(policy, compiled, options) {
        Err(Error::Proof(ProverError::Undecided(_))) => Ok(None),
        done => done.map(Some),
    }
}

fn parted(policy: &Policy, compiled: Parted, options: &Options) -> Result<Built, Error> {
    let Parted { program, bodies } = compiled;
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
