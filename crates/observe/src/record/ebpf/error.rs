//! Why nothing can be recorded in the kernel, and what can be done about it.

use std::ffi::CStr;
use std::{fmt, fs, io};

use callgate_kernel::parts::errno;
use callgate_kernel::{Error, Tid};
use callgate_syscalls::{Errno, KernelVersion};

/// Why calls can't be recorded by programs in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EbpfError {
    /// The kernel is older than 5.8, with which its ring buffer came.
    Old {
        /// The kernel.
        kernel: KernelVersion,
    },
    /// The registers of this machine are not known.
    Machine,
    /// The kernel was built without bpf(2).
    NoBpf,
    /// This process may not load programs.
    NotPermitted {
        /// The kernel's reason.
        errno: Errno,
        /// What forbids it, as far as can be seen.
        why: Forbidden,
    },
    /// The kernel's verifier refuses a program.
    Refused {
        /// The kernel's reason.
        errno: Errno,
        /// The end of what it says.
        log: String,
    },
    /// The kernel has no such tracepoint.
    NoTracepoint {
        /// Which.
        tracepoint: &'static CStr,
        /// The kernel's reason.
        errno: Errno,
    },
    /// It could not be found out how the kernel marks calls of programs of 32 bits.
    NoNarrowness,
    /// What was named is no control group of version 2.
    NoGroup {
        /// The kernel's reason.
        errno: Errno,
    },
    /// A process that is to be recorded is not there.
    NoProcess {
        /// Which.
        process: Tid,
    },
    /// Something else that should not fail did.
    Kernel(Error),
}

/// What forbids to load programs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forbidden {
    /// A capability is missing: which.
    Capabilities(&'static str),
    /// Capabilities are those of a user namespace, which do not count.
    UserNamespace,
    /// The kernel is locked down, so that nobody reads its memory.
    Lockdown,
    /// A filter of this process, such as a container's.
    Filter,
    /// It can't be seen.
    Unknown,
}

impl EbpfError {
    /// Of a map that could not be made.
    pub(super) fn of_map(reason: Errno) -> Self {
        if reason == errno(libc::ENOSYS) {
            return Self::NoBpf;
        }
        if reason == errno(libc::EPERM) || reason == errno(libc::EACCES) {
            return Self::NotPermitted { errno: reason, why: Forbidden::find() };
        }
        Self::Kernel(Error::Kernel { call: "bpf", errno: reason })
    }

    /// Of a program that could not be loaded.
    pub(super) fn of_program(reason: Errno, log: &[u8]) -> Self {
        let log = String::from_utf8_lossy(log);
        let log = log.trim_end_matches(|c: char| c == '\0' || c.is_whitespace());
        if log.is_empty() || Forbidden::find() == Forbidden::Lockdown {
            return Self::of_map(reason);
        }
        let lines: Vec<&str> = log.lines().rev().take(6).collect();
        let log = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
        Self::Refused { errno: reason, log }
    }

    pub(super) fn io(call: &'static str, error: &io::Error) -> Self {
        Self::Kernel(Error::Kernel { call, errno: callgate_kernel::parts::errno_of(error) })
    }

    pub(super) const fn call(call: &'static str, errno: Errno) -> Self {
        Self::Kernel(Error::Kernel { call, errno })
    }

    /// For those who have asked before whether it is possible.
    pub(super) fn into_kernel(self) -> Error {
        let call = "bpf";
        match self {
            Self::Kernel(error) => error,
            Self::NotPermitted { errno, .. }
            | Self::Refused { errno, .. }
            | Self::NoTracepoint { errno, .. }
            | Self::NoGroup { errno } => Error::Kernel { call, errno },
            Self::NoProcess { process } => Error::NoSuchThread { tid: process },
            Self::Old { .. } | Self::Machine | Self::NoBpf | Self::NoNarrowness => {
                Error::Kernel { call, errno: errno(libc::ENOSYS) }
            }
        }
    }
}

impl Forbidden {
    /// Looks for it.
    fn find() -> Self {
        const ADMIN: u64 = 1 << 21;
        const PERFMON: u64 = 1 << 38;
        const BPF: u64 = 1 << 39;
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|text| text.strip_prefix(':')).unwrap_or_default().trim().to_owned()
        };
        let effective = u64::from_str_radix(&field("CapEff"), 16).unwrap_or(0);
        let has = |capability: u64| effective & (capability | ADMIN) != 0;
        match (has(BPF), has(PERFMON)) {
            (false, false) => return Self::Capabilities("CAP_BPF and CAP_PERFMON"),
            (false, true) => return Self::Capabilities("CAP_BPF"),
            (true, false) => return Self::Capabilities("CAP_PERFMON"),
            (true, true) => {}
        }
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let ids: Vec<&str> = map.split_whitespace().collect();
        if !map.is_empty() && ids != ["0", "0", "4294967295"] {
            return Self::UserNamespace;
        }
        let lockdown = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
        if lockdown.contains("[confidentiality]") {
            return Self::Lockdown;
        }
        if field("Seccomp") == "2" { Self::Filter } else { Self::Unknown }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capabilities(missing) => {
                write!(f, "{missing} missing: run it as root, or give it both capabilities")
            }
            Self::UserNamespace => f.write_str(
                "the capabilities of a user namespace do not count: run it outside, as root",
            ),
            Self::Lockdown => f.write_str(
                "the kernel is locked down for confidentiality (/sys/kernel/security/lockdown)",
            ),
            Self::Filter => f.write_str(
                "this process has a seccomp filter, which may be what refuses it (the default one \
                 of containers does without CAP_BPF and CAP_PERFMON)",
            ),
            Self::Unknown => f.write_str("a security module may forbid it"),
        }
    }
}

impl fmt::Display for EbpfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const INSTEAD: &str = "commands can be recorded without, by notify or ptrace";
        match self {
            Self::Old { kernel } => {
                write!(f, "recording in the kernel needs Linux 5.8, this is {kernel}; {INSTEAD}")
            }
            Self::Machine => {
                write!(f, "recording in the kernel is for x86_64 and aarch64; {INSTEAD}")
            }
            Self::NoBpf => {
                write!(f, "this kernel has no bpf(2) (CONFIG_BPF_SYSCALL); {INSTEAD}")
            }
            Self::NotPermitted { errno, why } => write!(
                f,
                "this process may not record in the kernel ({}): {why}; {INSTEAD}",
                callgate_kernel::parts::Reason(*errno)
            ),
            Self::Refused { errno, log } => write!(
                f,
                "the kernel's verifier refuses a program of the recorder ({}), which is an error \
                 of ours; {INSTEAD}. It says:\n{log}",
                callgate_kernel::parts::Reason(*errno)
            ),
            Self::NoTracepoint { tracepoint, errno } => write!(
                f,
                "this kernel has no tracepoint {} for programs (CONFIG_BPF_EVENTS, \
                 CONFIG_FTRACE_SYSCALLS): {}; {INSTEAD}",
                tracepoint.to_string_lossy(),
                callgate_kernel::parts::Reason(*errno)
            ),
            Self::NoNarrowness => write!(
                f,
                "it can't be told how this kernel marks the calls of 32-bit programs; {INSTEAD}"
            ),
            Self::NoGroup { errno } => write!(
                f,
                "no control group of version 2, in which containers are on hosts with cgroup2 \
                 (mount -t cgroup2): {}",
                callgate_kernel::parts::Reason(*errno)
            ),
            Self::NoProcess { process } => {
                write!(f, "there is no process {}", process.raw())
            }
            Self::Kernel(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EbpfError {}
