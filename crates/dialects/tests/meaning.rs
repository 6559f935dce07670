//! What texts in each form mean, call by call.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use callgate_dialects::{Dialect, Lowered, Options, Written, detect, nothing, read};
use callgate_policy::Policy;
use callgate_rules::{Source, SourceError, Target};
use callgate_syscalls::{Arch, Name, SeccompData, SyscallNr};

fn written(dialect: Dialect, text: &str) -> Written {
    let source = Source::new("f", text).unwrap();
    read(dialect, Options::default(), source, &mut nothing)
        .unwrap_or_else(|refused| panic!("{dialect}: {refused}"))
}

fn lowered(dialect: Dialect, text: &str) -> Lowered {
    let written = written(dialect, text);
    let part = written.parts.first().unwrap();
    written
        .lower(part, &Target::new(Arch::X86_64))
        .unwrap_or_else(|refused| panic!("{dialect}: {refused}"))
}

fn policy(dialect: Dialect, text: &str) -> Policy {
    lowered(dialect, text).policy
}

fn decided(policy: &Policy, arch: Arch, name: &str, args: [u64; 6]) -> String {
    let nr = arch.syscall(Name::parse(name).unwrap()).unwrap().nr;
    policy.decide(&SeccompData::new(arch, nr).with_args(args)).to_string()
}

/// Calls on x86_64, each with the answer.
fn check(dialect: Dialect, text: &str, calls: &[(&str, [u64; 6], &str)]) {
    assert_eq!(detect(text), [dialect], "found out by the content");
    let policy = policy(dialect, text);
    for (name, args, expected) in calls {
        let answer = decided(&policy, Arch::X86_64, name, *args);
        assert_eq!(answer, *expected, "{dialect}: {name}({args:?}) of\n{text}");
    }
}

fn refusal(dialect: Dialect, text: &str) -> String {
    let source = Source::new("f", text).unwrap();
    match read(dialect, Options::default(), source, &mut nothing) {
        Err(refused) => refused.to_string(),
        Ok(written) => panic!("{dialect} takes {text:?}: {:?}", written.parts),
    }
}

const NONE: [u64; 6] = [0; 6];
const HIGH: u64 = 1 << 32;

#[test]
fn minijail() {
    let text = "# a comment\n@default trap\nread: 1\n{write, close}: allow\n\
                socket: arg0 == AF_UNIX || arg0 == 2 && \\\n  arg1 & ~(SOCK_DGRAM|4)\n\
                mmap: {arg2 in ~PROT_EXEC; allow, arg3 == 0x20; kill-process, return EACCES}\n\
                openat[arch=arm64]: 1\nopenat[arch=x86_64,x86]: return ENOENT\nkill: log\n";
    check(
        Dialect::Minijail,
        text,
        &[
            ("read", NONE, "ALLOW"),
            ("close", NONE, "ALLOW"),
            ("socket", [1, 0, 0, 0, 0, 0], "ALLOW"),
            ("socket", [2, 1, 0, 0, 0, 0], "ALLOW"),
            ("socket", [2, 6, 0, 0, 0, 0], "TRAP(0)"),
            ("socket", [HIGH | 1, 0, 0, 0, 0, 0], "TRAP(0)"),
            ("mmap", [0, 0, 3, 0, 0, 0], "ALLOW"),
            ("mmap", [0, 0, 4, 0x20, 0, 0], "KILL_PROCESS"),
            ("mmap", [0, 0, 4, 0, 0, 0], "ERRNO(13)"),
            ("openat", NONE, "ERRNO(2)"),
            ("kill", NONE, "LOG"),
            ("mount", NONE, "TRAP(0)"),
        ],
    );
    let policy = policy(Dialect::Minijail, "@denylist\nptrace: return 1\n");
    let x32 = SeccompData::new(Arch::X86_64, SyscallNr::new(0x4000_0000));
    assert_eq!(policy.decide(&x32).to_string(), "ALLOW", "minijail does not know x32");
}

