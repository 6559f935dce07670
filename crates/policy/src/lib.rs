//! What a syscall filter means.
//!
//! A [`Policy`] maps every call (number, architecture, instruction pointer, six arguments) to an
//! [`Action`]; [`Policy::decide`] is that map, and **the specification**: the compiler must produce
//! programs that agree with it, and the prover compares programs with it. So it is written to be
//! read, not to be fast.
//!
//! A policy has an action for foreign architectures, and for each of its architectures a default
//! action, optionally an action for syscalls newer than a baseline kernel, and for each number an
//! ordered list of rules of which **the first that holds decides**.
//!
//! Nothing invalid can be held: values are checked where they are made ([`Field::arg`],
//! [`Condition::all`], [`Builder::build`]).
//!
//! What a policy does not know: names of profiles, files, or how a filter is laid out.
//!
//! ```
//! use callgate_policy::{Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, SeccompData, SyscallNr};
//!
//! let af_unix = Comparison::low32(Field::Arg0, u32::MAX, Operator::Eq, 1);
//! let socket = SyscallNr::new(41);
//! let mut x86_64 = ArchPolicy::new(Action::KILL_PROCESS);
//! x86_64.rule(socket, Condition::compare(af_unix), Action::ALLOW);
//! let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, x86_64).build()?;
//!
//! let call = SeccompData::new(Arch::X86_64, socket);
//! assert_eq!(policy.decide(&call.with_args([1, 0, 0, 0, 0, 0])), Action::ALLOW);
//! assert_eq!(policy.decide(&call.with_args([2, 0, 0, 0, 0, 0])), Action::KILL_PROCESS);
//! # Ok::<(), callgate_policy::Error>(())
//! ```
// Memory that is out is an error, never the end of the process, but where a function says so.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]
#![deny(clippy::wildcard_enum_match_arm)]
#![forbid(unsafe_code)]

mod comparison;
mod condition;
mod decide;
mod error;
mod list;
mod policy;
mod rules;

pub use callgate_syscalls::{
    Action, ActionKind, Arch, ArchToken, KernelVersion, SeccompData, SyscallNr,
};
pub use comparison::{Comparison, Field, Operator, Width};
pub use condition::{Condition, View};
pub use decide::{Decider, Decision, RuleId};
pub use error::Error;
pub use list::RuleList;
pub use policy::{ArchPolicy, Builder, Known, Policy, Rule, Unknown};
