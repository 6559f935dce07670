//! Policies and their meaning, by example.

use callgate_rules::{Source, Target, lower};
use callgate_syscalls::{Arch, Name, SeccompData};

use super::*;

fn policy(text: &str) -> callgate_policy::Policy {
    let written = read(Source::new("t.gate", text).unwrap(), &mut nothing).unwrap();
    lower(&written.rules, &Target::new(Arch::X86_64)).unwrap().0
}

fn decide(policy: &callgate_policy::Policy, arch: Arch, call: &str, args: [u64; 6]) -> String {
    let nr = arch.syscall(Name::parse(call).unwrap()).unwrap().nr;
    policy.decide(&SeccompData::new(arch, nr).with_args(args)).to_string()
}

#[test]
fn the_first_statement_that_holds_decides_and_always_is_hoisted() {
    let policy = policy(
        "policy 1\narch x86_64 + x86 without socketcall, aarch64\ndefault errno EPERM\n\
         baseline linux 5.4 else ENOSYS\nforeign kill\n\
         allow socket where family == 1\nlog socket where family in {2, 9..11}\n\
         on x86_64 { kill socket where family == 5 }\n\
         group g {\n  allow { read, write }\n}\nuse @g\nalways kill { ptrace, write }\n\
         trap 7 nr 600\n",
    );
    let on = |arch, call, args| decide(&policy, arch, call, args);
    let first = |value| [value, 0, 0, 0, 0, 0];
    assert_eq!(on(Arch::X86_64, "socket", first(1)), "ALLOW");
    assert_eq!(on(Arch::X86_64, "socket", first(1 << 32 | 1)), "ALLOW");
    assert_eq!(on(Arch::X86_64, "socket", first(10)), "LOG");
    assert_eq!(on(Arch::X86_64, "socket", first(5)), "KILL_PROCESS");
    assert_eq!(on(Arch::X86, "socket", first(5)), "ERRNO(1)");
    assert_eq!(on(Arch::X86, "socketcall", first(5)), "ERRNO(38)");
    assert_eq!(on(Arch::Aarch64, "write", first(5)), "KILL_PROCESS");
    assert_eq!(on(Arch::Aarch64, "read", first(5)), "ALLOW");
    assert_eq!(on(Arch::Aarch64, "ptrace", first(5)), "KILL_PROCESS");
    assert_eq!(on(Arch::X86_64, "openat2", first(5)), "ERRNO(38)");
    let call = SeccompData::new(Arch::X86_64, callgate_syscalls::SyscallNr::new(600));
    assert_eq!(policy.decide(&call).to_string(), "TRAP(7)");
}

/// SOCK_RAW is 3 and SOCK_SEQPACKET 5: they have the bit of SOCK_STREAM.
#[test]
fn a_value_beside_flags_is_compared_whole() {
    let type_of = |value| [2, value, 0, 0, 0, 0];
    for (condition, allowed, refused) in [
        ("type any SOCK_STREAM", [1, 0x8_0001, 0x800 | 1], [3, 5, 2]),
        ("type has SOCK_STREAM", [1, 0x8_0001, 1 << 32 | 1], [3, 5, 0x8_0003]),
        ("type none SOCK_RAW", [1, 2, 0x8_0005], [3, 0x8_0003, 0x803]),
        ("type any SOCK_STREAM and type any SOCK_CLOEXEC", [0x8_0001; 3], [1, 0x8_0003, 0x801]),
        ("type only SOCK_STREAM|SOCK_DGRAM|SOCK_CLOEXEC", [1, 2, 0x8_0001], [3, 5, 0x801]),
        ("type only SOCK_SEQPACKET", [5, 0, 1 << 32 | 5], [1, 4, 0x8_0005]),
    ] {
        let policy = policy(&format!(
            "policy 1\narch x86_64\ndefault errno EPERM\nallow socket where {condition}\n"
        ));
        let on = |value| decide(&policy, Arch::X86_64, "socket", type_of(value));
        assert_eq!(allowed.map(on), ["ALLOW"; 3], "{condition}");
        assert_eq!(refused.map(on), ["ERRNO(1)"; 3], "{condition}");
    }
}

