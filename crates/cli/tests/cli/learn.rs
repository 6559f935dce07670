//! Profiles that are learned, and run.

use std::fs;
use std::process::Command;

use crate::harness::{Folder, callgate};

#[test]
fn a_command_runs_under_what_was_learned_of_it_and_others_do_not() {
    let folder = Folder::new();
    let [profile, evidence] = [folder.at("ls.gate"), folder.at("ls.evidence")];
    let learn = callgate(&["learn", "-o", &profile, "--", "ls", "/proc/self"]);
    assert!(learn.succeeds().contains("status"), "the command's own output");
    learn.says(&["exit 0: "]);
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("# Learned from: ls /proc/self"), "{text}");
    let run = callgate(&["run", "--profile", &profile, "--", "ls", "/proc/self"]);
    assert!(run.succeeds().contains("status"));
    let refused = callgate(&["run", "--profile", &profile, "--", "unshare", "-U", "true"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");

    let verify = callgate(&["learn", "verify", &profile, &evidence]);
    assert!(verify.succeeds().starts_with("allowed  all "), "{verify:?}");
    let other = folder.file("none.gate", "policy 1\ndefault kill\nallow read\n");
    let verify = callgate(&["learn", "verify", &other, &evidence]);
    assert_eq!(verify.code, Some(1));
    assert!(verify.text().contains("execve on "), "{verify:?}");
}

#[test]
fn evidence_merges_in_any_order_and_makes_a_profile() {
    let folder = Folder::new();
    let at = |name: &str| folder.at(name);
    callgate(&["learn", "-o", &at("a.gate"), "--", "true"]).succeeds();
    callgate(&["learn", "--rounds", "2", "-o", &at("b.gate"), "--", "ls"]).succeeds();
    let [a, b, both] = ["a.evidence", "b.evidence", "both"].map(at);
    callgate(&["learn", "merge", &a, &b, "-o", &both]).succeeds();
    let text = fs::read_to_string(&both).unwrap();
    assert_eq!(callgate(&["learn", "merge", &b, &both, &a, &b]).succeeds(), text);
    let profile = callgate(&["learn", "profile", &both]);
    assert!(profile.succeeds().contains("# Learned from: ls, and 1 other commands"));
    assert!(profile.text().contains("#@ seen 2/2 runs"), "{profile:?}");
    let wrong = folder.file("wrong", "policy 1\n");
    let run = callgate(&["learn", "merge", &a, &wrong]);
    assert_eq!(run.code, Some(2));
    run.says(&["wrong: no line tells of a call"]);
}

#[test]
fn what_cannot_be_executed_is_not_learned() {
    let run = callgate(&["learn", "--", "/nowhere/at/all"]);
    assert_eq!(run.code, Some(127), "{run:?}");
    assert_eq!(callgate(&["learn"]).code, Some(2));
}

#[test]
fn exploring_refuses_what_libraries_try_first() {
    let folder = Folder::new();
    let profile = folder.at("true.gate");
    let learn = callgate(&["learn", "--explore", "--seen-only", "-o", &profile, "--", "true"]);
    learn.succeeds();
    learn.says(&["ENOSYS for rseq on ", ": exit 0; nothing new", "EPERM for rseq on "]);
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("#@ runs 1\n"), "runs with a refusal do not count: {text}");
    assert!(text.contains("#@ explored "), "{text}");
    let minimal = callgate(&["learn", "profile", "--minimal", &folder.at("true.evidence")]);
    assert!(text.contains("allow rseq "), "{text}");
    assert!(!minimal.succeeds().contains("allow rseq "), "{minimal:?}");
    let minimal = folder.file("minimal.gate", minimal.text());
    assert_eq!(callgate(&["run", "--profile", &minimal, "--", "true"]).code, Some(0));
}

