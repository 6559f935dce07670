//! An agent that answers the seccomp notifications of containers by rules.
//!
//! A container runtime (runc, crun) whose configuration has `listenerPath` connects to the agent's
//! socket for each container and hands over its state and the filter's listener. From then on the
//! agent answers the calls that the filter hands over, by a [`Policy`], until the last process of
//! the container has ended.
//!
//! - Decisions are logged as lines of JSON, and counted for Prometheus.
//! - No container waits for another one, and no client for another one: what may wait has a thread
//!   of its own and a deadline, and clients that send nonsense, or nothing, give way to newer ones.
//! - Listeners are kept by the service manager, so that the agent can be restarted under running
//!   containers.
//!
//! It does not start containers, and knows of them only what their runtime tells.
//!
//! References: seccomp_unotify(2); `config-linux.md` of the OCI runtime specification, section
//! "Seccomp".
#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]

mod answer;
mod crowd;
mod emulate;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod hand;
mod http;
mod log;
mod metrics;
mod oci;
mod policy;
mod receive;
mod server;
mod store;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use error::Error;
pub use policy::{FILE_MAX, POLICY_FORMAT, Policy, TEXT_MAX};
pub use server::run;

/// How an agent is run.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by the caller, field by field")]
pub struct Options {
    /// Where runtimes connect to.
    pub socket: PathBuf,
    /// The policy's file.
    pub policy: PathBuf,
    /// Where the metrics are served: on loopback only. Port 0 is one of the system's choice, which
    /// the log names.
    pub metrics: Option<SocketAddr>,
}
