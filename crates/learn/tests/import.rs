//! Recordings of others as evidence.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use callgate_learn::{
    Arguments, CallKey, Evidence, Form, ImportError, Imported, Observations, import,
};
use callgate_syscalls::{Arch, Name, names};

fn read(text: &str) -> Imported {
    import(text.as_bytes(), "a recording", Arch::X86_64).unwrap()
}

fn arguments(evidence: &Evidence, arch: Arch, name: Name) -> Option<Vec<String>> {
    match evidence.of(CallKey::named(arch, name)?)? {
        Observations::Each(each) => Some(each.keys().map(Arguments::to_string).collect()),
        Observations::Many(_) => None,
    }
}

const STRACE: &str = "\
7 execve(\"/bin/x\", [\"x\"], 0x7ffd /* 9 vars */) = 0
7 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f
7 prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0
7 socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 3
7 clone3({flags=CLONE_VM, exit_signal=SIGCHLD}, 88 <unfinished ...>
8 ioctl(1, TCGETS, 0x7ffd) = -1 ENOTTY (Inappropriate ioctl for device)
7 <... clone3 resumed>) = 8
8 ioctl(1, SOME_REQUEST_OF_TOMORROW, 0) = 0
8 --- SIGCHLD {si_signo=SIGCHLD} ---
what is this
7 pause( <unfinished ...>
7 +++ killed by SIGTERM +++
";

#[test]
fn lines_of_strace_have_arguments_where_they_show_them() {
    let imported = read(STRACE);
    assert_eq!((imported.form, imported.calls, imported.unknown), (Form::Recording, 8, 1));
    assert_eq!(imported.first_unknown, Some(10));
    let of = |name| arguments(&imported.evidence, Arch::X86_64, name);
    assert_eq!(of(names::MMAP), Some(vec!["prot=0x3".to_owned()]));
    assert_eq!(of(names::PRLIMIT64), Some(vec!["new_rlim=0x0".to_owned()]));
    assert_eq!(of(names::SOCKET), Some(vec!["family=0x1 type=0x80001 protocol=0x0".to_owned()]));
    assert_eq!(of(names::CLONE3), Some(vec![String::new()]));
    assert_eq!(of(names::PAUSE), Some(vec![String::new()]), "it has not returned");
    assert_eq!(of(names::IOCTL), None, "one of its requests is not known");
    let ioctl = CallKey::named(Arch::X86_64, names::IOCTL).unwrap();
    let results = imported.evidence.of(ioctl).unwrap().total().results;
    assert_eq!(results.as_slice(), ["0".into(), "ENOTTY".into()]);
    let (_, run) = imported.evidence.runs().next().unwrap();
    assert_eq!((&*run.backend, &*run.command), ("strace", "a recording"));
    assert_eq!(run.blind, ["1 lines of no form that is known"]);
}

#[test]
fn a_file_that_is_read_twice_is_one_run() {
    let (once, mut twice) = (read(STRACE).evidence, read(STRACE).evidence);
    twice.join(read(STRACE).evidence);
    assert_eq!(once, twice);
    twice.join(read("read(0, 0x1, 1) = 1\n").evidence);
    assert_eq!(twice.run_count(), 2);
}

#[test]
fn perf_and_audit_are_read_for_what_they_know() {
    let perf = "\
        sh  4052 [000]  1000.12: raw_syscalls:sys_enter: NR 16 (1, 5401, 7ffd, 0, 0, 0)\n\
        sh  4052 [000]  1000.13: raw_syscalls:sys_exit: NR 16 = -25\n";
    let imported = read(perf);
    let found = arguments(&imported.evidence, Arch::X86_64, names::IOCTL);
    assert_eq!(found, Some(vec!["cmd=0x5401".to_owned()]));
    let (_, run) = imported.evidence.runs().next().unwrap();
    assert!(run.blind[0].starts_with("which ABI"), "{run:?}");

    let audit = "\
        type=SYSCALL msg=audit(1.0:7): arch=40000003 syscall=54 success=yes exit=0 a0=1 a1=5401 a2=0 a3=0 \
        pid=7 comm=\"a b\" exe=\"/x\"\n\
        type=SECCOMP msg=audit(1.0:8): auid=0 uid=0 gid=0 ses=1 pid=7 comm=\"x\" exe=\"/x\" sig=0 arch=c000003e \
        syscall=16 compat=0 ip=0x7f code=0x7ffc0000\n";
    let evidence = read(audit).evidence;
    let found = arguments(&evidence, Arch::X86, names::IOCTL);
    assert_eq!(found, Some(vec!["cmd=0x5401".to_owned()]), "by the record's own architecture");
    assert_eq!(arguments(&evidence, Arch::X86_64, names::IOCTL), None, "a filter's has none");
    assert_eq!(evidence.calls().count(), 2);
}

#[test]
fn what_tells_of_no_call_is_refused() {
    let none = import(&b"hello\n"[..], "x", Arch::X86_64);
    assert!(matches!(none, Err(ImportError::NoCalls)), "{none:?}");
    let wrong = import(&b"{\"call\":{\"number\":1}}\n"[..], "x", Arch::X86_64).unwrap_err();
    assert!(wrong.to_string().starts_with("line 1: missing field"), "{wrong}");
}

fn names_of(evidence: &Evidence) -> Vec<String> {
    evidence.calls().map(|(key, _)| key.to_string()).collect()
}

/// strace of one process names it nowhere; with `-o` it says no modes; and what it starts runs in
/// the mode of who starts it.
#[test]
fn strace_of_32_bit_programs_is_of_their_own_abi() {
    let alone = "execve(\"./x\", [\"./x\"], 0x7ffd /* 9 vars */) = 0\n\
        [ Process PID=71 runs in 32 bit mode. ]\n\
        getppid() = 1\n\
        ioctl(1, TCGETS, 0xff) = 0\n";
    let expected = ["getppid on x86", "ioctl on x86", "execve on x86_64"];
    assert_eq!(names_of(&read(alone).evidence), sorted(&expected));
    let children = "71 [ Process PID=71 runs in 32 bit mode. ]\n\
        71 clone(child_stack=NULL, flags=SIGCHLD) = 72\n\
        72 getppid() = 71\n\
        73 getuid32() = 0\n";
    let expected = ["clone on x86", "getppid on x86", "getuid32 on x86"];
    assert_eq!(names_of(&read(children).evidence), sorted(&expected));
    let quiet = "71 mmap2(NULL, 8192, PROT_READ, MAP_PRIVATE, -1, 0) = 0xf7f89000\n\
        71 getppid() = 1\n72 getppid() = 1\n\
        71 newfstatat(3, \"\", {}, AT_EMPTY_PATH) = 0\n71 getpid() = 71\n";
    let imported = read(quiet);
    assert_eq!(imported.unknown, 0);
    let expected = ["getppid on x86", "mmap2 on x86", "newfstatat on x86_64", "getpid on x86_64"];
    assert_eq!(names_of(&imported.evidence), sorted(&expected));
}

/// In the order of evidence: by ABI and number.
fn sorted(names: &[&str]) -> Vec<String> {
    let mut keys: Vec<CallKey> = names
        .iter()
        .map(|name| {
            let (call, arch) = name.split_once(" on ").unwrap();
            CallKey::named(Arch::from_name(arch).unwrap(), Name::parse(call).unwrap()).unwrap()
        })
        .collect();
    keys.sort_unstable();
    keys.iter().map(CallKey::to_string).collect()
}

/// -1 is what a tracer makes of a call that is not to be made, and of no architecture is 0.
#[test]
fn records_of_no_call_are_none() {
    let record = |arch: &str, call: &str| {
        format!(
            "type=SYSCALL msg=audit(1.0:7): arch={arch} syscall={call} success=yes exit=0 a0=1 a1=5401 \
             a2=0 a3=0 pid=7 comm=\"x\" exe=\"/x\"\n"
        )
    };
    let good = record("c000003e", "39");
    for (arch, call) in [
        ("c000003e", "-1"),
        ("c000003e", "4294967295"),
        ("c000003e", ""),
        ("c000003e", "99999999999999"),
        ("c000003e", "no_such_call"),
        ("", "39"),
        ("zz", "39"),
    ] {
        let imported = read(&(record(arch, call) + &good));
        assert_eq!(names_of(&imported.evidence), ["getpid on x86_64"], "{arch} {call}");
        assert_eq!(imported.calls, 1, "{arch} {call}");
    }
    let foreign = read(&(record("0", "39") + &good)).evidence;
    assert_eq!(names_of(&foreign).len(), 2);
    let mined = callgate_learn::mine(&foreign, &callgate_learn::Wants::default());
    assert_eq!(mined.unknown.len(), 1, "no statement can be about it, and it is told");
}
