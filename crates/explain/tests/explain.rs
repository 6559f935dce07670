//! Explanations of denials that users meet, as they are shown.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use callgate_explain::{
    Answer, ChangeKind, Cost, Denial, Explanation, Filter, Found, Knowledge, Reader, explain,
};
use callgate_gate::{nothing, read};
use callgate_policy::Policy;
use callgate_rules::{Provenance, Source, Sources, Target};
use callgate_syscalls::{Action, ActionKind, Arch, Errno, Name, names};

const POLICY: &str = "\
policy 1
arch x86_64
default errno EPERM
allow { read, write, exit_group }
allow socket where family == AF_UNIX
kill ptrace
";

struct Written {
    policy: Policy,
    provenance: Provenance,
    sources: Sources,
}

fn written(text: &str) -> Written {
    let written = read(Source::new("p.gate", text).unwrap(), &mut nothing).unwrap();
    let lowered = written.lower(&Target::new(Arch::X86_64)).unwrap();
    let (policy, provenance) = (lowered.policy, lowered.provenance);
    Written { policy, provenance, sources: written.sources }
}

fn denial(arch: Arch, name: Name, args: &[u64], answer: Answer) -> Denial {
    let nr = arch.syscall(name).unwrap().nr;
    let mut denial = Denial::new(arch.token(), nr, Knowledge::Notification);
    if !args.is_empty() {
        denial.args = [Some(0); 6];
    }
    for (register, value) in denial.args.iter_mut().zip(args) {
        *register = Some(*value);
    }
    denial.answer = answer;
    denial
}

fn explained(text: &str, denial: &Denial) -> Explanation {
    let Written { policy, provenance, sources } = &written(text);
    explain(denial, Some(&Filter::rules(policy, provenance, sources)))
}

fn eperm() -> Answer {
    Answer::Action(Action::errno(1).unwrap())
}

fn kinds(explanation: &Explanation) -> Vec<(ChangeKind, &str)> {
    explanation.changes.iter().map(|change| (change.kind, &*change.line)).collect()
}

#[test]
fn the_whole_text_of_one() {
    let netlink = denial(Arch::X86_64, names::SOCKET, &[16, 3, 0], eperm());
    let text = explained(POLICY, &netlink).to_string();
    let expected = include_str!("netlink.txt");
    assert_eq!(text, expected, "\n{text}");
}

#[test]
fn callers_that_fall_back_are_told_enosys_first_and_it_permits_nothing() {
    let clone3 = denial(Arch::X86_64, names::CLONE3, &[0x7000, 88], eperm());
    let explanation = explained(POLICY, &clone3);
    let first = &explanation.changes[0];
    assert_eq!((first.kind, &*first.line), (ChangeKind::Enosys, "enosys clone3"));
    assert!(first.cost.as_ref().unwrap().is_nothing());
    // Its flags are behind a pointer: to allow it is to allow namespaces.
    assert_eq!(explanation.changes.len(), 1);
    let text = explanation.to_string();
    assert!(text.contains("falls back on ENOSYS, not on EPERM"), "{text}");
    // Told already, it is no advice.
    let enosys = Answer::Returned(Errno::new(38));
    let told = denial(Arch::X86_64, names::CLONE3, &[0x7000, 88], enosys);
    let kinds_told = kinds(&explained(&POLICY.replace("EPERM", "ENOSYS"), &told)).len();
    assert_eq!(kinds_told, kinds(&explanation).len() - 1);
}

#[test]
fn where_enosys_ends_a_caller_it_is_no_advice() {
    const ARCH_SET_FS: u64 = 0x1002;
    let start = denial(Arch::X86_64, names::ARCH_PRCTL, &[ARCH_SET_FS, 0x7000], eperm());
    let first = |denial: &Denial| explained(POLICY, denial).changes[0].line.clone();
    assert_eq!(first(&start), "allow arch_prctl");
    // So may one be of which it is not known what it does; a probe of shadow stacks is not.
    assert_eq!(first(&denial(Arch::X86_64, names::ARCH_PRCTL, &[], eperm())), "allow arch_prctl");
    let probe = denial(Arch::X86_64, names::ARCH_PRCTL, &[0x5001, 0], eperm());
    assert_eq!(first(&probe), "enosys arch_prctl");
    // Of its many operations, one is tried before another: which it was is not known.
    assert_eq!(first(&denial(Arch::X86_64, names::FUTEX, &[], eperm())), "allow futex");
}

