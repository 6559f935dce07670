//! Reads container profiles into policies: OCI's `linux.seccomp` (alone or in a `config.json`), and
//! the files of Docker and Podman; and writes policies as OCI profiles.
//!
//! [`Profile::parse`] reads any of the forms and finds out which it is. A profile leaves open what
//! the machine decides: [`Options`] says it, and [`Profile::resolve`] makes the
//! [`Policy`](callgate_policy::Policy).
//!
//! # What a profile means
//! Its readers disagree: [`Reading`] names four and says where they part. By default a profile is
//! read as by those that such files are written for: Docker's and Podman's as [`Reading::Docker`],
//! OCI's as [`Reading::Runc`]. Where another reading permits something else, a warning shows a call
//! and both answers. To all of them:
//!
//! - Rules have no order in the file's sense; which of several wins is libseccomp's order: a rule
//!   without conditions wins over all others, then the more specific condition, and a contradiction
//!   is an error.
//! - Conditions compare as many bits as a `long` of the architecture has, as unsigned numbers; of
//!   longer values on 32-bit architectures the low half. Where the kernel reads fewer bits than
//!   that and a call so gets around the rules, a warning shows the call. `"width": 32` beside
//!   `index` says how many low bits to compare: an addition of ours that only
//!   [`Reading::Kernel`] knows; the others skip it, as runtimes do, with a warning.
//! - Calls of architectures that the profile does not name kill the thread, as libseccomp's default
//!   has it.
//!
//! In one matter each is stricter here than those it is named after: unknown names are skipped in
//! allowing rules, with a warning, and refused in others, where runtimes skip them all.
//!
//! # Bad input
//! A file is at most [`FILE_MAX`] bytes. Whatever is wrong with it is an [`Error`] with line,
//! column and JSON path. Keys given twice are errors, and so are unknown keys that look like a
//! slip, since a rule without its `args` lets more through; other unknown keys are warnings.
#![forbid(unsafe_code)]

mod baseline;
mod caps;
mod chain;
mod check;
mod circumstances;
mod comparison;
mod diagnose;
pub mod docker;
mod error;
mod export;
pub mod json;
mod kep;
mod lint;
mod lower;
mod mux;
pub mod oci;
mod options;
mod place;
mod profile;
mod read;
mod reading;
mod scalar;
mod spelled;
mod typed;
mod warning;
mod witness;

pub use callgate_rules::{CapSet, Capability, UnknownCapability};
pub use callgate_syscalls::Action;
pub use error::{Error, Inexpressible};
pub use export::{Exported, Multiplexers};
pub use kep::{ARTIFACT_MAX, ENTRIES_MAX};
pub use options::{Arches, Options, UnknownSyscalls};
pub use place::Place;
pub use profile::{Profile, Resolved};
pub use read::Form;
pub use reading::{Reading, UnknownReading};
pub use scalar::{
    ActionName, ArchName, ArgIndex, DockerArch, Flag, MinKernel, OperatorName, WidthName,
};
pub use spelled::Spelled;
pub use warning::{Cause, Notice, Warning, WarningKind};

/// The largest size of a profile in bytes: 4 MiB. Docker's default has 13 kB; a `config.json`
/// rarely 100 kB.
pub const FILE_MAX: usize = 4 << 20;

/// The largest number of rules about one syscall: more than a filter of 4,096 instructions can
/// hold.
pub const RULES_PER_SYSCALL_MAX: usize = 2048;
