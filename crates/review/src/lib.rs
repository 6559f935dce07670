//! What reviewers look at: the difference of two filters, in an order that helps, in words; and a
//! [`Report`] on one, as a page or for a pull request.
//!
//! [`changes`] takes what the prover found and makes a [`Change`] for each architecture and each way
//! in which an action changed; [`folded`] puts those together that say the same of several calls or
//! architectures. Looser ones come first: they are what a review is for.
#![forbid(unsafe_code)]

mod change;
mod condition;
mod fold;
mod markdown;
mod readable;
mod registers;
mod report;
mod telling;
mod text;
mod words;

pub use change::{Change, Direction, changes};
pub use fold::{Decided, Folded, Tried, folded};
pub use markdown::markdown;
pub use readable::{Readable, readable};
pub use registers::{on_registers, tests_more_than_registers};
pub use report::{BlockRow, CallRow, FindingRow, Report, Verdict, html, markdown_report, svg};
pub use text::{Layout, Span, Tone, sides, summary, text};
pub use words::{action, call};