/// FUTEX_WAIT, O_RDONLY and IPC_RMID are 0, SCHED_BATCH is 3.
#[test]
fn a_value_of_no_bit_is_a_value_all_the_same() {
    for (statement, allowed, refused) in [
        ("futex where op none FUTEX_WAIT", [0, 1, 0], [0, 128, 0]),
        ("openat where flags any O_RDONLY", [0, 0, 0o100], [0, 0, 1]),
        ("semctl where cmd none IPC_RMID", [0, 0, 0x101], [0, 0, 0x100]),
        ("sched_setscheduler where policy any SCHED_BATCH", [0, 3, 0], [0, 7, 0]),
        ("sched_setscheduler where policy none SCHED_FIFO", [0, 3, 0], [0, 0x4000_0001, 0]),
    ] {
        let text = format!("policy 1\narch x86_64\ndefault errno EPERM\nallow {statement}\n");
        let (policy, name) = (policy(&text), statement.split(' ').next().unwrap());
        let on = |[a, b, c]: [u64; 3]| decide(&policy, Arch::X86_64, name, [a, b, c, 0, 0, 0]);
        assert_eq!([on(allowed), on(refused)], ["ALLOW", "ERRNO(1)"], "{statement}");
    }
}

#[test]
fn order_is_signed_where_the_kernel_reads_signed_numbers() {
    let policy = policy(
        "policy 1\narch x86_64\ndefault kill\nallow close where fd < 0\nallow lseek where full(offset) >= 0x8000_0000_0000_0000\nallow read where fd & 0xffff_ffff > 7",
    );
    let on = |call, args| decide(&policy, Arch::X86_64, call, args);
    assert_eq!(on("lseek", [0, u64::MAX, 0, 0, 0, 0]), "ALLOW");
    assert_eq!(on("lseek", [0, 1, 0, 0, 0, 0]), "KILL_PROCESS");
    assert_eq!(on("read", [8, 1, 0, 0, 0, 0]), "ALLOW");
}

#[test]
fn a_whole_register_is_never_less_than_what_the_kernel_reads_of_it() {
    for arch in Arch::ALL {
        let Some(syscall) = arch.syscall(callgate_syscalls::names::MINCORE) else { continue };
        let decides = |operand: &str, value| {
            let text = format!(
                "policy 1\narch {arch}\ndefault kill\nallow mincore where {operand} == 5\n"
            );
            let call = SeccompData::new(arch, syscall.nr).with_args([value, 0, 0, 0, 0, 0]);
            policy(&text).decide(&call).to_string()
        };
        assert_eq!(decides("full(start)", 5), "ALLOW", "{arch}");
        assert_eq!(decides("start", 5), "ALLOW", "{arch}");
        // On processors of 32 bits there is no such value.
        if arch.register_bits() == 64 {
            assert_eq!(decides("full(start)", 1 << 32 | 5), "KILL_PROCESS", "{arch}");
            assert_eq!(decides("full(arg0)", 1 << 32 | 5), "KILL_PROCESS", "{arch}");
        }
    }
}

