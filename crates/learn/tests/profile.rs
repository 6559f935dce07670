//! From events to a policy that decides them.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use callgate_learn::{
    CallKey, Collector, Evidence, Heading, Reached, Run, RunId, Style, Verdict, Wants, mine,
    replay, write,
};
use callgate_policy::Policy;
use callgate_rules::{Source, Target};
use callgate_syscalls::{Action, Arch, Name, SeccompData, names};

type Call = (Arch, Name, [u64; 6]);

fn evidence(calls: &[Call]) -> Evidence {
    let mut collector = Collector::new(RunId::of([b"a run".as_slice()]));
    for call in calls {
        collector.event(&data(*call), "worker", None);
    }
    collector.finish(Run { command: "server\n--port 1".to_owned(), ..Run::default() })
}

fn data((arch, name, args): Call) -> SeccompData {
    SeccompData::new(arch, arch.syscall(name).unwrap().nr).with_args(args)
}

fn text(evidence: &Evidence, closure: bool) -> String {
    let mut wants = Wants::default();
    wants.closure = closure;
    let mined = mine(evidence, &wants);
    let heading = Heading { title: "server\n--port 1".to_owned() };
    write(evidence, &mined, &heading, Style::Enforced).unwrap()
}

fn policy(text: &str) -> Policy {
    let source = Source::new("learned.gate", text).unwrap();
    let written = callgate_gate::read(source, &mut callgate_gate::nothing).unwrap();
    assert!(written.warnings.is_empty(), "{:?}\n{text}", written.warnings);
    written.lower(&Target::new(Arch::X86_64)).unwrap().policy
}

const X: Arch = Arch::X86_64;
const STREAM: u64 = 1;
const CLOEXEC: u64 = 0x80000;

fn server() -> Vec<Call> {
    vec![
        (X, names::EXECVE, [1; 6]),
        (X, names::SOCKET, [2, STREAM | CLOEXEC, 6, 0, 0, 0]),
        (X, names::SOCKET, [16, 3, 15, 0, 0, 0]),
        (X, names::SETSOCKOPT, [3, 1, 2, 0, 0, 0]),
        (X, names::SETSOCKOPT, [3, 6, 1, 0, 0, 0]),
        (X, names::LISTEN, [3, 0, 0, 0, 0, 0]),
        (X, names::IOCTL, [3, 0xdead_0000_5421, 0, 0, 0, 0]),
        (X, names::IOCTL, [3, 0x1234, 0, 0, 0, 0]),
        (X, names::MMAP, [0, 4096, 3, 0x22, u64::MAX, 0]),
        (X, names::CLONE3, [1, 88, 0, 0, 0, 0]),
        (X, names::PRLIMIT64, [0, 3, 0, 1, 0, 0]),
        (X, names::EPOLL_WAIT, [3, 1, 1, 0, 0, 0]),
        (X, names::OPENAT, [u64::MAX, 1, 0, 0, 0, 0]),
        (X, names::KEYCTL, [11, 0, 0, 0, 0, 0]),
    ]
}

#[test]
fn what_was_seen_is_allowed_and_no_more() {
    let evidence = evidence(&server());
    let text = text(&evidence, false);
    let policy = policy(&text);
    for call in server().into_iter().filter(|call| call.1 != names::CLONE3) {
        assert_eq!(policy.decide(&data(call)), Action::ALLOW, "{call:?}\n{text}");
    }
    assert_eq!(replay(&evidence, &policy), []);
    let refused: [Call; 9] = [
        (X, names::SOCKET, [2, 3, 0, 0, 0, 0]),
        (X, names::SOCKET, [16, 3, 9, 0, 0, 0]),
        (X, names::SETSOCKOPT, [3, 41, 2, 0, 0, 0]),
        (X, names::IOCTL, [3, 0x5412, 0, 0, 0, 0]),
        (X, names::MMAP, [0, 4096, 7, 0x22, u64::MAX, 0]),
        (X, names::PRLIMIT64, [0, 3, 1, 0, 0, 0]),
        (X, names::KEYCTL, [2, 0, 0, 0, 0, 0]),
        (X, names::PTRACE, [0; 6]),
        (X, names::OPEN, [0; 6]),
    ];
    for call in refused {
        assert_ne!(policy.decide(&data(call)), Action::ALLOW, "{call:?}\n{text}");
    }
}

