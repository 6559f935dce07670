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
    assert_eq!(cancelled["labels"][0]["line"], 3);
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

/// What a reader says of a text that has no effect is found as everything else is.
#[test]
fn what_readers_warn_of_is_found() {
    let folder = Folder::new();
    let unit = "[Service]\nSystemCallFilter=~@mount @mout\nSystemCallFiler=@clock\n";
    let unit = folder.file("u.service", unit);
    // The baseline comes before the call, in the language.
    let new = "policy 1\narch x86_64\nbaseline linux 5.10 else enosys\ndefault errno EPERM\nallow { exit, cachestat }\n";
    let new = folder.file("new.gate", new);
    for (file, codes) in [(&unit, &["W0401", "W0402"][..]), (&new, &["E0342"])] {
        for code in codes {
            let run = callgate(&["lint", file, "-q"]);
            assert!(run.succeeds().contains(&format!("warning[{code}]")), "{run:?}");
            assert!(!run.stderr.contains(code), "{run:?}");
            assert_eq!(callgate(&["lint", file, "--deny", code]).code, Some(1));
            assert_eq!(callgate(&["lint", file, "--deny", "warning"]).code, Some(1));
            let without = callgate(&["lint", file, "--allow", code]).text().to_owned();
            assert!(!without.contains(&format!("[{code}]")), "{without}");
            assert!(callgate(&["lint", "--explain", code]).succeeds().contains(code));
            assert!(callgate(&["lint", "--codes"]).succeeds().contains(code));
            let list = callgate(&["lint", file, "--format", "json"]).succeeds().to_owned();
            let list: serde_json::Value = serde_json::from_str(&list).unwrap();
            let list = list.as_array().unwrap();
            let found = list.iter().find(|found| found["code"] == *code).unwrap();
            assert!(found["labels"][0]["line"].as_u64() > Some(1), "{found}");
            let log = callgate(&["lint", file, "--format", "sarif"]).succeeds().to_owned();
            assert!(log.contains(&format!("\"ruleId\": \"{code}\"")), "{log}");
            assert!(log.contains(&format!("\"id\": \"{code}\"")), "{log}");
        }
    }
    // Each place is a finding.
    let twice = "[Service]\nSystemCallFilter=~@mount\nSystemCallFiler=@a\nSystemCallFiler=@b\n";
    let text = callgate(&["lint", &folder.file("t.service", twice)]).succeeds().to_owned();
    assert!(text.contains("t.service:3") && text.contains("t.service:4"), "{text}");
}

/// The rule of the first line allows all but 38, whichever the policy tries first.
#[test]
fn what_cancels_is_told_with_its_own_values() {
    let folder = Folder::new();
    for (first, other) in [("0x26", "0x28"), ("0x28", "0x26")] {
        let rule = |value: &str| {
            let value = u32::from_str_radix(&value[2..], 16).unwrap();
            format!(
                r#"{{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{{"index": 0, "op": "SCMP_CMP_NE", "value": {value}}}]}}"#
            )
        };
        let profile = format!(
            "{{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\"], \"syscalls\": [\n{},\n{}]}}",
            rule(first),
            rule(other)
        );
        let run = callgate(&["lint", &folder.file("p.json", profile)]);
        let text = run.text();
        let of_first = format!("p.json:2:13, allows args[0] != {first} alone");
        assert!(text.contains(&of_first), "{of_first}: {text}");
        let shown = if first == "0x26" { "socket(AF_ALG" } else { "socket(AF_VSOCK" };
        assert!(text.contains(shown) && text.contains("p.json:3:"), "{shown}: {text}");
    }
}

#[test]
fn a_file_that_cannot_be_read_takes_nothing_from_the_others() {
    let folder = Folder::new();
    let file = folder.file("a b#%.gate", CLONE);
    let missing = format!("{file}.not");
    let run = callgate(&["lint", &missing, &file]);
    assert!(run.text().contains("L0401") && run.stderr.contains("cannot read"), "{run:?}");
    assert_eq!(run.code, Some(2));
    let run = callgate(&["lint", &file, &missing, "--format", "json"]);
    assert_eq!(run.code, Some(2));
    let list: serde_json::Value = serde_json::from_str(run.text()).unwrap();
    assert_ne!(list, serde_json::json!([]));
    let run = callgate(&["lint", &file, &missing, "--format", "sarif"]);
    assert_eq!(run.code, Some(2));
    let log: serde_json::Value = serde_json::from_str(run.text()).unwrap();
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let told = invocation["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
    assert!(told.contains("cannot read"), "{told}");
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    let uri = place["artifactLocation"]["uri"].as_str().unwrap();
    assert!(uri.ends_with("/a%20b%23%25.gate"), "{uri}");
    let run = callgate(&["lint", &file, "--format", "sarif"]);
    assert!(run.text().contains("\"executionSuccessful\": true"), "{run:?}");
}

#[test]
fn errors_are_left_out_by_their_codes_alone() {
    let folder = Folder::new();
    let file = folder.file("p.gate", CLONE);
    assert_eq!(callgate(&["lint", &file]).code, Some(1));
    callgate(&["lint", &file, "--allow", "error"]).fails(2, &["codes"]);
    callgate(&["lint", &file, "--allow", "L0401"]).succeeds();
}

/// Sets grow from version to version, so that it matters whose they are.
#[test]
fn units_are_read_with_the_sets_of_a_version_that_is_said() {
    let folder = Folder::new();
    let unit = folder.file("p.service", "[Service]\nSystemCallFilter=@system-service\n");
    callgate(&["lint", &unit]).says(&["sets", "systemd 257", "--systemd"]);
    assert!(!callgate(&["lint", &unit, "--systemd", "252"]).stderr.contains("sets"));
    let plain = folder.file("q.service", "[Service]\nSystemCallFilter=read write\n");
    assert!(!callgate(&["lint", &plain]).stderr.contains("sets"));
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
    // What is passed over is no part of the filter, whatever the file says.
    let unit = folder.file("p.service", "[Service]\nSystemCallFilter=~mount mout\n");
    assert!(!callgate(&["check", &unit]).succeeds().contains("W0401"));
    let run = callgate(&["check", &unit, "--strict"]);
    assert_eq!(run.code, Some(1));
    assert!(run.text().contains("W0401") && run.text().contains("mout"), "{run:?}");
}

/// What is found depends on what the filter is read for.
#[test]
fn check_reads_filters_for_what_is_said() {
    let folder = Folder::new();
    let text = "policy 1\narch x86_64\ndefault errno EPERM\nallow { read, exit_group }\n\
                allow clone where clone_flags none CLONE_NEWUSER\n\
                on cap CAP_SYS_PTRACE { allow clone3 }\non kernel >= 5.9 { allow clone3 }\n";
    let file = folder.file("p.gate", text);
    let check = |more: &[&str]| {
        let all = [&["check", &file, "--arch", "x86_64", "--strict", "--kernel"], more].concat();
        let run = callgate(&all);
        assert_eq!(run.text().contains("error[L0401]"), run.code == Some(1), "{run:?}");
        run.code
    };
    assert_eq!(check(&["5.4"]), Some(0));
    assert_eq!(check(&["5.10"]), Some(1));
    assert_eq!(check(&["5.4", "--caps", "CAP_SYS_PTRACE"]), Some(1));
    assert_eq!(check(&["5.4", "--as", "podman"]), Some(0));
    let unit = folder.file("p.service", "[Service]\nSystemCallFilter=~@mount\n");
    let run = callgate(&["check", &unit, "--strict", "--systemd", "1"]);
    assert_eq!(run.code, Some(2), "{run:?}");
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
