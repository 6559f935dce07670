//! What several commands share of the command line.

pub(crate) mod arguments;
pub(crate) mod group;
pub(crate) mod tune;
pub(crate) mod value;