/// strace's own lines, of here and now.
#[test]
fn recordings_of_strace_are_evidence() {
    let folder = Folder::new();
    let [trace, evidence, profile] = ["t", "t.evidence", "t.gate"].map(|name| folder.at(name));
    let script = "(cat /proc/self/comm &); ls / >/dev/null; wait; sleep 0";
    let strace = Command::new("strace").args(["-f", "-o", &trace, "sh", "-c", script]).output();
    let Ok(strace) = strace else {
        eprintln!("skipped (no strace)");
        return;
    };
    assert!(strace.status.success(), "{strace:?}");
    let import = callgate(&["learn", "import", &trace, "-o", &evidence]);
    import.succeeds();
    assert!(!import.stderr.contains("no form that is known"), "{import:?}");
    let calls = callgate(&["learn", "import", &trace, &evidence, &trace]);
    assert_eq!(calls.succeeds(), fs::read_to_string(&evidence).unwrap(), "twice is once");
    callgate(&["learn", "profile", &trace, "-o", &profile]).succeeds();
    callgate(&["run", "--profile", &profile, "--", "sh", "-c", script]).succeeds();
    // Arguments are as narrow as a recorder of our own has them.
    let own = folder.at("own.gate");
    callgate(&["learn", "-o", &own, "--", "sh", "-c", script]).succeeds();
    let verify = callgate(&["learn", "verify", &own, &trace]);
    assert_eq!(verify.code, Some(0), "{verify:?}");
}

#[test]
fn what_is_refused_mends_the_profile_and_hands_have_the_last_word() {
    let folder = Folder::new();
    let [profile, refused] = ["p.gate", "refused"].map(|name| folder.at(name));
    callgate(&["learn", "-o", &profile, "--", "sh", "-c", "ls /; true"]).succeeds();
    let learned = fs::read_to_string(&profile).unwrap();
    let edited = learned
        .replace("default errno EPERM", "default errno EPERM\n# mine\nerrno EACCES chroot")
        .replace("# Learned from", "# Edited; learned from");
    fs::write(&profile, &edited).unwrap();
    let work = ["--", "sh", "-c", "chroot / true; unshare -U true; true"];
    let run =
        callgate(&[&["run", "--profile", &profile, "--explain-to", &refused][..], &work].concat());
    run.succeeds();
    let update = callgate(&["learn", "update", &profile, &refused]);
    update.succeeds();
    update.says(&["added: allow unshare where ", "chroot on ", " stays refused"]);
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("# mine\nerrno EACCES chroot\n"), "{text}");
    assert!(text.contains("# Edited; learned from"), "{text}");
    assert!(text.contains("by unshare"), "its evidence: {text}");
    assert!(!text.contains(", not seen lately"), "refusals don't tell: {text}");
    // What was taken out stays out, though it is seen again.
    let without = text.lines().filter(|line| !line.contains("allow unshare")).collect::<Vec<_>>();
    fs::write(&profile, without.join("\n") + "\n").unwrap();
    callgate(&["learn", "update", &profile, &refused]).says(&["unshare on ", "stays refused"]);
    assert!(!fs::read_to_string(&profile).unwrap().contains("allow unshare"));
}

#[test]
fn a_profile_is_updated_by_a_run() {
    let folder = Folder::new();
    let profile = folder.at("p.gate");
    callgate(&["learn", "-o", &profile, "--", "true"]).succeeds();
    let update = callgate(&["learn", "--update", &profile, "--", "sh", "-c", "sleep 0; true"]);
    update.succeeds();
    update.says(&["p.gate: ", " statements added"]);
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("#@ seen 2/2 runs") && text.contains("# Added 2"), "{text}");
    callgate(&["run", "--profile", &profile, "--", "sh", "-c", "sleep 0; true"]).succeeds();
    // A statement of several lines has its provenance at its end.
    let wide = folder.at("wide.gate");
    callgate(&["learn", "-o", &wide, "--", "sh", "-c", "ls --color=auto / >/dev/null; tty; true"])
        .succeeds();
    callgate(&["learn", "update", &wide, &folder.at("p.evidence")]).says(&[" not seen lately"]);
    let again = callgate(&["learn", "update", &profile, &folder.at("p.evidence")]);
    again.says(&[" 0 statements added, 0 not seen lately"]);
    assert_eq!(fs::read_to_string(&profile).unwrap(), text, "nothing is new");
}

