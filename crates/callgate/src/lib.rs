//! Syscall filters for Linux: written by name, proved right, then loaded.
//!
//! A seccomp filter is a small program that the kernel runs on every system call of a process: the
//! call is allowed, fails with an errno, kills the process, or is handed to a supervisor. This
//! crate builds such filters from rules, or from container profiles, and **proves** each program
//! equal to its rules, for every number, architecture and argument, before it can be loaded.
//!
//! # A filter in five lines
//!
//! ```
//! use callgate::{arg, consts, names, Action, Errno, Filter, Scope};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let filter = Filter::builder(Errno::EPERM.action())
//!     .allow([names::READ, names::WRITE, names::CLOSE, names::EXIT_GROUP])
//!     .rule(names::SOCKET, arg("family").is_in([consts::AF_UNIX, consts::AF_INET]), Action::ALLOW)
//!     .build()?;
//!
//! # let ending = callgate::kernel::child::run(|| {
//! #     let load = || -> Result<(), Box<dyn std::error::Error>> {
//! filter.load(Scope::ThisThread)?;
//! #         Ok(())
//! #     };
//! #     u8::from(load().is_err())
//! # })?;
//! # assert_eq!(ending, callgate::kernel::child::Ending::Exited { code: 0 });
//! # Ok(())
//! # }
//! ```
//!
//! - **Names are checked when you compile.** [`names::SOCKET`] is a constant; a typo is an error of
//!   rustc, and so are [`consts::AF_INET`] and the others, with each architecture's own value. A
//!   name from outside goes through [`Name::parse`].
//! - **Conditions read what the kernel reads.** [`arg`]`("family")` compares 32 bits, because the
//!   kernel takes an `int`. A 64-bit comparison there could be evaded, or could refuse a good call,
//!   by garbage in the high half of the register. Order is that of the kernel's type:
//!   `arg("family").lt(2)` holds for negative values.
//! - **The first rule that holds decides**; without one, the builder's default action answers.
//! - **Where the filter applies is said, not assumed**: [`Scope`] has no default.
//! - **Only proved programs load.** [`FilterBuilder::build`] compiles, proves, and gives no filter
//!   if either fails. A program without a proof is a type of its own, [`Unproved`].
//!
//! # Which default action?
//!
//! For an allow list of your own program, [`Action::KILL_PROCESS`] makes a mistake visible at once.
//! For programs you did not write, an errno lets them handle refusal; combine it with
//! [`FilterBuilder::unknown`] and `ENOSYS`, so that a libc that tries newer syscalls first falls
//! back to older ones.
//!
//! # Profiles
//!
//! Docker, Podman and OCI profiles are read by [`profiles`], resolved for a machine
//! ([`this_machine`]) and become a filter by [`Filter::from_profile`]. `examples/run_profile.rs`
//! does all of it.
//!
//! # Filters made by a build script
//!
//! An application whose filter never changes can have it compiled and proved while it is built.
//! With `callgate` among the build-dependencies, `build.rs` says
//!
//! ```no_run
//! use callgate::{Action, Arch, Filter, names};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let target: Arch = std::env::var("CARGO_CFG_TARGET_ARCH")?.parse()?;
//! let filter = Filter::builder(Action::KILL_PROCESS)
//!     .arches([target])
//!     .allow([names::READ, names::WRITE, names::EXIT_GROUP])
//!     .build()?; // fails the build if it is not proved
//! let path = std::path::Path::new(&std::env::var("OUT_DIR")?).join("filter.rs");
//! std::fs::write(path, filter.to_rust("FILTER", target.endian()))?;
//! # Ok(())
//! # }
//! ```
//!
//! and the application, which depends on `callgate-bpf`, `callgate-kernel` and `callgate-syscalls`
//! alone,
//!
//! ```text
//! include!(concat!(env!("OUT_DIR"), "/filter.rs"));
//!
//! let program = Program::from_bytes(&FILTER, Endian::native())?;
//! callgate_kernel::load(&program, Scope::BeforeExec, &Options::default())?;
//! ```
//!
//! `examples/embedded` is such an application, with its test. A filter of `callgate compile` can be
//! embedded in the same way, with `include_bytes!`.
//!
//! # Coming from seccompiler
//!
//! | seccompiler | here |
//! |---|---|
//! | `SeccompFilter::new(rules, mismatch, match, arch)` | [`Filter::builder`]`(default)`, each rule with its own action |
//! | `BTreeMap<i64, Vec<SeccompRule>>` with `libc::SYS_*` | rules by name, resolved on every architecture of the filter |
//! | `SeccompCondition::new(0, ArgLen::Dword, Eq, 1)` | [`arg`]`("family").eq(1)`; the width follows the kernel's signature |
//! | all conditions of a rule must hold | `&`, `\|` and `!` on [`Cond`] |
//! | `apply_filter`, `apply_filter_all_threads` | [`Filter::load`] with a [`Scope`] |
//! | calls of other architectures kill | [`FilterBuilder::foreign`], and [`FilterBuilder::arches`] to name several |
//!
//! # Coming from libseccomp-rs
//!
//! | libseccomp | here |
//! |---|---|
//! | `ScmpFilterContext::new(default)` | [`Filter::builder`]`(default)` |
//! | `add_arch`, `remove_arch` | [`FilterBuilder::arches`] |
//! | `set_act_badarch` | [`FilterBuilder::foreign`] |
//! | `add_rule(action, ScmpSyscall::from_name(..)?)` | [`FilterBuilder::answer`]`(action, [names::..])` |
//! | `add_rule_conditional(action, syscall, &[scmp_cmp!($arg0 == 1)])` | [`FilterBuilder::rule`]`(name, arg(0).eq(1), action)` |
//! | `$arg0 & mask == value` | [`arg`]`(0).masked(mask).eq(value)` |
//! | rules in any order; the library decides which wins | rules in your order; the first that holds wins |
//! | `set_ctl_tsync(true)` | [`Scope::AllThreads`] |
//! | `export_bpf(fd)` | [`Filter::program`] and [`Program::to_bytes`] |
//! | `load()` | [`Filter::load`] |
#![forbid(unsafe_code)]

