//! `callgate convert`, and the algebra that writes profiles.

use crate::harness::{Folder, callgate};

/// A profile as engines come with it: ranges, masks, an errno of its own.
const PROFILE: &str = r#"{
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrnoRet": 1,
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
  "syscalls": [
    {"names": ["read", "write", "socketcall", "exit_group"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_LT"}]},
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 39, "op": "SCMP_CMP_EQ"}]},
    {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]},
    {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}]},
    {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}
  ]
}"#;

/// The rules of a profile, without what stands around them.
fn rules(text: &str) -> serde_json::Value {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    value["syscalls"].clone()
}

#[test]
fn a_profile_that_meets_itself_is_the_same_profile() {
    let folder = Folder::new();
    let file = folder.file("a.json", PROFILE);
    let arch = ["--arch", "x86_64", "--arch", "x86"];
    let same = callgate(&[&["convert", &file, "--to", "docker"][..], &arch].concat());
    let rules_of = rules(same.succeeds());
    assert_eq!(rules_of.as_array().unwrap().len(), 6);
    for command in ["intersect", "union"] {
        for format in ["docker", "profile"] {
            let args = [command, &file, &file, "--format", format];
            let met = callgate(&[&args[..], &arch].concat());
            assert_eq!(rules(met.succeeds()), rules_of, "{command}");
        }
    }
}

#[test]
fn an_intersection_has_the_words_of_both() {
    let folder = Folder::new();
    let wide = folder.file("wide.json", PROFILE);
    let narrow = folder.file(
        "narrow.json",
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [
              {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]},
              {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]}"#,
    );
    let both = callgate(&["intersect", &wide, &narrow, "--format", "docker", "--arch", "x86_64"]);
    let found = rules(both.succeeds());
    let socket = found.as_array().unwrap().iter().find(|rule| rule["names"][0] == "socket");
    assert_eq!(
        socket.unwrap()["args"],
        serde_json::json!([{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]),
        "not killed, as by tools that compare conditions as text"
    );
    let file = folder.file("both.json", both.text());
    for either in [&wide, &narrow] {
        callgate(&["subset", &file, either, "--arch", "x86_64"]).succeeds();
    }
}

#[test]
fn forms_lead_to_each_other_and_say_what_they_lack() {
    let folder = Folder::new();
    let file = folder.file("a.json", PROFILE);
    let gate = folder.at("a.gate");
    callgate(&["convert", &file, "--to", "gate", "-o", &gate, "--arch", "x86_64"]).succeeds();
    let back = callgate(&["convert", &gate, "--to", "oci"]);
    let oci = folder.file("b.json", back.succeeds());
    // The language and runtimes tell apart what is newer in different ways; both refuse it.
    for [one, other] in [[&gate, &oci], [&oci, &gate], [&file, &oci], [&oci, &file]] {
        callgate(&["subset", one, other, "--arch", "x86_64"]).succeeds();
    }
    let killing = "policy 1\narch x86_64\nforeign allow\ndefault errno EPERM\nallow read\n";
    let killing = folder.file("open.gate", killing);
    callgate(&["convert", &killing, "--to", "docker"])
        .fails(2, &["foreign", "ALLOW", "KILL_THREAD"]);
    callgate(&["convert", &file, "--to", "punchcards"]).fails(2, &["punchcards", "docker"]);
}

#[test]
fn a_form_of_policies_is_not_taken_for_one_of_programs() {
    let folder = Folder::new();
    let profile = folder.file("p", "seccomp.drop mount\n");
    let shown = callgate(&["show", "--from", "firejail", &profile, "--arch", "x86_64"]);
    assert!(shown.succeeds().contains("mount"), "{shown:?}");
    // What is written without a value for a mask is read back without a remark.
    let gate = "policy 1\narch x86_64\nforeign kill\ndefault errno EPERM\nallow fcntl where low32(cmd) == 0\n";
    let gate = folder.file("m.gate", gate);
    let written = callgate(&["convert", &gate, "--to", "docker"]).succeeds().to_owned();
    assert!(written.contains("\"valueTwo\": 0"), "{written}");
    let read = callgate(&["check", &folder.file("m.json", written)]);
    assert!(!read.text().contains("valueTwo"), "{read:?}");
}
