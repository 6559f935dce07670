//! `callgate explain`, and `callgate sim` with several calls.

use crate::harness::{Folder, callgate, command, deny_list};

const POLICY: &str =
    "policy 1\narch x86_64, x86\ndefault errno EPERM\nallow { read, exit_group }\nkill ptrace\n";

fn policy(folder: &Folder) -> String {
    folder.file("p.gate", POLICY)
}

#[test]
fn a_call_has_its_rule_and_what_would_allow_it() {
    let folder = Folder::new();
    let policy = policy(&folder);
    let explain = |words: &[&str]| {
        callgate(&[&["explain", "--policy", &policy][..], words].concat()).succeeds().to_owned()
    };
    let text = explain(&["socket", "40,1,0", "--arch", "x86"]);
    assert!(
        text.starts_with("socket(AF_VSOCK, SOCK_STREAM, 0) on x86: fails with EPERM"),
        "{text}"
    );
    assert!(text.contains("p.gate:3:1, the default action"), "{text}");
    assert!(text.contains("permits 1 call more: socket (in part)"), "{text}");
    let text = explain(&["ptrace"]);
    assert!(text.contains("p.gate:5:1: KILL_PROCESS"), "{text}");
    let text = explain(&["999"]);
    assert!(text.starts_with("syscall 999(…) on x86_64: fails with EPERM"), "{text}");
    assert!(text.contains("change 1  on x86_64 { allow nr 999 }"), "{text}");
    let json = explain(&["--json", "ptrace"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["rulings"][0]["line"], "kill ptrace");
}

#[test]
fn lines_are_read_from_arguments_files_and_standard_input() {
    let folder = Folder::new();
    let policy = policy(&folder);
    let record = "audit: type=1326 audit(1795871271.788:3968): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=7 \
                  comm=\"sh\" exe=\"/bin/sh\" sig=31 arch=c000003e syscall=101 compat=0 ip=0x1 code=0x80000000";
    let other = record.replace("syscall=101", "syscall=41").replace("0x80000000", "0x50000");
    let log = format!("{record}\nunrelated\n{record}\n{other}\n").replacen("3968", "3969", 1);
    let file = folder.file("log", log);
    let read = callgate(&["explain", "--policy", &policy, &file]);
    let text = read.succeeds().to_owned();
    assert!(
        text.contains("ptrace(…) on x86_64: kills the process (KILL_PROCESS), 2 times"),
        "{text}"
    );
    assert!(text.contains("socket(…) on x86_64: fails with EPERM"), "{text}");
    read.says(&["1 of 4 lines"]);
    assert!(callgate(&["explain", record]).succeeds().contains("use @debug"));
    let ended =
        callgate(&["explain", "x.service: Main process exited, code=killed, status=31/SYS"]);
    assert!(ended.succeeds().contains("SIGSYS"));
    assert!(callgate(&["explain", "159"]).succeeds().contains("run --explain"));
    // What begins with the name of a syscall.
    for line in ["exit code 159", "exit status 159"] {
        assert!(callgate(&["explain", line]).succeeds().contains("SIGSYS (31"), "{line}");
    }
    assert!(callgate(&["explain", "exit", "1"]).succeeds().contains("exit(1) on x86_64"));
    let nothing = callgate(&["explain", "nothing of the kind"]);
    assert_eq!(nothing.code, Some(1));
    for words in [
        &["socket", "AF_INET,SOCK_STREAM,0"][..],
        &["socket", "AF_INET", "SOCK_STREAM", "0"],
        &["socket(AF_INET, SOCK_STREAM, 0)"],
        &["socket AF_INET,SOCK_STREAM,0"],
    ] {
        let text = callgate(&[&["explain"][..], words].concat()).succeeds().to_owned();
        assert!(
            text.starts_with("socket(AF_INET, SOCK_STREAM, IPPROTO_IP) on "),
            "{words:?}: {text}"
        );
    }
    let several = callgate(&["explain", "connect", "bind"]).succeeds().to_owned();
    assert!(several.contains("connect(") && several.contains("bind("), "{several}");
    callgate(&["explain", "/dev/null", "bind"]).fails(2, &["bind is a syscall", "one kind"]);
    callgate(&["explain", "sokcet"]).fails(2, &["did you mean", "socket"]);
    callgate(&["explain", "/dev/zero"]).fails(2, &["more than 1 MiB"]);
    callgate(&["explain", "/dev/null"]).fails(1, &["nothing in the input"]);
    // A log has any length.
    let folder = Folder::new();
    let long = folder.file("long.log", "usb 1-1: reset\n".repeat(600_000));
    callgate(&["explain", &long]).fails(1, &["nothing in the input"]);
    let elf = std::env::current_exe().unwrap();
    callgate(&["explain", elf.to_str().unwrap()]).fails(2, &["no ELF core"]);
}

#[test]
fn the_check_acquits_a_filter_that_did_nothing() {
    // No kernel has a family of that number, with or without a filter.
    let text = callgate(&["explain", "--check", "socket(4000, 1, 0) = -1 EAFNOSUPPORT (x)"]);
    assert_eq!(text.code, Some(1), "of all calls that fail, this is no refusal");
    let text = callgate(&["explain", "--check", "socket", "4000,1,0"]).succeeds().to_owned();
    assert!(text.contains("it fails with EAFNOSUPPORT, so"), "{text}");
    let text =
        callgate(&["explain", "--check", "socket", "AF_UNIX,SOCK_STREAM,0"]).succeeds().to_owned();
    assert!(text.contains("made again: it succeeds"), "{text}");
    // Zeroes take the place of what stood behind a pointer.
    let text = callgate(&["explain", "--check", "perf_event_open", "0x1000,0,-1,-1,0"]);
    assert!(!text.succeeds().contains("EFAULT") && text.text().contains("made again"));
    let text = callgate(&["explain", "--check", "reboot", "0,0,0,0"]).succeeds().to_owned();
    assert!(text.contains("not made again"), "{text}");
}

#[test]
fn several_calls_are_simulated_in_one_run() {
    let folder = Folder::new();
    let policy = policy(&folder);
    let calls =
        folder.file("calls", b"# comment\n\nread 0,0,1\nsocket AF_VSOCK,SOCK_STREAM,0\nptrace\n");
    let text = callgate(&["sim", &policy, "--calls", &calls]).succeeds().to_owned();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].contains("ALLOW")
            && lines[1].contains("EPERM")
            && lines[2].contains("KILL_PROCESS")
    );
    assert!(lines[2].ends_with("p.gate:5:1 (ptrace)"), "{text}");
    let wrong = folder.file("wrong", b"read\nsokcet 1\n");
    callgate(&["sim", &policy, "--calls", &wrong]).fails(2, &["wrong:2:", "socket"]);
}

