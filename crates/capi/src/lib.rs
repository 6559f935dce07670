//! `libcallgate.so` and `libcallgate.a`: what `callgate.h` declares, for programs in C that have
//! libseccomp.
//!
//! Nothing is decided here. A policy is read by the readers of every form, turned into what
//! libseccomp is asked for by `callgate_convert`, and asked of the libseccomp that the program has,
//! by its public functions alone; the program that it exports is proved to mean the policy. Two
//! libseccomps never meet: this library has none, and asks the loader for the program's.
//!
//! - `entry` stands between C and Rust: panics, NULL, the text of the last error.
//! - `read` finds out the form of a text and what it means.
//! - `library` is libseccomp as this process has it, with its pointers owned.
//! - `filter` and `denied` are the functions, a few lines each.
//! - `include/callgate.h` is the header, `exports.txt` the symbols; `cargo xtask abi` holds both
//!   against a C compiler, with each of two libseccomps.
//!
//! A failure is a negative errno, and [`callgate_error`] has its text. Where memory is out the
//! process ends, as programs in Rust do: filters are read at the start.
#![cfg(target_os = "linux")]

#[cfg(not(panic = "unwind"))]
compile_error!(
    "build with panic=unwind: a panic must become -EFAULT and not the end of the process"
);

mod denied;
mod entry;
mod failure;
mod filter;
mod library;
mod read;

pub use denied::callgate_denied;
pub use entry::{callgate_error, callgate_warnings};
pub use filter::{callgate_filter_from_file, callgate_filter_from_text};