#[test]
fn what_a_change_permits_is_counted_on_every_architecture_that_its_line_is_for() {
    let text = "policy 1\narch x86_64, x86, x32\ndefault errno EPERM\nallow read\n";
    let uname = denial(Arch::X86_64, names::UNAME, &[0x7000], eperm());
    let explanation = explained(text, &uname);
    let first = &explanation.changes[0];
    assert_eq!(first.line, "allow uname");
    let cost = first.cost.as_ref().unwrap();
    let arches: Vec<Arch> = cost.permits.iter().map(|(arch, ..)| *arch).collect();
    assert_eq!(arches.len(), 3, "{cost:?}");
    assert_eq!(cost.to_string(), "permits 1 call more: uname; on x32, x86, x86_64");
    // As the prover has it of the file with that line.
    let (old, new) = (written(text).policy, written(&format!("{text}allow uname\n")).policy);
    assert_eq!(Cost::between(&old, &new).as_ref(), Some(cost));
}

#[test]
fn what_an_explanation_said_of_a_filter_is_told_again_without_it() {
    let netlink = denial(Arch::X86_64, names::SOCKET, &[16, 3, 0], eperm());
    let explanation = explained(POLICY, &netlink);
    let read = Reader::new(Arch::X86_64).line(&explanation.json_line());
    let Found::Denial(told) = read else { panic!("{read:?}") };
    let again = explain(&told, None);
    let said = |explanation: &Explanation| {
        let rulings = explanation.rulings.iter();
        rulings.map(|it| (it.action, it.place.clone(), it.line.clone())).collect::<Vec<_>>()
    };
    assert_eq!(said(&again), said(&explanation));
    assert_eq!(said(&again)[0].1.as_deref(), Some("p.gate:3:1"));
    // Another filter has its own say.
    let other = explained("policy 1\narch x86_64\ndefault kill\n", &told);
    assert_eq!(other.rulings[0].action, Action::KILL_PROCESS);
}

#[test]
fn permissions_are_octal_where_they_are_shown_and_in_changes() {
    let text = "policy 1\narch x86_64\ndefault allow\nerrno EPERM msgget where msgflg == 0x380\nerrno EPERM umask where mask == 0o22\n";
    let queue = denial(Arch::X86_64, names::MSGGET, &[1, 0o1600], eperm());
    let explanation = explained(text, &queue);
    assert_eq!(explanation.call.to_string(), "msgget(1, IPC_CREAT|0600) on x86_64");
    assert_eq!(explanation.changes[0].line, "allow msgget where msgflg == IPC_CREAT|0o600");
    let mask = denial(Arch::X86_64, names::UMASK, &[0o22], eperm());
    assert_eq!(explained(text, &mask).changes[0].line, "allow umask where mask == 0o22");
}

#[test]
fn what_was_seen_and_what_the_filter_says_are_held_against_each_other() {
    let read_denied = denial(Arch::X86_64, names::READ, &[0, 0, 1], eperm());
    let explanation = explained(POLICY, &read_denied);
    assert!(!explanation.is_consistent);
    assert_eq!(kinds(&explanation), []);
    assert!(explanation.to_string().contains("another one is in force"), "{explanation}");
}

#[test]
fn audit_records_know_neither_arguments_nor_errno_and_the_filter_may() {
    let audit = |name, kind| {
        let mut denial = denial(Arch::X86_64, name, &[], Answer::Kind(kind));
        denial.knowledge = Knowledge::Audit;
        denial
    };
    let kill = explained(POLICY, &audit(names::PTRACE, ActionKind::KillProcess));
    assert_eq!(kill.rulings[0].place.as_deref(), Some("p.gate:6:1"));
    assert_eq!(kill.rulings[0].line.as_deref(), Some("kill ptrace"));
    // Of the two rulings that are possible for a socket, only one is an errno.
    let socket = explained(POLICY, &audit(names::SOCKET, ActionKind::Errno));
    assert_eq!(socket.rulings.len(), 1);
    assert!(socket.to_string().contains("fails with EPERM"), "{socket}");
    assert!(socket.unknown.contains(&"the arguments"));
    let alone = explain(&audit(names::SOCKET, ActionKind::Errno), None);
    assert!(alone.unknown.contains(&"the errno"));
    assert_eq!(kinds(&alone)[0], (ChangeKind::Exact, "allow socket"));
}

