//! The language of kafel: the first statement that holds decides.

mod argument;
mod expression;
mod read;

pub use argument::kafel_name;
pub(crate) use read::{read, text};
