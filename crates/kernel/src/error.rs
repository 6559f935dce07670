//! Why the kernel refused.

use std::ffi::CString;
use std::{fmt, io};

use callgate_bpf::{CheckError, PATH_LEN_MAX};
use callgate_syscalls::{Action, Errno};

use crate::{Flag, Tid};

/// Why the kernel refused, or why it was not asked.
///
/// The variants that [`load`](crate::load()) returns own no memory: they can be made after a fork.
/// The kernel's errno is never hidden: [`Error::errno`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// There are no seccomp filters here.
    NoSeccomp {
        /// `ENOSYS` without seccomp(2), `EINVAL` where it has no filter mode.
        errno: Errno,
    },
    /// The kernel does not know a flag of the load.
    UnknownFlag {
        /// The first such flag.
        flag: Flag,
    },
    /// Neither no_new_privs nor `CAP_SYS_ADMIN`.
    NotPrivileged,
    /// no_new_privs can't be set.
    NoNewPrivsRefused {
        /// The reason.
        errno: Errno,
    },
    /// Another thread has filters that the caller does not have; nothing was attached.
    ThreadDiverged {
        /// The first such thread.
        tid: Tid,
    },
    /// As [`Error::ThreadDiverged`], where the kernel returns a listener and so can't name the
    /// thread.
    SomeThreadDiverged,
    /// One of the filters in place has a listener that is still open.
    ListenerExists,
    /// Several filters hand calls over, and the kernel allows one listener for all filters of a
    /// thread.
    SeveralListeners {
        /// How many.
        filters: usize,
    },
    /// The thread's filters are too long together, or kernel memory ran out.
    FiltersTooLong {
        /// How many filters the thread has.
        filters: u32,
    },
    /// Kernel memory ran out.
    OutOfMemory,
    /// The memory for compiled filters is used up.
    JitMemoryUsedUp,
    /// The process may open no more files.
    TooManyProcessFiles,
    /// The system may open no more files.
    TooManySystemFiles,
    /// The kernel's checker refuses the program, although ours accepts it.
    ProgramRefused,
    /// The process has more than one thread.
    SeveralThreads,
    /// How many threads the process has can't be found out.
    ThreadsUnknown {
        /// Why unshare(2), asked last, did not answer.
        errno: Errno,
    },
    /// The kernel's release can't be read as a version.
    UnreadableRelease,
    /// There is no command to execute.
    NoCommand,
    /// No file of that name.
    CommandNotFound {
        /// The command.
        command: CString,
    },
    /// A file of that name, but none that can be executed.
    CommandNotExecutable {
        /// The command.
        command: CString,
        /// The reason.
        errno: Errno,
    },
    /// The filter would not let the command be executed.
    CommandFiltered {
        /// What the filter returns for the execve(2).
        action: Action,
    },
    /// No such thread, or no longer.
    NoSuchThread {
        /// The thread.
        tid: Tid,
    },
    /// The thread has ended and has no filters any more.
    Ended {
        /// The thread.
        tid: Tid,
    },
    /// A thread of the kernel.
    KernelThread {
        /// The thread.
        tid: Tid,
    },
    /// A thread of the calling process, which can't trace itself.
    OwnThread {
        /// The thread.
        tid: Tid,
    },
    /// Another process traces the thread.
    AlreadyTraced {
        /// The thread.
        tid: Tid,
        /// Its tracer.
        tracer: Tid,
    },
    /// The thread is in strict mode, which has no filter.
    StrictMode {
        /// The thread.
        tid: Tid,
    },
    /// The caller has filters itself.
    Confined,
    /// The caller may not read the filters of that thread.
    DumpNotPermitted {
        /// The thread.
        tid: Tid,
        /// The reason.
        errno: Errno,
    },
    /// The kernel can't show filters.
    DumpUnsupported {
        /// The reason.
        errno: Errno,
    },
    /// The thread did not stop in time.
    Unresponsive {
        /// The thread.
        tid: Tid,
    },
    /// A filter that the kernel runs but our checker refuses.
    UnknownProgram {
        /// Its index, from the oldest.
        index: usize,
        /// What the checker says.
        error: CheckError,
    },
    /// A call that should not fail did.
    Kernel {
        /// The call.
        call: &'static str,
        /// The reason.
        errno: Errno,
    },
}

/// `ENOTSUPP`, which the kernel keeps to itself but for this one case; include/linux/errno.h.
pub(crate) const ENOTSUPP: i32 = 524;

