//! libseccomp's filter context in safe Rust.
//!
//! A [`Context`] collects rules for one or more architectures as libseccomp's functions do, with
//! the same return codes, and makes of them a [`Policy`](callgate_policy::Policy), a program that
//! is proved to mean the same ([`Verified`]), and the PFC text. Each function of libseccomp that is
//! not a call of the kernel has its counterpart here; the C library only converts pointers and
//! codes ([`Error::code`]).
//!
//! What rules mean when they overlap is said once, in the crate `callgate-order`: **the first rule
//! that holds decides**, in an order that does not depend on how the rules are compiled. Rules are
//! never lost, and none reaches into another.
//!
//! What this crate does not know: the kernel. What the kernel can do comes in as [`Capabilities`],
//! and what is to be asked of it goes out as a [`LoadPlan`].
//!
//! References: the manual pages of libseccomp, seccomp_init(3) and those it names.
//!
//! ```
//! use callgate_policy::{Action, Arch};
//! use callgate_scmp::{ArgCmp, Capabilities, Context, Exactness, Number};
//!
//! let kernel = Capabilities::ALL;
//! let mut context = Context::new(Arch::X86_64, Action::KILL_PROCESS, &kernel)?;
//! let af_unix = ArgCmp { arg: 0, op: 4, datum_a: 1, datum_b: 0 };
//! context.rule_add(Action::ALLOW, Number::new(41), &[af_unix], Exactness::Adapted, &kernel)?;
//! assert!(context.export_pfc()?.contains("# filter for syscall \"socket\" (41) [priority: 65533]"));
//! assert_eq!(context.export_bpf()?.len() % 8, 0);
//! # Ok::<(), callgate_scmp::Error>(())
//! ```
#![forbid(unsafe_code)]
// Memory that is out is an error, never the end of the process.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod action;
mod attribute;
mod capabilities;
mod context;
mod entry;
mod error;
mod filter;
mod load;
mod lower;
mod pfc;
mod program;
mod token;
mod word;

pub use attribute::Attribute;
pub use callgate_order::{
    ArgCmp, Exactness, Number, pseudo_number, resolve_name, resolve_name_rewrite, resolve_number,
};
pub use capabilities::{ApiLevel, Capabilities};
pub use context::Context;
pub use error::{Error, code};
pub use load::{LoadPlan, LoadResult, load_flag};
pub use program::{Proof, Verified};
pub use token::Token;

/// The version of libseccomp whose interface this is: major, minor, micro.
pub const VERSION: (u32, u32, u32) = (2, 6, 1);
