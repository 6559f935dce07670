//! What several commands share of the command line.

pub mod arguments;
pub mod group;
pub mod tune;
pub mod value;
