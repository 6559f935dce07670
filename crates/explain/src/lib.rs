//! Why a call was refused, by which rule, and what to change.
//!
//! A [`Denial`] is what some source knows of a refused call: a notification knows nearly all, an
//! audit record the number and the architecture. [`explain()`] holds it against a [`Filter`], if there
//! is one, and makes an [`Explanation`]: the call with named arguments, the rule and its place, what
//! programs want with the call and do when it is refused, and up to three changes with what each
//! permits beyond, which is proved and not guessed. An explanation is shown as text (`Display`) and
//! as JSON (`Serialize`,
//! [`Explanation::json_line`]); what the source cannot know is said in both.
//!
//! ```
//! use callgate_explain::{Answer, Denial, Filter, Knowledge, explain};
//! use callgate_gate::{nothing, read};
//! use callgate_rules::{Source, Target};
//! use callgate_syscalls::{Action, Arch, names};
//!
//! let text = "policy 1\narch x86_64\ndefault errno EPERM\nallow socket where family == AF_UNIX\n";
//! let written = read(Source::new("my.gate", text)?, &mut nothing)?;
//! let lowered = written.lower(&Target::new(Arch::X86_64))?;
//!
//! let socket = Arch::X86_64.syscall(names::SOCKET).ok_or("no socket")?;
//! let mut denial = Denial::new(Arch::X86_64.token(), socket.nr, Knowledge::Notification);
//! denial.args = [Some(16), Some(3), Some(0), None, None, None];
//! denial.answer = Answer::Action(Action::errno(1).ok_or("no errno")?);
//!
//! let filter = Filter::rules(&lowered.policy, &lowered.provenance, &written.sources);
//! let explanation = explain(&denial, Some(&filter));
//! assert_eq!(explanation.call.to_string(), "socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) on x86_64");
//! assert_eq!(explanation.rulings[0].place.as_deref(), Some("my.gate:3:1"));
//! assert!(explanation.changes.iter().any(|change| change.line.starts_with("allow socket where")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What this crate does not know: processes. It makes no syscall but to read what it is handed.
#![forbid(unsafe_code)]

mod call;
mod change;
mod check;
mod collect;
mod cost;
mod denial;
mod explain;
mod filter;
mod intent;
mod json;
mod kind;
mod partial;
mod read;
mod ruling;
mod text;
mod time;

pub use call::{Call, ShownArgument};
pub use change::{Before, Change, ChangeKind, Removal};
pub use check::{Culprit, Repeatable, addresses, culprits, repeatable};
pub use collect::Denials;
pub use cost::Cost;
pub use denial::{Answer, Denial, Frame, Knowledge, MORE, Process};
pub use explain::{Explanation, explain};
pub use filter::Filter;
pub use intent::{Effect, Intent};
pub use kind::told_apart;
pub use read::{Calls, Ended, Found, Made, NoDenial, Reader, Told, read_core, read_line};
pub use ruling::Ruling;
pub use time::Time;