/// What is there may be a person's work or a recording: neither goes unasked, and no command runs
/// in vain.
#[test]
fn files_that_exist_are_replaced_by_force_alone() {
    let folder = Folder::new();
    let at = |name: &str| folder.at(name);
    let ran = at("ran");
    let work = ["--", "touch", ran.as_str()];
    let refuses = |args: &[&str], says: &str| {
        let run = callgate(&[&["learn"], args, &work].concat());
        assert_eq!(run.code, Some(2), "{args:?}: {run:?}");
        run.says(&[says]);
        assert!(!std::path::Path::new(&ran).exists(), "{args:?} ran the command");
    };
    let own = folder.file("own.gate", "policy 1\ndefault errno EPERM\nallow read # mine\n");
    refuses(&["-o", &own], "own.gate exists, and a new profile would take its place: `callgate");
    let recording = folder.file("r.evidence", "7 read(0, \"\", 1) = 0\n");
    refuses(&["-o", &at("r.gate")], "r.evidence exists, and what was seen would take its place");
    refuses(&["--evidence", &recording], "r.evidence: evidence would take the place of what is no");
    refuses(&["-o", &recording], "r.evidence would be the profile and its evidence");
    refuses(&["-o", &at("missing/x.gate")], "cannot write ");
    refuses(&["--evidence", &at("missing/x")], "cannot write ");
    refuses(&["--update", &at("missing.gate")], "cannot read ");
    folder.file("u.gate", "policy 1\ndefault errno EPERM\nallow read\n");
    folder.file("u.evidence", "7 read(0, \"\", 1) = 0\n");
    refuses(&["--update", &at("u.gate")], "u.evidence: evidence would take the place of what");
    assert_eq!(fs::read_to_string(&recording).unwrap(), "7 read(0, \"\", 1) = 0\n");

    let empty = folder.file("empty.gate", "");
    callgate(&["learn", "-o", &empty, "--", "true"]).succeeds();
    let once = callgate(&["learn", "--force", "-o", &own, "--", "true"]);
    once.succeeds();
    assert!(fs::read_to_string(&own).unwrap().contains("# Learned from: true"));
    callgate(&["learn", "-o", "/dev/null", "--", "true"]).succeeds();
    assert!(!std::path::Path::new("/dev/null.evidence").exists());

    let [a, b, new] = [at("empty.evidence"), at("own.evidence"), at("new")];
    callgate(&["learn", "merge", &a, &b, "-o", &b]).succeeds();
    let lost = callgate(&["learn", "merge", &a, "-o", &b]);
    assert_eq!(lost.code, Some(2), "{lost:?}");
    lost.says(&["own.evidence exists, and holds what would be lost"]);
    callgate(&["learn", "import", &recording, "-o", &new]).succeeds();
    callgate(&["learn", "import", &recording, "-o", &new]).succeeds();
    assert_eq!(callgate(&["learn", "import", &new, "-o", &recording]).code, Some(2));
    callgate(&["learn", "merge", &a, "-o", &b, "--force"]).succeeds();
    assert_eq!(callgate(&["learn", "profile", &a, "-o", &own]).code, Some(2));
    callgate(&["learn", "profile", &a, "-o", &own, "--force"]).succeeds();
}

