//! `callgate doctor`, here and in sandboxes that keep things from it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Folder, Run, callgate, command, deny, deny_list, skip};

/// The ids of the checks, which scripts rely on: none is ever removed.
const IDS: [&str; 44] = [
    "filter-mode",
    "seccomp-syscall",
    "action-kill-process",
    "action-kill-thread",
    "action-trap",
    "action-errno",
    "action-user-notify",
    "action-trace",
    "action-log",
    "action-allow",
    "flag-tsync",
    "flag-log",
    "flag-spec-allow",
    "flag-new-listener",
    "flag-tsync-esrch",
    "flag-wait-killable-recv",
    "notify-listener",
    "notify-continue",
    "notify-addfd",
    "notify-addfd-send",
    "notify-wait-killable",
    "notify-sync-wake-up",
    "own-mode",
    "own-filters",
    "own-no-new-privs",
    "capabilities",
    "user-namespace",
    "new-user-namespace",
    "load",
    "load-privileged",
    "constant-action-cache",
    "jit",
    "jit-hardening",
    "jit-limit",
    "speculation-store-bypass",
    "speculation-indirect-branch",
    "audit-enabled",
    "actions-logged",
    "dump-filters",
    "trace",
    "bpf-tracepoint",
    "tracepoint",
    "perf-tracepoint",
    "audit-records",
];

const USES: [&str; 3] = ["run", "pid", "agent"];

/// A report, with its checks by id.
struct Report {
    whole: Value,
    checks: BTreeMap<String, Value>,
}

impl Report {
    #[track_caller]
    fn of(run: &Run) -> Self {
        assert!(matches!(run.code, Some(0 | 1 | 3)) && run.stderr.is_empty(), "{run:?}");
        let whole: Value = serde_json::from_slice(&run.stdout).unwrap();
        let checks = whole["checks"].as_array().unwrap().iter();
        let by_id = |check: &Value| (check["id"].as_str().unwrap().to_owned(), check.clone());
        let checks = checks.map(by_id).collect();
        Self { whole, checks }
    }

    fn answer(&self, id: &str) -> &str {
        self.checks[id]["answer"].as_str().unwrap_or("null")
    }
}

/// The report under a profile that treats some calls otherwise than to allow them.
fn report_under(rules: &str) -> Report {
    let folder = Folder::new();
    let profile = folder.file("p.json", deny_list(rules));
    let doctor = [env!("CARGO_BIN_EXE_callgate"), "doctor", "--json"];
    let run = ["run", "--profile", &profile, "--"];
    Report::of(&callgate(&[&run[..], &doctor].concat()))
}

