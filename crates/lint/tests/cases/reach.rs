//! Processes, variants, ways around.

use super::{Case, Filter};

pub(crate) const PROCESSES: &[Case] = &[
    Case {
        code: "L0401",
        bad: deny!("errno EPERM clone where clone_flags any CLONE_NEWUSER"),
        good: deny!("errno EPERM clone where clone_flags any CLONE_NEWUSER" "enosys clone3"),
    },
    Case {
        code: "L0403",
        bad: deny!("errno EPERM socket where type == SOCK_RAW"),
        good: deny!("errno EPERM socket where type & 0xf == SOCK_RAW"),
    },
    Case {
        code: "L0403",
        bad: deny!(
            "errno EPERM { mprotect, pkey_mprotect } where prot == PROT_READ|PROT_WRITE|PROT_EXEC"
        ),
        good: deny!("errno EPERM { mprotect, pkey_mprotect } where prot has PROT_WRITE|PROT_EXEC"),
    },
    Case {
        code: "L0403",
        bad: deny!(
            "errno EPERM socket where family == AF_VSOCK or family == AF_PACKET and type == SOCK_RAW"
        ),
        // These are listed, or a flag has to be there.
        good: deny!(
            "errno EPERM socket where not type in {SOCK_STREAM|SOCK_CLOEXEC, SOCK_DGRAM}"
            "errno EPERM openat where flags none O_CLOEXEC"
            "errno EPERM memfd_create where flags == MFD_ALLOW_SEALING or flags == MFD_ALLOW_SEALING|MFD_CLOEXEC"
        ),
    },
    Case {
        code: "L0403",
        bad: deny!("errno EPERM sched_setscheduler where policy == SCHED_FIFO"),
        good: deny!("errno EPERM sched_setscheduler where policy any SCHED_FIFO"),
    },
    Case {
        code: "L0403",
        bad: deny!("errno EPERM { mbind, set_mempolicy } where mode == MPOL_BIND"),
        good: deny!("errno EPERM { mbind, set_mempolicy } where mode any MPOL_BIND"),
    },
    Case {
        code: "L0403",
        bad: deny!("errno EPERM futex where op == FUTEX_CMP_REQUEUE_PI"),
        good: deny!("errno EPERM futex where op any FUTEX_CMP_REQUEUE_PI"),
    },
    Case { code: "L0402", bad: deny!("errno EPERM clone3"), good: deny!("enosys clone3") },
    Case {
        code: "L0403",
        bad: deny!("errno EPERM unshare where unshare_flags == CLONE_NEWUSER"),
        good: deny!("errno EPERM unshare where unshare_flags any CLONE_NEWUSER"),
    },
    // Who allows threads alone has not refused namespaces by their value.
    Case {
        code: "L0403",
        bad: deny!("errno EPERM clone where clone_flags in {CLONE_NEWNS, CLONE_NEWNS|SIGCHLD}"),
        good: allow!("allow clone where clone_flags has CLONE_THREAD"),
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
    // With another type than those of namespaces nothing is entered.
    Case {
        code: "L0406",
        bad: deny!("errno EPERM setns where flags == CLONE_NEWNET"),
        good: deny!("errno EPERM setns where flags in {0, CLONE_NEWNET}"),
    },
    Case {
        code: "L0406",
        bad: allow!("allow setns where flags in {0, CLONE_NEWNET}"),
        good: allow!("allow setns where flags == CLONE_NEWNET"),
    },
    Case {
        code: "L0412",
        bad: deny!("errno EPERM openat where flags any O_WRONLY"),
        good: deny!("errno EPERM openat where flags any O_WRONLY|O_RDWR"),
    },
    Case {
        code: "L0412",
        bad: allow!("allow { open, openat } where flags none O_WRONLY|O_CREAT"),
        good: allow!("allow { open, openat } where flags & 3 == O_RDWR"),
    },
    Case {
        code: "L0408",
        bad: deny!("errno EPERM { settimeofday, clock_settime }"),
        good: deny!("errno EPERM { settimeofday, clock_settime, adjtimex, clock_adjtime }"),
    },
    Case {
        code: "L0408",
        bad: deny!("errno EPERM settimeofday" "errno EPERM clock_settime" "errno EPERM adjtimex"),
        // Who lists what is made has listed these.
        good: allow!("allow { adjtimex, clock_adjtime }" "errno EACCES { settimeofday, clock_settime }"),
    },
    Case {
        code: "L0406",
        bad: deny!("errno EPERM unshare" "errno EPERM setns where flags == CLONE_NEWNS"),
        good: deny!("errno EPERM unshare" "errno EPERM setns where flags in {0, CLONE_NEWNS}"),
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
        code: "L0408",
        bad: deny!("errno EPERM init_module"),
        // Of the others nothing but the numbers is left.
        good: deny!("errno EPERM { init_module, finit_module }"),
    },
    Case {
        code: "L0410",
        bad: deny!("errno EPERM open where flags any O_CREAT" "enosys openat2"),
        good: deny!("errno EPERM { open, openat } where flags any O_CREAT" "enosys { openat2, creat }"),
    },
    Case {
        code: "L0410",
        bad: deny!("errno EPERM tgkill where sig == SIGKILL"),
        good: deny!(
            "errno EPERM { kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal } where sig == SIGKILL"
        ),
    },
    Case {
        code: "L0410",
        bad: gate!("arch x86" "default allow" "errno EPERM timer_settime where flags any TIMER_ABSTIME"),
        good: gate!(
            "arch x86" "default allow" "errno EPERM { timer_settime, timer_settime64 } where flags any TIMER_ABSTIME"
        ),
    },
    Case {
        code: "L0410",
        bad: deny!("errno EPERM mprotect where prot any PROT_EXEC"),
        good: deny!("errno EPERM { mprotect, pkey_mprotect } where prot any PROT_EXEC"),
    },
    Case {
        code: "L0410",
        bad: deny!("errno EPERM mprotect where prot any PROT_EXEC"),
        // remap_file_pages takes no protection.
        good: deny!("errno EPERM mmap where prot any PROT_EXEC"),
    },
    Case {
        code: "L0411",
        bad: deny!("errno EPERM mmap where prot has PROT_WRITE|PROT_EXEC"),
        good: deny!(
            "errno EPERM mmap where prot has PROT_WRITE|PROT_EXEC"
            "errno EPERM { mprotect, pkey_mprotect } where prot any PROT_EXEC"
            "errno EPERM shmat where shmflg any SHM_EXEC"
        ),
    },
    // Each way makes the refusal of another one void.
    Case {
        code: "L0411",
        bad: deny!(
            "errno EPERM { mprotect, pkey_mprotect } where prot any PROT_EXEC"
            "errno EPERM shmat where shmflg any SHM_EXEC"
        ),
        good: deny!("errno EPERM { mprotect, pkey_mprotect } where prot has PROT_WRITE|PROT_EXEC"),
    },
    Case {
        code: "L0411",
        bad: deny!(
            "errno EPERM mmap where prot has PROT_WRITE|PROT_EXEC"
            "errno EPERM { mprotect, pkey_mprotect } where prot any PROT_EXEC"
        ),
        good: allow!("allow { mmap, mprotect } where prot none PROT_EXEC" "allow shmat"),
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
    Case {
        code: "L0606",
        bad: deny!("errno EPERM socket where family == AF_UNIX"),
        // Datagrams can be had without a pair.
        good: deny!("errno EPERM socket where family == AF_UNIX and type & 0xf == SOCK_STREAM"),
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
        // The kernel makes no other sockets of that family than SOCK_SEQPACKET.
        code: "L0616",
        bad: allow!("allow socket where family == AF_UNIX or type & 0xf == SOCK_SEQPACKET"),
        good: allow!("allow socket where family == AF_UNIX or type & 0xf == SOCK_STREAM"),
    },
    Case {
        code: "L0617",
        bad: deny!("errno EPERM mount"),
        good: deny!("errno EPERM { mount, fsopen, open_tree, move_mount, mount_setattr, fsmount }"),
    },
    Case { code: "L0617", bad: allow!("allow fsopen"), good: allow!("allow { mount, fsopen }") },
    Case { code: "L0618", bad: allow!("allow iopl"), good: allow!("allow read") },
];
