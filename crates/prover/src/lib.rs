//! Decides whether policies and seccomp filter programs mean the same.
//!
//! A [`Prover`] makes the [`Meaning`] of a policy, of a program or of a stack of programs: an action for each of the 2^512
//! calls. The meaning of a policy comes from its rules, that of a program from symbolic execution of its instructions;
//! both are reduced ordered decision diagrams, in which equal functions are the same node. Meanings can be compared
//! ([`Prover::equal`], [`Prover::differences`], [`Prover::subset`]), combined ([`Prover::intersect`], [`Prover::union`])
//! and written back as a policy ([`Prover::to_policy`]).
//!
//! [`prove()`] is what stands between a compiled program and the kernel: it yields a [`Proved`] program or nothing. Beside
//! the diagrams it asks the specification and the simulator about thousands of calls ([`recheck()`]), so that a mistake
//! must be made twice, in unrelated code, to go unnoticed.
//!
//! What is not decided within the limits of [`Options`] is [`Undecided`], an error, and never a proof.
//!
//! What this crate does not know: how programs are compiled. It believes nothing about them.
#![forbid(unsafe_code)]
// Memory that is out is an error, never the end of the process.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod arithmetic;
#[expect(clippy::disallowed_methods, reason = "not in the C library")]
mod ask;
mod attribute;
mod budget;
mod compare;
mod cubes;
mod diagram;
mod error;
#[expect(clippy::disallowed_methods, reason = "not in the C library")]
mod export;
mod graph;
mod machine;
mod meaning;
mod numbers;
mod pieces;
mod policy;
mod program;
mod prove;
mod prover;
mod recheck;
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "for people: the C library comes here only to report a bug of the compiler"
)]
mod regions;
mod segments;
mod state;
mod visible;
mod witness;
mod word;

pub use ask::{Ambiguity, Spelling};
pub use attribute::{Attribution, attribute};
pub use budget::{Options, Undecided, WideShift};
pub use compare::{Difference, Scope};
pub use error::Error;
pub use meaning::Meaning;
pub use pieces::{Body, prove_pieces};
pub use prove::{Certificate, Proved, ProvedStack, prove, prove_stack};
pub use prover::{Prover, Usage};
pub use recheck::recheck;
