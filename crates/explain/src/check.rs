//! Was it a filter at all? Who else refuses calls, and which calls can be made again to find out.

use callgate_facts::Form;
use callgate_syscalls::{Name, names};

use crate::{Call, Denial};

/// Somebody other than a filter who refuses a call with `EPERM` or `EACCES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Culprit {
    /// The setting that decides, a file under `/proc/sys` where it is one.
    pub sysctl: Option<&'static str>,
    /// What it is.
    pub what: &'static str,
}

/// What `--check` may do with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeatable {
    /// Made in a process of its own it changes nothing outside of that.
    Yes,
    /// Its arguments are not all known.
    ArgumentsUnknown,
    /// It acts beyond a process of its own, or nobody has looked at it.
    ActsBeyond,
}

/// Calls that change nothing beyond the process that makes them, whatever stands behind their
/// pointers.
const REPEATABLE: [Name; 30] = [
    names::SOCKET,
    names::SOCKETPAIR,
    names::PERF_EVENT_OPEN,
    names::IO_URING_SETUP,
    names::USERFAULTFD,
    names::UNSHARE,
    names::PERSONALITY,
    names::MEMFD_CREATE,
    names::MEMFD_SECRET,
    names::PIDFD_OPEN,
    names::EVENTFD2,
    names::EPOLL_CREATE1,
    names::INOTIFY_INIT1,
    names::FANOTIFY_INIT,
    names::TIMERFD_CREATE,
    names::SETUID,
    names::SETGID,
    names::SETRESUID,
    names::SETRESGID,
    names::SCHED_GETAFFINITY,
    names::SCHED_GETSCHEDULER,
    names::GETPRIORITY,
    names::IOPRIO_GET,
    names::KCMP,
    names::PKEY_ALLOC,
    names::MEMBARRIER,
    names::CLOSE_RANGE,
    names::GETPID,
    names::GETTID,
    names::GETUID,
];

/// Whether a call can be made again without harm.
#[must_use]
pub fn repeatable(denial: &Denial) -> Repeatable {
    let call = Call::of(denial);
    match call.name {
        Some(name) if REPEATABLE.contains(&name) => {}
        _ => return Repeatable::ActsBeyond,
    }
    match call.arguments.iter().all(|argument| argument.value.is_some()) {
        true => Repeatable::Yes,
        false => Repeatable::ArgumentsUnknown,
    }
}

/// The arguments of a call that are addresses, and not `NULL`: what stood there is not known, and
/// whoever makes the call again needs memory of its own.
#[must_use]
pub fn addresses(call: &Call) -> Vec<usize> {
    let signature = call.arch.zip(call.name).and_then(|(arch, name)| arch.signature(name));
    let arguments = signature.into_iter().flat_map(callgate_syscalls::Signature::arguments);
    let is_address = |argument| Form::of(argument) == Some(Form::Address);
    let values = call.arguments.iter().map(|argument| argument.value.unwrap_or(0));
    let both = arguments.zip(values).enumerate();
    both.filter(|(_, (argument, value))| *value != 0 && is_address(*argument))
        .map(|(index, _)| index)
        .collect()
}

/// Who refuses such a call where no filter does, the likeliest first.
#[must_use]
pub fn culprits(call: &Call) -> Vec<Culprit> {
    let Some(name) = call.name else { return vec![ANYONE] };
    let has = |word: &str| call.arguments.iter().any(|argument| argument.text.contains(word));
    let mut culprits: Vec<Culprit> = KNOWN
        .iter()
        .filter(|(names, word, _)| names.contains(&name) && (word.is_empty() || has(word)))
        .map(|(_, _, culprit)| *culprit)
        .collect();
    culprits.push(ANYONE);
    culprits
}

const fn sysctl(path: &'static str, what: &'static str) -> Culprit {
    Culprit { sysctl: Some(path), what }
}

const fn other(what: &'static str) -> Culprit {
    Culprit { sysctl: None, what }
}

const ANYONE: Culprit = other(
    "a capability that the process lacks in its user namespace, or a security module (AppArmor, SELinux, Landlock), \
     whose records are of type AVC in the audit log",
);

const NAMESPACES: &[Name] = &[names::CLONE, names::CLONE3, names::UNSHARE, names::SETNS];
const TRACING: &[Name] = &[
    names::PTRACE,
    names::PROCESS_VM_READV,
    names::PROCESS_VM_WRITEV,
    names::KCMP,
    names::PIDFD_GETFD,
];
const MOUNTS: &[Name] = &[
    names::MOUNT,
    names::UMOUNT2,
    names::PIVOT_ROOT,
    names::FSOPEN,
    names::FSMOUNT,
    names::MOVE_MOUNT,
    names::OPEN_TREE,
    names::MOUNT_SETATTR,
];

