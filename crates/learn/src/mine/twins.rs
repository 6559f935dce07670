//! Calls by which other C libraries, kernels and architectures do the same.
//!
//! A family of the groups is one operation for whoever writes a policy by hand; what stands here is
//! narrower: one function of the C library.

use callgate_facts::Groups;
use callgate_syscalls::{Name, names};

/// Sets of calls of which one stands for the others. Widths (`_time64`, `64`, `32`) go without
/// saying.
const TWINS: &[&[Name]] = &[
    &[names::OPEN, names::OPENAT, names::CREAT],
    &[names::STAT, names::LSTAT, names::FSTAT, names::NEWFSTATAT, names::STATX],
    &[names::FSTATAT64, names::NEWFSTATAT, names::STAT64, names::LSTAT64, names::FSTAT64],
    &[names::ACCESS, names::FACCESSAT, names::FACCESSAT2],
    &[names::CHMOD, names::FCHMODAT, names::FCHMODAT2],
    &[names::CHOWN, names::LCHOWN, names::FCHOWNAT],
    &[names::RENAME, names::RENAMEAT, names::RENAMEAT2],
    &[names::LINK, names::LINKAT],
    &[names::SYMLINK, names::SYMLINKAT],
    &[names::UNLINK, names::UNLINKAT, names::RMDIR],
    &[names::MKDIR, names::MKDIRAT],
    &[names::MKNOD, names::MKNODAT],
    &[names::READLINK, names::READLINKAT],
    &[names::GETDENTS, names::GETDENTS64],
    &[names::UTIME, names::UTIMES, names::FUTIMESAT, names::UTIMENSAT],
    &[names::READ, names::READV],
    &[names::WRITE, names::WRITEV],
    &[names::PREAD64, names::PREADV, names::PREADV2],
    &[names::PWRITE64, names::PWRITEV, names::PWRITEV2],
    &[names::DUP2, names::DUP3],
    &[names::PIPE, names::PIPE2],
    &[names::POLL, names::PPOLL],
    &[names::SELECT, names::_NEWSELECT, names::PSELECT6],
    &[names::EPOLL_CREATE, names::EPOLL_CREATE1],
    &[names::EPOLL_WAIT, names::EPOLL_PWAIT, names::EPOLL_PWAIT2],
    &[names::EVENTFD, names::EVENTFD2],
    &[names::SIGNALFD, names::SIGNALFD4],
    &[names::INOTIFY_INIT, names::INOTIFY_INIT1],
    &[names::NANOSLEEP, names::CLOCK_NANOSLEEP],
    &[names::CLONE, names::CLONE3, names::FORK, names::VFORK],
    &[names::WAIT4, names::WAITID, names::WAITPID],
    &[names::ACCEPT, names::ACCEPT4],
    &[names::SEND, names::SENDTO],
    &[names::RECV, names::RECVFROM],
    &[names::GETRLIMIT, names::UGETRLIMIT, names::PRLIMIT64],
    &[names::SETRLIMIT, names::PRLIMIT64],
    &[names::TKILL, names::TGKILL],
    &[names::ALARM, names::SETITIMER],
    &[names::GETPGRP, names::GETPGID],
    &[names::MLOCK, names::MLOCK2],
    &[names::MMAP, names::MMAP2],
    &[names::TIME, names::GETTIMEOFDAY, names::CLOCK_GETTIME],
    &[names::SENDFILE, names::COPY_FILE_RANGE],
    &[names::EXECVE, names::EXECVEAT],
];

/// The calls that stand for a call, without itself.
pub(super) fn of(name: Name) -> Vec<Name> {
    let family = Groups::LATEST.family_of(name);
    let widths = family.into_iter().flat_map(|family| family.members().collect::<Vec<_>>());
    let widths = widths.filter(|member| without_width(*member) == without_width(name));
    let listed = TWINS.iter().filter(|set| set.contains(&name)).flat_map(|set| set.iter().copied());
    let mut all: Vec<Name> = listed.chain(widths).filter(|twin| *twin != name).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn without_width(name: Name) -> &'static str {
    let text = name.as_str();
    let suffixes = ["_time64", "64", "32"];
    suffixes.iter().find_map(|suffix| text.strip_suffix(suffix)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_mutual() {
        for name in TWINS.iter().flat_map(|set| set.iter()) {
            for twin in of(*name) {
                assert!(of(twin).contains(name), "{name:?} has {twin:?}");
            }
        }
        assert_eq!(of(names::PPOLL), [names::POLL, names::PPOLL_TIME64]);
        assert!(of(names::CONNECT).is_empty());
    }
}
