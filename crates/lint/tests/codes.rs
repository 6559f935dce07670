//! For each code a filter in which it is found, and one in which it is not.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot be had fails the test that needs it"
)]

mod cases;

use std::collections::BTreeSet;

use callgate_bpf::{Program, Stack, decode};
use callgate_formats::Profile;
use callgate_gate::{nothing, read};
use callgate_lint::{Listener, Options, Report, Subject, Text, World, against_world, lint, pages};
use callgate_rules::{Source, Target};
use callgate_syscalls::{Action, Arch, Endian, KernelVersion, SeccompData, names};

use cases::{ABI, ANSWERS, COST, Case, Filter, PROCESSES, RULES, WAYS, WIDTH};

const KERNEL: KernelVersion = KernelVersion::new(6, 12);

fn found(filter: &Filter) -> Report {
    match filter {
        Filter::Gate(text) => of_gate(text),
        Filter::Json(text) => of_json(text),
        Filter::Asm(texts) => of_programs(texts),
    }
}

fn of_gate(text: &str) -> Report {
    let source = Source::new("case.gate", text).unwrap();
    let written = read(source, &mut nothing).unwrap_or_else(|refused| panic!("{refused}\n{text}"));
    let target = Target { kernel: Some(KERNEL), ..Target::new(Arch::X86_64) };
    // What the language itself refuses can still come from elsewhere.
    let lowered = written.lower_unchecked(&target).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mut subject = Subject::policy(&lowered.policy);
    subject.text =
        Some(Text { provenance: &lowered.provenance, sources: &written.sources, joined: false });
    shown_truly(lint(&subject, &Options::default()).unwrap(), |call| lowered.policy.decide(call))
}

fn policy_of(text: &str) -> callgate_policy::Policy {
    let written = read(Source::new("case.gate", text).unwrap(), &mut nothing).unwrap();
    let target = Target { kernel: Some(KERNEL), ..Target::new(Arch::X86_64) };
    written.lower_unchecked(&target).unwrap().policy
}

/// What findings show was asked of the filter.
///
/// Claim: C-LINT
fn shown_truly(report: Report, decide: impl Fn(&SeccompData) -> Action) -> Report {
    for finding in &report.findings {
        for shown in &finding.shown {
            assert_eq!(decide(&shown.call), shown.action, "{finding:?}");
        }
    }
    report
}

fn of_json(text: &str) -> Report {
    let profile = Profile::read(Source::new("case.json", text).unwrap()).unwrap();
    let sources = profile.source().clone().into();
    let resolved = profile.resolve(&callgate_formats::Options::new(Arch::X86_64, KERNEL)).unwrap();
    let mut subject = Subject::policy(&resolved.policy);
    subject.text =
        Some(Text { provenance: &resolved.provenance, sources: &sources, joined: false });
    subject.warnings = &resolved.warnings;
    subject.listener =
        if resolved.listener_path.is_some() { Listener::Named } else { Listener::Missing };
    shown_truly(lint(&subject, &Options::default()).unwrap(), |call| resolved.policy.decide(call))
}

fn of_programs(texts: &[&str]) -> Report {
    let program =
        |text: &&str| decode(text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}")).program;
    let programs: Vec<Program> = texts.iter().map(program).collect();
    let stack = Stack::new(programs);
    shown_truly(lint(&Subject::stack(&stack), &Options::default()).unwrap(), |call| {
        let arch = Arch::of_call(call.arch, call.nr);
        stack.run(call, arch.map_or(Endian::Little, |arch| arch.endian())).action
    })
}

fn codes(report: &Report) -> BTreeSet<&str> {
    report.findings.iter().map(|finding| finding.code.as_str()).collect()
}