mod builder;
mod constants;
mod error;
mod filter;
mod filter_stack;
mod generated;
mod machine;
mod optimize;
mod proof;
pub mod testing;
mod words;

pub use callgate_bpf::Program;
pub use callgate_kernel::{Scope, report};
pub use callgate_policy::{Policy, SeccompData, SyscallNr};
pub use callgate_prover::{Proved, ProvedStack};
pub use callgate_rules::{Arg, Cond, Constant, Value, Which, arg};
pub use callgate_syscalls::{Action, ActionKind, Arch, Endian, Errno, KernelVersion, Name, names};

pub use builder::FilterBuilder;
pub use error::Error;
pub use filter::Filter;
pub use filter_stack::FilterStack;
pub use generated::consts;
pub use machine::this_machine;
pub use optimize::{merge, optimize};
pub use proof::{Unproved, UnprovedStack};
pub use words::Calls;

/// Compiling policies: how often calls are made, what the passes make: [`callgate_compiler`].
pub use callgate_compiler as compiler;
/// Container profiles: [`callgate_formats`].
pub use callgate_formats as profiles;
/// The language for policies, `*.gate`.
pub use callgate_gate as gate;
/// Loading filters and reading them back: [`callgate_kernel`].
pub use callgate_kernel as kernel;
/// Comparing what policies and programs mean: [`callgate_prover`].
pub use callgate_prover as prover;
/// Rules with their places, diagnostics, and the lowering of both to a policy: [`callgate_rules`].
pub use callgate_rules as rules;
/// Answering the calls that a filter hands over: [`callgate_supervise`].
pub use callgate_supervise as supervise;