#[test]
fn a_log_is_followed_line_by_line() {
    use std::io::{BufRead as _, Write as _};
    let folder = Folder::new();
    let policy = policy(&folder);
    let record = |nr: u32, code: &str| {
        format!(
            "audit: type=1326 audit(1795871271.788:3968): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=7 \
             comm=\"sh\" exe=\"/bin/sh\" sig=31 arch=c000003e syscall={nr} compat=0 ip=0x1 code={code}\n"
        )
    };
    let file = folder.file("log", record(41, "0x50000"));
    let mut command = command(&["explain", "-f", "--policy", &policy, &file]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = |prefix: &str| {
        let found = lines.by_ref().map_while(Result::ok).find(|line| line.contains(" on x86_64: "));
        assert!(found.as_deref().is_some_and(|line| line.starts_with(prefix)), "{found:?}");
    };
    next("socket(");
    // What is there already is told once; a line that is half written is waited for.
    let mut log = std::fs::File::options().append(true).open(&file).unwrap();
    let (first, last) = (record(41, "0x50000"), record(101, "0x80000000"));
    let (half, rest) = last.split_at(60);
    log.write_all(first.as_bytes()).unwrap();
    log.write_all(half.as_bytes()).unwrap();
    log.write_all(rest.as_bytes()).unwrap();
    next("ptrace(");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn capabilities_with_which_the_filter_allows_a_call_are_advice() {
    let run = callgate(&["explain", "--policy", "container", "bpf", "0,0,0"]);
    assert!(run.succeeds().contains("give it CAP_SYS_ADMIN or CAP_BPF, with which"), "{run:?}");
    let run = callgate(&["explain", "--json", "--policy", "container", "bpf", "0,0,0"]);
    assert!(run.succeeds().contains(r#""capabilities":["CAP_SYS_ADMIN","CAP_BPF"]"#), "{run:?}");
    let has = ["--policy", "container", "--caps", "CAP_BPF"];
    let run = callgate(&[&["explain"], &has[..], &["bpf", "0,0,0"]].concat());
    assert!(!run.succeeds().contains("give it"), "{run:?}");
    // In the language as well.
    let folder = Folder::new();
    let text = "policy 1\ndefault errno EPERM\nallow read\non cap CAP_BPF {\n  allow bpf\n}\n";
    let policy = folder.file("p.gate", text);
    let run = callgate(&["explain", "--policy", &policy, "bpf", "0,0,0"]);
    assert!(run.succeeds().contains("give it CAP_BPF, with which"), "{run:?}");
    // A compiled filter has no lines.
    let program = folder.at("p.bpf");
    callgate(&["compile", &policy, "-o", &program]).succeeds();
    let run = callgate(&["explain", "--policy", &program, "uname"]);
    run.succeeds();
    run.says(&[&format!("`callgate show {program} > x.gate`")]);
}

#[test]
fn a_filter_that_is_read_as_on_another_machine_says_so_with_the_answer() {
    let folder = Folder::new();
    let profile = folder.file(
        "p.json",
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": []}"#,
    );
    let args = ["explain", "-q", "--policy", &profile, "mount"];
    let run = callgate(&[&args[..], &["--arch", "s390x"]].concat());
    assert!(run.succeeds().contains("the filter is read as on one of s390x"), "{run:?}");
    let run = callgate(&[&args[..], &["--arch", "s390x", "--json"]].concat());
    assert!(run.succeeds().contains(r#""machine":"s390x""#), "{run:?}");
    let run = callgate(&[&args[..], &["--arch", "x86_64", "--json"]].concat());
    assert!(run.succeeds().contains(r#""machine":null"#), "{run:?}");
}

/// Proved, with whatever callers leave in the half of a register that the kernel does not read.
#[test]
fn the_rule_for_a_container_profile_means_what_the_line_means() {
    let folder = Folder::new();
    for (arch, arches, call) in [
        // libseccomp makes more of a socket where there is socketcall(2).
        ("x86_64", &["x86_64"][..], &["socket", "AF_VSOCK,SOCK_STREAM,0"][..]),
        ("x86_64", &["x86_64", "x86"], &["ioctl", "0,TIOCSTI,0"]),
        ("x86_64", &["x86_64", "x86"], &["ioctl", "0,0x80000001,0"]),
        ("x86", &["x86_64", "x86"], &["prlimit64", "0,7,0,4096"]),
        ("x86_64", &["x86_64", "x86"], &["prlimit64", "0,7,0,4096"]),
        ("x86_64", &["x86_64", "x86"], &["personality", "0x40000"]),
        ("x86", &["x86_64", "x86"], &["personality", "8"]),
        ("x86_64", &["x86_64"], &["prctl", "PR_SET_NAME,0,0,0,0"]),
        ("x86_64", &["x86_64", "x86"], &["kill", "1,9"]),
        ("x86_64", &["x86_64", "x86"], &["clone", "0x10000000,0,0,0,0"]),
    ] {
        let header = format!(
            "policy 1\narch {}\nforeign kill-thread\ndefault errno EPERM\n",
            arches.join(", ")
        );
        let policy = folder.file("p.gate", &header);
        let words = [&["explain", "--json", "--arch", arch, "--policy", &policy], call].concat();
        let run = callgate(&words);
        let json: serde_json::Value = serde_json::from_str(run.succeeds()).unwrap();
        let changes = json["changes"].as_array().unwrap();
        let exact = changes.iter().find(|change| change["kind"] == "exact").unwrap();
        let (line, rule) = (exact["line"].as_str().unwrap(), &exact["profile_rule"]);
        let rule = rule.as_str().unwrap();
        let gate = folder.file("line.gate", format!("{header}{line}\n"));
        let arches = arches.iter().map(|arch| format!("\"SCMP_ARCH_{}\"", arch.to_uppercase()));
        let arches = arches.collect::<Vec<_>>().join(", ");
        let profile = folder.file(
            "rule.json",
            format!(
                "{{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [{arches}], \
                 \"syscalls\": [{rule}]}}"
            ),
        );
        let run = callgate(&["prove", &gate, &profile, "--as", "crun"]);
        assert_eq!(run.code, Some(0), "{line}\n{rule}\n{}", run.text());
    }
}

/// In a profile a rule for all of a call takes the place of those for some arguments.
#[test]
fn the_rule_for_no_such_call_takes_no_other_rule_of_a_profile_away() {
    let folder = Folder::new();
    for (default, operator, action) in [("KILL", "NE", "ALLOW"), ("ALLOW", "EQ", "KILL")] {
        let profile = |rules: &str| {
            format!(
                r#"{{"defaultAction": "SCMP_ACT_{default}", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{rules}]}}"#
            )
        };
        let rule = format!(
            r#"{{"names": ["prctl"], "action": "SCMP_ACT_{action}", "args": [{{"index": 0, "value": 15, "op": "SCMP_CMP_{operator}"}}]}}"#
        );
        let file = folder.file("p.json", profile(&rule));
        let run = callgate(&["explain", "-q", "--json", "--policy", &file, "prctl", "15,0"]);
        let json: serde_json::Value = serde_json::from_str(run.succeeds()).unwrap();
        let change = &json["changes"][0];
        assert_eq!(change["kind"], "enosys", "{json}");
        let enosys = change["profile_rule"].as_str().unwrap();
        let rules = match default {
            "KILL" => format!("{rule}, {enosys}"),
            // Without the call in the rule that refuses it.
            _ => enosys.to_owned(),
        };
        let file = folder.file("q.json", profile(&rules));
        for (option, answer) in [("15", "ERRNO(38)"), ("3", "ALLOW")] {
            let run = callgate(&["sim", "-q", &file, "--syscall", "prctl", "--args", option]);
            assert!(run.succeeds().contains(answer), "{enosys}: {run:?}");
        }
    }
}

#[test]
fn a_container_profile_is_told_what_has_to_go_and_no_lines_that_it_cannot_have() {
    let folder = Folder::new();
    let rules = r#"{"names": ["getppid", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}"#;
    let profile = folder.file("p.json", deny_list(rules));
    let run = callgate(&["explain", "-q", "--json", "--policy", &profile, "getppid"]);
    let json: serde_json::Value = serde_json::from_str(run.succeeds()).unwrap();
    let [change] = &json["changes"].as_array().unwrap()[..] else { panic!("{json}") };
    let place = change["before"].as_str().unwrap();
    assert_eq!(change["replaces"], serde_json::json!(["getppid"]));
    let gone = serde_json::json!([{ "place": place, "calls": ["getppid"], "whole": null }]);
    assert_eq!(change["removes"], gone);
    let nowhere = r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": []}"#;
    let profile = folder.file("q.json", nowhere);
    let run = callgate(&["explain", "-q", "--policy", &profile, "999"]);
    let said = "allow nr 999\n            no container profile can say it\n";
    assert!(run.succeeds().contains(said), "{run:?}");
}