#[test]
fn a_call_of_an_architecture_that_the_filter_is_not_for_has_its_own_rule() {
    let kill = Answer::Action(Action::KILL_PROCESS);
    let i386 = denial(Arch::X86, names::SOCKET, &[1, 1, 0], kill);
    let explanation = explained(POLICY, &i386);
    let by = &explanation.rulings[0].by;
    assert_eq!(by, "the action for architectures that the filter is not for");
    assert!(explanation.changes.is_empty());
    let text = explanation.to_string();
    assert!(text.contains("add `x86` to"), "{text}");
}

#[test]
fn programs_without_rules_are_asked_too() {
    let policy = &written(POLICY).policy;
    let program = compiled(policy);
    let stack = callgate_bpf::Stack::new([program]);
    let filter = Filter::programs(&stack);
    let netlink = denial(Arch::X86_64, names::SOCKET, &[16, 3, 0], eperm());
    let whole = explain(&netlink, Some(&filter));
    assert!(whole.rulings[0].by.starts_with("instruction "), "{whole}");
    assert_eq!(whole.changes[0].cost.as_ref().unwrap().permits.len(), 1);
    // Without the arguments, either may be.
    let unknown = denial(Arch::X86_64, names::SOCKET, &[], Answer::Unknown);
    let actions: Vec<Action> =
        explain(&unknown, Some(&filter)).rulings.iter().map(|ruling| ruling.action).collect();
    assert_eq!(actions, [Action::ALLOW, Action::errno(1).unwrap()]);
    let exit = denial(Arch::X86_64, names::EXIT_GROUP, &[], Answer::Unknown);
    assert_eq!(explain(&exit, Some(&filter)).rulings.len(), 1);
}

/// A program that means what `POLICY` does, by hand: this crate knows no compiler.
fn compiled(policy: &Policy) -> callgate_bpf::Program {
    use callgate_bpf::Instruction;
    let equal = |k, jt, jf| Instruction { code: 0x15, jt, jf, k };
    let program = callgate_bpf::Program::new([
        Instruction::new(0x20, 4),
        equal(0xc000_003e, 1, 0),
        Instruction::new(0x06, 0x8000_0000),
        Instruction::new(0x20, 0),
        equal(0, 6, 0),
        equal(1, 5, 0),
        equal(231, 4, 0),
        equal(101, 5, 0),
        equal(41, 0, 5),
        Instruction::new(0x20, 16),
        equal(1, 0, 3),
        Instruction::new(0x06, Action::ALLOW.raw()),
        Instruction::new(0x06, 0),
        Instruction::new(0x06, 0x8000_0000),
        Instruction::new(0x06, 0x0005_0001),
        Instruction::new(0x06, 0x0005_0001),
    ]);
    let program = program.unwrap();
    let mut call =
        callgate_syscalls::SeccompData::new(Arch::X86_64, callgate_syscalls::SyscallNr::new(0));
    for nr in [0, 1, 41, 101, 231, 300] {
        call.nr = callgate_syscalls::SyscallNr::new(nr);
        for family in [1, 16] {
            call.args[0] = family;
            let stack = callgate_bpf::Stack::new([program.clone()]);
            let action = stack.run(&call, Arch::X86_64.endian()).action;
            assert_eq!(action, policy.decide(&call), "{call:?}");
        }
    }
    program
}

