//! From a policy to a filter program that was proved to follow it: one way for every caller.
//!
//! [`program`] compiles a policy and proves the result. Three ways are tried, until one gives a
//! proved program (the second first, where a syscall has many masks and the plain program is no
//! longer):
//!
//! 1. *whole*: the program that is fastest, proved by diagrams of all of it, within a small budget
//!    that suffices for nearly all filters;
//! 2. *in pieces*: rules that mask the same arguments in many ways can need diagrams of any size,
//!    while a plain program for them is short. Such rules are tested as they are written, and a few
//!    of them are proved at a time ([`callgate_prover::prove_pieces`]);
//! 3. *patiently*: the first program again, with a larger budget, where the plain one is too long
//!    for a kernel.
//!
//! All budgets count work and memory, never time: a policy gives the same program on any machine
//! under any load.
//!
//! [`stack()`] does the same for policies that take several filters.
//!
//! Nothing else makes a [`Built`] program, and nothing in this crate is believed: what it holds
//! went through the prover.
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
use callgate_policy::{Condition, Policy, Rule, View};
use callgate_prover::{Error as ProverError, Options};

pub use error::Error;
pub use proof::{Built, Proof};
pub use stack::{BuiltStack, compile_stack, prove_stack, stack};

/// Compiles a policy and proves the result.
///
/// # Errors
/// [`Error::Compile`], most often because the program would be longer than the kernel accepts;
/// [`Error::Proof`] where no program was proved: undecided within the budgets, or a bug of
/// callgate.
///
/// Claim: C-PROVED
pub fn program(policy: &Policy) -> Result<Built, Error> {
    escalate(policy, || callgate_compiler::compile(policy), has_many_masks(policy))
}

/// From so many masks in the rules of a syscall on, a proof in pieces is tried first: diagrams of
/// fewer are small, whatever they ask.
const MASKS: usize = 12;

/// Whether diagrams of a syscall's rules are likely to be large.
fn has_many_masks(policy: &Policy) -> bool {
    let mut lists = policy.arches().flat_map(|(_, arch)| arch.rules());
    lists.any(|(_, list)| {
        list.len() > 1 && list.iter().map(|rule| masks(rule.condition())).sum::<usize>() > MASKS
    })
}

/// How many comparisons of a condition, of those that are plainly written, look at some bits of a
/// word.
fn masks(condition: &Condition) -> usize {
    let parts = match condition.view() {
        View::All(list) | View::Any(list) => list,
        View::Compare(_) => std::slice::from_ref(condition),
    };
    let is_cut = |mask: u64| [mask >> 32, mask & WORD].iter().any(|half| ![0, WORD].contains(half));
    let masked = |part: &&Condition| match part.view() {
        View::Compare(comparison) => is_cut(comparison.mask()),
        View::All(_) | View::Any(_) => false,
    };
    parts.iter().filter(masked).count()
}

/// All bits of a word.
const WORD: u64 = 0xffff_ffff;

/// Proves the program that was compiled for speed, or finds another one that can be proved: at
/// first, if `plain_first`, where that is no longer.
fn escalate(
    policy: &Policy,
    compile: impl Fn() -> Result<Program, CompilerError>,
    plain_first: bool,
) -> Result<Built, Error> {
    let budget = Options::while_waiting(policy);
    let compiled = compile();
    if let Some(program) = compiled.as_ref().ok().filter(|_| plain_first) {
        if let Some(built) = proof::plain(policy, program.len(), &budget)? {
            return Ok(built);
        }
    }
    let too_long = match compiled {
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

/// The memory and the tests that a proof of the whole may take at first, and how much more for each
/// comparison. The longest lists of pairs of values take 280 bytes and 13 tests for each, lists
/// over hundreds of syscalls 1,260 and 110. Whatever takes more is sooner proved in pieces: a test
/// takes some 80 ns.
const BYTES: usize = 256 << 10;
const BYTES_PER_COMPARISON: usize = 2 << 10;
const TESTS: u64 = 1_000;
const TESTS_PER_NUMBER: u64 = 8;
const TESTS_PER_COMPARISON: u64 = 120;

/// The budget of the first proof.
fn quick(policy: &Policy, budget: &Options) -> Options {
    let comparisons = comparisons(policy);
    let bytes_max = BYTES.saturating_add(BYTES_PER_COMPARISON.saturating_mul(comparisons));
    let numbers: usize = policy.arches().map(|(_, arch)| arch.rules().len()).sum();
    let tests_max = TESTS
        .saturating_add(TESTS_PER_NUMBER.saturating_mul(numbers as u64))
        .saturating_add(TESTS_PER_COMPARISON.saturating_mul(comparisons as u64));
    Options {
        bytes_max: bytes_max.min(budget.bytes_max),
        tests_max: tests_max.min(budget.tests_max),
        ..budget.clone()
    }
}

/// How many comparisons the rules have. Neighbouring syscalls with the same rules count once, since
/// they share a program.
fn comparisons(policy: &Policy) -> usize {
    let mut count = 0;
    for (_, arch) in policy.arches() {
        let mut before: &[Rule] = &[];
        for (_, rules) in arch.rules() {
            if rules != before {
                count += rules.iter().map(|rule| rule.condition().comparisons()).sum::<usize>();
            }
            before = rules;
        }
    }
    count
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