#[test]
fn the_tests_of_a_profile_outlive_its_updates() {
    let folder = Folder::new();
    let profile = folder.at("p.gate");
    callgate(&["learn", "-o", &profile, "--", "true"]).succeeds();
    let tests = "test unshare(_) -> errno EPERM\ntest socket(AF_PACKET, _, _) -> errno EPERM\n\
        test read(_, _, _) -> errno EACCES\n";
    let text = fs::read_to_string(&profile).unwrap() + tests;
    fs::write(&profile, &text).unwrap();
    let seen = folder.file(
        "seen.strace",
        "7 unshare(CLONE_NEWUSER) = 0\n7 socket(AF_PACKET, SOCK_RAW, 0) = 3\n\
         7 socket(AF_UNIX, SOCK_STREAM, 0) = 4\n7 chroot(\"/\") = 0\n7 read(0, \"\", 1) = 0\n",
    );
    let update = callgate(&["learn", "update", &profile, &seen]);
    assert_eq!(update.code, Some(1), "{update:?}");
    update.says(&[
        "unshare on x86_64 with unshare_flags=0x10000000: ERRNO(1): stays refused, as a test",
        "`test unshare(_) -> errno EPERM`: what was seen would break this test",
        "`test socket(AF_PACKET, _, _) -> errno EPERM`: what was seen would break this test",
        "added: allow chroot",
    ]);
    let text = fs::read_to_string(&profile).unwrap();
    assert!(
        text.contains("\n# allow unshare where unshare_flags only CLONE_NEWUSER  #@ "),
        "{text}"
    );
    assert!(text.contains(", which a test forbids\n"), "{text}");
    assert!(text.contains("\nallow socket where "), "the other family is allowed: {text}");
    let test = callgate(&["test", &profile]);
    assert!(test.text().contains("1 of 3 do not hold"), "what failed before, fails: {test:?}");
    // The comment is no statement, and counts of it are nobody's.
    let again = callgate(&["learn", "update", &profile, &seen]);
    assert_eq!(again.code, Some(0), "{again:?}");
    let same = |text: &str| text.lines().filter(|l| !l.contains("#@ seen")).count();
    assert_eq!(same(&fs::read_to_string(&profile).unwrap()), same(&text));
    callgate(&["run", "--profile", &profile, "--", "true"]).succeeds();
}

#[test]
fn an_update_touches_no_other_file_and_keeps_links_and_modes() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = Folder::new();
    let policy =
        "policy 1\narch x86_64\nforeign kill\ndefault errno EPERM\nallow { read, write }\n";
    let [neighbour, real] = ["p.new.gate", "real.gate"].map(|name| folder.file(name, policy));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
    let link = folder.at("p.gate");
    symlink(&real, &link).unwrap();
    let strace =
        folder.file("s.strace", "44 ioctl(3, _IOC(_IOC_READ, 0x54, 0x99, 0x4), 0x1) = 0\n");
    callgate(&["learn", "update", &link, &strace]).succeeds();
    assert_eq!(fs::read_to_string(neighbour).unwrap(), policy);
    let text = fs::read_to_string(&real).unwrap();
    assert!(text.contains("allow ioctl where cmd == 0x80045499"), "{text}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "and the evidence");
    let unreadable = folder.file("u.strace", "44 socket(0x99999999999999999999, 1, 0) = 3\n");
    callgate(&["learn", "update", &link, &unreadable]).says(&["with any arguments: socket"]);
}

#[test]
fn profiles_of_other_recorders_say_which_calls() {
    let folder = Folder::new();
    let hook = r#"{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64"],
        "syscalls":[{"names":["read","write"],"action":"SCMP_ACT_ALLOW","args":[]}]}"#;
    let spo = "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\n\
        metadata:\n  name: x\nspec:\n  architectures:\n  - SCMP_ARCH_X86_64\n  \
        defaultAction: SCMP_ACT_ERRNO\n  syscalls:\n  - action: SCMP_ACT_ALLOW\n    names:\n    - read\n    - write\n";
    let [hook, spo] = [folder.file("hook.json", hook), folder.file("spo.yaml", spo)];
    for file in [&hook, &spo] {
        let text = callgate(&["learn", "import", file]);
        let rows = text.succeeds().lines().filter(|line| line.contains("\"kind\":\"call\""));
        assert_eq!(rows.count(), 2, "{text:?}");
    }
    let all = folder.file("all.gate", "policy 1\ndefault allow\nkill ptrace\n");
    let run = callgate(&["learn", "import", &all]);
    assert_eq!(run.code, Some(2));
    run.says(&["all.gate: a profile that allows what it does not name"]);
}