#[test]
fn a_fork_is_not_advised_namespaces_nor_told_of_others() {
    const SIGCHLD_AND_TIDS: u64 = 0x120_0011;
    let fork = denial(Arch::X86_64, names::CLONE, &[SIGCHLD_AND_TIDS, 0, 0, 0, 0], eperm());
    let explanation = explained(POLICY, &fork);
    let lines: Vec<&str> = explanation.changes.iter().map(|change| &*change.line).collect();
    assert!(lines.contains(&"use @spawn"), "{lines:?}");
    assert!(!explanation.to_string().contains("CLONE_VFORK"), "{explanation}");
    // One of two constants is another call.
    let reuse = denial(Arch::X86_64, names::SETSOCKOPT, &[3, 1, 2, 0, 4], eperm());
    assert!(!explained(POLICY, &reuse).to_string().contains("SO_PASSCRED"));
    // Whom any error sends another way has one.
    let name = denial(Arch::X86_64, names::PRCTL, &[15, 0, 0, 0, 0], eperm());
    assert!(kinds(&explained(POLICY, &name)).iter().all(|(kind, _)| *kind != ChangeKind::Enosys));
}

#[test]
fn json_has_what_the_text_has() {
    let netlink = denial(Arch::X86_64, names::SOCKET, &[16, 3, 0], eperm());
    let line = explained(POLICY, &netlink).json_line();
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json["call"]["text"], "socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) on x86_64");
    assert_eq!(json["rulings"][0]["place"], "p.gate:3:1");
    assert_eq!(json["rulings"][0]["errno"], "EPERM");
    assert_eq!(json["changes"][0]["permits"][0]["name"], "socket");
    assert_eq!(json["changes"][0]["permits"][0]["whole"], false);
    assert_eq!(json["consistent"], true);
    assert!(!line.contains('\n'));
}

#[test]
fn every_syscall_of_every_architecture_is_explained() {
    for arch in Arch::ALL {
        for syscall in arch.syscalls() {
            let mut asked = Denial::new(arch.token(), syscall.nr, Knowledge::Asked);
            asked.args = [Some(u64::MAX); 6];
            let explanation = explain(&asked, None);
            assert_eq!(explanation.call.name, Some(syscall.name));
            // The advice is understood by the language on that architecture.
            let kinds = || explanation.changes.iter().map(|change| change.kind);
            let mut hidden = callgate_facts::Hidden::of(syscall.name, arch);
            let is_hidden =
                kinds().eq([ChangeKind::Enosys]) && hidden.any(|one| one.instead.is_some());
            assert!(kinds().any(|kind| kind == ChangeKind::Exact) || is_hidden, "{explanation}");
        }
    }
}

/// The first line that is offered, tried in the text where it is said to stand.
fn with_change(text: &str, change: &callgate_explain::Change) -> Policy {
    let mut lines: Vec<&str> = text.lines().collect();
    let at = match &change.before {
        Some(before) => before.place.rsplit_once(':').unwrap().1.parse::<usize>().unwrap() - 1,
        None => lines.len(),
    };
    let mut refusing = lines.get(at).map(|line| (*line).to_owned());
    for removal in &change.removals {
        let line = refusing.as_mut().unwrap();
        for name in &removal.calls {
            *line = line.replace(&format!("{name}, "), "").replace(&format!(", {name}"), "");
        }
        // A statement about nothing else goes as a whole.
        refusing = refusing.filter(|_| removal.whole.is_none());
    }
    lines.splice(at..lines.len().min(at + 1), refusing.as_deref());
    lines.insert(at, &change.line);
    written(&lines.join("\n")).policy
}