#[test]
fn closure_adds_what_does_the_same() {
    let text = text(&evidence(&server()), true);
    let policy = policy(&text);
    let fork = 0x0120_0011;
    for call in [
        (X, names::OPEN, [0; 6]),
        (X, names::EPOLL_PWAIT, [0; 6]),
        (X, names::CLONE, [fork, 0, 0, 0, 0, 0]),
        (X, names::EXIT_GROUP, [0; 6]),
        (X, names::RT_SIGRETURN, [0; 6]),
        (X, names::CLOCK_GETTIME, [0; 6]),
    ] {
        assert_eq!(policy.decide(&data(call)), Action::ALLOW, "{call:?}\n{text}");
    }
    let newuser = 0x1000_0011;
    let enosys = Action::errno(38).unwrap();
    for (call, action) in [
        ((X, names::CLONE, [newuser, 0, 0, 0, 0, 0]), Action::errno(1).unwrap()),
        ((X, names::MOUNT, [0; 6]), Action::errno(1).unwrap()),
        ((X, names::OPENAT2, [0; 6]), enosys),
        ((X, names::GET_MEMPOLICY, [0; 6]), enosys),
        ((X, names::PIDFD_OPEN, [0; 6]), enosys),
    ] {
        assert_eq!(policy.decide(&data(call)), action, "{call:?}\n{text}");
    }
}