/// Notification and tracing see the same calls, and tracing knows their results.
#[test]
fn tracing_records_what_notification_does() {
    let folder = Folder::new();
    let [notified, traced] = ["n.gate", "t.gate"].map(|name| folder.at(name));
    let work = ["--", "sh", "-c", "cat /proc/self/comm; test -e /nowhere/x; true"];
    callgate(&[&["learn", "-o", &notified][..], &work].concat()).succeeds();
    callgate(&[&["learn", "--backend", "ptrace", "-o", &traced][..], &work].concat()).succeeds();
    let seen = |profile: &str| {
        let text = fs::read_to_string(profile).unwrap();
        let seen = text.lines().filter_map(|line| line.split_once("#@ seen"));
        seen.map(|(statement, _)| statement.trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen(&traced), seen(&notified));
    let text = fs::read_to_string(folder.at("t.evidence")).unwrap();
    assert!(text.contains("\"ENOENT\"") && text.contains("\"backend\":\"ptrace\""), "{text}");
    let missing = callgate(&["learn", "--backend", "ptrace", "--", "/nowhere/at/all"]);
    assert_eq!(missing.code, Some(127), "{missing:?}");
}

/// Whether this process may record in the kernel, as it is asked itself.
fn may_record_in_the_kernel() -> bool {
    let asked = callgate(&["learn", "--backend", "ebpf", "--", "true"]);
    let may = asked.code == Some(0);
    if !may {
        asked.says(&["notify or ptrace"]);
        callgate_testkit::skip("recording in the kernel is not permitted here");
    }
    may
}

#[test]
fn recording_in_the_kernel_learns_what_notification_does() {
    if !may_record_in_the_kernel() {
        return;
    }
    let folder = Folder::new();
    let statements = |backend: &str| {
        let profile = folder.at(&format!("{backend}.gate"));
        let words = ["sh", "-c", "ls -l /proc/self/; cat /proc/self/comm"];
        let start = ["learn", "--backend", backend, "-o", &profile, "--"];
        callgate(&[&start[..], &words].concat()).succeeds();
        let text = fs::read_to_string(&profile).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split("#@").next().unwrap().trim_end().to_owned()).collect()
    };
    let (notify, ebpf): (Vec<String>, Vec<String>) = (statements("notify"), statements("ebpf"));
    assert_eq!(notify, ebpf);
}

#[test]
fn a_process_that_runs_is_learned() {
    if !may_record_in_the_kernel() {
        return;
    }
    let folder = Folder::new();
    let profile = folder.at("sh.gate");
    // Works until it is killed.
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", "while :; do cat /proc/self/comm; done"]);
    let mut child = shell.stdout(std::process::Stdio::null()).spawn().unwrap();
    let process = child.id().to_string();
    // A parent goes on before the new program has its words.
    while fs::read(format!("/proc/{process}/cmdline")).unwrap().is_empty() {
        std::thread::yield_now();
    }
    let learn = callgate(&["learn", "--pid", &process, "--for", "1", "-o", &profile]);
    child.kill().unwrap();
    child.wait().unwrap();
    learn.succeeds();
    learn.says(&["sh -c while", "Ctrl-C ends it", "was not seen"]);
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("allow execve") && text.contains("by cat"), "{text}");

    let none = callgate(&["learn", "--pid", "1073741800", "--for", "1"]);
    assert_eq!(none.code, Some(2), "{none:?}");
    none.says(&["there is no process 1073741800"]);
    let folder = callgate(&["learn", "--cgroup", "/tmp", "--for", "1"]);
    assert_eq!(folder.code, Some(2), "{folder:?}");
    folder.says(&["no control group of version 2"]);
    for wrong in [&["--pid", "1", "--", "true"][..], &["--for", "1", "--", "true"], &["--for", "1"]]
    {
        assert_eq!(callgate(&[&["learn"], wrong].concat()).code, Some(2), "{wrong:?}");
    }
}

