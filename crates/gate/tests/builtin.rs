//! The embedded profile `container`: what it lets through and what it refuses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate_gate::{builtin, builtins};
use callgate_policy::Policy;
use callgate_rules::{CapSet, Target};
use callgate_syscalls::{Action, Arch, KernelVersion, Name, SeccompData};

const ALLOW: Action = Action::ALLOW;
const EPERM: Action = Action::from_raw(0x0005_0001);
const ENOSYS: Action = Action::from_raw(0x0005_0026);

/// A machine of that architecture with Linux 6.12.
fn on(native: Arch) -> Target {
    Target { kernel: Some(KernelVersion::new(6, 12)), ..Target::new(native) }
}

fn lowered(name: &str, target: &Target) -> Policy {
    builtin(name).unwrap().read().unwrap().lower(target).unwrap().policy
}

fn with_caps(caps: &str) -> Policy {
    lowered("container", &Target { caps: caps.parse().unwrap(), ..on(Arch::X86_64) })
}

fn container() -> Policy {
    with_caps("CHOWN,NET_RAW")
}

fn call(arch: Arch, name: &str, args: &[u64]) -> SeccompData {
    let syscall = arch.syscall(Name::parse(name).unwrap()).unwrap();
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    SeccompData::new(arch, syscall.nr).with_args(all)
}

fn decide(policy: &Policy, name: &str, args: &[u64]) -> Action {
    policy.decide(&call(Arch::X86_64, name, args))
}

#[test]
fn it_is_listed() {
    assert_eq!(
        builtins().iter().map(|builtin| builtin.name).collect::<Vec<_>>(),
        ["container", "qemu"]
    );
}

#[test]
fn socket_families_38_and_40_are_refused_whatever_the_high_bits() {
    let policy = container();
    for family in 0..64 {
        let action = if [38, 40].contains(&family) { EPERM } else { ALLOW };
        for high in [0, 1 << 32, 1 << 63, 0xffff_ffff << 32, 0x8000_0001 << 32] {
            let family = high | family;
            assert_eq!(decide(&policy, "socket", &[family]), action, "{family:#x}");
        }
    }
    assert_eq!(decide(&policy, "socket", &[0xffff_ffff]), ALLOW);
}

#[test]
fn clone_makes_processes_and_threads_but_no_namespaces() {
    let policy = container();
    let thread = 0x003d_0f00;
    for flags in [0x11, thread, thread | 0x11] {
        assert_eq!(decide(&policy, "clone", &[flags]), ALLOW, "{flags:#x}");
    }
    for bit in [17, 25, 26, 27, 28, 29, 30] {
        let flags = thread | 1 << bit;
        assert_eq!(decide(&policy, "clone", &[flags]), EPERM, "{flags:#x}");
        assert_eq!(decide(&policy, "clone", &[flags | 1 << 40]), EPERM, "{flags:#x}");
    }
    assert_eq!(decide(&policy, "clone3", &[]), ENOSYS);
}

#[test]
fn clones_flags_are_the_second_argument_on_s390() {
    let policy = lowered("container", &on(Arch::S390x));
    let newuser = 0x1000_0000;
    assert_eq!(policy.decide(&call(Arch::S390x, "clone", &[newuser, 0])), ALLOW);
    assert_eq!(policy.decide(&call(Arch::S390x, "clone", &[0, newuser])), EPERM);
}

#[test]
fn five_personalities_are_allowed() {
    let policy = container();
    for persona in [0, 8, 0x20000, 0x20008, 0xffff_ffff, u64::MAX] {
        assert_eq!(decide(&policy, "personality", &[persona]), ALLOW, "{persona:#x}");
    }
    for persona in [1, 7, 9, 0x40000, 0x0040_0000, 0x28, 0xffff_fffe, 1 << 32 | 1] {
        assert_eq!(decide(&policy, "personality", &[persona]), EPERM, "{persona:#x}");
    }
}

#[test]
fn what_reconfigures_the_machine_is_refused() {
    let policy = container();
    for name in [
        "mount",
        "umount2",
        "unshare",
        "setns",
        "keyctl",
        "add_key",
        "request_key",
        "bpf",
        "kexec_load",
        "init_module",
        "finit_module",
        "reboot",
        "swapon",
        "perf_event_open",
        "userfaultfd",
        "iopl",
        "ioperm",
        "settimeofday",
        "clock_settime",
        "syslog",
        "acct",
        "chroot",
        "open_by_handle_at",
        "pivot_root",
        "io_uring_setup",
        "io_uring_enter",
        "fsopen",
        "move_mount",
        "quotactl",
        "nfsservctl",
        "vhangup",
    ] {
        assert_eq!(decide(&policy, name, &[]), EPERM, "{name}");
    }
}

