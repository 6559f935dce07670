//! What can be seen of other processes and of the machine.
//!
//! - [`filters_of`] reads the filters that another process runs under.
//! - [`interpreter_of`] tells dynamically linked programs from others.
//! - [`record`] runs a command and tells of every call that it makes.
//! - [`survey`] finds out what this kernel and environment allow.
//!
//! Beside `callgate-kernel`, which attaches filters, because an application that confines itself
//! needs none of this.
#![cfg(target_os = "linux")]

mod dump;
mod program;
pub mod record;
mod retry;
pub mod survey;
#[doc(hidden)]
pub mod sys;

pub use dump::{DumpedFilter, filters_of};
pub use program::interpreter_of;
pub use retry::{Retried, retry};