/// Calls, a word that must be among their arguments, and who refuses them.
const KNOWN: &[(&[Name], &str, Culprit)] = &[
    (
        &[names::PERF_EVENT_OPEN],
        "",
        sysctl("kernel/perf_event_paranoid", "from 2 on it takes CAP_PERFMON"),
    ),
    (
        NAMESPACES,
        "CLONE_NEWUSER",
        sysctl("user/max_user_namespaces", "0 forbids new user namespaces (ENOSPC)"),
    ),
    (
        NAMESPACES,
        "CLONE_NEWUSER",
        sysctl(
            "kernel/apparmor_restrict_unprivileged_userns",
            "1 leaves user namespaces to programs with a profile (Ubuntu)",
        ),
    ),
    (
        NAMESPACES,
        "CLONE_NEWUSER",
        sysctl("kernel/unprivileged_userns_clone", "0 forbids them to users (Debian, Arch)"),
    ),
    (NAMESPACES, "CLONE_NEW", other("CAP_SYS_ADMIN, for all namespaces but the user's")),
    (
        &[names::IO_URING_SETUP],
        "",
        sysctl("kernel/io_uring_disabled", "1 leaves it to a group, 2 to nobody"),
    ),
    (
        &[names::KEYCTL, names::ADD_KEY, names::REQUEST_KEY],
        "",
        sysctl("kernel/keys/maxkeys", "the user's quota of keys (EDQUOT)"),
    ),
    (
        TRACING,
        "",
        sysctl("kernel/yama/ptrace_scope", "from 1 on only children can be traced, at 3 nobody"),
    ),
    (
        &[names::USERFAULTFD],
        "",
        sysctl("vm/unprivileged_userfaultfd", "0 leaves it to CAP_SYS_PTRACE, but for user faults"),
    ),
    (&[names::BPF], "", sysctl("kernel/unprivileged_bpf_disabled", "from 1 on it takes CAP_BPF")),
    (&[names::SOCKET], "SOCK_RAW", other("CAP_NET_RAW")),
    (&[names::SOCKET], "AF_PACKET", other("CAP_NET_RAW")),
    (
        &[names::BIND],
        "",
        sysctl("net/ipv4/ip_unprivileged_port_start", "ports below take CAP_NET_BIND_SERVICE"),
    ),
    (
        MOUNTS,
        "",
        other("CAP_SYS_ADMIN; and proc can only be mounted where no part of the old one is masked"),
    ),
    (
        &[names::CLOCK_SETTIME, names::CLOCK_ADJTIME, names::ADJTIMEX, names::SETTIMEOFDAY],
        "",
        other("CAP_SYS_TIME"),
    ),
    (
        &[names::COPY_FILE_RANGE, names::FCHMOD, names::CHMOD, names::STATX],
        "",
        other("the file system: CIFS, NFS and FUSE refuse some calls with EPERM"),
    ),
    (
        &[names::SCHED_SETSCHEDULER, names::SCHED_SETATTR, names::SETPRIORITY, names::IOPRIO_SET],
        "",
        other("CAP_SYS_NICE, or the limits RLIMIT_NICE and RLIMIT_RTPRIO"),
    ),
];

#[cfg(test)]
mod tests {
    use callgate_syscalls::Arch;

    use super::*;
    use crate::Knowledge;

    fn asked(name: Name, args: [Option<u64>; 6]) -> Denial {
        let nr = Arch::X86_64.syscall(name).unwrap().nr;
        let mut denial = Denial::new(Arch::X86_64.token(), nr, Knowledge::Asked);
        denial.args = args;
        denial
    }

    #[test]
    fn what_acts_beyond_its_process_is_never_made_again() {
        for name in [names::KILL, names::REBOOT, names::UNLINK, names::MOUNT, names::CLONE] {
            assert_eq!(repeatable(&asked(name, [Some(0); 6])), Repeatable::ActsBeyond, "{name}");
        }
        assert_eq!(repeatable(&asked(names::SOCKET, [Some(1); 6])), Repeatable::Yes);
        let unknown = asked(names::SOCKET, [Some(1), None, None, None, None, None]);
        assert_eq!(repeatable(&unknown), Repeatable::ArgumentsUnknown);
    }

    #[test]
    fn others_who_refuse_are_named_by_call_and_argument() {
        let first = |name, arg0| {
            let call =
                Call::of(&asked(name, [Some(arg0), Some(0), Some(0), Some(0), Some(0), None]));
            culprits(&call)[0].sysctl
        };
        assert_eq!(first(names::UNSHARE, 0x1000_0000), Some("user/max_user_namespaces"));
        assert_eq!(first(names::UNSHARE, 0x0002_0000), None);
        assert_eq!(first(names::PERF_EVENT_OPEN, 0), Some("kernel/perf_event_paranoid"));
        assert_eq!(first(names::GETPID, 0), None);
        let perf = asked(names::PERF_EVENT_OPEN, [Some(0x1000), Some(0), None, None, None, None]);
        assert_eq!(addresses(&Call::of(&perf)), [0]);
        assert_eq!(addresses(&Call::of(&asked(names::PERF_EVENT_OPEN, [Some(0); 6]))), [0; 0]);
    }
}