#[test]
fn blocks_ask_for_architectures_machines_kernels_and_capabilities() {
    let text = "policy 1\nmachine x86_64 + x86, aarch64 + arm\ndefault errno EPERM\n\
                on cap CAP_SYS_ADMIN, CAP_BPF { allow bpf }\n\
                on not cap CAP_SYS_ADMIN { enosys clone3 }\nallow { clone3, open, openat }\n\
                on kernel >= 4.8 and cap CAP_SYS_PTRACE { allow ptrace }\n\
                on kernel < 4.8 { kill ptrace }\n\
                on machine x86_64 { on not x86 { allow modify_ldt } }\n";
    let written = read(Source::new("t.gate", text).unwrap(), &mut nothing).unwrap();
    let on = |arch: Arch, caps: &str, kernel: &str, call| {
        let (caps, kernel) = (caps.parse().unwrap(), Some(kernel.parse().unwrap()));
        let native = if matches!(arch, Arch::X86 | Arch::X86_64) { Arch::X86_64 } else { arch };
        let target = Target { caps, kernel, ..Target::new(native) };
        decide(&written.lower(&target).unwrap().policy, arch, call, [0; 6])
    };
    for caps in ["SYS_ADMIN", "BPF", "ALL"] {
        assert_eq!(on(Arch::X86, caps, "4.0", "bpf"), "ALLOW");
    }
    assert_eq!(on(Arch::X86, "CHOWN", "4.0", "bpf"), "ERRNO(1)");
    assert_eq!(on(Arch::Arm, "", "6.1", "clone3"), "ERRNO(38)");
    assert_eq!(on(Arch::Arm, "SYS_ADMIN", "6.1", "clone3"), "ALLOW");
    assert_eq!(on(Arch::X86_64, "SYS_PTRACE", "4.8", "ptrace"), "ALLOW");
    assert_eq!(on(Arch::X86_64, "SYS_PTRACE", "4.7", "ptrace"), "KILL_PROCESS");
    assert_eq!(on(Arch::X86_64, "", "4.8", "ptrace"), "ERRNO(1)");
    assert_eq!(on(Arch::X86_64, "", "6.1", "modify_ldt"), "ALLOW");
    assert_eq!(on(Arch::X86, "", "6.1", "modify_ldt"), "ERRNO(1)");
    assert_eq!(on(Arch::Aarch64, "", "6.1", "openat"), "ALLOW");
}

#[test]
fn a_statement_is_only_shadowed_by_those_in_force_wherever_it_is() {
    for (lines, expected) in [
        ("on kernel >= 4.8 { allow ptrace }\non cap CAP_CHOWN { allow ptrace }", ""),
        ("on cap CAP_CHOWN { allow ptrace }\nallow ptrace", ""),
        ("allow ptrace\non cap CAP_CHOWN { allow ptrace }", "E0371"),
        ("on cap CAP_CHOWN { allow ptrace }\non cap CAP_CHOWN, CAP_BPF { kill ptrace }", ""),
        ("on cap CAP_CHOWN, CAP_BPF { kill ptrace }\non cap CAP_CHOWN { allow ptrace }", "E0372"),
        ("on kernel >= 4.8 { kill ptrace }\non kernel >= 5.8 { allow ptrace }", "E0372"),
        ("on cap CAP_CHOWN { on not cap CAP_CHOWN { allow read } }", "E0339"),
        ("on kernel >= 5.8 and not kernel >= 5.8 { allow read }", "E0339"),
        ("on x86_64 { on aarch64 { allow read } }", "E0339"),
        ("on not x86_64 { allow open }", "E0341"),
        ("on cap SYS_ADMIN { allow read }", "E0319"),
        ("on kernel == 5.8 { allow read }", "E0315"),
    ] {
        assert_eq!(codes(lines).join(" "), expected, "{lines}");
    }
}

#[test]
fn tests_in_blocks_are_made_where_the_blocks_apply() {
    let text = "policy 1\narch x86_64\ndefault errno EPERM\ntest bpf -> errno EPERM\n\
                on cap CAP_BPF { allow bpf\ntest bpf -> allow }\n\
                on kernel < 4.8 { kill ptrace\ntest ptrace -> kill }\ntest ptrace -> errno EPERM\n";
    let written = read(Source::new("t.gate", text).unwrap(), &mut nothing).unwrap();
    let target = Target::new(Arch::X86_64);
    let suites = written.suites(&target, written.lower(&target).unwrap()).unwrap();
    let counts: Vec<usize> = suites.iter().map(|(tests, _)| tests.len()).collect();
    assert_eq!(counts, [2, 1, 1]);
    for (tests, lowered) in suites {
        assert!(tests.iter().all(|test| test.failures(&lowered.policy).unwrap().is_empty()));
    }
}

