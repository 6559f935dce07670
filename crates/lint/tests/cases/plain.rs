//! Architectures, widths, rules, answers, costs.

use super::{Case, Filter};

pub(crate) const ABI: &[Case] = &[
    Case {
        code: "L0101",
        bad: Filter::Asm(&["ld [0]\njeq #59, bad\nret #0x7fff0000\nbad: ret #0x50001\n"]),
        good: asm!("jeq #59, kill" "ret #0x7fff0000"),
    },
    Case {
        code: "L0102",
        bad: gate!("arch x86_64" "foreign allow" "default errno EPERM" "allow exit"),
        good: gate!("arch x86_64" "default errno EPERM" "allow exit"),
    },
    Case {
        code: "L0102",
        bad: gate!("arch x86" "foreign allow" "default errno EPERM" "allow exit"),
        // No other calls can occur on this machine.
        good: gate!("arch x86_64, x86, x32" "foreign allow" "default errno EPERM" "allow exit"),
    },
    Case {
        code: "L0102",
        bad: gate!("arch x86_64" "foreign allow" "default allow" "errno EPERM mount"),
        // There is nothing to evade.
        good: gate!("arch x86_64" "foreign allow" "default allow"),
    },
    Case {
        code: "L0103",
        bad: Filter::Asm(&[
            "ld [4]\njne #0xc000003e, bad\nld [0]\njeq #59, bad\nret #0x7fff0000\nbad: ret #0x50001\n",
        ]),
        good: asm!("jeq #59, kill" "ret #0x7fff0000"),
    },
    Case {
        code: "L0104",
        bad: asm!("jeq #59, kill" "ret #0x7fff0000"),
        good: asm!("jeq #59, kill" "jge #512, kill" "ret #0x7fff0000"),
    },
    Case {
        code: "L0105",
        bad: gate!("arch x86_64, x86" "default allow" "errno EPERM mount" "on x86_64 { errno EPERM keyctl }"),
        good: gate!("arch x86_64, x86" "default allow" "errno EPERM keyctl"),
    },
    Case {
        code: "L0106",
        bad: gate!("arch x86_64, x86" "default errno EPERM" "on x86_64 { allow exit }"),
        good: gate!("arch x86_64, x86" "default errno EPERM" "allow exit"),
    },
    Case {
        code: "L0106",
        bad: gate!("arch x86_64, x86" "default allow" "on x86_64 { errno EPERM mount }"),
        // Forms that know no x32 say nothing about it.
        good: gate!("arch x86_64, x32" "default allow" "on x86_64 { errno EPERM mount }"),
    },
];