#[test]
fn minijail_has_arms_own_calls_by_a_prefix() {
    let written = written(Dialect::Minijail, "ARM_set_tls: 1\nARM_cacheflush: 1\nread: 1\n");
    let target = Target { arches: Some(vec![Arch::Arm]), ..Target::new(Arch::Arm) };
    let policy = written.lower(written.parts.first().unwrap(), &target).unwrap().policy;
    for name in ["set_tls", "cacheflush", "read"] {
        assert_eq!(decided(&policy, Arch::Arm, name, NONE), "ALLOW", "{name}");
    }
    assert!(refusal(Dialect::Minijail, "ARM_read: 1\n").contains("ARM_read"));
}

#[test]
fn kafel() {
    let text = "#define AF_INET 2 /* not\nmine */\n#define MASK 0b11\nPOLICY net {\n\
                ALLOW { socket(f, t) { f == AF_INET && (t & MASK) != 2, f == 1 } },\n\
                ERRNO(13) { socket, SYSCALL[57], mount ON aarch64 } // first match\n}\n\
                USE net DEFAULT KILL_PROCESS\n";
    check(
        Dialect::Kafel,
        text,
        &[
            ("socket", [2, 1, 0, 0, 0, 0], "ALLOW"),
            ("socket", [2, 2, 0, 0, 0, 0], "ERRNO(13)"),
            ("socket", [HIGH | 1, 2, 0, 0, 0, 0], "ERRNO(13)"),
            ("fork", NONE, "ERRNO(13)"),
            ("mount", NONE, "KILL_PROCESS"),
        ],
    );
}

/// Each held against kafel's own program, outside the repository.
#[test]
fn kafel_compares_the_bits_that_kafel_does() {
    let text = "#define O_RDWR 2\n#define ALL -1\n#define O_RDWR 2\nALLOW {\n\
                read { fd == 3 }, close { fd == 0x100000003 }, mkdir { mode == 0777 },\n\
                write(fd) { fd == 3 }, dup { (fildes & 0xf00000000) == 0x100000000 },\n\
                open { (flags) == O_RDWR|64 || ((flags & 3) == (1)) }, newstat, SYSCALL[-1],\n\
                lseek { offset == ALL }, fsopen { fs_name == 5 }, statx { statxbuf == 7 }\n\
                } DEFAULT KILL_THREAD\n";
    let first = |value| [value, 0, 0, 0, 0, 0];
    let second = |value| [0, value, 0, 0, 0, 0];
    check(
        Dialect::Kafel,
        text,
        &[
            ("read", first(HIGH | 3), "ALLOW"),
            ("close", first(3), "KILL_THREAD"),
            ("close", first(HIGH | 3), "ALLOW"),
            ("mkdir", second(0x1_01ff), "KILL_THREAD"),
            ("mkdir", second(HIGH | 0o777), "ALLOW"),
            ("write", first(3), "ALLOW"),
            ("write", first(HIGH | 3), "KILL_THREAD"),
            ("dup", first(HIGH), "ALLOW"),
            ("dup", first(0), "KILL_THREAD"),
            ("open", second(66), "ALLOW"),
            ("open", second(5), "ALLOW"),
            ("open", second(2), "KILL_THREAD"),
            ("stat", NONE, "ALLOW"),
            ("lseek", second(u64::MAX), "ALLOW"),
            ("lseek", second(u64::from(u32::MAX)), "KILL_THREAD"),
            ("fsopen", first(HIGH | 5), "KILL_THREAD"),
            ("fsopen", first(5), "ALLOW"),
            ("statx", [0, 0, 0, 0, 7, 0], "ALLOW"),
        ],
    );
    let policy = policy(Dialect::Kafel, text);
    let last = SeccompData::new(Arch::X86_64, SyscallNr::new(u32::MAX));
    assert_eq!(policy.decide(&last).to_string(), "ALLOW");
    let other = "#define A 1\n#define A 2\nALLOW { read }\nDEFAULT KILL\n";
    assert!(refusal(Dialect::Kafel, other).contains("has another value"));
    for deep in [48, 49, 50, 51, 100_000] {
        let [open, close] = ["(", ")"].map(|sign| sign.repeat(deep));
        let sides = [(format!("{open}fd{close} == 1"), 50), (format!("{open}fd == 1{close}"), 49)];
        for (text, deepest) in sides {
            let text = format!("ALLOW {{ read {{ {text} }} }} DEFAULT KILL\n");
            let source = Source::new("f", text).unwrap();
            let read = read(Dialect::Kafel, Options::default(), source, &mut nothing);
            assert_eq!(read.is_ok(), deep <= deepest, "{deep}");
        }
    }
}

