//! Why the agent does not work.

use std::path::PathBuf;
use std::{fmt, io};

use callgate_formats::json::PlacedFault;

/// Why the agent does not start, or goes on no longer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The policy can't be used, because of something in it.
    Policy(PlacedFault),
    /// The policy can't be read at all.
    NoPolicy {
        /// The file.
        origin: String,
        /// Why.
        reason: String,
    },
    /// A file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// Another agent answers at the socket.
    Occupied {
        /// The socket.
        path: PathBuf,
    },
    /// The path is taken by something that is not a socket.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The metrics would be readable from other machines.
    NotLoopback {
        /// The address.
        address: std::net::SocketAddr,
    },
    /// The system refused something that the agent can't do without.
    System {
        /// What.
        what: String,
        /// The system's reason.
        reason: io::Error,
    },
}

impl Error {
    pub(crate) fn system(what: impl Into<String>, reason: io::Error) -> Self {
        Self::System { what: what.into(), reason }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(fault) => fault.fmt(f),
            Self::NoPolicy { origin, reason } => write!(f, "{origin}: {reason}"),
            Self::Read { path, reason } => write!(f, "cannot read {}: {reason}", path.display()),
            Self::Occupied { path } => write!(
                f,
                "another agent answers at {}: end it, or choose another socket",
                path.display()
            ),
            Self::NotASocket { path } => {
                write!(f, "{} is not a socket: choose another path, or remove it", path.display())
            }
            Self::NotLoopback { address } => write!(
                f,
                "metrics at {address} could be read from other machines: use 127.0.0.1 or [::1]"
            ),
            Self::System { what, reason } => write!(f, "{what}: {reason}"),
        }
    }
}

impl From<PlacedFault> for Error {
    fn from(fault: PlacedFault) -> Self {
        Self::Policy(fault)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { reason, .. } | Self::System { reason, .. } => Some(reason),
            _ => None,
        }
    }
}
