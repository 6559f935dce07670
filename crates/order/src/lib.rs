//! libseccomp's order of rules, and the calls that it multiplexes: one implementation for all who
//! follow it.
//!
//! A rule is a syscall, an action and comparisons of its arguments. On its way to a policy it
//! passes three stations:
//!
//! 1. [`Syscall::rules`] finds what an architecture stores for it: comparisons cut to the
//!    architecture's word ([`Chain`]), on its own number for the syscall, and on that of
//!    `socketcall` or `ipc` where it has them.
//! 2. [`Rules::consider`] says whether the rules accepted before leave it an effect, and which of
//!    them it makes redundant.
//! 3. [`ordered`] puts the rules of a number in the order in which they are asked. **The first that
//!    holds decides**.
//!
//! Nothing here knows who writes the rules: the C interface (`callgate-scmp`) and the readers of
//! container profiles (`callgate-formats`) both do.
//!
//! References: the manual pages of libseccomp, seccomp_rule_add(3) and those it names.
//!
//! ```
//! use callgate_order::{ArgCmp, Effect, Exactness, Rules, Syscall, ordered};
//! use callgate_syscalls::{Action, Arch, names};
//!
//! let below = |datum_a| ArgCmp { arg: 0, op: 2, datum_a, datum_b: 0 };
//! let mut rules = Rules::default();
//! for (origin, limit) in [(0, 100), (1, 50)] {
//!     let action = Action::trap(limit);
//!     Syscall::named(Arch::X86_64, names::DUP).unwrap().rules(
//!         Arch::X86_64,
//!         &[below(limit.into())],
//!         Exactness::Adapted,
//!         |stored| {
//!             let effect = rules.consider(Arch::X86_64, stored.chain, action, origin, None);
//!             rules.apply(effect.unwrap()).unwrap();
//!             Ok::<(), callgate_order::Error>(())
//!         },
//!     )?;
//! }
//! let Rules::Listed(list) = &rules else { panic!() };
//! let ordered = ordered(Arch::X86_64, list).unwrap();
//! let origins: Vec<u32> = ordered.iter().map(|rule| rule.origin).collect();
//! assert_eq!(origins, [1, 0], "the smallest bound is asked first");
//! # Ok::<(), callgate_order::Error>(())
//! ```
#![forbid(unsafe_code)]
// Memory that is out is an error, never the end of the process.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod chain;
mod error;
mod mux;
mod number;
mod order;
mod pseudo;
mod resolve;
mod rules;
mod translate;
mod windows;

pub use chain::{ArgCmp, Chain, Class, Step, StoredOperator, Test, check, condition, halves, read};
pub use error::Error;
pub use mux::Multiplexer;
pub use number::Number;
pub use order::ordered;
pub use resolve::{number_base, pseudo_number, resolve_name, resolve_name_rewrite, resolve_number};
pub use rules::{Accepted, Conflict, Effect, Refusal, Rule, Rules, Undo};
pub use translate::{Exactness, StoredRule, Syscall};