#[test]
fn numbers_of_minijail_are_words_without_a_sign() {
    let text = "@default trap\nread: arg0 <= ~2\nwrite: arg0 in ~0xfffffffffffffffe\n\
                dup: arg0 == AT_FDCWD\nclose: arg0 > ~(0xf|~0xff)\n";
    let first = |value| [value, 0, 0, 0, 0, 0];
    check(
        Dialect::Minijail,
        text,
        &[
            ("read", first(!2), "ALLOW"),
            ("read", first(!1), "TRAP(0)"),
            ("write", first(1), "ALLOW"),
            ("write", first(2), "TRAP(0)"),
            ("dup", first(100_u64.wrapping_neg()), "ALLOW"),
            ("close", first(0xf0), "TRAP(0)"),
            ("close", first(0xf1), "ALLOW"),
        ],
    );
}

#[test]
fn nsjail() {
    let text = "name: \"x\"\nmount { src: \"/\" }\nseccomp_string: \"ERRNO(1337) { geteuid }\"\n\
                seccomp_string: \"DEFAULT ALLOW // \\\"\"\n";
    check(Dialect::Nsjail, text, &[("geteuid", NONE, "ERRNO(1337)"), ("getuid", NONE, "ALLOW")]);
    let wrong = text.replace("geteuid", "geteuidd");
    assert_eq!(
        refusal(Dialect::Nsjail, &wrong),
        "f:3:32: error[E0402]: no architecture has a syscall \"geteuidd\"",
        "the place is that in the configuration"
    );
}

#[test]
fn seccompiler() {
    let text = r#"{"vmm": {"default_action": "trap", "filter_action": "allow", "filter": [
        {"syscall": "read"},
        {"syscall": "ioctl", "args": [{"index": 1, "type": "dword", "op": "eq", "val": 21505}]},
        {"syscall": "ioctl", "args": [{"index": 1, "type": "qword", "op": {"masked_eq": 255}, "val": 7}]}]},
      "api": {"mismatch_action": {"errno": 1}, "match_action": "log", "filter": []}}"#;
    check(
        Dialect::Seccompiler,
        text,
        &[
            ("read", NONE, "ALLOW"),
            ("ioctl", [0, HIGH | 21505, 0, 0, 0, 0], "ALLOW"),
            ("ioctl", [0, 0xf07, 0, 0, 0, 0], "ALLOW"),
            ("ioctl", [0, 8, 0, 0, 0, 0], "TRAP(0)"),
        ],
    );
    let written = written(Dialect::Seccompiler, text);
    assert_eq!(written.part(None).unwrap_err(), ["vmm", "api"]);
    assert_eq!(written.part(Some("api")).unwrap().name, "api");
}

#[test]
fn systemd() {
    let text = "[Unit]\nDescription=SystemCallFilter=x\n[Service]\nSystemCallFilter=@basic-io \\\n# here\n  getpid pause socket\n\
                SystemCallFilter=~pause close:ENOENT\nSystemCallErrorNumber=EPERM\n\
                RestrictAddressFamilies=AF_UNIX AF_INET\nSystemCallArchitectures=native\n";
    check(
        Dialect::Systemd,
        text,
        &[
            ("read", NONE, "ALLOW"),
            ("pause", NONE, "ERRNO(1)"),
            ("close", NONE, "ERRNO(2)"),
            ("execve", NONE, "ALLOW"),
            ("mount", NONE, "ERRNO(1)"),
            ("socket", [1, 0, 0, 0, 0, 0], "ALLOW"),
            ("socket", [16, 0, 0, 0, 0, 0], "ERRNO(97)"),
            ("socket", [0, 0, 0, 0, 0, 0], "ERRNO(97)"),
        ],
    );
    let policy = policy(Dialect::Systemd, text);
    assert_eq!(decided(&policy, Arch::X86, "read", NONE), "KILL_THREAD");
    assert!(refusal(Dialect::Systemd, "[Service]\nExecStart=x\n").contains("no directive"));
}

