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
    assert!(text.contains(", not seen lately"), "only refusals were seen: {text}");
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
    let update = callgate(&["learn", "--update", &profile, "--", "sh", "-c", "sleep 0 & wait"]);
    update.succeeds();
    update.says(&["p.gate: ", " statements added"]);
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("#@ seen 2/2 runs") && text.contains("# Added 2"), "{text}");
    callgate(&["run", "--profile", &profile, "--", "sh", "-c", "sleep 0 & wait"]).succeeds();
    // A statement of several lines has its provenance at its end.
    let wide = folder.at("wide.gate");
    callgate(&["learn", "-o", &wide, "--", "sh", "-c", "ls --color=auto / >/dev/null; tty; true"])
        .succeeds();
    callgate(&["learn", "update", &wide, &folder.at("p.evidence")]).says(&[" not seen lately"]);
    let again = callgate(&["learn", "update", &profile, &folder.at("p.evidence")]);
    again.says(&[" 0 statements added, 0 not seen lately"]);
    assert_eq!(fs::read_to_string(&profile).unwrap(), text, "nothing is new");
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