fn kill(name: &str) -> String {
    format!(r#"{{"names": ["{name}"], "action": "SCMP_ACT_KILL_PROCESS"}},"#)
}

#[test]
fn the_fields_and_ids_that_scripts_rely_on_are_there() {
    let report = Report::of(&callgate(&["doctor", "--json"]));
    for id in IDS {
        let check = &report.checks[id];
        for field in ["group", "question"] {
            assert!(check[field].is_string(), "{id}: {field}");
        }
        for field in ["answer", "value", "reason", "needed_by", "advice"] {
            assert!(check.get(field).is_some(), "{id}: {field}");
        }
        let answer = report.answer(id);
        assert!(["yes", "no", "unknown", "null"].contains(&answer), "{id}: {answer}");
        // Who gets no yes is told why, and who gets no answer gets a fact.
        let said = check["reason"].is_string() || check["value"] != Value::Null;
        assert!(answer == "yes" || said, "{check}");
    }
    assert_eq!(report.whole["callgate"], env!("CARGO_PKG_VERSION"));
    assert!(report.whole["kernel"].as_str().unwrap().contains('.'));
    for name in USES {
        assert!(report.whole["uses"][name].is_string(), "{name}");
    }
}

#[test]
fn the_exit_status_is_that_of_what_is_needed() {
    let report = Report::of(&callgate(&["doctor", "--json"]));
    let status = |answer: &Value| match answer.as_str().unwrap() {
        "yes" => 0,
        "no" => 1,
        _ => 3,
    };
    for name in USES {
        let run = callgate(&["doctor", "--json", "--need", name]);
        assert_eq!(run.code, Some(status(&report.whole["uses"][name])), "{name}");
    }
    callgate(&["doctor", "--need", "luck"]).fails(2, &["luck", "run", "agent"]);
}

#[test]
fn the_table_says_what_is_usable_and_what_to_do() {
    let run = callgate(&["doctor"]);
    for wanted in ["action KILL_PROCESS", "flag TSYNC", "ns a call", "Altogether", "callgate run"] {
        assert!(run.text().contains(wanted), "{wanted}: {run:?}");
    }
    assert!(run.text().lines().all(|line| line == line.trim_end()), "{run:?}");
}

/// Claim: C-SURVEY
#[test]
fn it_leaves_no_process_and_no_file_behind() {
    let folder = Folder::new();
    let mut doctor = command(&["doctor"]);
    doctor.current_dir(folder.path()).process_group(0).stdout(std::process::Stdio::null());
    let mut doctor = doctor.spawn().unwrap();
    let group = format!("-{}", doctor.id());
    let alive =
        || Command::new("kill").args(["-0", "--", &group]).output().unwrap().status.success();
    assert!(alive());
    doctor.wait().unwrap();
    assert!(!alive(), "a process of its group is left");
    assert_eq!(folder.names(), [""; 0], "a core dump or other file");
}

#[test]
fn a_container_is_seen_from_inside() {
    let doctor = [env!("CARGO_BIN_EXE_callgate"), "doctor", "--json"];
    let report = Report::of(&callgate(&[&["run", "--"][..], &doctor].concat()));
    assert_eq!(report.checks["own-mode"]["value"], "filter");
    assert_eq!(report.checks["own-no-new-privs"]["value"], "set");
    assert_eq!(report.answer("new-user-namespace"), "no");
    assert_eq!(report.answer("load"), "yes");
    assert_ne!(report.answer("dump-filters"), "yes");
    assert!(report.checks["own-mode"]["advice"].is_string());
}

/// Claim: C-SURVEY
#[test]
fn what_a_sandbox_forbids_is_unknown_and_not_missing() {
    for rule in [deny("seccomp", 1), kill("seccomp")] {
        let report = report_under(&rule);
        let asked = ["action-errno", "flag-tsync", "notify-continue", "constant-action-cache"];
        for id in ["seccomp-syscall"].iter().chain(&asked) {
            assert_eq!(report.answer(id), "unknown", "{id} under {rule}");
            assert!(report.checks[*id]["reason"].is_string());
        }
        assert_eq!(report.answer("filter-mode"), "yes", "prctl is allowed");
        assert_ne!(report.whole["uses"]["run"], "yes");
    }
}

/// Whatever is forbidden, and however: there is a report.
#[test]
fn no_sandbox_makes_it_crash() {
    let needed_by_probes = [
        "clone",
        "fork",
        "prctl",
        "ptrace",
        "socket",
        "bind",
        "bpf",
        "unshare",
        "uname",
        "getppid",
        "socketpair",
        "perf_event_open",
        "alarm",
        "wait4",
        "ioctl",
    ];
    for name in needed_by_probes {
        let report = report_under(&deny(name, 1));
        assert!(report.checks.len() >= 40, "{name}");
    }
    for name in ["prctl", "ptrace", "socket", "bpf", "unshare", "getppid", "socketpair"] {
        let report = report_under(&kill(name));
        assert!(report.checks.values().any(|check| check["answer"] == "unknown"), "{name}");
    }
}

#[test]
fn without_the_calls_that_make_children_nothing_is_claimed() {
    let rules: String = ["clone", "clone3", "fork", "vfork"].map(|name| deny(name, 1)).concat();
    let report = report_under(&rules);
    for id in ["filter-mode", "action-allow", "load", "notify-listener"] {
        assert_eq!(report.answer(id), "unknown", "{id}");
    }
}

#[test]
fn an_unprivileged_user_is_told_what_needs_privileges() {
    let folder = Folder::new();
    if fs::metadata(folder.path()).unwrap().uid() != 0 {
        return skip("only root can become somebody else");
    }
    let binary = folder.at("callgate");
    fs::copy(env!("CARGO_BIN_EXE_callgate"), &binary).unwrap();
    let mut nobody = Command::new(&binary);
    nobody.args(["doctor", "--json"]).uid(65534).gid(65534).current_dir("/");
    let run = Run::from(nobody.output().unwrap());
    let report = Report::of(&run);
    assert_eq!((report.answer("load"), report.answer("load-privileged")), ("yes", "no"));
    assert_eq!((report.answer("dump-filters"), report.answer("audit-records")), ("no", "no"));
    assert!(report.checks["dump-filters"]["advice"].as_str().unwrap().contains("CAP_SYS_ADMIN"));
    assert_eq!(report.checks["capabilities"]["value"], "none");
    let mut nobody = Command::new(&binary);
    nobody.args(["doctor", "--need", "run"]).uid(65534).gid(65534).current_dir("/");
    Run::from(nobody.output().unwrap()).succeeds();
}

#[test]
fn a_report_that_nobody_reads_is_no_failure() {
    let mut command = command(&["doctor", "--need", "run"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
