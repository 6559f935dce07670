//! Units of systemd: every directive that loads a filter, each a filter of its own.
//!
//! The policy of a unit is the intersection of them all, in the order in which systemd loads them.

mod calls;
mod drop_ins;
mod filters;
mod read;
mod unit;

pub use drop_ins::drop_ins;
pub use filters::{SYSTEMD_NAMESPACES, SYSTEMD_SWITCHES};
pub(crate) use read::read;
