//! Files that were handed to a command that wants another, and words as people write them.

use crate::harness::{Folder, callgate};

const UNIT: &str = "[Service]\nSystemCallFilter=@system-service\n";
const AGENT: &str = r#"{"rules": [{"names": ["mount"], "answer": {"errno": "EPERM"}}]}"#;
const AUDIT: &str =
    "type=SECCOMP msg=audit(1700000000.1:1): arch=c000003e syscall=41 code=0x50000\n";
const PROFILE: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    {"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}"#;

#[test]
fn the_wrong_file_is_recognised_and_named() {
    let folder = Folder::new();
    let unit = folder.file("u.service", UNIT);
    let agent = folder.file("agent.json", AGENT);
    let audit = folder.file("audit.log", AUDIT);
    let profile = folder.file("p.json", PROFILE);
    let pod = folder.file("pod.yaml", "apiVersion: v1\nkind: Pod\nspec: {}\n");
    let program = folder.at("f.bpf");
    callgate(&["compile", &profile, "-o", &program]).succeeds();
    callgate(&["test", &unit]).fails(2, &["is a systemd unit", "callgate show"]);
    callgate(&["fmt", "--check", &profile]).fails(2, &["is an OCI profile", "callgate show"]);
    callgate(&["fmt", &program]).fails(2, &["is a filter program (raw instructions)"]);
    callgate(&["test", &program]).fails(2, &["is a filter program"]);
    callgate(&["asm", &unit]).fails(2, &["is a systemd unit", "callgate compile"]);
    callgate(&["asm", &program]).fails(2, &["is a filter program", "callgate disasm"]);
    for policy in [&unit, &profile, &program] {
        callgate(&["agent", "--policy", policy, "--check"]).fails(2, &["the policy of an agent"]);
        let weights = callgate(&["compile", "container", "--weights", policy, "-o", "/dev/null"]);
        weights.fails(2, &["how often each is called"]);
    }
    callgate(&["compile", &agent]).fails(2, &["is the policy of an agent", "callgate agent"]);
    callgate(&["run", "--profile", &audit, "--", "true"]).fails(2, &["callgate explain"]);
    callgate(&["show", &audit]).fails(2, &["is a log of refused calls"]);
    // One that is longer than any filter is no less a log.
    let long = folder.file("long.log", AUDIT.repeat(9 * 1024 * 1024 / AUDIT.len()));
    for command in ["lint", "check", "compile", "fmt"] {
        callgate(&[command, &long]).fails(2, &["is a log of refused calls", "callgate explain"]);
    }
    let diary = folder.file("diary", "dear diary, ".repeat(1024 * 1024));
    callgate(&["lint", &diary]).fails(2, &["longer than 8388608 bytes"]);
    callgate(&["lint", &pod]).fails(2, &["is a Pod of Kubernetes", "localhostProfile"]);
    let nothing = callgate(&["explain", &unit]);
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    nothing.says(&["is a systemd unit", "--policy"]);
    // A mistake in what is wanted is still told by its place.
    let gate = folder.file("x.gate", "policy 1\narch x86_64\ndefault kill\nalow read\n");
    callgate(&["fmt", &gate]).fails(2, &["x.gate:4:1"]);
}

#[test]
fn names_that_are_near_or_of_others_are_understood() {
    callgate(&["compile", "contaner"])
        .fails(2, &["did you mean the embedded profile `container`?"]);
    callgate(&["compile", "nothing-like-it"]).fails(2, &["cannot read nothing-like-it"]);
    for (word, name) in [("amd64", "x86_64"), ("arm64", "aarch64"), ("i386", "x86")] {
        let of = |arch| callgate(&["sim", "container", "--arch", arch, "--syscall", "read"]);
        assert_eq!(of(word).succeeds(), of(name).succeeds());
    }
}

#[test]
fn arguments_are_read_as_c_and_strace_write_them() {
    let folder = Folder::new();
    let text = "policy 1\narch x86_64\ndefault allow\nerrno EPERM chmod where mode any 0o2000\n";
    let policy = folder.file("p.gate", text);
    let sim = |mode: &str| {
        let args = format!("0,{mode}");
        callgate(&["sim", &policy, "--arch", "x86_64", "--syscall", "chmod", "--args", &args])
    };
    assert!(sim("02755").succeeds().contains("ERRNO(1)"));
    assert!(sim("0o2000").succeeds().contains("ERRNO(1)"));
    assert!(sim("0x400").succeeds().contains("ERRNO(1)"));
    assert!(sim("0755").succeeds().contains("ALLOW"));
    sim("0789").fails(2, &["argument 2"]);
}

#[test]
fn rules_without_effect_are_told() {
    let folder = Folder::new();
    let text = "2\nallowlist\n[all]\nread\nmkdir errno 1\nmkdir allow\nsocket allow [0,1,==]\nsocket errno 1\n";
    let list = folder.file("l", text);
    let said = callgate(&["compile", &list, "--arch", "x86_64", "-o", "/dev/null"]);
    said.succeeds();
    said.says(&["l:6:1", "l:7:1", "this rule has no effect", "this one decides"]);
    assert_eq!(said.stderr.matches("this rule has no effect").count(), 2, "{}", said.stderr);
    let refused = folder.file("m", "2\nallowlist\n[all]\nread\nchmod kill\n");
    let compiled = callgate(&["compile", &refused, "--arch", "x86_64", "-o", "/dev/null"]);
    compiled.fails(2, &["m:5:1", "libseccomp refuses this rule"]);
}

#[test]
fn places_are_those_of_the_filter_that_decides() {
    let folder = Folder::new();
    let unit = "[Service]\nSystemCallArchitectures=native\nRestrictAddressFamilies=AF_INET\n\
                SystemCallFilter=@system-service\nLockPersonality=yes\n";
    let unit = folder.file("u.service", unit);
    let by = |syscall: &str, args: &str| {
        let run =
            callgate(&["sim", &unit, "--arch", "x86_64", "--syscall", syscall, "--args", args]);
        run.succeeds().lines().find(|line| line.starts_with("by")).unwrap_or_default().to_owned()
    };
    assert!(by("mount", "0").contains("u.service:4:"), "{}", by("mount", "0"));
    assert!(by("socket", "1").contains("u.service:3:"), "{}", by("socket", "1"));
    assert!(by("personality", "8").contains("u.service:5:"));
    assert!(by("read", "0").contains("u.service:4:"));
    let snapd = folder.file("s", "read\nwrite\nsocket AF_UNIX\n~socket AF_INET\n");
    let by = callgate(&["sim", &snapd, "--arch", "x86_64", "--syscall", "socket", "--args", "9"]);
    assert!(by.succeeds().contains("by      the default action"), "{}", by.text());
    let lint = callgate(&["lint", &snapd]);
    assert!(!lint.text().contains("L0305"), "{}", lint.text());
}

#[test]
fn what_is_read_for_another_machine_says_so() {
    let folder = Folder::new();
    let profile = folder.file("p.json", PROFILE);
    // Also where nothing is to be said of the profile: the answer is another one on this machine.
    for quiet in [&[][..], &["--quiet"]] {
        let args = ["sim", &profile, "--arch", "s390x", "--syscall", "read"];
        let sim = callgate(&[&args, quiet].concat());
        // With the answer, where nobody misses it.
        let text = sim.succeeds();
        assert!(text.contains("ALLOW") && text.contains("machine as on one of s390x"), "{text}");
        assert!(text.contains("p.json is not for s390x on this machine"), "{text}");
        assert!(text.contains("where its calls get KILL_THREAD"), "{text}");
        let calls = folder.file("calls", "read\n");
        let args = ["sim", &profile, "--arch", "s390x", "--calls", &calls];
        let list = callgate(&[&args, quiet].concat());
        assert!(list.succeeds().trim_end().ends_with(", as on a machine of s390x"), "{list:?}");
    }
}

#[test]
fn check_says_what_the_language_warns_of() {
    let folder = Folder::new();
    let text = "policy 1\narch x86_64\nbaseline linux 4.0 else ENOSYS\ndefault kill\nallow { read, exit_group, statx }\n";
    let plain = folder.file("plain.gate", text);
    let compiled = callgate(&["compile", &plain, "-o", "/dev/null"]);
    let checked = callgate(&["check", &plain]);
    compiled.succeeds();
    checked.succeeds();
    assert!(compiled.stderr.contains("warning[E0342]"), "{}", compiled.stderr);
    assert_eq!(compiled.stderr, checked.stderr);
}

#[test]
fn warnings_are_json_where_errors_are() {
    let folder = Folder::new();
    let text = PROFILE.replace("defaultAction", "default_action");
    let profile = folder.file("p.json", &text);
    let run = callgate(&["--error-format", "json", "compile", &profile, "-o", "/dev/null"]);
    run.succeeds();
    let lines: Vec<serde_json::Value> =
        run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warning = lines.iter().find(|line| line["code"] == "E0233").unwrap();
    assert_eq!(warning["severity"], "warning");
    assert_eq!(warning["labels"][0]["line"], 1);
    let list = folder.file("l", "2\nallowlist\n[all]\nmkdir errno 1\nmkdir allow\n");
    let run = callgate(&["--error-format", "json", "compile", &list, "-o", "/dev/null"]);
    run.succeeds();
    for line in run.stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["severity"].is_string(), "{line}");
    }
    run.says(&["no effect"]);
}

