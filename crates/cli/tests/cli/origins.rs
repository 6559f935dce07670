//! Who decided: `callgate sim` tells the line of a profile or policy, or the instruction of a program; and errors show
//! the line that they are about.

use crate::harness::{Folder, callgate};

const PROFILE: &str = r#"// Comments are allowed.
{
  "defaultAction": "SCMP_ACT_ERRNO",
  "syscalls": [
    {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]},
    {"names": ["socket"], "action": "SCMP_ACT_LOG",
     "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]},
  ],
}
"#;

const GATE: &str = "policy 1\narch x86_64\ndefault errno EPERM\nallow { read, exit_group }\n\
                    allow socket where family in {AF_UNIX, AF_INET}\n";

/// The line that says who decided.
fn by(filter: &str, args: &[&str]) -> String {
    let run = callgate(&[&["sim", filter, "--arch", "x86_64", "--kernel", "6.12"], args].concat());
    let line = run.succeeds().lines().find_map(|line| line.strip_prefix("by      "));
    assert!(line.is_some(), "nobody decides: {}", run.text());
    line.unwrap_or_default().to_owned()
}

#[test]
fn a_profile_says_which_of_its_rules_decides() {
    let folder = Folder::new();
    let file = folder.file("p.json", PROFILE);
    let place = |line: &str| format!("{file}:{line}");
    assert_eq!(by(&file, &["--syscall", "read"]), place("5:5 (read)"));
    assert_eq!(by(&file, &["--syscall", "socket", "--args", "2"]), place("6:5 (socket)"));
    assert_eq!(by(&file, &["--syscall", "socket", "--args", "1"]), place("8:5 (socket)"));
    assert_eq!(
        by(&file, &["--syscall", "socket", "--args", "3"]),
        place("3:20, the default action")
    );
    assert_eq!(
        by(&file, &["--as", "kernel", "--syscall", "4000"]),
        "the action for syscalls that are newer than the filter"
    );
    assert!(by("container", &["--syscall", "read"]).starts_with("container.gate:"));
    let foreign = by(&file, &["--syscall", "0x40000000"]);
    assert_eq!(foreign, "the action for architectures that the filter is not for");
}

#[test]
fn a_policy_says_which_of_its_statements_decides() {
    let folder = Folder::new();
    let file = folder.file("a.gate", GATE);
    let place = |line: &str| format!("{file}:{line}");
    assert_eq!(by(&file, &["--syscall", "read"]), place("4:1 (read)"));
    assert_eq!(by(&file, &["--syscall", "socket", "--args", "2"]), place("5:1 (socket)"));
    assert!(by(&file, &["--syscall", "write"]).ends_with("the default action"));
}

#[test]
fn a_program_says_which_of_its_instructions_decides() {
    let folder = Folder::new();
    let file =
        folder.file("f.s", "ld [nr]\njeq #x86_64:mount, deny\nret ALLOW\ndeny: ret ERRNO(EPERM)\n");
    assert_eq!(by(&file, &["--syscall", "mount"]), "instruction 3: ret  ERRNO(1)");
    assert_eq!(by(&file, &["--syscall", "read"]), "instruction 2: ret  ALLOW");
    let profile = folder.file("p.json", PROFILE);
    let stacked = |args: &[&str]| by(&profile, &[args, &["--stack", &file]].concat());
    assert_eq!(stacked(&["--syscall", "mount"]), "instruction 3: ret  ERRNO(1)");
    assert!(stacked(&["--syscall", "socket"]).ends_with("p.json:3:20, the default action"));
    let args = ["sim", &profile, "--arch", "x86_64", "--syscall", "read", "--stack", &file];
    assert!(!callgate(&args).succeeds().contains("by  "), "both allow it");
}

#[test]
fn errors_of_profiles_show_the_line_and_the_mend() {
    let folder = Folder::new();
    let wrong = PROFILE.replace("SCMP_ACT_LOG", "SCMP_ACT_LGO");
    let file = folder.file("p.json", &wrong);
    let run = callgate(&["sim", &file, "--syscall", "read"]);
    run.fails(
        2,
        &[
            "error[E0203]",
            "unknown action \"SCMP_ACT_LGO\": did you mean SCMP_ACT_LOG?",
            &format!("{file}:8:37"),
            "{\"names\": [\"socket\"], \"action\": \"SCMP_ACT_LGO\",",
            "syscalls[2].action",
            "+ ",
            "SCMP_ACT_LOG",
        ],
    );
    let json = callgate(&["sim", &file, "--syscall", "read", "--error-format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!((&json["code"], &json["severity"]), (&"E0203".into(), &"error".into()));
    let label = &json["labels"][0];
    assert_eq!((&label["line"], &label["column"]), (&8.into(), &37.into()));
    assert_eq!(json["helps"][0]["edit"]["replacement"], "\"SCMP_ACT_LOG\"");
}

#[test]
fn a_listing_says_for_which_rules_each_return_is() {
    let folder = Folder::new();
    let file = folder.file("p.json", PROFILE);
    let how = ["--arch", "x86_64", "--kernel", "6.12"];
    let run = callgate(&[&["disasm", &file, "--policy", &file][..], &how].concat());
    let text = run.succeeds();
    let returns = |text: &str, what: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.contains(&format!("ret  {what}")));
        lines.map(str::to_owned).collect()
    };
    let allow = returns(text, "ALLOW");
    assert!(allow.iter().any(|line| line.contains(&format!("{file}:5:5 (read, write)"))), "{text}");
    assert!(allow.iter().any(|line| line.contains(&format!("{file}:6:5 (socket)"))), "{text}");
    let log = returns(text, "LOG");
    assert!(log.iter().all(|line| line.contains(&format!("for {file}:8:5 (socket)"))), "{text}");
    assert!(!log.is_empty(), "{text}");
    // The comments do not change what the text assembles to.
    let again = folder.file("p.asm", text);
    callgate(&["prove", &again, &file, "--arch", "x86_64", "--kernel", "6.12"]).succeeds();
    let run =
        callgate(&[&["disasm", &file, "--policy", &file, "--format", "json"], &how[..]].concat());
    assert!(run.succeeds().contains("\"for\""));
    let run =
        callgate(&[&["disasm", &file, "--policy", &file, "--format", "c"], &how[..]].concat());
    run.fails(2, &["--policy goes with"]);
}

#[test]
fn architectures_that_a_policy_is_not_for_stay_foreign_to_it() {
    let folder = Folder::new();
    let text = "policy 1\narch x86_64\nforeign kill\ndefault errno EPERM\nallow read\n";
    let policy = folder.file("p.gate", text);
    let program = folder.at("p.bpf");
    callgate(&["compile", &policy, "-o", &program]).succeeds();
    for arch in ["x86", "x32", "aarch64"] {
        for filter in [&policy, &program] {
            let run = callgate(&["sim", filter, "--arch", arch, "--syscall", "read"]);
            assert!(run.succeeds().starts_with("action  KILL_"), "{arch}: {}", run.text());
        }
    }
}

#[test]
fn quotes_of_units_are_refused_as_systemd_takes_some_off_and_not_others() {
    let folder = Folder::new();
    for line in ["SystemCallFilter=\"mount\" read", "RestrictAddressFamilies=\"~AF_INET\""] {
        let unit = folder.file("u.service", format!("[Service]\n{line}\n"));
        callgate(&["check", &unit]).fails(2, &["u.service:2:", "quotes"]);
    }
}
