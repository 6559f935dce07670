//! Why a filter was not written.

use std::fmt;

use crate::Format;

/// Why a filter was not written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NotConverted {
    /// The form has no words for a part of the filter.
    Inexpressible {
        /// The form.
        format: Format,
        /// Which part, and what would be lost.
        what: String,
    },
    /// The text would not be read back.
    Unreadable {
        /// The form.
        format: Format,
        /// The reader's reason.
        reason: String,
    },
    /// The prover did not decide within its limits.
    Unproved(callgate_prover::Error),
}

impl fmt::Display for NotConverted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inexpressible { format, what } => {
                write!(f, "cannot be written as {}: {what}", format.title())
            }
            Self::Unreadable { format, reason } => {
                write!(f, "what was written as {} is not read back: {reason}", format.title())
            }
            Self::Unproved(reason) => {
                write!(f, "it could not be proved that the text means the filter: {reason}")
            }
        }
    }
}

impl std::error::Error for NotConverted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Inexpressible { .. } | Self::Unreadable { .. } => None,
            Self::Unproved(reason) => Some(reason),
        }
    }
}
