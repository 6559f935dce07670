//! Processes, variants, ways around.

use super::{Case, Filter};

pub(crate) const PROCESSES: &[Case] = &[
    Case {
        code: "L0401",
        bad: deny!("errno EPERM clone where clone_flags any CLONE_NEWUSER"),
        good: deny!("errno EPERM clone where clone_flags any CLONE_NEWUSER" "enosys clone3"),
    },
    Case { code: "L0402", bad: deny!("errno EPERM clone3"), good: deny!("enosys clone3") },
    Case {
        code: "L0403",
        bad: deny!("errno EPERM unshare where unshare_flags == CLONE_NEWUSER"),
        good: deny!("errno EPERM unshare where unshare_flags any CLONE_NEWUSER"),
    },
    Case {
        code: "L0404",
        bad: gate!("arch s390x" "default allow" "errno EPERM clone where full(arg0) any 0x10000000"),
        good: gate!("arch s390x" "default allow" "errno EPERM clone where clone_flags any CLONE_NEWUSER"),
    },
    Case {
        code: "L0405",
        bad: deny!("errno EPERM clone where clone_flags any CLONE_NEWUSER" "enosys clone3"),
        good: deny!(
            "errno EPERM clone where clone_flags any CLONE_NEWUSER" "enosys clone3"
            "errno EPERM unshare where unshare_flags any CLONE_NEWUSER"
        ),
    },
    Case {
        code: "L0406",
        bad: deny!("errno EPERM unshare"),
        good: deny!("errno EPERM { unshare, setns }"),
    },
    Case {
        code: "L0407",
        bad: deny!("errno EPERM openat where flags any O_CREAT"),
        good: deny!("errno EPERM openat where flags any O_CREAT" "enosys openat2"),
    },
    Case {
        code: "L0408",
        bad: deny!("errno EPERM execve"),
        good: deny!("errno EPERM { execve, execveat }"),
    },
    Case {
        code: "L0410",
        bad: deny!("errno EPERM mprotect where prot any PROT_EXEC"),
        good: deny!("errno EPERM { mprotect, pkey_mprotect } where prot any PROT_EXEC"),
    },
    Case {
        code: "L0411",
        bad: deny!("errno EPERM mmap where prot has PROT_WRITE|PROT_EXEC"),
        good: deny!(
            "errno EPERM mmap where prot has PROT_WRITE|PROT_EXEC"
            "errno EPERM { mprotect, pkey_mprotect } where prot any PROT_EXEC"
        ),
    },
    Case {
        code: "L0413",
        bad: gate!("arch x86" "default allow" "errno EPERM socket where family == AF_ALG"),
        good: gate!("arch x86" "default allow" "errno EPERM socket where family == AF_ALG" "errno EPERM socketcall"),
    },
    Case {
        code: "L0414",
        bad: gate!("arch x86" "default allow" "errno EPERM shmget"),
        good: gate!("arch x86" "default allow" "errno EPERM { shmget, ipc }"),
    },
    Case {
        code: "L0415",
        bad: gate!("arch x86" "default allow" "errno EPERM socketcall"),
        good: gate!("arch x86" "default allow" "errno EPERM mount"),
    },
];

pub(crate) const WAYS: &[Case] = &[
    Case {
        code: "L0601",
        bad: allow!("allow io_uring_setup"),
        good: allow!("enosys io_uring_setup"),
    },
    Case { code: "L0602", bad: allow!("allow ptrace"), good: allow!("allow read") },
    Case { code: "L0603", bad: allow!("allow process_vm_writev"), good: allow!("allow read") },
    Case {
        code: "L0604",
        bad: allow!("allow ioctl"),
        good: allow!("allow ioctl where cmd in {TCGETS, TIOCGWINSZ}"),
    },
    Case {
        code: "L0605",
        bad: deny!("errno EPERM ioctl where cmd == TIOCSTI"),
        good: deny!("errno EPERM ioctl where cmd in {TIOCSTI, TIOCLINUX}"),
    },
    Case {
        code: "L0606",
        bad: deny!("errno EPERM socket where family == AF_UNIX"),
        good: deny!("errno EPERM { socket, socketpair } where family == AF_UNIX"),
    },
    Case { code: "L0607", bad: allow!("allow bpf"), good: allow!("allow read") },
    Case { code: "L0608", bad: allow!("allow userfaultfd"), good: allow!("allow read") },
    Case { code: "L0609", bad: allow!("allow keyctl"), good: allow!("allow read") },
    Case {
        code: "L0610",
        bad: allow!("allow unshare"),
        good: allow!("allow unshare where unshare_flags == CLONE_FS"),
    },
    Case { code: "L0611", bad: allow!("allow perf_event_open"), good: allow!("allow read") },
    Case {
        code: "L0612",
        bad: allow!("allow open_by_handle_at"),
        good: allow!("allow name_to_handle_at"),
    },
    Case { code: "L0613", bad: allow!("allow finit_module"), good: allow!("allow read") },
    Case { code: "L0614", bad: allow!("allow pidfd_getfd"), good: allow!("allow pidfd_open") },
    Case {
        code: "L0615",
        bad: allow!("allow personality"),
        good: allow!("allow personality where personality == 0"),
    },
    Case {
        code: "L0616",
        bad: allow!("allow socket"),
        good: allow!("allow socket where family == AF_UNIX"),
    },
    Case {
        code: "L0617",
        bad: deny!("errno EPERM mount"),
        good: deny!("errno EPERM { mount, fsopen, open_tree, move_mount, mount_setattr, fsmount }"),
    },
    Case { code: "L0618", bad: allow!("allow iopl"), good: allow!("allow read") },
];
