//! What the commands of `callgate` share: arguments, filters read in any form, output, errors.
//!
//! A command is a file of its own in the crate of the command; what two of them would write twice is
//! here. Nothing here decides what a filter means.
#![forbid(unsafe_code)]

pub mod args;
pub mod circumstances;
pub mod decider;
pub mod error;
pub mod findings;
pub mod input;
pub mod measure;
pub mod output;
pub mod side;
pub mod warnings;