/// The codes of what is wrong with a policy, at whichever step.
fn codes(lines: &str) -> Vec<&'static str> {
    let text = format!("policy 1\narch x86_64, aarch64\ndefault errno EPERM\n{lines}");
    let refused = match read(Source::new("t.gate", text).unwrap(), &mut nothing) {
        Ok(written) => match written.lower(&Target::new(Arch::X86_64)) {
            Ok(_) => return Vec::new(),
            Err(refused) => refused,
        },
        Err(refused) => refused,
    };
    assert!(refused.to_string().starts_with("t.gate:"), "{refused}");
    refused.diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect()
}

#[test]
fn statements_that_decide_nothing_are_found() {
    for (lines, expected) in [
        ("allow { read, write }\nallow close where fd == 1\nallow close", ""),
        ("allow read where fd == 1 and fd == 2", "E0370"),
        ("allow read where fd == 1 or fd != 1", "E0373"),
        ("errno EACCES { accept, close } where fd < 0", "E0370"),
        ("allow { accept, close } where fd >= 0", ""),
        ("allow read\nallow read", "E0371"),
        ("allow read\nallow read  # redundant ok", ""),
        ("allow read\nkill { read, write }", "E0372"),
        ("allow read where fd < 3\nallow read where fd >= 3\nkill read", "E0372"),
        ("allow read\nalways kill read", "E0374"),
        ("on x86_64 { allow read }\nkill read", ""),
        ("on x86_64 { allow open }\nkill open", "E0372"),
        ("allow read where fd == 0x1_0000_0000", "E0104"),
        ("allow ioctl where cmd == TCGETS", ""),
        ("allow socket where family == AF_UNIX and type & 0xf == SOCK_STREAM", ""),
        ("allow socket where type any SOCK_STREAM", ""),
        ("allow socket where type none SOCK_RAW|SOCK_CLOEXEC", "E0356"),
        ("allow socket where type any SOCK_STREAM|SOCK_DGRAM", "E0356"),
        ("allow socket where type & 0x3 any SOCK_STREAM", "E0356"),
        ("allow socket where type has SOCK_DGRAM", ""),
        ("allow socket where type any SOCK_CLOEXEC|SOCK_NONBLOCK", ""),
        ("allow socket where family any AF_INET", "E0356"),
        ("allow socket where family only AF_INET", "E0356"),
        ("allow ioctl where cmd only TIOCGWINSZ", "E0356"),
        ("allow keyctl where option only KEYCTL_READ|KEYCTL_REVOKE", "E0356"),
        ("allow mmap where flags none MAP_SHARED", "E0356"),
        ("allow mmap where flags any MAP_PRIVATE|MAP_ANONYMOUS", "E0356"),
        ("allow socket where type only SOCK_STREAM|SOCK_CLOEXEC", ""),
        ("allow prctl where option any 0x1", ""),
        ("allow openat where flags none O_WRONLY|O_RDWR|O_CREAT", ""),
        ("allow openat where flags any O_WRONLY", ""),
        ("allow clone where clone_flags none CLONE_NEWUSER", ""),
        ("allow clone where clone_flags has CLONE_VM|SIGCHLD", "E0356"),
        ("allow openat where flags any O_RDONLY|O_WRONLY|O_RDWR", "E0356"),
        ("allow openat where flags none O_RDONLY|O_RDWR", "E0356"),
        ("allow openat where flags none O_RDONLY|O_CREAT", "E0356"),
        ("allow futex where op any FUTEX_WAIT|FUTEX_PRIVATE_FLAG", "E0356"),
        ("allow mmap where prot any PROT_NONE|PROT_READ", "E0356"),
        ("allow access where mode none F_OK|W_OK", "E0356"),
        ("allow socket where type == SOCK_STREAM|SOCK_DGRAM", "E0356"),
        ("allow socket where type & 0xf in {SOCK_RAW, SOCK_STREAM|SOCK_DGRAM}", "E0356"),
        ("allow socket where family != AF_UNIX|AF_INET", "E0356"),
        ("allow socket where type & SOCK_STREAM == SOCK_STREAM", "E0356"),
        ("allow kill where sig == SIGKILL|SIGTERM", "E0356"),
        ("allow ioctl where cmd == TIOCSTI|TIOCLINUX", "E0356"),
        ("allow mknod where mode == S_IFCHR|S_IFBLK", "E0356"),
        ("allow nr 41 where arg0 == 40", "E0353"),
        ("group unused { allow raed }", "E0340"),
        ("group unused { allow socket where famly == 1 }", "E0352"),
        ("errno 0 read because \" \"", "E0380"),
        ("allow socket where family == UNIX", "E0360"),
        ("allow socket where family == SOCK_STREAM", "E0362"),
    ] {
        assert_eq!(codes(lines).join(" "), expected, "{lines}");
    }
}