impl Error {
    /// The kernel's errno, where the failure was one of the kernel's and came with one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        let raw = match self {
            Self::NoSeccomp { errno }
            | Self::NoNewPrivsRefused { errno }
            | Self::ThreadsUnknown { errno }
            | Self::CommandNotExecutable { errno, .. }
            | Self::DumpNotPermitted { errno, .. }
            | Self::DumpUnsupported { errno }
            | Self::Kernel { errno, .. } => return Some(*errno),
            Self::UnknownFlag { .. } | Self::ProgramRefused => libc::EINVAL,
            Self::NotPrivileged => libc::EACCES,
            Self::SomeThreadDiverged | Self::NoSuchThread { .. } => libc::ESRCH,
            Self::ListenerExists => libc::EBUSY,
            Self::FiltersTooLong { .. } | Self::OutOfMemory => libc::ENOMEM,
            Self::JitMemoryUsedUp => ENOTSUPP,
            Self::TooManyProcessFiles => libc::EMFILE,
            Self::TooManySystemFiles => libc::ENFILE,
            Self::CommandNotFound { .. } => libc::ENOENT,
            _ => return None,
        };
        Some(crate::sys::errno(raw))
    }

    /// The exit code with which env(1) and its like report the failure to run a command: 127 for a
    /// command that is not there, 126 for one that can't be executed, 125 for all else.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::CommandNotFound { .. } => 127,
            Self::CommandNotExecutable { .. } | Self::CommandFiltered { .. } => 126,
            _ => 125,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand
            | Self::CommandNotFound { .. }
            | Self::CommandNotExecutable { .. }
            | Self::CommandFiltered { .. } => self.fmt_command(f),
            Self::NoSuchThread { .. }
            | Self::Ended { .. }
            | Self::KernelThread { .. }
            | Self::OwnThread { .. }
            | Self::AlreadyTraced { .. }
            | Self::StrictMode { .. }
            | Self::Confined
            | Self::DumpNotPermitted { .. }
            | Self::DumpUnsupported { .. }
            | Self::Unresponsive { .. }
            | Self::UnknownProgram { .. } => self.fmt_dump(f),
            Self::Kernel { call, errno } => write!(f, "{call}: {}", Reason(*errno)),
            Self::UnreadableRelease => f.write_str("the kernel's release is not MAJOR.MINOR"),
            _ => self.fmt_load(f),
        }
    }
}

