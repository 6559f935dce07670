//! The language for syscall filters in editors: a language server for `*.gate`.
//!
//! An editor starts `callgate lsp` and talks to it over standard input and output, by the Language
//! Server Protocol 3.17. [`serve`] answers: what is wrong with a text, with the edits that mend it;
//! what a name under the cursor is; what can stand there; and the text as everybody formats it.
//!
//! Nothing here decides what a text means: that is `callgate-gate`, and the knowledge is that of
//! `callgate-facts`.

#![forbid(unsafe_code)]

mod complete;
mod cursor;
mod diagnose;
mod document;
mod hover;
mod server;
mod vocabulary;
mod wire;

pub use server::{Error, serve, serve_stdio};
