//! Why a supervisor can't do what it was asked to.

use std::{fmt, io};

use callgate_kernel::Tid;
use callgate_syscalls::Errno;

/// Why a supervisor can't do what it was asked to. That a call has ended, or that a signal came, is
/// none of this: those are values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The kernel has no notifications.
    Unsupported {
        /// What it says when asked.
        errno: Errno,
    },
    /// The kernel's structures have sizes that this version can't handle.
    UnknownFormat,
    /// The descriptor is not that of a listener.
    NotAListener {
        /// What the kernel says when asked for a notification.
        errno: Errno,
    },
    /// The calling thread is in a pid namespace that the supervisor does not see, so that there is
    /// no way to its memory.
    Invisible,
    /// The supervisor may not look into the calling process.
    Forbidden {
        /// The calling thread.
        tid: Tid,
        /// The reason.
        errno: Errno,
    },
    /// The calling process has no room for a descriptor, or not for that number.
    NoRoom {
        /// `EMFILE`, or `EBADF` for a number beyond its limit.
        errno: Errno,
    },
    /// Somebody else who holds the listener has answered the call.
    AnsweredElsewhere,
    /// A call that should not fail did.
    Kernel {
        /// The call.
        call: &'static str,
        /// The reason.
        errno: Errno,
    },
}

impl Error {
    /// The kernel's errno, where there was one.
    #[must_use]
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::Unsupported { errno }
            | Self::NotAListener { errno }
            | Self::Forbidden { errno, .. }
            | Self::NoRoom { errno }
            | Self::Kernel { errno, .. } => Some(*errno),
            Self::UnknownFormat | Self::Invisible | Self::AnsweredElsewhere => None,
        }
    }

    /// The failure of a call of the standard library.
    pub(crate) fn of_io(call: &'static str, error: &io::Error) -> Self {
        Self::Kernel { call, errno: errno_of(error) }
    }
}

/// The errno in an error of the standard library; 0 where it holds none.
pub(crate) fn errno_of(error: &io::Error) -> Errno {
    errno(error.raw_os_error().unwrap_or(0))
}

/// An errno of libc's numbers; 0 where the kernel could not have returned it.
pub(crate) fn errno(raw: i32) -> Errno {
    Errno::new(u16::try_from(raw).unwrap_or(0))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { errno } => write!(
                f,
                "no notifications here ({}): use Linux 5.0 or later, or lift the outer sandbox that hides them",
                Reason(*errno)
            ),
            Self::UnknownFormat => f.write_str(
                "this kernel's notifications have sizes that this version does not know: use a later version",
            ),
            Self::NotAListener { errno } => write!(
                f,
                "the descriptor is not a filter's listener ({}): pass the one that the load of the filter returned",
                Reason(*errno)
            ),
            Self::Invisible => f.write_str(
                "the calling thread is in a pid namespace that can't be seen from here: supervise from an outer one",
            ),
            Self::Forbidden { tid, errno } => write!(
                f,
                "not permitted to look into thread {tid} ({}): the supervisor must be allowed to trace it (same user, or CAP_SYS_PTRACE; see kernel.yama.ptrace_scope)",
                Reason(*errno)
            ),
            Self::NoRoom { errno } => write!(
                f,
                "the calling process can't take the descriptor ({}): its limit of open files is reached",
                Reason(*errno)
            ),
            Self::AnsweredElsewhere => f.write_str(
                "the call was answered by another holder of the listener: let one process answer",
            ),
            Self::Kernel { call, errno } => write!(f, "{call}: {}", Reason(*errno)),
        }
    }
}

impl std::error::Error for Error {}

/// An errno in words.
struct Reason(Errno);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0.raw().into()).fmt(f)
    }
}
