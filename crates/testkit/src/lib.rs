//! Random policies, calls and programs for the tests of the other crates, and how tests are
//! skipped.
//!
//! Everything is drawn from a seeded generator, so that a failure can be repeated from the seed
//! that the test prints.
#![forbid(unsafe_code)]

pub mod accumulator;
pub mod call;
pub mod plain;
pub mod policy;
pub mod program;
mod skip;

pub use fastrand::Rng;
pub use skip::skip;
