//! The language of kafel: the first statement that holds decides.

mod expression;
mod read;

pub(crate) use read::{read, text};