#[test]
fn what_ordinary_programs_need_is_allowed_unconditionally() {
    let policy = container();
    let rules = policy.arch(Arch::X86_64).unwrap();
    for name in [
        "read",
        "write",
        "openat",
        "close",
        "mmap",
        "execve",
        "execveat",
        "exit_group",
        "futex",
        "rseq",
        "prctl",
        "wait4",
        "vfork",
        "getrandom",
        "clock_gettime",
        "epoll_wait",
        "sendmsg",
        "connect",
        "statx",
        "ioctl",
        "arch_prctl",
        "modify_ldt",
        "seccomp",
        "ptrace",
        "mknod",
        "setuid",
        "landlock_create_ruleset",
    ] {
        let nr = call(Arch::X86_64, name, &[]).nr;
        let [only] = rules.rules_for(nr) else { panic!("{name}") };
        assert!(only.condition().is_always() && only.action() == ALLOW, "{name}");
    }
}

#[test]
fn capabilities_open_their_calls() {
    for (cap, name) in [
        ("SYS_ADMIN", "mount"),
        ("SYS_ADMIN", "clone3"),
        ("SYS_ADMIN", "unshare"),
        ("SYS_CHROOT", "chroot"),
        ("SYS_TIME", "settimeofday"),
        ("SYS_MODULE", "init_module"),
        ("SYS_BOOT", "reboot"),
        ("SYS_NICE", "mbind"),
        ("SYS_PACCT", "acct"),
        ("SYS_PTRACE", "kcmp"),
        ("SYS_RAWIO", "iopl"),
        ("SYS_TTY_CONFIG", "vhangup"),
        ("SYSLOG", "syslog"),
        ("BPF", "bpf"),
        ("PERFMON", "perf_event_open"),
        ("DAC_READ_SEARCH", "open_by_handle_at"),
    ] {
        assert_ne!(decide(&with_caps(""), name, &[]), ALLOW, "{name}");
        assert_eq!(decide(&with_caps(cap), name, &[]), ALLOW, "{name} with {cap}");
    }
    let newuser = 0x1000_0000;
    assert_eq!(decide(&with_caps("SYS_ADMIN"), "clone", &[newuser]), ALLOW);
    assert_eq!(decide(&with_caps("SYS_ADMIN"), "socket", &[40]), EPERM);
}

#[test]
fn tracing_needs_a_kernel_that_filters_after_it() {
    let kernel = Some(KernelVersion::new(4, 7));
    let caps = CapSet::DOCKER_DEFAULT;
    let policy = lowered("container", &Target { kernel, caps, ..on(Arch::X86_64) });
    assert_eq!(decide(&policy, "ptrace", &[]), EPERM);
}

#[test]
fn it_holds_for_the_other_architectures_of_the_machine() {
    let policy = container();
    for arch in [Arch::X86_64, Arch::X86, Arch::X32] {
        assert_eq!(policy.decide(&call(arch, "read", &[])), ALLOW, "{arch}");
        assert_eq!(policy.decide(&call(arch, "mount", &[])), EPERM, "{arch}");
        assert_eq!(policy.decide(&call(arch, "socket", &[40])), EPERM, "{arch}");
    }
    assert_eq!(policy.decide(&call(Arch::Aarch64, "read", &[])), Action::KILL_THREAD);
}

#[test]
fn every_machine_can_use_it() {
    for native in Arch::ALL {
        let policy = lowered("container", &on(native));
        assert_eq!(policy.decide(&call(native, "read", &[])), ALLOW, "{native}");
        assert_eq!(policy.decide(&call(native, "mount", &[])), EPERM, "{native}");
    }
}

/// The number of ENOSYS is not 38 everywhere.
#[test]
fn clone3_is_refused_as_missing_on_every_architecture() {
    for name in ["container", "qemu"] {
        for arch in Arch::ALL {
            let policy = lowered(name, &Target { arches: Some(vec![arch]), ..on(arch) });
            let Some(clone3) = arch.syscall(callgate_syscalls::names::CLONE3) else { continue };
            let action = policy.decide(&SeccompData::new(arch, clone3.nr));
            let enosys = callgate_syscalls::Errno::from_name("ENOSYS", arch).unwrap();
            assert_eq!(Some(action), Action::errno(enosys.raw()), "{name} on {arch}");
        }
    }
}
