//! `callgate lint`, and what other commands say of a profile's oddities.

use crate::harness::{Folder, callgate};

/// Allows everything but clone with a flag.
const CLONE: &str = "policy 1\narch x86_64\ndefault allow\n\
                     errno EPERM clone where clone_flags any CLONE_NEWUSER\n";

/// Two inequalities that cancel each other, and a name that nobody knows.
const CANCELLED: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_NE", "value": 38}]},
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "op": "SCMP_CMP_NE", "value": 40}]},
    {"names": ["exit_group", "exitt"], "action": "SCMP_ACT_ALLOW"}]}"#;

#[test]
fn findings_have_a_call_a_line_and_a_mend() {
    let folder = Folder::new();
    let file = folder.file("p.gate", CLONE);
    let run = callgate(&["lint", &file]);
    assert_eq!(run.code, Some(1));
    let text = run.text();
    for word in [
        "error[L0401]",
        "p.gate:3",
        "clone3() on x86_64 is ALLOW",
        "CVE-2021-41133",
        "+ enosys clone3",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let mended = folder.file("q.gate", format!("{CLONE}enosys clone3\n"));
    assert!(!callgate(&["lint", &mended]).succeeds().contains("L0401"));
}

#[test]
fn json_and_sarif_hold_the_same_findings() {
    let folder = Folder::new();
    let file = folder.file("p.json", CANCELLED);
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let run = callgate(&["lint", &file, "--format", "json"]);
    assert_eq!(run.code, Some(1));
    let list = parse(run.text());
    let list = list.as_array().unwrap();
    let cancelled = list.iter().find(|finding| finding["code"] == "L0304").unwrap();
    assert_eq!(cancelled["severity"], "error");
    assert_eq!(cancelled["calls"][0]["action"], "ALLOW");
    assert_eq!(cancelled["labels"][0]["line"], 2);
    let run = callgate(&["lint", &file, "--format", "sarif"]);
    assert_eq!(run.code, Some(1));
    let log = parse(run.text());
    assert_eq!(log["version"], "2.1.0");
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), list.len());
    for result in results {
        assert!(
            result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64() > Some(0)
        );
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]));
    }
}

#[test]
fn codes_are_denied_allowed_and_explained() {
    let folder = Folder::new();
    let base = "policy 1\narch x86_64\ndefault errno EPERM\nallow { read, exit }\n";
    let old = folder.file("old.gate", base);
    let new = folder.file("new.gate", format!("{base}allow ptrace\n"));
    callgate(&["lint", &new]).succeeds();
    assert_eq!(callgate(&["lint", &new, "--deny", "L0602"]).code, Some(1));
    callgate(&["lint", &new, "--deny", "note", "--allow", "note"]).succeeds();
    callgate(&["lint", &new, "--deny", "L9999"]).fails(2, &["L9999", "--codes"]);
    let change = callgate(&["lint", &new, "--against", &old]).succeeds().to_owned();
    assert!(change.contains("L0602") && !change.contains("L0513"), "{change}");
    let page = callgate(&["lint", "--explain", "l0401"]);
    assert!(page.succeeds().contains("behind") || page.text().contains("memory"), "{page:?}");
    assert!(callgate(&["lint", "--codes"]).succeeds().lines().count() > 45);
    callgate(&["lint", "--explain", "E0350"]).fails(2, &["E0350"]);
    callgate(&["lint"]).fails(2, &["FILTER"]);
}

#[test]
fn check_fails_for_errors_where_that_is_asked_for() {
    let folder = Folder::new();
    let file = folder.file("p.gate", CLONE);
    assert!(callgate(&["check", &file]).succeeds().contains("L0401"));
    assert_eq!(callgate(&["check", &file, "--strict"]).code, Some(1));
    let blind =
        folder.file("blind.asm", "ld [0]\njeq #59, no\nret #0x7fff0000\nno: ret #0x50001\n");
    let run = callgate(&["check", &blind, "--strict"]);
    assert_eq!(run.code, Some(1));
    assert!(run.text().contains("L0101") && run.text().contains("accepted"), "{run:?}");
    let mended = folder.file("q.gate", format!("{CLONE}enosys clone3\n"));
    assert!(!callgate(&["check", &mended, "--strict"]).succeeds().contains("wrong"));
}

#[test]
fn other_commands_say_what_matters_and_can_be_quiet() {
    let folder = Folder::new();
    let file = folder.file("p.json", CANCELLED);
    let compile = ["compile", &file, "--format", "hex"];
    let run = callgate(&compile);
    run.succeeds();
    run.says(&["exitt"]);
    let quiet = callgate(&[&compile[..], &["-q"]].concat());
    assert_eq!(quiet.stderr, "");
    assert_eq!(quiet.succeeds(), run.text());
    let unit = folder.file("odd.service", "[Service]\nSystemCallFilter=read nosuchcall\n");
    let run = callgate(&["check", &unit]);
    run.succeeds();
    run.says(&["nosuchcall"]);
    let quiet = callgate(&["check", "-q", &unit]);
    assert_eq!(quiet.stderr, "");
    assert_eq!(quiet.succeeds(), run.text());
    // What is exported is read as by those that such files are for, and that is said shortly: what is worst,
    // how much more there is, and what was decided.
    let exported = folder.file("c.json", callgate(&["profiles", "show", "container"]).succeeds());
    let run = callgate(&["compile", &exported, "--format", "hex"]);
    run.succeeds();
    assert!(run.stderr.lines().count() <= 3, "{}", run.stderr);
}