pub(crate) const WIDTH: &[Case] = &[
    Case {
        code: "L0201",
        bad: Filter::Json(
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{"names": ["ioctl"],
                "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 21522, "op": "SCMP_CMP_EQ"}]}]}"#,
        ),
        good: deny!("errno EPERM ioctl where cmd == TIOCSTI"),
    },
    Case {
        code: "L0201",
        bad: deny!("errno EPERM { mmap } where full(fd) == 3" "enosys clone3"),
        good: deny!("errno EPERM { mmap } where fd == 3" "enosys clone3"),
    },
    Case {
        code: "L0201",
        bad: Filter::Json(
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{"names": ["mmap"],
                "action": "SCMP_ACT_ERRNO", "args": [{"index": 3, "value": 34, "op": "SCMP_CMP_EQ"}]}]}"#,
        ),
        good: deny!("errno EPERM mmap where flags == MAP_PRIVATE|MAP_ANONYMOUS"),
    },
    Case {
        code: "L0201",
        bad: deny!("errno EPERM fcntl where cmd == F_SETFL and arg == O_APPEND"),
        good: deny!("errno EPERM fcntl where cmd == F_SETFL and arg & 0xffffffff == O_APPEND"),
    },
    Case {
        code: "L0201",
        bad: deny!("errno EPERM keyctl where option == KEYCTL_READ and arg2 == 0xfffffffffffffffd"),
        // There the argument is an address.
        good: deny!("errno EPERM fcntl where cmd == F_SETLK and arg == 0x400"),
    },
    Case {
        code: "L0202",
        bad: Filter::Json(
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{"names": ["getpgid"],
                "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"}]}]}"#,
        ),
        good: deny!("errno EACCES getpgid where pid == -1"),
    },
    Case {
        code: "L0203",
        bad: Filter::Asm(&[
            "ld [4]\njne #0x40000003, no\nld [0]\njne #54, yes\nld [28]\njne #0, yes\nld [24]\njeq #0x5412, no\n\
             yes: ret #0x7fff0000\nno: ret #0x50001\n",
        ]),
        good: Filter::Asm(&[
            "ld [4]\njne #0x40000003, no\nld [0]\njne #54, yes\nld [24]\njeq #0x5412, no\n\
             yes: ret #0x7fff0000\nno: ret #0x50001\n",
        ]),
    },
    Case {
        code: "L0203",
        bad: gate!("arch x86" "default allow" "errno EPERM chown where full(user) == 0xffff"),
        // Both are -1, by which the owner stays as it is, and no other value is made.
        good: gate!("arch x86" "default errno EPERM" "allow chown where full(user) == 0xffffffff"),
    },
    Case {
        code: "L0208",
        bad: asm!("ld [0]" "jne #16, yes" "ld [28]" "jeq #0x5412, no" "yes: ret #0x7fff0000" "no: ret #0x50001"),
        // What has an upper half at all is refused, and sign extension is known.
        good: asm!(
            "ld [0]" "jne #16, yes" "ld [28]" "jeq #0xffffffff, low" "jne #0, no" "low: ld [24]" "jeq #0x5412, no"
            "yes: ret #0x7fff0000" "no: ret #0x50001"
        ),
    },
    Case {
        // An allow list, and an argument of 64 bits all of whose names are in the lower half.
        code: "L0208",
        bad: asm!("ld [0]" "jne #9, no" "ld [36]" "jset #4, no" "ret #0x7fff0000" "no: ret #0x50001"),
        good: asm!("ld [0]" "jne #9, no" "ld [32]" "jset #4, no" "ret #0x7fff0000" "no: ret #0x50001"),
    },
    Case {
        // An address is read whole.
        code: "L0208",
        bad: Filter::Json(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{"names": ["socket"],
                "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 8589934592, "op": "SCMP_CMP_EQ"}]}]}"#,
        ),
        good: asm!("ld [0]" "jne #12, no" "ld [20]" "jeq #0x7f00, no" "ret #0x7fff0000" "no: ret #0x50001"),
    },
    Case {
        code: "L0204",
        bad: Filter::Json(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
                {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 2, "value": 5000000000, "op": "SCMP_CMP_LT"}]}]}"#,
        ),
        good: Filter::Json(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
                {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 2, "value": 5000, "op": "SCMP_CMP_LT"}]}]}"#,
        ),
    },
    Case {
        code: "L0205",
        bad: json!(
            r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 2, "value": 1, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"}]}"#
        ),
        good: json!(
            r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 2, "value": 3, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}]}"#
        ),
    },
    Case {
        code: "L0207",
        bad: json!(
            r#"{"names": ["execve"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 4096, "op": "SCMP_CMP_EQ"}]}"#
        ),
        good: json!(
            r#"{"names": ["execve"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_NE"}]}"#
        ),
    },
];