/// What is learned is no finding of our own, and a program makes its threads under it.
#[test]
fn what_is_learned_has_no_error_of_lint() {
    let folder = Folder::new();
    let script = "import threading\nt = threading.Thread(target=print, args=('thread',))\n\
                  t.start()\nt.join()";
    for options in [&[][..], &["--narrow"], &["--seen-only"]] {
        for words in [
            &["python3", "-c", script][..],
            &["git", "--version"],
            &["curl", "-s", "file:///etc/hosts"],
            &["sh", "-c", "(echo a; sleep 0.01) | cat"],
            &["tar", "-cf", "/dev/null", "-C", "/etc", "hosts"],
        ] {
            let profile = folder.at("learned.gate");
            let learn = [&["learn", "--force", "-o", &profile], options, &["--"], words].concat();
            if callgate(&learn).code == Some(127) {
                callgate_testkit::skip(&format!("no {}", words[0]));
                continue;
            }
            let lint = callgate(&["lint", &profile]);
            assert!(!lint.text().contains("error["), "{words:?}: {lint:?}");
            callgate(&["learn", "verify", &profile, &folder.at("learned.evidence")]).succeeds();
            let run = callgate(&[&["run", "--profile", &profile, "--"], words].concat());
            run.succeeds();
        }
    }
}

/// The third tier: what machine code reaches and no run showed, for a person to decide.
#[test]
fn what_can_be_reached_is_a_comment_unless_it_is_asked_for() {
    let folder = Folder::new();
    let source = folder.file(
        "x.c",
        "#include <unistd.h>\n#include <sys/mount.h>\nint main(int count, char **words) {\n\
         if (count > 1) return umount2(words[1], 0);\nif (count > 2) return getppid();\nreturn 0; }\n",
    );
    let program = folder.at("x");
    let built = Command::new("cc").args(["-o", &program, &source]).status();
    if !built.is_ok_and(|status| status.success()) || !cfg!(target_arch = "x86_64") {
        eprintln!("skipped (no C compiler, or another machine)");
        return;
    }
    let [profile, evidence] = [folder.at("x.gate"), folder.at("x.evidence")];
    let learn = callgate(&["learn", "--reachable", "-o", &profile, "--", &program]);
    learn.succeeds();
    learn.says(&[" calls can be reached and were not seen"]);
    let text = fs::read_to_string(&profile).unwrap();
    let line = text.lines().find(|line| line.starts_with("# allow umount2")).unwrap();
    assert!(line.contains("#@ reachable ") && line.contains("main"), "{line}");
    assert!(!text.contains("\nallow umount2"), "{text}");
    let allow = ["learn", "profile", &evidence, "--reachable=allow", "--program", &program];
    let allowed = callgate(&allow);
    assert!(allowed.succeeds().contains("\nallow umount2"), "{allowed:?}");
    let without = callgate(&["learn", "profile", &evidence]);
    assert!(!without.succeeds().contains("umount2"), "{without:?}");
    // What was recorded stands, whatever becomes of the scan.
    let script = folder.file("s.sh", "#!/bin/sh\ntrue\n");
    callgate(&["learn", "profile", &evidence, "--reachable", "--program", &script])
        .says(&["--reachable: cannot scan ", "name programs by --program ELF"]);
    callgate(&["learn", "profile", &evidence, "--reachable"])
        .says(&["--reachable: name the program by --program ELF"]);
}