#[test]
fn phases_threads_and_counts_stand_beside_statements() {
    let text = text(&evidence(&server()), false);
    for line in [
        "# Learned from: server?--port 1",
        "protocol == NETLINK_KOBJECT_UEVENT",
        "allow epoll_wait  #@ seen 1/1 runs, 1 call, by worker, serving",
        "allow setsockopt where level in {SOL_SOCKET, IPPROTO_TCP}",
        "cmd == 0x1234",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// The same number means another call through each ABI, and a 32-bit program has its own block.
#[test]
fn abis_are_kept_apart() {
    let calls = [
        (X, names::READ, [0; 6]),
        (Arch::X86, names::UMOUNT2, [0; 6]),
        (Arch::X86, names::SOCKETCALL, [1, 0, 0, 0, 0, 0]),
        (Arch::X32, names::GETPPID, [0; 6]),
    ];
    let evidence = evidence(&calls);
    let text = text(&evidence, false);
    let policy = policy(&text);
    assert_eq!(replay(&evidence, &policy), []);
    for (arch, name) in [(X, names::UMOUNT2), (X, names::GETPPID), (Arch::X86, names::READ)] {
        let action = policy.decide(&data((arch, name, [0; 6])));
        assert_ne!(action, Action::ALLOW, "{name:?} on {arch:?}\n{text}");
    }
}

#[test]
fn a_number_without_a_name_and_an_unknown_abi_are_told() {
    let mut collector = Collector::new(RunId::of([b"a run".as_slice()]));
    let mut call = SeccompData::new(X, callgate_syscalls::SyscallNr::new(1999));
    collector.event(&call, "", None);
    call.arch = callgate_syscalls::ArchToken::new(7);
    collector.event(&call, "", None);
    let evidence = collector.finish(Run::default());
    let mined = mine(&evidence, &Wants::default());
    assert_eq!(mined.unknown.len(), 1);
    assert!(
        text(&evidence, false).contains("allow nr 1999  #@ seen"),
        "{}",
        text(&evidence, false)
    );
}

/// What a profile without closure lacked: handlers could not return.
#[test]
fn what_was_seen_and_no_more_lets_programs_end() {
    let evidence = evidence(&[
        (X, names::RT_SIGACTION, [2, 1, 0, 8, 0, 0]),
        (X, names::CLOCK_NANOSLEEP, [0; 6]),
    ]);
    let text = text(&evidence, false);
    let policy = policy(&text);
    for name in [names::RT_SIGRETURN, names::RESTART_SYSCALL, names::EXIT, names::EXIT_GROUP] {
        assert_eq!(policy.decide(&data((X, name, [0; 6]))), Action::ALLOW, "{name:?}\n{text}");
    }
    assert_ne!(policy.decide(&data((X, names::READ, [0; 6]))), Action::ALLOW);
}

/// Calls that appear where another is refused are another tier, and count no runs.
#[test]
fn explored_calls_are_fallbacks_and_what_changes_nothing_is_optional() {
    let mut evidence = evidence(&[(X, names::CLONE3, [0; 6]), (X, names::RSEQ, [0; 6])]);
    let before = evidence.clone();
    for (call, instead) in [(names::CLONE3, Some(names::VFORK)), (names::RSEQ, None)] {
        let key = CallKey::named(X, call).unwrap();
        let mut collector = Collector::exploring(RunId::of([call.as_str().as_bytes()]));
        collector.event(&data((X, names::CLONE3, [0; 6])), "sh", None);
        if let Some(instead) = instead {
            collector.event(&data((X, instead, [0; 6])), "sh", None);
        }
        let without = callgate_learn::without(key, "ENOSYS").unwrap();
        evidence.join(collector.finish(Run { without, ..Run::default() }).without(&before));
    }
    let rendered = text(&evidence, false);
    assert!(rendered.contains("#@ runs 1\n"), "{rendered}");
    let vfork = "allow vfork  #@ fallback without x86_64 clone3 ENOSYS, by sh";
    let spaced = rendered.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(spaced.contains(&vfork.replace("  ", " ")), "{rendered}");
    let optional: Vec<CallKey> = callgate_learn::optional(&evidence).into_iter().collect();
    assert_eq!(optional, [CallKey::named(X, names::RSEQ).unwrap()]);
    let mut wants = Wants::default();
    wants.minimal = true;
    let mined = mine(&evidence, &wants);
    let heading = Heading { title: String::new() };
    let policy = policy(&write(&evidence, &mined, &heading, Style::Enforced).unwrap());
    let rseq = policy.decide(&data((X, names::RSEQ, [0; 6])));
    assert_eq!(rseq, Action::errno(38).unwrap());
    // Nor is what is made in its place widened to what was not.
    assert_eq!(policy.decide(&data((X, names::CLONE3, [0; 6]))), Action::errno(38).unwrap());
    let ended = "killed by signal 11".to_owned();
    let without = callgate_learn::without(CallKey::named(X, names::CLONE3).unwrap(), "ENOSYS");
    let run = Run { without: without.unwrap(), ended, ..Run::default() };
    evidence.join(Collector::exploring(RunId::of([b"dies".as_slice()])).finish(run));
    let text = text(&evidence, true);
    assert!(text.contains("\nallow clone3 "), "{text}");
    assert!(text.contains("(without it the command ended otherwise)"), "{text}");
}

/// `clone3` would undo what is said of the flags of `clone`, which callers go on with.
#[test]
fn what_hides_its_flags_is_answered_where_flags_matter() {
    const NEWUSER: u64 = 0x1000_0000;
    const THREAD: u64 = 0x003d_0f00;
    let enosys = Action::errno(38).unwrap();
    let threads = evidence(&[(X, names::CLONE3, [1, 88, 0, 0, 0, 0])]);
    let spaces =
        evidence(&[(X, names::CLONE3, [1, 88, 0, 0, 0, 0]), (X, names::CLONE, [NEWUSER | 17; 6])]);
    for (evidence, closure) in
        [(&threads, true), (&threads, false), (&spaces, true), (&spaces, false)]
    {
        let text = text(evidence, closure);
        let policy = policy(&text);
        let decide = |call| policy.decide(&data(call));
        assert_eq!(decide((X, names::CLONE3, [1, 88, 0, 0, 0, 0])), enosys, "{text}");
        assert_eq!(decide((X, names::CLONE, [THREAD, 0, 0, 0, 0, 0])), Action::ALLOW, "{text}");
        assert_ne!(decide((X, names::CLONE, [0x2000_0000, 0, 0, 0, 0, 0])), Action::ALLOW);
        assert!(text.contains("enosys clone3") && text.contains("seen 1/1 runs, 1 call"), "{text}");
        assert_eq!(replay(evidence, &policy), [], "{text}");
    }
    // What was seen of clone's flags is not said twice.
    let forks = [(X, names::CLONE3, [1; 6]), (X, names::CLONE, [17, 0, 0, 0, 0, 0])];
    let both = text(&evidence(&forks), false);
    assert_eq!(both.matches("allow clone").count(), 1, "{both}");
    // A round records it again rather than answer it.
    let mined = mine(&threads, &Wants::default());
    let heading = Heading { title: String::new() };
    let text = write(&threads, &mined, &heading, Style::Recorded).unwrap();
    assert!(!text.contains("enosys") && !text.contains("fallback"), "{text}");
    // One that refuses both is no answer.
    let none = policy("policy 1\narch x86_64\ndefault errno EPERM\nenosys clone3\nallow read\n");
    assert_eq!(replay(&threads, &none).len(), 1);
}

/// What was seen apart is not allowed together: memory written here and run there, a family with
/// another's protocol, and requests beside the one that was seen.
#[test]
fn exactly_what_was_seen_is_no_more() {
    let seen = [
        (X, names::MMAP, [0, 0, 1, 0, 0, 0]),
        (X, names::MMAP, [0, 0, 3, 0, 0, 0]),
        (X, names::MMAP, [0, 0, 5, 0, 0, 0]),
        (X, names::IOCTL, [1, 0x5401, 0, 0, 0, 0]),
        (X, names::FCNTL, [1, 3, 0, 0, 0, 0]),
        (X, names::SOCKET, [16, 3, 0, 0, 0, 0]),
        (X, names::SOCKET, [16, 2, 15, 0, 0, 0]),
        (X, names::SOCKET, [1, 1, 0, 0, 0, 0]),
        (X, names::SETSOCKOPT, [3, 1, 2, 0, 0, 0]),
        (X, names::SETSOCKOPT, [3, 6, 1, 0, 0, 0]),
        (X, names::UNSHARE, [0x400, 0, 0, 0, 0, 0]),
        (X, names::UNSHARE, [0x200, 0, 0, 0, 0, 0]),
    ];
    let evidence = evidence(&seen);
    let mut wants = Wants::default();
    (wants.closure, wants.exact) = (false, true);
    let mined = mine(&evidence, &wants);
    let heading = Heading { title: String::new() };
    let text = write(&evidence, &mined, &heading, Style::Enforced).unwrap();
    let policy = policy(&text);
    assert_eq!(replay(&evidence, &policy), [], "{text}");
    for unseen in [
        (X, names::MMAP, [0, 0, 7, 0, 0, 0]),
        (X, names::MMAP, [0, 0, 0, 0, 0, 0]),
        (X, names::IOCTL, [1, 0x5402, 0, 0, 0, 0]),
        (X, names::FCNTL, [1, 4, 0, 0, 0, 0]),
        (X, names::SOCKET, [16, 3, 15, 0, 0, 0]),
        (X, names::SOCKET, [16, 1, 0, 0, 0, 0]),
        (X, names::SOCKET, [1, 3, 0, 0, 0, 0]),
        (X, names::SETSOCKOPT, [3, 1, 1, 0, 0, 0]),
        (X, names::SETSOCKOPT, [3, 6, 2, 0, 0, 0]),
        (X, names::UNSHARE, [0x600, 0, 0, 0, 0, 0]),
    ] {
        assert_ne!(policy.decide(&data(unseen)), Action::ALLOW, "{unseen:?}\n{text}");
    }
}

/// What kept Python from opening its own script: a terminal's size was asked for in the short run,
/// and a descriptor marked in the long one, both by ioctl(2).
#[test]
fn an_intent_is_completed_by_other_arguments_of_a_call_that_was_seen() {
    let seen = [(X, names::IOCTL, [1, 0x5401, 0, 0, 0, 0]), (X, names::READ, [0; 6])];
    let [closed, seen_only] = [true, false].map(|closure| policy(&text(&evidence(&seen), closure)));
    for request in [0x5451, 0x5421, 0x541b] {
        let call = data((X, names::IOCTL, [3, request, 0, 0, 0, 0]));
        assert_eq!(closed.decide(&call), Action::ALLOW, "{request:#x}");
        assert_ne!(seen_only.decide(&call), Action::ALLOW, "{request:#x}");
    }
    // Pushing input to a terminal, a namespace's owner: of no harmless intent.
    for request in [0x5412, 0xb704] {
        let call = data((X, names::IOCTL, [3, request, 0, 0, 0, 0]));
        assert_ne!(closed.decide(&call), Action::ALLOW, "{request:#x}");
    }
    // One family of sockets says nothing about another.
    let local = evidence(&[
        (X, names::SOCKET, [1, 1, 0, 0, 0, 0]),
        (X, names::CONNECT, [0; 6]),
        (X, names::READ, [0; 6]),
    ]);
    let local = policy(&text(&local, true));
    for family in [2, 10, 16, 17] {
        let call = data((X, names::SOCKET, [family, 3, 0, 0, 0, 0]));
        assert_ne!(local.decide(&call), Action::ALLOW, "{family}");
    }
    for name in [names::NANOSLEEP, names::ALARM, names::TIMES] {
        assert_eq!(closed.decide(&data((X, name, [0; 6]))), Action::ALLOW, "{name:?}");
    }
}

/// SCHED_BATCH is 3 and SCHED_IDLE 5: their bits are also those of SCHED_FIFO, SCHED_RR and
/// SCHED_EXT.
#[test]
fn values_beside_flags_are_allowed_as_they_were_seen() {
    let of = |policy| (X, names::SCHED_SETSCHEDULER, [0, policy, 0, 0, 0, 0]);
    const ON_FORK: u64 = 0x4000_0000;
    for (seen, unseen) in [
        ([of(3), of(5)], [of(1), of(2), of(4), of(7), of(3 | ON_FORK)]),
        ([of(3 | ON_FORK), of(0)], [of(1), of(2), of(1 | ON_FORK), of(5), of(6)]),
    ] {
        for narrow in [false, true] {
            let evidence = evidence(&seen);
            let mut wants = Wants::default();
            wants.intents = !narrow;
            let heading = Heading { title: "scheduler".to_owned() };
            let text =
                write(&evidence, &mine(&evidence, &wants), &heading, Style::Enforced).unwrap();
            let policy = policy(&text);
            for call in seen {
                assert_eq!(policy.decide(&data(call)), Action::ALLOW, "{call:?}\n{text}");
            }
            for call in unseen {
                assert_ne!(policy.decide(&data(call)), Action::ALLOW, "{call:?}\n{text}");
            }
        }
    }
}

/// Twins and ends stay; what only belongs to the same intent does not.
#[test]
fn a_narrow_profile_completes_no_intent() {
    let evidence = evidence(&[(X, names::OPENAT, [0; 6]), (X, names::SOCKET, [2, 1, 0, 0, 0, 0])]);
    let mut wants = Wants::default();
    wants.intents = false;
    let heading = Heading { title: "reader".to_owned() };
    let text = write(&evidence, &mine(&evidence, &wants), &heading, Style::Enforced).unwrap();
    let narrow = policy(&text);
    for name in [names::OPENAT, names::OPEN, names::EXIT_GROUP, names::RT_SIGRETURN] {
        assert_eq!(narrow.decide(&data((X, name, [0; 6]))), Action::ALLOW, "{name:?}");
    }
    for name in [names::UNLINK, names::PWRITE64, names::GETCWD, names::LISTEN, names::MKNOD] {
        assert_ne!(narrow.decide(&data((X, name, [0; 6]))), Action::ALLOW, "{name:?}");
    }
    let local = data((X, names::SOCKET, [1, 1, 0, 0, 0, 0]));
    assert_ne!(narrow.decide(&local), Action::ALLOW, "{text}");
}

#[test]
fn what_can_be_reached_is_a_tier_of_its_own() {
    let evidence = evidence(&[(X, names::READ, [0; 6])]);
    let reached = |arch, name| Reached {
        call: CallKey::named(arch, name).unwrap(),
        way: "main → x".to_owned(),
    };
    let all = [
        reached(X, names::CHROOT),
        reached(X, names::READ),
        reached(X, names::CHROOT),
        reached(Arch::X86, names::CHROOT),
    ];
    let written = |verdict| {
        let mut mined = mine(&evidence, &Wants::default());
        assert_eq!(mined.add_reachable(&all, verdict), 1);
        write(&evidence, &mined, &Heading { title: String::new() }, Style::Enforced).unwrap()
    };
    let (comment, allowed) = (written(Verdict::Comment), written(Verdict::Allow));
    assert!(comment.contains("\n# allow chroot  #@ reachable main → x\n"), "{comment}");
    assert!(allowed.contains("\nallow chroot  #@ reachable main → x\n"), "{allowed}");
    let chroot = data((X, names::CHROOT, [0; 6]));
    assert_ne!(policy(&comment).decide(&chroot), Action::ALLOW);
    assert_eq!(policy(&allowed).decide(&chroot), Action::ALLOW);
}
