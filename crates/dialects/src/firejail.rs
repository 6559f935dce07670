//! The lines of firejail's profiles: lists of syscalls that are dropped or kept, and the filters
//! that other lines ask for.
//!
//! What the lines mean is what `fseccomp` of version 0.9.72 makes of them, quirks and all.

mod filters;
mod list;
mod profile;
mod read;

pub use filters::{FIREJAIL_NAMESPACES, FIREJAIL_PROTOCOLS};
pub use list::FIREJAIL_GROUPS;
pub(crate) use read::read;
