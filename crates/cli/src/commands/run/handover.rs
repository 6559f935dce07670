//! Handing the filter's listener to a seccomp agent, as container runtimes do it.
//!
//! References: "Container Process State" in `config-linux.md` of the OCI runtime specification.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, process};

use callgate_kernel::notify::handover;
use serde::Serialize;

use callgate_console::error::Error;

/// How long the agent may take to read what it is sent. Agents that work take microseconds.
const TIME_MAX: Duration = Duration::from_secs(10);

/// The agent that a profile names.
pub(super) struct AgentAddress {
    pub(super) path: PathBuf,
    pub(super) metadata: Option<String>,
}

/// An agent that is connected and has got nothing yet.
pub(super) struct Agent {
    socket: UnixStream,
    metadata: Option<String>,
}

/// What goes with the listener: `ContainerProcessState`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerProcessState<'a> {
    oci_version: &'static str,
    fds: [&'static str; 1],
    pid: u32,
    metadata: &'a str,
    state: State,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct State {
    oci_version: &'static str,
    id: String,
    status: &'static str,
    pid: u32,
    bundle: String,
}

/// The version of the specification that first had agents.
const OCI_VERSION: &str = "1.0.2";

impl AgentAddress {
    /// Connects, while everything that goes wrong can still be said.
    ///
    /// # Errors
    /// [`Error::AgentUnreachable`].
    pub(super) fn connect(&self) -> Result<Agent, Error> {
        let unreachable = |reason| Error::AgentUnreachable { path: self.path.clone(), reason };
        let socket = UnixStream::connect(&self.path).map_err(unreachable)?;
        socket.set_write_timeout(Some(TIME_MAX)).map_err(unreachable)?;
        Ok(Agent { socket, metadata: self.metadata.clone() })
    }
}

impl Agent {
    /// Gives the listener away; the connection ends with it.
    ///
    /// # Errors
    /// The system's; the socket takes all at once, or as much as the agent reads within
    /// [`TIME_MAX`].
    pub(super) fn give(self, listener: OwnedFd) -> io::Result<()> {
        let message = self.message()?;
        let sent = handover::send(self.socket.as_fd(), &message, listener.as_fd());
        match sent {
            Ok(sent) if sent == message.len() => Ok(()),
            Ok(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the agent does not read")),
            Err(errno) => Err(io::Error::from_raw_os_error(errno.raw().into())),
        }
    }

    /// What the agent is told of this process.
    fn message(&self) -> io::Result<Vec<u8>> {
        // It keeps its number when it becomes the command.
        let pid = process::id();
        let bundle = env::current_dir().unwrap_or_default();
        let state = ContainerProcessState {
            oci_version: OCI_VERSION,
            fds: ["seccompFd"],
            pid,
            metadata: self.metadata.as_deref().unwrap_or_default(),
            state: State {
                oci_version: OCI_VERSION,
                id: format!("callgate-run-{pid}"),
                status: "creating",
                pid,
                bundle: bundle.to_string_lossy().into_owned(),
            },
        };
        serde_json::to_vec(&state).map_err(io::Error::from)
    }
}