#[test]
fn tests_hold_for_every_value_or_name_a_call() {
    let text = "policy 1\narch x86_64, aarch64\ndefault errno EPERM\n\
                allow socket where family in {AF_UNIX, AF_INET}\nallow open\n\
                test socket(AF_UNIX, _, _) -> allow\ntest socket(AF_NETLINK, ..) -> errno EPERM\n\
                test socket -> allow\ntest open -> allow\ntest { read, write } -> errno EPERM\n\
                on x86_64 { test nr 1000 -> enosys }\n";
    let written = read(Source::new("t.gate", text).unwrap(), &mut nothing).unwrap();
    let policy = written.lower(&Target::new(Arch::X86_64)).unwrap().policy;
    let outcome: Vec<usize> =
        written.tests.iter().map(|test| test.failures(&policy).unwrap().len()).collect();
    // The call without a family fails on both architectures.
    assert_eq!(outcome, [0, 0, 2, 0, 0, 1]);
    let failure = &written.tests[2].failures(&policy).unwrap()[0];
    assert_eq!(policy.decide(&failure.call), failure.found);
    assert_ne!(failure.found, failure.expected);
}

#[test]
fn every_block_and_role_is_read_on_every_architecture() {
    let names: Vec<&str> = crate::known::block_names().collect();
    assert!(names.len() > 40, "{names:?}");
    for arch in Arch::ALL {
        let uses: String = names.iter().map(|name| format!("use @{name}\n")).collect();
        let text = format!("policy 1\narch {arch}\ndefault errno EPERM\n{uses}");
        let written = read(Source::new("t.gate", text).unwrap(), &mut nothing);
        let written = written.unwrap_or_else(|refused| panic!("{arch}: {refused}"));
        assert!(written.warnings.is_empty());
        let policy = written.lower(&Target::new(arch)).unwrap().policy;
        let exit = decide(&policy, arch, "exit_group", [0; 6]);
        assert_eq!(exit, "ALLOW");
    }
}

#[test]
fn a_block_keeps_its_conditions() {
    let policy = policy(
        "policy 1\narch x86_64, aarch64\ndefault errno EPERM\nuse @sockets.unix, @startup.dynamic\n",
    );
    let on = |call, args| decide(&policy, Arch::X86_64, call, args);
    assert_eq!(on("socketpair", [1, 0, 0, 0, 0, 0]), "ALLOW");
    assert_eq!(on("socketpair", [2, 0, 0, 0, 0, 0]), "ERRNO(1)");
    assert_eq!(on("mmap", [0, 0, 6, 0, 0, 0]), "ERRNO(1)");
    assert_eq!(on("openat2", [0; 6]), "ERRNO(38)");
    assert_eq!(codes("allow @sockets.unix"), ["E0349"]);
    assert_eq!(codes("use @sockets.unx"), ["E0343"]);
    assert_eq!(codes("kill { @modules, ~open }"), [""; 0]);
    assert_eq!(codes("allow ~opn"), ["E0345"]);
    assert_eq!(codes("on aarch64 { allow open }"), ["E0341"]);
}

#[test]
fn the_c_libraries_of_the_header_are_told() {
    let text = "policy 1\nlibc glibc >= 2.31, musl\ndefault errno EPERM\n";
    let libc = read(Source::new("t.gate", text).unwrap(), &mut nothing).unwrap().libc;
    let told: Vec<_> = libc.iter().map(|libc| (libc.name, libc.since.clone())).collect();
    assert_eq!(told, [("glibc", Some(vec![2, 31])), ("musl", None)]);
}
