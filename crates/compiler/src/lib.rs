//! Compiles a [`Policy`] to a seccomp filter [`Program`].
//!
//! A pipeline of small passes over one hash-consed decision `graph`:
//!
//! 1. `arguments` makes several graphs of each syscall's rules and keeps the shortest: `written`
//!    tests 32-bit words of the call as the rules are written; `ordered` asks each word once,
//!    whatever rules its constants come from, with `bits` and `tree` for the tests; `table` does so
//!    for rules that are equalities on the same words, which it only has to sort;
//! 2. `implied` removes tests whose outcome the path to them already decides;
//! 3. `dispatch` cuts the numbers of each architecture token into `intervals` of equal meaning, and
//!    `tree` finds the tests with the least expected cost to tell them apart (`search`), by how
//!    often calls are made ([`Weights`]); `siblings` leads x32's numbers into x86_64's tree where
//!    both mean the same;
//! 4. `layout` orders the graph into instructions: shared tails, fall-through, jumps of any
//!    distance.
//!
//! Where a program takes more than the kernel's 4,096 instructions, `chains` makes shorter, slower
//! searches for it, and at last all rules are tested as written; a graph that is still too long can
//! be parted: [`compile_stacked`].
//!
//! Work is counted in steps and never in time, so that a policy gives the same program on any
//! machine under any load. A policy of n rules takes about n log n steps; what would take more has
//! a budget. [`emit()`] writes what the passes make.
//!
//! Calls that are allowed whatever their arguments are decided by number and architecture alone, so that the kernel's
//! constant-action bitmap answers for them without running the filter (Linux 5.11).
//!
//! Nothing this crate says is believed: the prover compares every program with its policy, and
//! shares no code with it.
// Memory that is out is an error, never the end of the process.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]
#![deny(clippy::wildcard_enum_match_arm)]
#![forbid(unsafe_code)]

mod arguments;
mod bits;
mod chains;
mod dispatch;
mod embed;
mod emit;
mod error;
mod graph;
mod implied;
mod intervals;
mod layout;
mod options;
mod ordered;
mod parted;
mod search;
mod siblings;
mod stacked;
mod table;
mod tree;
mod variable;
mod weights;
mod written;

use callgate_bpf::Program;
use callgate_policy::Policy;

use crate::arguments::Workshop;
use crate::dispatch::dispatch;
use crate::graph::Graph;
use crate::layout::Layouts;
use crate::tree::Shape;

pub use embed::rust_source;
pub use emit::{Emit, emit};
pub use error::{Cost, Error};
pub use options::Options;
pub use parted::{Body, Parted, Piece, compile_parted};
pub use stacked::compile_stacked;
pub use weights::{InvalidWeights, Weights};

/// Compiles a policy.
///
/// The result depends on nothing but the policy: equal policies give equal programs.
///
/// # Errors
/// [`Error::TooLong`] where the kernel's limit of 4,096 instructions does not suffice; it names the
/// costliest syscalls.
///
/// # Examples
/// ```
/// use callgate_policy::{Action, Arch, ArchPolicy, Condition, Policy, SyscallNr};
///
/// let mut x86_64 = ArchPolicy::new(Action::KILL_PROCESS);
/// x86_64.rule(SyscallNr::new(60), Condition::always(), Action::ALLOW);
/// let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, x86_64).build()?;
/// let program = callgate_compiler::compile(&policy)?;
/// assert_eq!(program.len(), 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compile(policy: &Policy) -> Result<Program, Error> {
    compile_with(policy, &Options::default())
}

/// Compiles a policy for calls that are made as often as the options say.
///
/// The result depends on nothing but policy and options.
///
/// # Errors
/// As those of [`compile`].
pub fn compile_with(policy: &Policy, options: &Options) -> Result<Program, Error> {
    let mut shortest: Option<(usize, Error)> = None;
    for shape in SHAPES {
        match compile_as(shape, policy, options) {
            Err(Error::TooLong { len, costliest }) => {
                if shortest.as_ref().is_none_or(|(least, _)| len < *least) {
                    shortest = Some((len, Error::TooLong { len, costliest }));
                }
            }
            done => return done,
        }
    }
    Err(shortest.map_or(Error::OutOfMemory, |(_, error)| error))
}

/// What is tried one after the other where a program is too long: the fewer single numbers a chain
/// asks for, the faster.
const SHAPES: [Shape; 5] =
    [Shape::Fast, Shape::Chains(24), Shape::Chains(96), Shape::Chains(usize::MAX), Shape::Written];

fn compile_as(shape: Shape, policy: &Policy, options: &Options) -> Result<Program, Error> {
    let mut graph = Graph::default();
    let dispatched = dispatch(policy, options, shape, &mut graph, &mut Workshop::default())?;
    match Layouts::default().program(&graph, dispatched.root)? {
        Ok(instructions) => Program::new(instructions).map_err(|reason| Error::Rejected { reason }),
        Err(len) => Err(Error::TooLong { len, costliest: dispatched.costliest(&graph)? }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate_testkit::{Rng, call, policy};

    /// Whatever a program is made of, it decides as the policy does.
    #[test]
    fn every_shape_agrees_with_random_policies() {
        let chains = [Shape::Chains(2), Shape::Chains(usize::MAX)];
        let shapes = [chains[0], chains[1], Shape::Written, Shape::FastWritten];
        for seed in 0..900 {
            let mut rng = Rng::with_seed(seed);
            let policy = policy::policy(&mut rng);
            for shape in shapes {
                let program = compile_as(shape, &policy, &Options::default()).unwrap();
                for _ in 0..40 {
                    let call = call::aimed_at(&mut rng, &policy);
                    let endian = callgate_policy::Arch::of_call(call.arch, call.nr)
                        .map_or(callgate_syscalls::Endian::Little, |arch| arch.endian());
                    let returned = program.run(&call, endian);
                    assert_eq!(returned, policy.decide(&call), "{shape:?} {call:?} {policy:?}");
                }
            }
        }
    }
}
