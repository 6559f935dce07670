//! The syntax of the language for syscall filters, `*.gate`: a tree that holds every byte of a text,
//! and the one way to write a text.
//!
//! What a text means, and what can be wrong with one that is understood, is for `callgate-gate`.

#![forbid(unsafe_code)]

mod format;
mod syntax;

pub use format::format;
pub use syntax::{File, Gate, Node, SyntaxError, SyntaxKind, Token, unquoted, words};
