//! From a policy to a filter program that was proved to follow it: one way for every caller.
//!
//! [`program`] compiles a policy and proves the result. Three ways are tried, until one gives a proved program:
//!
//! 1. *whole*: the program that is fastest, proved by diagrams of all of it, within a small budget that suffices for nearly
//!    all filters;
//! 2. *in pieces*: rules that mask the same arguments in many ways can need diagrams of any size, while a plain program
//!    for them is short. Such rules are tested as they are written, and a few of them are proved at a time
//!    ([`callgate_prover::prove_pieces`]);
//! 3. *patiently*: the first program again, with a larger budget, where the plain one is too long for a kernel.
//!
//! All budgets count work and memory, never time: a policy gives the same program on any machine under any load.
//!
//! [`stack()`] does the same for policies that take several filters.
//!
//! Nothing else makes a [`Built`] program, and nothing in this crate is believed: what it holds went through the prover.
//!
//! ```
//! use callgate_build::{Proof, program};
//! use callgate_policy::{Action, Arch, ArchPolicy, Condition, Policy, SyscallNr};
//!
//! let mut x86_64 = ArchPolicy::new(Action::KILL_PROCESS);
//! x86_64.rule(SyscallNr::new(60), Condition::always(), Action::ALLOW);
//! let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, x86_64).build()?;
//! let built = program(&policy)?;
//! assert_eq!(built.program().len(), 6);
//! assert!(matches!(built.proof(), Proof::Whole(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
// Memory that is out is an error, never the end of the process.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]
#![deny(clippy::wildcard_enum_match_arm)]
#![forbid(unsafe_code)]

mod error;
mod proof;
mod stack;

use callgate_bpf::Program;
use callgate_compiler::Error as CompilerError;
use callgate_policy::Policy;
use callgate_prover::{Error as ProverError, Options};

pub use error::Error;
pub use proof::{Built, Proof};
pub use stack::{BuiltStack, compile_stack, prove_stack, stack};

/// Compiles a policy and proves the result.
///
/// # Errors
/// [`Error::Compile`], most often because the program would be longer than the kernel accepts; [`Error::Proof`] where no
/// program was proved: undecided within the budgets, or a bug of callgate.
///
/// Claim: C-PROVED
pub fn program(policy: &Policy) -> Result<Built, Error> {
    escalate(policy, || callgate_compiler::compile(policy))
}

/// Proves the program that was compiled for speed, or finds another one that can be proved.
fn escalate(
    policy: &Policy,
    compile: impl Fn() -> Result<Program, CompilerError>,
) -> Result<Built, Error> {
    let budget = Options::while_waiting(policy);
    let too_long = match compile() {
        Ok(program) => match proof::whole(policy, program, &quick(policy, &budget)) {
            Err(Error::Proof(ProverError::Undecided(_))) => None,
            done => return done,
        },
        Err(reason @ CompilerError::TooLong { .. }) => Some(reason),
        Err(reason) => return Err(reason.into()),
    };
    match (proof::in_pieces(policy, &budget), too_long) {
        // The proof took the program: it is made again, which nearly never happens.
        (Err(Error::Proof(ProverError::Undecided(_)) | Error::Compile(_)), None) => {
            proof::whole(policy, compile()?, &budget)
        }
        // The reason for which the best program failed says more.
        (Err(Error::Compile(CompilerError::TooLong { .. })), Some(reason)) => Err(reason.into()),
        (done, _) => done,
    }
}

/// The memory and the tests that a proof of the whole may take at first, and how much more for each comparison. The longest
/// lists of pairs of values take 300 bytes and 15 tests for each, lists over hundreds of syscalls four times as much.
const BYTES: usize = 1 << 20;
const BYTES_PER_COMPARISON: usize = 2 << 10;
const TESTS: u64 = 50_000;
const TESTS_PER_COMPARISON: u64 = 200;

/// The budget of the first proof.
fn quick(policy: &Policy, budget: &Options) -> Options {
    let rules = policy.arches().flat_map(|(_, arch)| arch.rules()).flat_map(|(_, rules)| rules);
    let comparisons: usize = rules.map(|rule| rule.condition().comparisons()).sum();
    let bytes_max = BYTES.saturating_add(BYTES_PER_COMPARISON.saturating_mul(comparisons));
    let tests_max = TESTS.saturating_add(TESTS_PER_COMPARISON.saturating_mul(comparisons as u64));
    Options {
        bytes_max: bytes_max.min(budget.bytes_max),
        tests_max: tests_max.min(budget.tests_max),
        ..budget.clone()
    }
}

/// Proves a program that somebody has compiled.
///
/// # Errors
/// [`Error::Proof`].
///
/// Claim: C-PROVED
pub fn prove(policy: &Policy, program: Program, options: &Options) -> Result<Built, Error> {
    proof::whole(policy, program, options)
}
