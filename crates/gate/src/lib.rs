//! The language for syscall filters, `*.gate`.
//!
//! A file says for each syscall what becomes of it, one statement a line; the guide has a tutorial
//! and the grammar:
//!
//! ```text
//! policy 1
//! arch x86_64, aarch64
//! default errno EPERM
//! allow { read, write, exit_group }
//! allow socket where family in {AF_UNIX, AF_INET}   # a comment
//! test socket(AF_NETLINK, _, _) -> errno EPERM
//! ```
//!
//! [`File`] is a text as it was written, with every space and comment; [`format()`] writes one as
//! everybody does.

#![forbid(unsafe_code)]

mod builtin;
mod check;
mod expect;
mod known;
mod other_form;
mod pages;
mod report;
mod resolve;
mod show;
mod tree;

use callgate_gate_syntax as syntax;

pub use builtin::{Builtin, UnknownBuiltin, builtin, builtins};
pub use callgate_gate_syntax::{File, Gate, Node, SyntaxError, SyntaxKind, Token, format, words};
pub use check::Lowered;
pub use expect::{Expected, Failure, NoOutcome, Test};
pub use pages::codes;
pub use report::{call_text, decider, failure};
pub use resolve::{
    Libc, Loader, Refused, Written, from_folder, nothing, read, read_syntax, read_tests,
};
pub use show::{Cases, NotShown, Shown, Style, condition_text, draft, in_words, show, words_of};
