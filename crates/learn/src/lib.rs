//! Profiles learned from what programs were seen to call.
//!
//! - [`Evidence`] is what was seen, as a file of JSON lines. It merges in any order and grouping,
//!   and twice is once.
//! - [`Collector`] makes evidence of one run from its events.
//! - [`mine()`] makes statements of evidence: arguments generalised to what means the same, calls
//!   closed over what other libraries and kernels make in their place. What a scan found reachable
//!   is added to them as a tier of its own.
//! - [`write()`] makes a policy in callgate's language of them, each statement with its evidence.
//! - [`import()`] makes evidence of what others recorded.
//! - [`update()`] brings a profile that people have edited up to date.
//! - [`replay()`] decides every observation by a finished policy.
//!
//! Nothing here makes a syscall: recorders are in `callgate-observe`.
#![forbid(unsafe_code)]

mod collect;
mod evidence;
mod explore;
mod import;
mod mine;
mod optional;
mod profile;
mod replay;
mod update;

pub use collect::{Collector, Progress, Report};
pub use evidence::lines::LineError;
pub use evidence::seen::{Phase, Seen};
pub use evidence::smallest::Smallest;
pub use evidence::{Arguments, CallKey, Evidence, Observations, Run, RunId};
pub use explore::{probes, refusing, without};
pub use import::{Form, ImportError, Imported, import, import_policy};
pub use mine::{Mined, OLDEST, Reached, Statement, Tier, Verdict, Wants, mine};
pub use optional::optional;
pub use profile::{Heading, Style, write};
pub use replay::{Refusal, replay};
pub use update::{Promised, Update, Updated, update};
