//! From the meaning of a filter back to rules as people write them.
//!
//! Lowering makes numbers of names and an ordered list of rules of what somebody wrote. Raising
//! goes the other way: [`Raised`] has, for each syscall and each action that is not the default,
//! the alternatives under which the call gets that action, as few as were found. Alternatives of
//! different actions exclude each other, so that formats in which rules have no order can say them
//! as well as those in which the first rule wins.
//!
//! What a format can say of arguments is a [`Vocabulary`]; [`Vocabulary::express`] puts what it
//! lacks into other words. [`combine()`] makes the intersection and the union of two policies out of
//! the rules of both, so that the result has the words that people wrote. [`compare()`] holds what a
//! text was read back as against what it shall mean.
//!
//! Nothing here is believed: every answer that matters is asked of the prover.
#![forbid(unsafe_code)]

mod ask;
mod baseline;
mod call;
mod clause;
mod combine;
mod compare;
mod field;
mod merge;
mod part;
mod raised;
mod stricter;
mod test;
mod vocabulary;

pub use clause::Clause;
pub use combine::{Algebra, CombineError, combine};
pub use compare::{Agreement, Differing, Refusal, Refusals, compare, permits_no_more};
pub use part::Part;
pub use raised::{Call, Raised, RaisedArch, Unraisable, raise};
pub use stricter::{Says, stricter};
pub use test::Test;
pub use vocabulary::Vocabulary;