#[test]
fn every_change_cures_where_it_is_said_to_stand_and_costs_what_is_said() {
    let refusing = "\
policy 1
arch x86_64
default allow
errno EACCES socket where family == AF_ALG
errno EPERM socket where family == AF_INET
errno EPERM { socket, clone3, kill }
";
    for (name, args, before) in [
        (names::SOCKET, [2, 1, 0], Some("p.gate:5")),
        (names::SOCKET, [16, 3, 0], Some("p.gate:6")),
        (names::CLONE3, [0x7000, 88, 0], Some("p.gate:6")),
        (names::KILL, [1, 9, 0], Some("p.gate:6")),
    ] {
        let denial = denial(Arch::X86_64, name, &args, eperm());
        let explanation = explained(refusing, &denial);
        assert!(!explanation.changes.is_empty(), "{explanation}");
        let mut call = callgate_syscalls::SeccompData::new(Arch::X86_64, denial.nr);
        call.args[..3].copy_from_slice(&args);
        for change in &explanation.changes {
            assert_eq!(change.before.as_ref().map(|it| &*it.place), before, "{explanation}");
            let changed = with_change(refusing, change);
            let enosys = Action::errno(38).unwrap();
            let expected = if change.kind == ChangeKind::Enosys { enosys } else { Action::ALLOW };
            assert_eq!(changed.decide(&call), expected, "{}", change.line);
            // What an earlier rule refuses stays refused.
            call.args[0] = 38;
            if name == names::SOCKET {
                assert_eq!(changed.decide(&call), Action::errno(13).unwrap(), "{}", change.line);
            }
            call.args[0] = args[0];
            let cost = Cost::between(&written(refusing).policy, &changed);
            assert_eq!(change.cost, cost, "{}", change.line);
        }
    }
    let text = explained(refusing, &denial(Arch::X86_64, names::KILL, &[1, 9], eperm()));
    let without = "before p.gate:6, which then has to be without kill";
    assert!(text.to_string().contains(without), "{text}");
    let text = explained(refusing, &denial(Arch::X86_64, names::SOCKET, &[16, 3], eperm()));
    assert!(text.to_string().contains("before p.gate:6: the first rule"), "{text}");
    // A rule that kills has as much left to decide as any other.
    let kills = "policy 1\narch x86_64\ndefault allow\nkill socket\n";
    let text = explained(kills, &denial(Arch::X86_64, names::SOCKET, &[16, 3], eperm()));
    assert!(text.to_string().contains("before p.gate:4: the first rule"), "{text}");
    // Behind a default there is nothing to stand before.
    let by_default = explained(POLICY, &denial(Arch::X86_64, names::KILL, &[1, 9], eperm()));
    assert!(by_default.changes.iter().all(|change| change.before.is_none()), "{by_default}");
}