#[test]
fn lxc() {
    let text = "2\ndenylist\nreject_force_umount  # comment\n[all]\nkexec_load errno 1\n\
                ioctl errno 13 [1,0x5412,SCMP_CMP_EQ]\nsocket trap [0,16,==] [2,9,&=,0xf]\n[x86]\nread kill\n";
    check(
        Dialect::Lxc,
        text,
        &[
            ("umount2", [0, 3, 0, 0, 0, 0], "ERRNO(13)"),
            ("umount2", NONE, "ALLOW"),
            ("kexec_load", NONE, "ERRNO(1)"),
            ("ioctl", [0, 0x5412, 0, 0, 0, 0], "ERRNO(13)"),
            ("socket", [16, 0, 0x19, 0, 0, 0], "TRAP(0)"),
            ("socket", [16, 0, 0x18, 0, 0, 0], "ALLOW"),
            // A section is for all architectures of the machine.
            ("read", NONE, "KILL_THREAD"),
        ],
    );
    let policy = policy(Dialect::Lxc, text);
    for arch in [Arch::X86, Arch::X32] {
        assert_eq!(decided(&policy, arch, "read", NONE), "KILL_THREAD");
    }
    // A call that another one makes has no number that liblxc finds, with conditions or without.
    let calls = [16, 0, 0x19, 0, 0, 0];
    assert_eq!(decided(&policy, Arch::X86, "socket", calls), "ALLOW");
    assert_eq!(decided(&policy, Arch::X32, "socket", calls), "TRAP(0)");
    let multiplexed = self::policy(Dialect::Lxc, "2\ndenylist\nsocket errno 1\nsemop errno 1\n");
    for (call, multiplexer) in [("socket", "socketcall"), ("semop", "ipc")] {
        assert_eq!(decided(&multiplexed, Arch::X86_64, call, NONE), "ERRNO(1)");
        assert_eq!(decided(&multiplexed, Arch::X86, multiplexer, [1, 0, 0, 0, 0, 0]), "ALLOW");
    }
    // liblxc takes no list with a rule that libseccomp refuses.
    let source = Source::new("f", "2\nallowlist errno 1\nread\nwrite errno 1\n").unwrap();
    let written = read(Dialect::Lxc, Options::default(), source, &mut nothing).unwrap();
    let refused = written.lower(written.part(None).unwrap(), &Target::new(Arch::X86_64));
    let default = refused.unwrap_err().to_string();
    assert!(default.starts_with("f:4:1: error[E0405]: libseccomp refuses this rule"), "{default}");
    check(
        Dialect::Lxc,
        "1\nwhitelist\n0\n1\n",
        &[("read", NONE, "ALLOW"), ("open", NONE, "KILL_THREAD")],
    );
}

#[test]
fn snapd() {
    let text = "# snap\nread\nsocket AF_UNIX\nioctl - !TIOCSTI\nchown - -1 -1\nprctl |6\n~ptrace 4294967295|16\nptrace\n";
    check(
        Dialect::Snapd,
        text,
        &[
            ("read", NONE, "ALLOW"),
            ("socket", [1, 0, 0, 0, 0, 0], "ALLOW"),
            ("socket", [2, 0, 0, 0, 0, 0], "ERRNO(1)"),
            ("ioctl", [0, 0x5412, 0, 0, 0, 0], "ERRNO(1)"),
            ("ioctl", [0, 0, 0, 0, 0, 0], "ALLOW"),
            ("chown", [0, u64::MAX, 0xffff_ffff, 0, 0, 0], "ALLOW"),
            ("prctl", [7, 0, 0, 0, 0, 0], "ALLOW"),
            ("prctl", [5, 0, 0, 0, 0, 0], "ERRNO(1)"),
            ("ptrace", [HIGH | 16, 0, 0, 0, 0, 0], "ERRNO(13)"),
            ("ptrace", NONE, "ALLOW"),
        ],
    );
}