pub(crate) const RULES: &[Case] = &[
    Case {
        code: "L0301",
        bad: json!(
            r#"{"names": ["bpf", "vmsplice"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
               {"names": ["read", "bpf"], "action": "SCMP_ACT_ALLOW"}"#
        ),
        good: json!(
            r#"{"names": ["vmsplice"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
               {"names": ["read", "bpf"], "action": "SCMP_ACT_ALLOW"}"#
        ),
    },
    Case {
        code: "L0302",
        bad: deny!("errno EPERM mount" "allow read"),
        good: deny!("errno EPERM mount"),
    },
    Case {
        code: "L0302",
        bad: allow!("errno EPERM unshare # because it is so"),
        good: allow!("errno EPERM unshare because \"no namespaces\""),
    },
    Case {
        code: "L0302",
        bad: gate!("arch x86_64" "default kill" "allow exit" "kill { unshare, setns }"),
        good: gate!("arch x86_64" "default kill" "allow exit" "always kill { unshare, setns }"),
    },
    Case {
        code: "L0303",
        bad: allow!("allow { read, write }" "allow read"),
        good: allow!("allow { read, write }"),
    },
    Case {
        code: "L0304",
        bad: json!(
            r#"{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_NE"}]},
               {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]}"#
        ),
        good: json!(
            r#"{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_LT"}]},
               {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]}"#
        ),
    },
    Case {
        code: "L0305",
        bad: allow!("allow socket where family == AF_UNIX and family == AF_INET"),
        good: allow!("allow socket where family == AF_UNIX or family == AF_INET"),
    },
    Case {
        code: "L0306",
        bad: allow!("allow socket where family != AF_ALG and family != AF_VSOCK"),
        good: allow!("allow socket where family in {AF_UNIX, AF_INET}"),
    },
    // A long list is no deny list: what no constant stands for is refused.
    Case {
        code: "L0306",
        bad: allow!("allow socket where family <= 10 or family >= 20"),
        good: allow!("allow socket where family <= 40"),
    },
    Case {
        code: "L0307",
        bad: allow!("allow read where count >= 0"),
        good: allow!("allow read where count >= 1"),
    },
    Case {
        code: "L0308",
        bad: json!(
            r#"{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_NE"},
                {"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]}"#
        ),
        good: json!(
            r#"{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_NE"}]}"#
        ),
    },
    Case {
        code: "L0309",
        bad: json!(r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "ticket": 7}"#),
        good: json!(r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW"}"#),
    },
    Case {
        code: "L0309",
        bad: json!(
            r#"{"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 1, "op": "SCMP_CMP_EQ", "width": 32}]}"#
        ),
        good: json!(
            r#"{"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 4294967295, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}]}"#
        ),
    },
    Case {
        code: "L0201",
        bad: Filter::Json(
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{"names": ["ioctl"],
                "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 21522, "op": "SCMP_CMP_EQ", "width": 32}]}]}"#,
        ),
        good: Filter::Json(
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{"names": ["ioctl"],
                "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 4294967295, "valueTwo": 21522, "op": "SCMP_CMP_MASKED_EQ"}]}]}"#,
        ),
    },
    Case {
        code: "L0310",
        bad: json!(r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 2}"#),
        good: json!(r#"{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 2}"#),
    },
    Case {
        code: "L0311",
        bad: json!(r#"{"names": ["raed"], "action": "SCMP_ACT_ALLOW"}"#),
        good: json!(r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW"}"#),
    },
    Case {
        code: "L0312",
        bad: json!(r#"{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errno_ret": 5}"#),
        good: json!(r#"{"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5}"#),
    },
    Case {
        code: "L0313",
        bad: json!(
            r#"{"names": ["dup"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 0, "op": "SCMP_CMP_EQ"}]}"#
        ),
        good: json!(
            r#"{"names": ["dup"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]}"#
        ),
    },
    Case {
        code: "L0314",
        bad: json!(
            r#"{"names": ["unshare"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 64, "op": "SCMP_CMP_MASKED_EQ"}]}"#
        ),
        good: json!(
            r#"{"names": ["unshare"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 64, "valueTwo": 64, "op": "SCMP_CMP_MASKED_EQ"}]}"#
        ),
    },
];

pub(crate) const ANSWERS: &[Case] = &[
    Case {
        code: "L0501",
        bad: gate!("arch x86_64" "default notify" "allow exit"),
        good: allow!("notify mount"),
    },
    Case { code: "L0502", bad: allow!("notify write"), good: allow!("notify mount") },
    Case {
        code: "L0503",
        bad: json!(r#"{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}"#),
        good: Filter::Json(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "listenerPath": "/run/a.sock", "syscalls": [
                {"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]}"#,
        ),
    },
    Case {
        code: "L0504",
        bad: gate!("arch x86_64" "default kill" "allow { write, mmap, exit_group, clone, newfstatat }"),
        good: gate!("arch x86_64" "default enosys" "allow { write, mmap, exit_group, clone, newfstatat }"),
    },
    // Nobody tries clone to find out whether the kernel has it.
    Case {
        code: "L0504",
        bad: gate!("arch x86_64" "default allow" "kill pidfd_open"),
        good: gate!("arch x86_64" "default allow" "kill { clone, waitid }"),
    },
    Case {
        code: "L0505",
        bad: allow!("allow { write, mmap, exit_group, faccessat }"),
        good: allow!("allow { write, mmap, exit_group, faccessat }" "enosys { faccessat2 }"),
    },
    Case {
        code: "L0506",
        bad: asm!("jeq #39, fake" "ret #0x7fff0000" "fake: ret #0x50000"),
        good: asm!("jeq #39, fake" "ret #0x7fff0000" "fake: ret #0x50001"),
    },
    Case {
        code: "L0507",
        bad: allow!("allow { write, mmap, exit_group, mprotect }"),
        good: allow!("allow { write, mmap, exit_group, mprotect, getrandom }"),
    },
    Case { code: "L0508", bad: deny!("kill-thread getpid"), good: deny!("kill getpid") },
    Case {
        code: "L0508",
        bad: gate!("arch x86_64, x86" "default allow" "on x86 { kill-thread getpid }"),
        // No thread makes the calls of an architecture that is kept out.
        good: Filter::Asm(&[
            "ld [4]\njeq #0x40000003, dead\njne #0xc000003e, kill\nld [0]\njge #0x40000000, kill\n\
             jeq #101, kill\nret #0x7fff0000\nkill: ret #0x80000000\ndead: ret #0\n",
        ]),
    },
    Case { code: "L0509", bad: deny!("trace 1 getpid"), good: deny!("trap 1 getpid") },
    Case {
        code: "L0510",
        bad: asm!("jeq #39, odd" "ret #0x7fff0000" "odd: ret #0x51000"),
        good: asm!("jeq #39, odd" "ret #0x7fff0000" "odd: ret #0x50fff"),
    },
    Case {
        code: "L0511",
        bad: asm!("jeq #39, odd" "ret #0x7fff0000" "odd: ret #0x12340000"),
        good: asm!("jeq #39, odd" "ret #0x7fff0000" "odd: ret #0"),
    },
    Case {
        code: "L0512",
        bad: deny!("errno EPERM mount"),
        good: gate!("arch x86_64" "default enosys" "allow exit"),
    },
    Case {
        code: "L0513",
        bad: allow!("allow read"),
        good: gate!("arch x86_64" "baseline linux 6.1 else ENOSYS" "default errno EPERM" "allow { read, exit }"),
    },
    Case {
        code: "L0513",
        bad: gate!("arch x86_64" "default errno EPERM" "allow exit"),
        // Nobody's calls fall back where none is made.
        good: gate!("arch x86_64" "default errno EPERM"),
    },
    Case {
        code: "L0514",
        bad: gate!("arch x86_64" "default errno EPERM" "allow read"),
        good: allow!("allow read"),
    },
    Case {
        code: "L0515",
        bad: allow!("allow rt_sigaction"),
        good: allow!("allow { rt_sigaction, rt_sigreturn }"),
    },
    // abort() sets SIGABRT back to its default, and no handler.
    Case {
        code: "L0515",
        bad: allow!("allow rt_sigaction where sig in {SIGABRT, SIGUSR1}"),
        good: allow!("allow rt_sigaction where sig == SIGABRT"),
    },
    Case {
        code: "L0515",
        bad: gate!("arch arm" "default errno EPERM" "allow rt_sigaction"),
        good: gate!("arch arm" "default errno EPERM" "allow { rt_sigaction, rt_sigreturn }"),
    },
    Case {
        code: "L0519",
        bad: gate!("arch arm" "default errno EPERM" "allow { rt_sigaction, rt_sigreturn }"),
        good: gate!("arch arm" "default errno EPERM" "allow { rt_sigaction, rt_sigreturn, sigreturn }"),
    },
    Case {
        code: "L0516",
        bad: allow!("allow nanosleep"),
        good: allow!("allow { nanosleep, restart_syscall }"),
    },
    Case {
        code: "L0518",
        bad: gate!("arch x86_64" "default allow"),
        good: gate!("arch x86_64" "default allow" "errno EPERM mount"),
    },
    Case {
        code: "L0518",
        bad: Filter::Json("{\"defaultAction\": \"SCMP_ACT_LOG\"}"),
        good: Filter::Json(
            "{\"defaultAction\": \"SCMP_ACT_LOG\", \"syscalls\": [{\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ERRNO\"}]}",
        ),
    },
    Case {
        code: "L0517",
        bad: gate!("arch x86_64" "default errno EPERM"),
        good: allow!("allow read"),
    },
    Case {
        code: "L0517",
        bad: Filter::Json("{\"defaultAction\": \"SCMP_ACT_ERRNO\"}"),
        good: Filter::Json(
            "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"exit\"], \"action\": \"SCMP_ACT_ALLOW\"}]}",
        ),
    },
];

/// A program that is long and does nothing.
const LONG: &str = "ld [4]\njne #0xc000003e, kill\nret #0x7fff0000\nkill: ret #0x80000000\n";

pub(crate) const COST: &[Case] = &[
    Case { code: "L0701", bad: allow!("allow read where fd == 0"), good: allow!("allow read") },
    Case { code: "L0702", bad: Filter::Asm(&[LONG, LONG]), good: Filter::Asm(&[LONG]) },
    Case { code: "L0703", bad: Filter::Asm(&[LONG; 2000]), good: Filter::Asm(&[LONG; 3]) },
    Case {
        code: "L0704",
        bad: asm!("ja yes" "ret #0x50001" "yes: ret #0x7fff0000"),
        good: asm!("jeq #39, yes" "ret #0x50001" "yes: ret #0x7fff0000"),
    },
    Case {
        code: "L0705",
        bad: asm!("ld [8]" "jeq #0x1000, yes" "ret #0x50001" "yes: ret #0x7fff0000"),
        good: asm!("ld [16]" "jeq #0x1000, yes" "ret #0x50001" "yes: ret #0x7fff0000"),
    },
    Case {
        code: "L0706",
        bad: asm!("ld [16]" "tax" "ld #1" "lsh x" "jeq #2, yes" "ret #0x50001" "yes: ret #0x7fff0000"),
        good: asm!("ld [16]" "and #31" "tax" "ld #1" "lsh x" "jeq #2, yes" "ret #0x50001" "yes: ret #0x7fff0000"),
    },
    Case {
        code: "L0901",
        bad: allow!("allow ptrace # allow(L0602)"),
        good: allow!("allow ptrace # allow(L0602): a debugger"),
    },
    Case {
        code: "L0902",
        bad: allow!("allow read # allow(L0602): a debugger"),
        good: allow!("allow ptrace # allow(L0602): a debugger"),
    },
];