#[test]
fn what_is_refused_always_can_be_allowed_always_alone() {
    let always =
        "policy 1\narch x86_64\ndefault allow\nalways errno EPERM socket where family == 17\n";
    let packet = denial(Arch::X86_64, names::SOCKET, &[17, 3, 0], eperm());
    let explanation = explained(always, &packet);
    assert!(!explanation.changes.is_empty(), "{explanation}");
    for change in &explanation.changes {
        assert!(change.line.starts_with("always allow socket where"), "{explanation}");
        let before = change.before.as_ref().unwrap();
        assert!(before.is_always && before.place == "p.gate:4", "{explanation}");
        let call = callgate_syscalls::SeccompData::new(Arch::X86_64, packet.nr);
        let call = call.with_args([17, 3, 0, 0, 0, 0]);
        assert_eq!(with_change(always, change).decide(&call), Action::ALLOW, "{}", change.line);
    }
    let text = explanation.to_string();
    assert!(text.contains("against p.gate:4, which says `always`"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&explanation.json_line()).unwrap();
    assert_eq!(json["changes"][0]["always"], true);
}

#[test]
fn no_more_is_allowed_than_what_the_rule_refuses() {
    let refusing = "policy 1\narch x86_64\ndefault allow\nerrno EPERM openat where flags any 0x3\n";
    let write = denial(Arch::X86_64, names::OPENAT, &[3, 0x7000, 0x241, 0o644], eperm());
    let explanation = explained(refusing, &write);
    let (kind, line) = kinds(&explanation)[0];
    assert_eq!(kind, ChangeKind::Exact, "{explanation}");
    assert_eq!(line, "allow openat where flags == O_WRONLY|O_CREAT|O_TRUNC");
    assert!(explanation.changes[0].removals.is_empty());
    assert_eq!(
        with_change(refusing, &explanation.changes[0]).decide(&{
            let mut call = callgate_syscalls::SeccompData::new(Arch::X86_64, write.nr);
            call.args[2] = 1;
            call
        }),
        Action::errno(1).unwrap()
    );
}

#[test]
fn advice_that_may_not_cure_is_not_given() {
    // A block that allows a few families only: of a call whose family is not known, nobody knows.
    let unknown = denial(Arch::X86_64, names::SOCKET, &[], Answer::Kind(ActionKind::Errno));
    let explanation = explained(POLICY, &unknown);
    assert!(!explanation.changes.is_empty());
    let mut call = callgate_syscalls::SeccompData::new(Arch::X86_64, unknown.nr);
    for change in &explanation.changes {
        let changed = with_change(POLICY, change);
        for family in 0..50 {
            call.args[0] = family;
            assert_eq!(changed.decide(&call), Action::ALLOW, "{} for {family}", change.line);
        }
    }
}

#[test]
fn rules_for_one_call_test_what_decides_and_no_descriptor_or_pointer() {
    for (name, args, line) in [
        (names::OPENAT, &[3, 0x7fff_0000, 0x8_0000, 0][..], "allow openat"),
        (names::IOCTL, &[7, 0x5401, 0x7fff_0000], "allow ioctl where cmd == TCGETS"),
        (names::PRLIMIT64, &[0, 7, 0x7fff_0000, 0], "allow prlimit64"),
        (names::PRLIMIT64, &[0, 7, 0, 0x7fff_0000], "allow prlimit64 where new_rlim == NULL"),
        (names::EPOLL_CTL, &[4, 1, 5, 0x7fff_0000], "allow epoll_ctl"),
        (names::SOCKET, &[2, 1, 6], "allow socket where family == AF_INET and type == SOCK_STREAM"),
        (names::RT_SIGRETURN, &[1, 2, 3], "allow rt_sigreturn"),
    ] {
        let explanation = explained(POLICY, &denial(Arch::X86_64, name, args, eperm()));
        let exact = explanation.changes.iter().find(|it| it.kind == ChangeKind::Exact).unwrap();
        assert_eq!(exact.line, line);
    }
}

#[test]
fn calls_that_differ_in_pointers_and_descriptors_are_of_one_kind() {
    let open = |args: &[u64]| denial(Arch::X86_64, names::OPENAT, args, eperm());
    let first = open(&[3, 0x7fff_0000, 0x8_0000, 0]);
    assert!(first.is_like(&open(&[4, 0x7fff_1000, 0x8_0000, 0o644])));
    assert!(!first.is_like(&open(&[3, 0x7fff_0000, 0x8_0001, 0])));
}

#[test]
fn where_record_and_filter_differ_the_heading_has_both() {
    let mut told = denial(Arch::X86_64, names::READ, &[], Answer::Kind(ActionKind::Errno));
    told.knowledge = Knowledge::Audit;
    let text = explained(POLICY, &told).to_string();
    let heading = text.lines().next().unwrap();
    assert!(heading.contains("refused with an errno; by this filter it is executed"), "{text}");
    let killed = denial(Arch::X86_64, names::PTRACE, &[0], eperm());
    let text = explained(POLICY, &killed).to_string();
    let heading = text.lines().next().unwrap();
    assert!(heading.contains("EPERM") && heading.contains("by this filter it kills"), "{text}");
}

#[test]
fn a_call_that_the_filter_lets_pass_was_refused_elsewhere() {
    let errno = Errno::new(1);
    let told = denial(Arch::X86_64, names::READ, &[0, 0, 0], Answer::Returned(errno));
    let explanation = explained(POLICY, &told);
    assert!(explanation.is_from_elsewhere() && explanation.changes.is_empty());
    let text = explanation.to_string();
    for said in ["failed with EPERM, and this filter lets it pass", "capability", "LSM", "--check"]
    {
        assert!(text.contains(said), "{text}");
    }
    let refused = denial(Arch::X86_64, names::MOUNT, &[], Answer::Returned(errno));
    assert!(!explained(POLICY, &refused).is_from_elsewhere());
}

#[test]
fn what_no_block_permits_has_risks_of_its_own() {
    for (name, args, risk) in [
        (names::IOCTL, &[0, 0x5412][..], "escape"),
        (names::IOCTL, &[0, (1 << 32) | 0x541c], "escape"),
        (names::IOCTL, &[0, 0x5423], "attack-surface"),
        (names::PERSONALITY, &[0x40_0000], "code-injection"),
    ] {
        let explanation = explained(POLICY, &denial(Arch::X86_64, name, args, eperm()));
        let text = explanation.to_string();
        assert!(text.contains(&format!("risks: {risk}")), "{text}");
    }
    let harmless = denial(Arch::X86_64, names::IOCTL, &[0, 0x5401], eperm());
    assert!(!explained(POLICY, &harmless).to_string().contains("risks:"));
}