#[test]
fn pfc() {
    let text = "#\n# pseudo filter code start\n#\n# filter for arch x86_64 (3221225534)\n\
        if ($arch == 3221225534)\n  # filter for syscall \"open\" (2) [priority: 65532]\n  if ($syscall == 2)\n\
        \x20   if ($a1.hi32 & 0x00000000 == 0)\n      if ($a1.lo32 & 0x00000003 == 1)\n        action ERRNO(5);\n\
        \x20     else\n        action TRAP(9);\n  if ($syscall == 0)\n    action ALLOW;\n  # default action\n  action LOG;\n\
        # invalid architecture action\naction KILL;\n";
    check(
        Dialect::Pfc,
        text,
        &[
            ("read", NONE, "ALLOW"),
            ("open", [0, HIGH | 5, 0, 0, 0, 0], "ERRNO(5)"),
            ("open", [0, 2, 0, 0, 0, 0], "TRAP(9)"),
            ("close", NONE, "LOG"),
        ],
    );
}

#[test]
fn mistakes_have_their_place_and_a_near_name() {
    for (dialect, text, expected) in [
        (
            Dialect::Minijail,
            "read: 1\nmuont: 1\n",
            "f:2:1: error[E0402]: no architecture has a syscall \"muont\"",
        ),
        (Dialect::Minijail, "read: arg9 == 1\n", "f:1:7: error[E0401]: expected arg0 to arg5"),
        (
            Dialect::Minijail,
            "read: 1\nread: 1\n",
            "f:2:7: error[E0405]: read has an unconditional action already",
        ),
        (
            Dialect::Kafel,
            "ALLOW { open { mod == 1 } } DEFAULT KILL",
            "f:1:16: error[E0402]: \"mod\" is neither a constant that is defined nor an argument of open",
        ),
        (
            Dialect::Kafel,
            "POLICY a { ALLOW { read } }",
            "f:1:1: error[E0405]: no policy is used: end the text with USE NAME DEFAULT ACTION",
        ),
        (
            Dialect::Lxc,
            "3\nallowlist\n",
            "f:1:1: error[E0401]: expected the version, 1 or 2, and behind it allowlist or denylist",
        ),
        (
            Dialect::Lxc,
            "2\nallowlist\nread [6,1,==]\n",
            "f:3:7: error[E0403]: syscalls have arguments 0 to 5",
        ),
        (
            Dialect::Lxc,
            "2\nallowlist\n[riscv64]\nread\n",
            "f:3:2: error[E0402]: liblxc knows no architecture \"riscv64\"",
        ),
        (
            Dialect::Systemd,
            "[Service]\nRestrictAddressFamilies=AF_UNX\n",
            "f:2:25: error[E0402]: unknown address family \"AF_UNX\"",
        ),
        (Dialect::Snapd, "socket AF_UNX\n", "f:1:8: error[E0402]: unknown constant \"AF_UNX\""),
    ] {
        assert_eq!(refusal(dialect, text), expected);
    }
    let source = Source::new("f", "muont: 1\n").unwrap();
    let refused = read(Dialect::Minijail, Options::default(), source, &mut nothing).unwrap_err();
    assert_eq!(refused.diagnostics[0].helps[0].message, "did you mean `mount`?");
}

#[test]
fn included_files_are_read_and_placed() {
    let mut files = |path: &str, including: &str| match path {
        "./b" => Source::new("b", "write: 1\n@include ./b\n"),
        _ => Err(SourceError::Unreadable { name: path.to_owned(), reason: including.to_owned() }),
    };
    let source = Source::new("a", "@include ./b\n").unwrap();
    let refused = read(Dialect::Minijail, Options::default(), source, &mut files).unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("b:2:10: error[E0403]: files include each other more than 10 deep"),
        "{text}"
    );
}

