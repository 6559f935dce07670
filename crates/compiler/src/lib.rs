//! Compiles a [`Policy`] to a seccomp filter [`Program`].
//!
//! A pipeline of small passes over one hash-consed decision `graph`:
//!
//! 1. `arguments` makes several graphs of each syscall's rules and keeps the shortest: `condition` tests 32-bit words
//!    of the call as the rules are written, `ordered` asks each word once, whatever rules its constants come from, with
//!    `bits` and `tree` for the tests;
//! 2. `implied` removes tests whose outcome the path to them already decides;
//! 3. `dispatch` cuts the numbers of each architecture token into intervals of equal meaning, and `tree` finds the
//!    tests with the least expected cost to tell them apart (`search`), by how often calls are made ([`Weights`]);
//!    `siblings` leads x32's numbers into x86_64's tree where both mean the same;
//! 4. `layout` orders the graph into instructions: shared tails, fall-through, jumps of any distance.
//!
//! Where a program takes more than the kernel's 4,096 instructions, `chains` makes shorter, slower searches for it; a
//! graph that is still too long can be parted: [`compile_stacked`].
//! [`emit()`] writes what the passes make.
//!
//! Calls that are allowed whatever their arguments are decided by number and architecture alone, so that the kernel's
//! constant-action bitmap answers for them without running the filter (Linux 5.11).
//!
//! Nothing this crate says is believed: the prover compares every program with its policy, and shares no code with it.
#![forbid(unsafe_code)]

mod arguments;
mod bits;
mod chains;
mod condition;
mod dispatch;
mod embed;
mod emit;
mod error;
mod graph;
mod hash;
mod implied;
mod layout;
mod options;
mod ordered;
mod search;
mod siblings;
mod stacked;
mod tree;
mod variable;
mod weights;

use callgate_bpf::Program;
use callgate_policy::Policy;

use crate::tree::Shape;

pub use embed::rust_source;
pub use emit::{Emit, emit};
pub use error::{Cost, Error};
pub use options::Options;
pub use stacked::compile_stacked;
pub use weights::{InvalidWeights, Weights};

/// Compiles a policy.
///
/// The result depends on nothing but the policy: equal policies give equal programs.
///
/// # Errors
/// [`Error::TooLong`] where the kernel's limit of 4,096 instructions does not suffice; it names the costliest syscalls.
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
    let first = compile_as(Shape::Fast, policy, options);
    CHAINS.into_iter().fold(first, |compiled, singles_max| match compiled {
        Err(Error::TooLong { .. }) => compile_as(Shape::Chains(singles_max), policy, options),
        done => done,
    })
}

/// How many single numbers one chain asks for, where a program is too long otherwise: the fewer, the faster.
const CHAINS: [usize; 3] = [24, 96, usize::MAX];

fn compile_as(shape: Shape, policy: &Policy, options: &Options) -> Result<Program, Error> {
    let mut graph = graph::Graph::new();
    let dispatched = dispatch::dispatch(policy, options, shape, &mut graph);
    let instructions = layout::layout(&graph, dispatched.root);
    let len = instructions.len();
    Program::new(instructions).map_err(|reason| {
        if len > Program::LEN_MAX {
            Error::TooLong { len, costliest: dispatched.costliest(&graph) }
        } else {
            Error::Rejected { reason }
        }
    })
}