fn hold(cases: &[Case]) {
    let mut wrong = Vec::new();
    for Case { code, bad, good } in cases {
        let report = found(bad);
        match report.findings.iter().find(|finding| finding.code.as_str() == *code) {
            None => wrong.push(format!("{code} is not found: {:?}", codes(&report))),
            Some(finding) => {
                let diagnostic = finding.diagnostic();
                assert!(!diagnostic.helps.is_empty(), "{code} has no mend");
                // Each call that is shown gets what is said of it.
                let is_plain = matches!(
                    *code,
                    "L0302" | "L0305" | "L0703" | "L0702" | "L0704" | "L0705" | "L0706"
                );
                let is_text =
                    code.starts_with("L02") || code.starts_with("L03") || code.starts_with("L09");
                assert!(is_plain || is_text || !finding.shown.is_empty(), "{code} shows no call");
            }
        }
        let report = found(good);
        if let Some(finding) = report.findings.iter().find(|finding| finding.code.as_str() == *code)
        {
            wrong.push(format!("{code} is found where it is not: {:?}", finding.diagnostic()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn architectures() {
    hold(ABI);
}

#[test]
fn widths() {
    hold(WIDTH);
}

#[test]
fn rules() {
    hold(RULES);
}

/// Calls from two places are no two ways of making one.
#[test]
fn where_calls_are_made_from_is_no_difference_between_them() {
    let report = found(&Filter::Asm(&[
        "ld [12]\njeq #0x7f00, yes\nld [4]\njne #0xc000003e, no\nld [0]\njge #0x40000000, no\njeq #60, yes\n\
         no: ret #0x50026\nyes: ret #0x7fff0000\n",
    ]));
    let codes = codes(&report);
    assert!(codes.contains("L0705") && codes.contains("L0518"), "{codes:?}");
    for finding in &report.findings {
        let places: BTreeSet<u64> =
            finding.shown.iter().map(|shown| shown.call.instruction_pointer).collect();
        assert!(places.len() <= 1, "{finding:?}");
        let is_variant = finding.code.as_str().starts_with("L04");
        assert!(!is_variant && finding.code.as_str() != "L0605", "{finding:?}");
        let is_said = finding.notes.iter().any(|note| note.contains("0x7f00"));
        assert!(is_said || finding.shown.is_empty(), "{finding:?}");
    }
}

/// What decides is a return, so that the test before it is told, too.
#[test]
fn programs_show_the_instruction_that_decides_and_its_test() {
    let told = |texts: &[&'static str], code: &str| {
        let texts: &'static [&'static str] = texts.to_vec().leak();
        let report = found(&Filter::Asm(texts));
        let finding = report.findings.iter().find(|finding| finding.code.as_str() == code).unwrap();
        finding.diagnostic().notes[0].clone()
    };
    let text = "ld [4]\njne #0xc000003e, no\nld [0]\njge #0x40000000, no\njeq #101, yes\njeq #60, yes\n\
                no: ret #0x50026\nyes: ret #0x7fff0000\n";
    let decided =
        "decided by instruction 7 of filter 0, `ret ALLOW`, after the test 4, `jeq #101, ";
    let note = told(&[text], "L0602");
    assert!(note.starts_with(decided) && note.contains("ptrace"), "{note}");
    let note = told(&["ja yes\nret #0x50001\nyes: ret #0x7fff0000\n"], "L0704");
    assert!(note.starts_with("instruction 1 of filter 0 is `ret ERRNO(1)"), "{note}");
}

/// Where nothing is executed, the program that loads the filter has started.
#[test]
fn calls_of_starting_programs_are_asked_for_where_any_starts() {
    let of = |more: &str, release: &str| {
        let text =
            format!("policy 1\narch x86_64\ndefault kill\nallow {{ write, exit_group {more} }}\n");
        let policy = policy_of(&text);
        let world = World { releases: vec![release.parse().unwrap()], kernels: Vec::new() };
        let report = against_world(&Subject::policy(&policy), &Options::default(), &world).unwrap();
        let names = report.findings.iter().filter(|finding| finding.code.as_str() == "L0801");
        names.map(|finding| finding.about.clone()).collect::<BTreeSet<_>>()
    };
    let has = |found: &BTreeSet<String>, name: &str| found.contains(name);
    let started = of("", "glibc-2.39");
    assert!(!has(&started, "rseq") && !has(&started, "arch_prctl"), "{started:?}");
    let threads = of(", clone", "glibc-2.39");
    assert!(has(&threads, "rseq") && !has(&threads, "arch_prctl"), "{threads:?}");
    let programs = of(", execve", "glibc-2.39");
    assert!(has(&programs, "rseq") && has(&programs, "arch_prctl"), "{programs:?}");
    // Containers are started under their filter.
    assert!(has(&of("", "runc-1.1"), "execve"));
}

/// What evades a refusal has no bits that the kernel refuses or does not read, where others do.
#[test]
fn company_of_flags_is_such_as_programs_pass() {
    for (name, argument) in [("unshare", "unshare_flags"), ("clone", "clone_flags")] {
        let text = format!(
            "policy 1\narch x86_64\nforeign kill\ndefault allow\nenosys clone3\n\
             errno EPERM {name} where {argument} == CLONE_NEWUSER\n"
        );
        let report = of_gate(&text);
        let finding = report.findings.iter().find(|found| found.code.as_str() == "L0403").unwrap();
        assert!(finding.shown[0].call.args[0] <= u32::MAX.into(), "{finding:?}");
        let told = finding.diagnostic();
        assert!(
            told.notes.iter().any(|note| note.contains('|') && note.contains("CLONE_NEWUSER")),
            "{told:?}"
        );
    }
    let high = "policy 1\narch x86_64\nforeign kill\ndefault allow\n\
                errno EPERM unshare where full(unshare_flags) <= 0xffffffff\n";
    assert!(!codes(&of_gate(high)).contains("L0610"), "unshare(2) refuses what it does not know");
}

/// A deny list leaves open what allow lists are warned of, and says so in one finding.
#[test]
fn deny_lists_say_what_they_leave_open() {
    let text =
        "policy 1\narch x86_64\nforeign kill\ndefault allow\nerrno EPERM { reboot, ptrace, bpf }\n";
    let report = of_gate(text);
    let found = report.findings.iter().find(|it| it.code.as_str() == "L0512").unwrap();
    let note = found.notes.iter().find(|note| note.starts_with("among")).unwrap();
    assert!(note.contains("io_uring_setup") && note.contains("ioctl with TIOCSTI"), "{note}");
    assert!(!note.contains("ptrace") && !note.contains("bpf"), "{note}");
}

/// Blocks have members in common, which nobody wrote twice.
#[test]
fn members_that_blocks_share_are_no_mistake() {
    let of = |lines: &str| {
        let text = format!("policy 1\narch x86_64\ndefault errno EPERM\n{lines}");
        let report = of_gate(&text);
        let again =
            report.findings.into_iter().filter(|it| ["L0302", "L0303"].contains(&it.code.as_str()));
        again.map(|it| it.diagnostic().message).collect::<Vec<_>>()
    };
    assert_eq!(of("use @files.read\nuse @descriptors\nuse @exec\nuse @startup.dynamic\n"), [""; 0]);
    assert_eq!(
        of("use @threads\nuse @spawn\nuse @signals\nuse @files.any\nuse @files.write\n").len(),
        0
    );
    // A block that adds nothing at all is told of in one line.
    let covered = of("use @startup.dynamic\nuse @exit\n");
    assert_eq!(covered.len(), 1, "{covered:?}");
    assert!(covered[0].contains("exit"), "{covered:?}");
}

#[test]
fn processes_and_variants() {
    hold(PROCESSES);
}

#[test]
fn answers() {
    hold(ANSWERS);
}

#[test]
fn ways_around() {
    hold(WAYS);
}

#[test]
fn costs_and_programs() {
    hold(COST);
}

#[test]
fn every_code_has_a_case_and_every_case_a_page() {
    let all = [ABI, WIDTH, RULES, PROCESSES, ANSWERS, WAYS, COST];
    let tried: BTreeSet<&str> = all.into_iter().flatten().map(|case| case.code).collect();
    // Those of worlds have theirs below, and those of readers in the readers' tests.
    let is_here = |code: &&str| code.starts_with('L') && !code.starts_with("L08");
    let written = pages().map(|page| page.code).filter(is_here);
    let written: BTreeSet<&str> = written.collect();
    assert_eq!(tried, written);
    assert!(written.len() >= 45);
}

#[test]
fn a_change_shows_what_it_brought() {
    let old = "policy 1\narch x86_64\ndefault errno EPERM\nallow { read, exit }\n";
    let new = format!("{old}allow ptrace\n");
    let policy = policy_of(old);
    let report = of_gate(&new).against(&of_gate(old), |call| policy.decide(call));
    assert_eq!(codes(&report), BTreeSet::from(["L0602"]));
    // The same mistake again, elsewhere: the old filter made those calls.
    let rule = |family: &str| {
        format!(
            "policy 1\narch x86_64\ndefault allow\nerrno EPERM socket where full(family) == {family}\n"
        )
    };
    let [old, new] = ["AF_ALG", "AF_VSOCK"].map(rule);
    let policy = policy_of(&old);
    let report = of_gate(&new).against(&of_gate(&old), |call| policy.decide(call));
    assert!(codes(&report).contains("L0201"), "{report:?}");
    let same = of_gate(&old).against(&of_gate(&old), |call| policy.decide(call));
    assert!(same.findings.is_empty(), "{same:?}");
}

/// What a change brought may be on one more architecture, or one more call of a list.
#[test]
fn a_change_that_adds_to_a_finding_shows_it() {
    let brought = |old: &str, new: &str, code: &str| {
        let policy = policy_of(old);
        let report = of_gate(new).against(&of_gate(old), |call| policy.decide(call));
        codes(&report).contains(code)
    };
    let clone = |arches: &str| {
        format!(
            "policy 1\narch {arches}\nforeign kill\ndefault allow\n\
             errno EPERM clone where clone_flags any CLONE_NEWUSER\n"
        )
    };
    for (old, new) in [("x86", "x86, x86_64"), ("x86_64", "x86, x86_64")] {
        assert!(brought(&clone(old), &clone(new), "L0401"), "{old} to {new}");
        assert!(!brought(&clone(new), &clone(new), "L0401"), "{new}");
    }
    let kill = |names: &str| {
        format!(
            "policy 1\narch x86_64\ndefault enosys\n\
             allow {{ write, mmap, exit_group, clone }}\nkill {{ {names} }}\n"
        )
    };
    for (old, new) in
        [("membarrier", "membarrier, pidfd_open"), ("pidfd_open", "membarrier, pidfd_open")]
    {
        assert!(brought(&kill(old), &kill(new), "L0504"), "{old} to {new}");
        assert!(!brought(&kill(new), &kill(old), "L0504"), "{new} to {old}");
    }
}

/// What is so on one architecture is not said of others.
#[test]
fn calls_are_listed_for_the_architectures_that_have_them() {
    let of = |lines: &str, code: &str| {
        let text = format!("policy 1\narch x86_64, x86\nforeign kill\ndefault allow\n{lines}\n");
        let report = of_gate(&text);
        let found = report.findings.iter().filter(|finding| finding.code.as_str() == code);
        found.map(|finding| finding.diagnostic().message).collect::<Vec<_>>()
    };
    let [killed] = &of("kill-thread { getpid, socketcall }", "L0508")[..] else { panic!() };
    assert!(killed.contains("getpid, socketcall (x86), on x86, x86_64"), "{killed}");
    // The call that is refused is not the same on both.
    let found = of("on x86 { errno EPERM chown32 }\non x86_64 { errno EPERM fchownat }", "L0408");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("on x86") && found[1].ends_with("on x86_64"), "{found:?}");
}

/// Who refuses one call of a kind means those that reach as much, and not those that reach less.
#[test]
fn what_reaches_as_much_is_a_variant() {
    let of = |arch: &str, refused: &str| {
        let text =
            format!("policy 1\narch {arch}\nforeign kill\ndefault allow\nerrno EPERM {refused}\n");
        let found = of_gate(&text).findings;
        let found = found.iter().filter(|finding| finding.code.as_str() == "L0408");
        let names = found.map(|finding| finding.names.iter().map(|name| name.as_str()).collect());
        names.collect::<Vec<Vec<&str>>>()
    };
    let all: [(&str, &str, &[&str]); 20] = [
        (
            "x86_64",
            "kill",
            &["tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"],
        ),
        (
            "x86_64",
            "{ kill, tkill, tgkill }",
            &["rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"],
        ),
        ("x86_64", "{ open, openat }", &["openat2", "creat"]),
        ("aarch64", "openat", &["openat2"]),
        ("x86_64", "sendto", &["sendmsg", "sendmmsg"]),
        ("x86_64", "sendmsg", &["sendmmsg"]),
        ("x86_64", "recvfrom", &["recvmsg", "recvmmsg"]),
        ("x86_64", "recvmsg", &["recvmmsg"]),
        ("x86_64", "fork", &["vfork", "clone", "clone3"]),
        ("x86_64", "{ fork, vfork, clone }", &["clone3"]),
        ("x86_64", "setuid", &["setreuid", "setresuid"]),
        ("x86", "setgid32", &["setregid32", "setresgid32"]),
        ("x86_64", "sched_setscheduler", &["sched_setattr"]),
        ("x86_64", "accept", &["accept4"]),
        ("x86_64", "dup3", &["dup2"]),
        ("x86_64", "pipe", &["pipe2"]),
        ("x86_64", "getdents64", &["getdents"]),
        ("x86_64", "inotify_init", &["inotify_init1"]),
        ("x86_64", "quotactl", &["quotactl_fd"]),
        ("x86_64", "{ setxattr, lsetxattr }", &["setxattrat"]),
    ];
    for (arch, refused, made) in all {
        assert_eq!(of(arch, refused), [made.to_vec()], "{refused} on {arch}");
    }
    let less = ["sendmmsg", "recvmmsg", "pidfd_send_signal", "openat2", "clone3", "setrlimit"];
    for refused in less {
        assert!(of("x86_64", refused).is_empty(), "{refused}");
    }
    // A kernel that does not have a call says so.
    let text = "policy 1\narch x86_64\ndefault allow\nenosys { open, kill, fork }\n";
    assert!(!codes(&of_gate(text)).contains("L0408"));
    // A list that kills spares callers of the old form.
    let text = |default: &str| {
        format!(
            "policy 1\narch x86_64\ndefault {default}\nerrno ENOENT open\nallow {{ openat, exit }}\n"
        )
    };
    assert!(!codes(&of_gate(&text("kill"))).contains("L0408"));
    assert!(codes(&of_gate(&text("errno EPERM"))).contains("L0408"));
}

/// A user namespace takes `unshare`, `clone` or `clone3`, whichever the list has.
#[test]
fn user_namespaces_are_told_of_by_whichever_call_makes_them() {
    let of = |lines: &str| {
        let text =
            format!("policy 1\narch x86_64\ndefault errno EPERM\nallow exit_group\n{lines}\n");
        let report = of_gate(&text);
        let found = report.findings.iter().filter(|finding| finding.code.as_str() == "L0610");
        found.map(|finding| finding.names[0].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of("allow { clone, unshare }"), ["unshare"]);
    assert_eq!(of("allow { clone, clone3 }"), ["clone"]);
    assert_eq!(of("allow clone3"), ["clone3"]);
    assert_eq!(of("allow clone where clone_flags none CLONE_NEWNS"), ["clone"]);
    assert_eq!(of("allow clone where clone_flags none CLONE_NEWUSER"), [""; 0]);
    assert_eq!(of("allow clone where clone_flags has CLONE_THREAD"), [""; 0]);
    // Where one is refused on purpose, that is another code's.
    assert_eq!(of("allow clone where clone_flags none CLONE_NEWUSER\nallow clone3"), [""; 0]);
    assert_eq!(of("errno EACCES unshare\nallow clone"), [""; 0]);
}

/// Who keeps other architectures out has refused something.
#[test]
fn what_refuses_other_architectures_alone_is_said_to() {
    let of = |arches: &str, foreign: &str| {
        let text = format!("policy 1\narch {arches}\nforeign {foreign}\ndefault allow\n");
        let found = of_gate(&text).findings;
        let found = found.iter().find(|finding| finding.code.as_str() == "L0518");
        found.map(|finding| finding.diagnostic().message).unwrap_or_default()
    };
    assert!(of("x86_64", "kill").contains("but those of architectures"));
    assert!(of("x86_64, x86, x32", "kill").contains("keeps nobody"));
    assert!(of("x86_64", "allow").contains("keeps nobody"));
}

#[test]
fn a_text_allows_findings_with_a_reason() {
    let text = "policy 1\narch x86_64\ndefault errno EPERM # allow(L0513): pinned kernel\nallow { read, exit }\n\
                # allow(L0602, L0603): a debugger\nallow ptrace\n";
    let report = of_gate(text);
    assert!(!codes(&report).contains("L0602") && !codes(&report).contains("L0513"), "{report:?}");
    let reasons: Vec<&str> = report.allowed.iter().map(|allowed| allowed.reason.as_str()).collect();
    assert!(reasons.contains(&"a debugger") && reasons.contains(&"pinned kernel"), "{reasons:?}");
}

#[test]
fn mends_of_policies_are_edits_that_mend() {
    let text = "policy 1\narch x86_64\ndefault allow\n\
                errno EPERM clone where clone_flags any CLONE_NEWUSER\nallow clone3\n";
    let report = of_gate(text);
    let finding = report.findings.iter().find(|finding| finding.code.as_str() == "L0401").unwrap();
    let edit = finding.helps[0].edit.as_ref().unwrap();
    let mut mended = text.to_owned();
    mended.replace_range(edit.span.range(), &edit.replacement);
    assert!(mended.contains("enosys clone3\nallow clone3"), "{mended}");
    assert!(!codes(&of_gate(&mended)).contains("L0401"), "{mended}");
}

/// What no kernel takes evades nothing: a thread gets no user namespace of its own by `clone`.
#[test]
fn flags_that_exclude_each_other_are_no_company() {
    let text = |condition: &str| {
        format!(
            "policy 1\narch x86_64\nforeign kill\ndefault errno EPERM\nallow exit_group\n\
             enosys clone3\nallow clone where {condition}\n"
        )
    };
    let named = |condition: &str, flag: &str| {
        let report = of_gate(&text(condition));
        let found = report.findings.iter().filter(|finding| finding.code.to_string() == "L0403");
        found.filter(|finding| finding.diagnostic().message.contains(flag)).count()
    };
    // clone(2): CLONE_NEWUSER with CLONE_THREAD or CLONE_FS is EINVAL.
    assert_eq!(named("clone_flags any CLONE_THREAD", "CLONE_NEWUSER"), 0);
    assert_eq!(named("clone_flags any CLONE_FS", "CLONE_NEWUSER"), 0);
    assert_eq!(named("clone_flags any CLONE_VM", "CLONE_NEWUSER"), 1);
}

/// What `set_tid_address` returns is taken for a number, ENOSYS too: nobody goes on without it.
#[test]
fn no_error_may_be_told_to_set_tid_address() {
    let text = "policy 1\narch x86_64\ndefault kill\nallow { write, mmap, exit_group, clone, newfstatat }\n";
    let report = of_gate(text);
    let found = report.findings.iter().find(|finding| finding.code.as_str() == "L0504").unwrap();
    let message = found.diagnostic().message;
    assert!(!message.contains("set_tid_address"), "{message}");
}

/// What is refused for another argument is not refused for its flags.
#[test]
fn conditions_on_other_arguments_are_not_on_flags() {
    for (rule, codes) in [
        ("allow clone where newsp != NULL", &["L0401", "L0403", "L0405"][..]),
        ("allow mmap where len <= 0x100000", &["L0411"]),
        ("allow ioctl where fd == 1", &["L0605"]),
        ("allow socket where family == AF_UNIX and protocol == 0", &["L0606"]),
    ] {
        let text = format!(
            "policy 1\narch x86_64\ndefault errno EPERM\n{rule}\n\
             allow {{ clone3, socketpair, sendto, write, mprotect, exit_group }}\n"
        );
        let found = of_gate(&text).findings;
        let found = found.iter().map(|finding| finding.code.to_string());
        let wrong: Vec<String> = found.filter(|code| codes.contains(&code.as_str())).collect();
        assert!(wrong.is_empty(), "{rule}: {wrong:?}");
    }
}

#[test]
fn x32_that_is_refused_as_a_whole_lacks_no_rule() {
    let codes = |foreign: &str| -> Vec<String> {
        let text = format!(
            "policy 1\narch x86_64, {foreign}\nforeign kill\ndefault errno EPERM\n\
             on x86_64 {{ allow {{ read, exit_group }} }}\n"
        );
        of_gate(&text).findings.iter().map(|finding| finding.code.to_string()).collect()
    };
    assert!(!codes("x32").contains(&"L0106".to_owned()));
    assert!(codes("x86").contains(&"L0106".to_owned()));
}

/// What shows a finding of this code: each call with its action, in words.
fn shown_of(report: &Report, code: &str) -> Vec<String> {
    let found = report.findings.iter().filter(|finding| finding.code.as_str() == code);
    let shown = found.flat_map(|finding| &finding.shown).map(|shown| {
        let call = shown.call;
        let arch = Arch::of_call(call.arch, call.nr).unwrap();
        let name = arch.syscall_at(call.nr).map_or("?", |syscall| syscall.name.as_str());
        format!("{name}{:x?} on {arch} is {}", &call.args[..2], shown.action)
    });
    shown.collect()
}

/// A refusal that depends on an argument is one: the same argument passes elsewhere.
#[test]
fn refusals_of_arguments_pass_on_other_architectures_too() {
    let socket =
        "ld [0]\njne #41, good\nld [16]\njeq #1, good\nret #0x50001\ngood: ret #0x7fff0000\n";
    let report = of_programs(&[socket]);
    let expected = |arch: &str| {
        vec![
            format!("socket[0, 0] on {arch} is ALLOW"),
            "socket[0, 0] on x86_64 is ERRNO(1)".to_owned(),
        ]
    };
    assert_eq!(shown_of(&report, "L0101"), expected("x86"));
    assert_eq!(shown_of(&report, "L0103"), expected("x32"));
    let terminal = "ld [4]\njne #0xc000003e, kill\nld [0]\njne #16, good\nld [24]\njeq #0x5412, bad\n\
                    jne #0x541c, good\nbad: ret #0x50001\ngood: ret #0x7fff0000\nkill: ret #0x80000000\n";
    let report = of_programs(&[terminal]);
    let refused = "ioctl[0, 5412] on x86_64 is ERRNO(1)";
    assert_eq!(shown_of(&report, "L0103"), ["ioctl[0, 5412] on x32 is ALLOW", refused]);
    assert_eq!(shown_of(&report, "L0104"), ["?[0, 5412] on x86_64 is ALLOW", refused]);
    let report = of_programs(&[
        &terminal.replace("jne #16", "jge #0x40000000, kill\njeq #514, kill\njne #16")
    ]);
    assert!(!codes(&report).contains("L0103") && !codes(&report).contains("L0104"));
}

/// Arguments go by their names from one architecture to another.
#[test]
fn architectures_are_uneven_in_arguments() {
    let uneven = |rest: &str| {
        let report = of_gate(&format!("policy 1\narch x86_64, x86, x32\ndefault allow\n{rest}\n"));
        let found = report.findings.iter().filter(|finding| finding.code.as_str() == "L0105");
        found
            .map(|finding| finding.message.rsplit_once(": ").unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    let both = |names: &str| vec![names.to_owned(); 2];
    assert_eq!(
        uneven("on x86_64 { errno EPERM ioctl where cmd in {TIOCSTI, TIOCLINUX} }"),
        both("ioctl")
    );
    let namespaces = "on x86_64 {\nerrno EPERM clone where clone_flags any CLONE_NEWUSER\n\
                      errno EPERM unshare where unshare_flags any CLONE_NEWUSER\nenosys clone3\n}\n\
                      on x86 { errno EPERM reboot }\non x32 { errno EPERM reboot }";
    assert_eq!(uneven(namespaces), both("clone, clone3, unshare"));
    // The other refuses less, and one of several.
    let less = "on x86_64 { errno EPERM socket where family in { AF_ALG, AF_VSOCK } }\n\
                on x86, x32 { errno EPERM socket where family == AF_ALG }";
    assert_eq!(uneven(less), both("socket"));
    let some = "on x86_64 { errno EPERM personality }\n\
                on x86, x32 { errno EPERM personality where personality != 0 }";
    assert_eq!(uneven(some), both("personality"));
    for even in [
        "errno EPERM ioctl where cmd in {TIOCSTI, TIOCLINUX}",
        "on x86_64 { errno EPERM socket where family == AF_ALG }\non x86, x32 { errno EPERM socket }",
        // No register of 32 bits has these.
        "on x86_64 { errno EPERM ftruncate where length > 0xffffffff }\non x32 { errno EPERM ftruncate }",
        // x86's mmap has one argument, behind which all others are.
        "on x86_64 { errno EPERM mmap where prot any PROT_EXEC }\non x32 { errno EPERM mmap }",
    ] {
        assert!(uneven(even).is_empty(), "{even}: {:?}", uneven(even));
    }
}

/// What is found with these libraries, runtimes and kernels.
fn in_world(text: &str, releases: &[&str], kernels: &[&str]) -> Report {
    let source = Source::new("case.gate", text).unwrap();
    let written = read(source, &mut nothing).unwrap_or_else(|refused| panic!("{refused}\n{text}"));
    let target = Target { kernel: Some(KERNEL), ..Target::new(Arch::X86_64) };
    let lowered = written.lower_unchecked(&target).unwrap();
    let mut subject = Subject::policy(&lowered.policy);
    subject.text =
        Some(Text { provenance: &lowered.provenance, sources: &written.sources, joined: false });
    let world = World {
        releases: releases.iter().map(|release| release.parse().unwrap()).collect(),
        kernels: kernels.iter().map(|kernel| World::kernel(kernel).unwrap()).collect(),
    };
    let report = against_world(&subject, &Options::default(), &world).unwrap();
    shown_truly(report, |call| lowered.policy.decide(call))
}

/// For each code of worlds what has it and what has not; the shown calls are asked again.
///
/// Claim: C-WORLD
#[test]
fn worlds() {
    let start = "allow { brk, mmap, munmap, mprotect, openat, read, close, exit_group, pread64, arch_prctl, write }\n";
    let text = |rest: &str| format!("policy 1\narch x86_64\n{rest}\n{start}");
    let cases = [
        ("L0801", text("default kill"), text("default errno EPERM"), "glibc-2.35", "6.12"),
        (
            "L0802",
            text("default errno EPERM\nallow nanosleep"),
            text("default errno EPERM\nallow { nanosleep, clock_nanosleep, restart_syscall }"),
            "glibc-2.31",
            "6.12",
        ),
        (
            "L0803",
            text("default errno EPERM"),
            text("default errno ENOSYS\nallow getrandom"),
            "musl-1.1.20",
            "6.12",
        ),
        ("L0804", text("default log"), text("default trap"), "glibc-2.25", "4.13"),
        (
            "L0805",
            text("default errno EPERM\nallow faccessat"),
            text("default errno EPERM\nbaseline linux 5.7 else ENOSYS\nallow faccessat"),
            "glibc-2.25",
            "5.7",
        ),
        (
            "L0806",
            text("default kill\nallow clone3"),
            text("default kill\nallow clone"),
            "glibc-2.25",
            "5.2",
        ),
    ];
    let tried: BTreeSet<&str> = cases.iter().map(|(code, ..)| *code).collect();
    let written: BTreeSet<&str> =
        pages().map(|page| page.code).filter(|code| code.starts_with("L08")).collect();
    assert_eq!(tried, written);
    for (code, bad, good, release, kernel) in &cases {
        let report = in_world(bad, &[release], &[kernel]);
        let finding = report.findings.iter().find(|finding| finding.code.as_str() == *code);
        let finding = finding.unwrap_or_else(|| panic!("{code} is not found: {report:?}"));
        assert!(finding.place.is_some() && !finding.shown.is_empty(), "{finding:?}");
        assert!(!finding.diagnostic().helps.is_empty(), "{code} has no mend");
        assert!(!codes(&in_world(good, &[release], &[kernel])).contains(code), "{code}");
    }
}

/// musl forks by `fork`, which nobody misses who makes threads alone.
#[test]
fn who_makes_threads_alone_does_not_fork() {
    let misses_fork = |rest: &str| {
        let text = format!("policy 1\narch x86_64\ndefault errno EPERM\nallow read\n{rest}\n");
        let report = in_world(&text, &["musl-1.2.5"], &[]);
        report.findings.iter().any(|it| it.code.as_str() == "L0802" && it.names == [names::FORK])
    };
    assert!(misses_fork("allow clone"));
    assert!(!misses_fork("allow clone where clone_flags has CLONE_THREAD"));
    assert!(!misses_fork("allow clone where clone_flags has CLONE_THREAD\nenosys clone3"));
}

#[test]
fn arguments_of_calls_are_asked_for() {
    let text = |rest: &str| {
        format!("policy 1\narch x86_64\ndefault errno EPERM\nallow {{ clone, read }}\n{rest}\n")
    };
    let about = |text: &str, release: &str| {
        let report = in_world(text, &[release], &[]);
        report.findings.iter().any(|f| f.about == "madvise" && f.code.as_str() == "L0801")
    };
    let pinned = text("kill madvise where behavior != MADV_DONTNEED\nallow madvise");
    assert!(about(&pinned, "glibc-2.42"), "guard pages are a new advice");
    assert!(!about(&pinned, "glibc-2.41"));
    let open = text("allow madvise");
    assert!(!about(&open, "glibc-2.42"));
}