#[test]
fn firejail() {
    let text = "# a comment\nprivate-dev\nseccomp.drop mount,kill:EINVAL,@clock,execve,!adjtimex,$39\n\
                protocol unix,inet\nmemory-deny-write-execute\nrestrict-namespaces user,net\n";
    check(
        Dialect::Firejail,
        text,
        &[
            ("read", NONE, "ALLOW"),
            ("mount", NONE, "ERRNO(1)"),
            ("kill", NONE, "ERRNO(22)"),
            ("clock_settime", NONE, "ERRNO(1)"),
            ("adjtimex", NONE, "ALLOW"),
            ("getpid", NONE, "ERRNO(1)"),
            ("execve", NONE, "ERRNO(1)"),
            ("socket", [2, 0, 0, 0, 0, 0], "ALLOW"),
            ("socket", [HIGH | 1, 0, 0, 0, 0, 0], "ALLOW"),
            ("socket", [10, 0, 0, 0, 0, 0], "ERRNO(95)"),
            ("mprotect", [0, 0, 4, 0, 0, 0], "ERRNO(1)"),
            ("mprotect", [0, 0, 3, 0, 0, 0], "ALLOW"),
            ("unshare", [0x4000_0000, 0, 0, 0, 0, 0], "ERRNO(1)"),
            ("unshare", [0x2000_0000, 0, 0, 0, 0, 0], "ALLOW"),
            ("clone3", NONE, "ERRNO(38)"),
        ],
    );
    let policy = policy(Dialect::Firejail, text);
    assert_eq!(decided(&policy, Arch::X86, "socket", [10, 0, 0, 0, 0, 0]), "ERRNO(95)");
    assert_eq!(decided(&policy, Arch::X86, "mount", NONE), "ALLOW", "lists are for native calls");
    let x32 = SeccompData::new(Arch::X86_64, SyscallNr::new(0x4000_0000));
    assert_eq!(policy.decide(&x32).to_string(), "ERRNO(1)");
    assert_eq!(decided(&policy, Arch::Aarch64, "mount", NONE), "ALLOW");
}

/// Of the lists of a profile firejail takes one, whatever their order, and says nothing of the others.
#[test]
fn firejail_takes_one_of_its_lists() {
    let (plain, drop, keep) = ("seccomp ptrace\n", "seccomp.drop mount\n", "seccomp.keep read\n");
    for (lines, decided_by, passed_over) in [
        (vec![plain], "ptrace", 0),
        (vec![plain, drop], "mount", 1),
        (vec![drop, plain], "mount", 1),
        (vec![drop, keep], "read", 1),
        (vec![keep, plain, drop], "read", 2),
    ] {
        let text = lines.concat();
        let policy = policy(Dialect::Firejail, &text);
        let refused = |call: &str| decided(&policy, Arch::X86_64, call, NONE) == "ERRNO(1)";
        let expected = match decided_by {
            "ptrace" => [true, true, false],
            "mount" => [false, true, false],
            _ => [true, true, true],
        };
        assert_eq!(["swapon", "mount", "getpid"].map(refused), expected, "{text}");
        let source = Source::new("f", text.as_str()).unwrap();
        let written = read(Dialect::Firejail, Options::default(), source, &mut nothing).unwrap();
        let told = written.warnings.iter().filter(|own| own.message.contains("counts alone"));
        assert_eq!(told.count(), passed_over, "{text}");
    }
}

#[test]
fn firejail_keeps_what_it_calls_itself_and_shuts_out_others() {
    let text = "seccomp-error-action kill\nseccomp.keep read,@signal\nseccomp.block-secondary\n\
                ignore memory-deny-write-execute\nmemory-deny-write-execute\n";
    check(
        Dialect::Firejail,
        text,
        &[
            ("read", NONE, "ALLOW"),
            ("execve", NONE, "ALLOW"),
            ("prctl", NONE, "ALLOW"),
            ("sigaltstack", NONE, "ALLOW"),
            ("memfd_create", NONE, "KILL_THREAD"),
            ("write", NONE, "KILL_THREAD"),
        ],
    );
    let policy = policy(Dialect::Firejail, text);
    assert_eq!(decided(&policy, Arch::X86, "read", NONE), "KILL_THREAD");
    for (text, expected) in [
        ("seccomp.drop @tea\n", "f:1:14: error[E0402]: firejail has no group \"@tea\""),
        ("seccomp.dorp read\n", "firejail has no line"),
        ("seccomp-error-action 1\n", "expected kill, log, or the name of an errno"),
        ("?HAS_X11: seccomp\n", "depends on how firejail is built"),
        ("protocol ipx\n", "expected one of unix, inet"),
        ("private-dev\n", "no line that loads a filter"),
        ("seccomp.drop ,\n", "takes no empty list"),
    ] {
        let refused = refusal(Dialect::Firejail, text);
        assert!(refused.contains(expected), "{text}: {refused}");
    }
}