impl Error {
    fn fmt_load(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSeccomp { errno } => write!(
                f,
                "no seccomp filters here ({}): use Linux 3.17 or later with CONFIG_SECCOMP_FILTER, or lift the outer sandbox that hides them",
                Reason(*errno)
            ),
            Self::UnknownFlag { flag } => write!(
                f,
                "this kernel does not know {flag}: use Linux {} or later, or load without it",
                flag.since()
            ),
            Self::NoNewPrivsRefused { errno } => {
                write!(f, "can't set no_new_privs: {}", Reason(*errno))
            }
            Self::ThreadDiverged { tid } => write!(
                f,
                "thread {tid} has filters of its own, or is in strict mode: load before it does so, or load for this thread only"
            ),
            Self::FiltersTooLong { filters } => write!(
                f,
                "no room for another filter beside the {filters} of this thread: merge them (the kernel takes {PATH_LEN_MAX} instructions in all), or free memory"
            ),
            Self::SeveralListeners { filters } => write!(
                f,
                "{filters} filters hand calls to a listener, and the kernel allows one listener: make the policy smaller, so that one filter holds it"
            ),
            Self::ThreadsUnknown { errno } => write!(
                f,
                "can't tell whether this process has one thread ({}): mount /proc, or load for this thread only",
                Reason(*errno)
            ),
            _ => f.write_str(self.load_text()),
        }
    }

    const fn load_text(&self) -> &'static str {
        match self {
            Self::NotPrivileged => {
                "not permitted: set no_new_privs first, or hold CAP_SYS_ADMIN in the user namespace"
            }
            Self::SomeThreadDiverged => {
                "another thread has filters of its own, or is in strict mode: load before it does so, or load for this thread only"
            }
            Self::ListenerExists => {
                "a filter in place has a listener already: close that listener first; the kernel allows one"
            }
            Self::OutOfMemory => {
                "kernel memory ran out: free memory or raise the memory cgroup's limit"
            }
            Self::JitMemoryUsedUp => {
                "the memory for compiled filters is used up: raise net.core.bpf_jit_limit or load with CAP_BPF"
            }
            Self::TooManyProcessFiles => {
                "no file descriptor is left for the listener: close some or raise RLIMIT_NOFILE"
            }
            Self::TooManySystemFiles => "the system's file table is full: raise fs.file-max",
            Self::ProgramRefused => {
                "the kernel's checker refuses this program, although ours accepts it: please report this kernel and program"
            }
            Self::SeveralThreads => {
                "this process has more than one thread: load before starting them, or for all threads"
            }
            _ => "seccomp failed",
        }
    }

    fn fmt_command(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandNotFound { command } => {
                write!(f, "{}: command not found", command.to_string_lossy())
            }
            Self::CommandNotExecutable { command, errno } => {
                write!(f, "{}: can't execute: {}", command.to_string_lossy(), Reason(*errno))
            }
            Self::CommandFiltered { action } => write!(
                f,
                "the filter answers the command's own execve with {action}: allow execve, or load from inside the program"
            ),
            _ => f.write_str("no command given"),
        }
    }

    fn fmt_dump(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchThread { tid } => write!(f, "no thread {tid}, or no longer"),
            Self::Ended { tid } => write!(f, "thread {tid} has ended, and its filters with it"),
            Self::KernelThread { tid } => {
                write!(f, "{tid} is a thread of the kernel, which has no filters")
            }
            Self::OwnThread { tid } => write!(
                f,
                "{tid} is a thread of this process, which can't trace itself: ask from another"
            ),
            Self::AlreadyTraced { tid, tracer } => {
                write!(f, "thread {tid} is traced by {tracer} already: end that first")
            }
            Self::StrictMode { tid } => {
                write!(f, "thread {tid} is in strict mode: it has no filter to show")
            }
            Self::DumpNotPermitted { tid, errno } => write!(
                f,
                "not permitted to read the filters of {tid} ({}): needs CAP_SYS_ADMIN outside of any user namespace, and ptrace",
                Reason(*errno)
            ),
            Self::DumpUnsupported { errno } => write!(
                f,
                "this kernel can't show filters ({}): use Linux 4.4 or later with CONFIG_CHECKPOINT_RESTORE",
                Reason(*errno)
            ),
            Self::Unresponsive { tid } => {
                write!(f, "thread {tid} did not stop in time: it is frozen, or waits for a device")
            }
            Self::UnknownProgram { index, error } => {
                write!(f, "filter {index} is not a program this version knows: {error}")
            }
            _ => f.write_str("this process is under a filter itself: ask from one that is not"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::UnknownProgram { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// An errno in words.
#[derive(Clone, Copy, Debug)]
pub struct Reason(pub Errno);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = i32::from(self.0.raw());
        match raw {
            ENOTSUPP => write!(f, "not supported (os error {raw})"),
            _ => io::Error::from_raw_os_error(raw).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::errno;

    #[test]
    fn messages_say_what_to_do() {
        let tid = Tid::new(7).unwrap();
        for (error, expected) in [
            (Error::UnknownFlag { flag: Flag::Log }, "Linux 4.14 or later"),
            (Error::NotPrivileged, "set no_new_privs"),
            (Error::ThreadDiverged { tid }, "thread 7"),
            (Error::ListenerExists, "close that listener"),
            (Error::SeveralListeners { filters: 2 }, "2 filters hand calls"),
            (Error::FiltersTooLong { filters: 5 }, "the 5 of this thread: merge"),
            (Error::JitMemoryUsedUp, "net.core.bpf_jit_limit"),
            (Error::TooManyProcessFiles, "RLIMIT_NOFILE"),
            (Error::NoSeccomp { errno: errno(libc::ENOSYS) }, "(os error 38)"),
            (Error::Confined, "ask from one that is not"),
        ] {
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn the_kernels_errno_stays_known() {
        for (error, expected) in [
            (Error::NotPrivileged, Some(libc::EACCES)),
            (Error::JitMemoryUsedUp, Some(524)),
            (Error::OutOfMemory, Some(libc::ENOMEM)),
            (Error::FiltersTooLong { filters: 1 }, Some(libc::ENOMEM)),
            (Error::ListenerExists, Some(libc::EBUSY)),
            (Error::SomeThreadDiverged, Some(libc::ESRCH)),
            (Error::Kernel { call: "seccomp", errno: errno(libc::EPERM) }, Some(libc::EPERM)),
            (Error::ThreadDiverged { tid: Tid::new(7).unwrap() }, None),
        ] {
            assert_eq!(error.errno().map(|e| i32::from(e.raw())), expected, "{error}");
        }
    }
}