#[test]
fn a_profile_is_held_against_the_limits_of_an_artifact() {
    let folder = Folder::new();
    let profile = folder.file("p.json", PROFILE);
    let within = callgate(&["check", "--kep", &profile]);
    assert!(within.succeeds().contains("within the limits of KEP-6061"));
    let notify = folder.file("n.json", PROFILE.replace("SCMP_ACT_ALLOW", "SCMP_ACT_NOTIFY"));
    let beyond = callgate(&["check", "--kep", &notify]);
    assert_eq!(beyond.code, Some(1), "{beyond:?}");
    assert!(beyond.text().contains("error[E0243]") && beyond.text().contains("n.json:2:"));
    let gate = folder.file("x.gate", "policy 1\ndefault kill\nallow read\n");
    callgate(&["check", "--kep", &gate]).fails(2, &["callgate convert", "--to oci"]);
}

#[test]
fn profiles_below_are_files() {
    let folder = Folder::new();
    let own = "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\n\
               metadata:\n  name: own\nspec:\n  baseProfileName: runc-v1\n\
               \x20 defaultAction: SCMP_ACT_ERRNO\n  syscalls:\n  - action: SCMP_ACT_ALLOW\n    names: [mkdir]\n";
    let base = "kind: SeccompProfile\nmetadata:\n  name: runc-v1\nspec:\n  defaultAction: SCMP_ACT_LOG\n\
                \x20 syscalls:\n  - action: SCMP_ACT_ALLOW\n    names: [read, exit_group]\n";
    let profile = folder.file("own.yaml", own);
    let missing = callgate(&["compile", &profile, "-o", "/dev/null"]);
    missing.fails(2, &["own.yaml:6:20", "runc-v1.yaml", "--base DIR"]);
    let verdicts = |args: &[&str]| {
        ["read", "mkdir", "mount"].map(|syscall| {
            let sim = [&["sim", &profile, "--arch", "x86_64", "--syscall", syscall], args].concat();
            callgate(&sim).succeeds().lines().next().unwrap_or_default().to_owned()
        })
    };
    let expected = ["action  ALLOW", "action  ALLOW", "action  ERRNO(1)"];
    // By the name of the resource, in any file beside it; and by the name of the file.
    let beside = folder.file("z-base.yaml", base);
    assert_eq!(verdicts(&[]), expected);
    std::fs::remove_file(beside).unwrap();
    let elsewhere = folder.at("bases");
    std::fs::create_dir(&elsewhere).unwrap();
    folder.file("bases/runc-v1.yaml", base.replace("name: runc-v1", "name: x"));
    assert_eq!(verdicts(&["--base", &elsewhere]), expected);
    // A profile that builds on itself ends.
    folder.file("runc-v1.yaml", own);
    callgate(&["compile", &profile, "-o", "/dev/null"]).fails(2, &["build on each other"]);
}

#[test]
fn a_listing_says_where_program_and_policy_disagree() {
    let folder = Folder::new();
    let profile = folder.file("p.json", PROFILE);
    let program = folder.at("f.bpf");
    callgate(&["compile", &profile, "-o", &program]).succeeds();
    let same = callgate(&["disasm", &program, "--policy", &profile]);
    same.succeeds();
    assert!(!same.stderr.contains("the program returns"), "{}", same.stderr);
    let other = PROFILE.replace("\"read\"", "\"read\", \"write\"");
    let other = folder.file("q.json", other);
    let differ = callgate(&["disasm", &program, "--policy", &other]);
    differ.succeeds();
    differ.says(&[
        "write(0, 0, 0) on x86_64: the policy says ALLOW (",
        "q.json:2:",
        "the program returns EPERM at instruction",
    ]);
}
