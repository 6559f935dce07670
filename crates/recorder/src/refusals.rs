//! What was refused to a command whose filter is enforced from outside, and where that is told.

mod behind;
mod cure;
mod end;
mod record;
mod report;

pub use end::End;
pub use record::{Key, Kind, Record, Seen};
pub use report::Report;
