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

/// Operators' examples build on profiles that allow nothing.
#[test]
fn a_profile_that_allows_nothing_is_read_by_every_command_and_written_in_every_form() {
    let folder = Folder::new();
    let spo = "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\n\
               spec:\n  defaultAction: SCMP_ACT_ERRNO\n";
    let spo = folder.file("none.yaml", spo);
    let json = folder.file("none.json", "{\"defaultAction\": \"SCMP_ACT_ERRNO\"}");
    for file in [&spo, &json] {
        let gate = callgate(&["convert", file, "--to", "gate", "--arch", "x86_64"]);
        assert!(gate.succeeds().contains("default errno EPERM"));
        assert!(callgate(&["show", file]).succeeds().contains("default errno EPERM"));
        callgate(&["diff", file, &json]).succeeds();
        callgate(&["compile", file, "--format", "asm"]).succeeds();
        let found = callgate(&["lint", file]);
        assert!(found.text().contains("L0517"), "{found:?}");
        callgate(&["run", "--profile", file, "--", "true"]).fails(126, &["execve"]);
    }
    for form in ["docker", "oci", "spo", "kafel", "seccompiler", "lxc", "pfc", "libseccomp", "rust"]
    {
        let written = callgate(&["convert", &json, "--to", form, "--arch", "x86_64"]);
        let back = folder.file(&format!("back-{form}"), written.succeeds());
        let subset = callgate(&["subset", &back, &json, "--arch", "x86_64"]);
        subset.succeeds();
    }
}

#[test]
fn source_code_that_was_written_is_read_and_other_code_is_named() {
    let folder = Folder::new();
    let file = folder.file("a.json", PROFILE);
    for form in ["libseccomp", "rust"] {
        let arch = ["--arch", "x86_64", "--arch", "x86"];
        let written = callgate(&[&["convert", &file, "--to", form][..], &arch].concat());
        let code = folder.file(&format!("code-{form}"), written.succeeds());
        let gate = callgate(&["convert", &code, "--to", "gate"]);
        let gate = folder.file(&format!("{form}.gate"), gate.succeeds());
        callgate(&["prove", &code, &gate]).succeeds();
        let other = written.text().replace("clone3", "ptrace").replace("CLONE3", "PTRACE");
        let other = folder.file("other", other);
        assert_eq!(callgate(&["prove", &other, &gate]).code, Some(1));
        let changed = written.text().replace(".build()", ".build().map(x)");
        let changed = folder.file("changed", changed.replace("(rc = ", "(rc = 0 * "));
        let sentence = "of which only what `callgate convert` wrote is read";
        callgate(&["show", &changed]).fails(2, &[sentence]);
    }
    let c = "#include <seccomp.h>\nint main(void) { return seccomp_load(seccomp_init(SCMP_ACT_KILL)); }\n";
    callgate(&["lint", &folder.file("f.c", c)])
        .fails(2, &["is C that calls libseccomp", "pid:PID"]);
}

/// A profile whose rules depend on what engines know.
fn of_engine(rules: &str) -> String {
    format!(
        r#"{{ "defaultAction": "SCMP_ACT_ERRNO",
             "archMap": [{{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}}],
             "syscalls": [{{"names": ["read", "write", "futex_waitv"], "action": "SCMP_ACT_ALLOW"}}, {rules}] }}"#
    )
}

#[test]
fn a_profile_of_an_engine_is_one_text_for_all_circumstances() {
    let folder = Folder::new();
    let rules = r#"
        {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errno": "ENOSYS", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
        {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64"]}}"#;
    let profile = folder.file("p.json", of_engine(rules));
    let shown = callgate(&["show", &profile]);
    for line in [
        "machine x86_64 + x86",
        "on cap CAP_BPF { allow bpf }",
        "on not cap CAP_SYS_ADMIN { enosys clone3 }",
        "on kernel >= 4.8 { allow ptrace }",
        "on machine x86_64 { allow arch_prctl }",
    ] {
        assert!(shown.succeeds().lines().any(|own| own == line), "{line}: {shown:?}");
    }
    let gate = folder.at("p.gate");
    callgate(&["convert", &profile, "--to", "gate", "-o", &gate]).succeeds();
    assert_eq!(std::fs::read_to_string(&gate).unwrap(), shown.succeeds());
    callgate(&["fmt", "--check", &gate]).succeeds();
    for caps in ["", "BPF", "SYS_ADMIN", "ALL"] {
        for kernel in ["4.7", "4.8", "6.12"] {
            let how = ["--caps", caps, "--kernel", kernel];
            let equal = callgate(&[&["prove", &profile, &gate], &how[..]].concat());
            assert!(equal.succeeds().starts_with("equal"), "{caps} {kernel}: {equal:?}");
        }
    }
    // Where the circumstances are given, they are not asked for.
    let here = callgate(&["show", &profile, "--caps", "BPF"]);
    assert!(!here.succeeds().contains("on cap"), "{here:?}");
}

/// What a profile asks for beside its rules goes along to where there are words for it.
#[test]
fn what_a_profile_asks_for_goes_along_or_is_named() {
    let folder = Folder::new();
    let beside = r#""flags": ["SECCOMP_FILTER_FLAG_LOG"], "listenerPath": "/run/a\"b.sock", "listenerMetadata": "m\\n","#;
    let rules = r#""syscalls": [{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"},
        {"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_BPF"]}}]}"#;
    let docker = format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", {beside} {rules}"#);
    // One that depends on capabilities, and what it means with some.
    for how in [&[][..], &["--caps", "CAP_BPF"]] {
        let mut file = folder.file("p.json", &docker);
        for to in ["gate", "docker", "gate", "oci", "gate"] {
            let next = folder.at(&format!("next.{to}"));
            let run = callgate(&[&["convert", &file, "--to", to, "-o", &next][..], how].concat());
            assert_eq!(run.code, Some(0), "{run:?}");
            assert!(!run.stderr.contains("left out"), "{run:?}");
            let text = std::fs::read_to_string(&next).unwrap();
            let words = match to {
                "gate" => [
                    "load-flags SECCOMP_FILTER_FLAG_LOG\n",
                    "listener \"/run/a\\\"b.sock\" with \"m\\\\n\"\n",
                ],
                _ => [
                    "\"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"],\n",
                    "\"listenerPath\": \"/run/a\\\"b.sock\",\n  \"listenerMetadata\": \"m\\\\n\",\n",
                ],
            };
            for words in words {
                assert!(text.contains(words), "{words} in {text}");
            }
            file = next;
        }
        let shown = callgate(&[&["show", &file][..], how].concat());
        assert!(shown.text().contains("listener \"/run/a"), "{shown:?}");
    }
    let file = folder.file("p.json", docker.replace("NOTIFY", "KILL_PROCESS"));
    let run = callgate(&["convert", &file, "--to", "libseccomp", "-o", &folder.at("c")]);
    run.says(&["left out", "SECCOMP_FILTER_FLAG_LOG, the listener \"/run/a\\\"b.sock\""]);
}

/// What is wrong with a resource is shown as it is written there.
#[test]
fn mistakes_of_a_resource_are_shown_in_its_yaml() {
    let folder = Folder::new();
    let resource = |rule: &str| {
        let text = format!(
            "apiVersion: security-profiles-operator.x-k8s.io/v1beta1\nkind: SeccompProfile\nmetadata:\n  name: x\n\
             spec:\n  defaultAction: SCMP_ACT_ERRNO\n  syscalls:\n  - {rule}\n"
        );
        folder.file("p.yaml", text)
    };
    let wrong = resource("action: SCMP_ACT_ALOW\n    names: [read]");
    callgate(&["compile", &wrong]).fails(2, &["p.yaml:8:13", "- action: SCMP_ACT_ALOW", "^^^^"]);
    let unknown = resource("action: SCMP_ACT_ALLOW\n    names: [read,\n      wirte]");
    let linted = callgate(&["lint", &unknown]);
    let text = String::from_utf8_lossy(&linted.stdout);
    for part in ["p.yaml:10:7", "wirte]", "|       ^^^^^"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Blocks of a policy are kept by the forms that have words for them; the others say that they are not.
#[test]
fn a_policy_that_depends_on_circumstances_is_written_with_them() {
    let folder = Folder::new();
    let gate = folder.file(
        "p.gate",
        "policy 1\ndefault errno EPERM\nallow { read, write, exit_group }\n\
         on cap CAP_BPF, CAP_SYS_ADMIN { allow bpf }\non kernel >= 5.8 and not cap CAP_SYS_PTRACE { trap ptrace }\n\
         on machine x86_64 { allow arch_prctl }\n",
    );
    let json = folder.at("p.json");
    callgate(&["convert", &gate, "--to", "docker", "-o", &json]).succeeds();
    for caps in ["", "BPF", "SYS_ADMIN", "SYS_PTRACE", "ALL"] {
        for kernel in ["5.7", "5.8"] {
            let how = ["--caps", caps, "--kernel", kernel];
            let proved = callgate(&[&["subset", &json, &gate], &how[..]].concat());
            proved.succeeds();
            callgate(&[&["subset", &gate, &json], &how[..]].concat()).succeeds();
        }
    }
    for command in [&["show", &gate][..], &["convert", &gate, "--to", "gate"], &["show", &json]] {
        let shown = callgate(command);
        for line in [
            "on cap CAP_SYS_ADMIN, CAP_BPF { allow bpf }",
            "on kernel >= 5.8 and not cap CAP_SYS_PTRACE { trap ptrace }",
        ] {
            assert!(shown.succeeds().lines().any(|own| own == line), "{line}: {shown:?}");
        }
    }
    let note = "depends on the machine, the kernel or capabilities, and what is written does not";
    let oci = callgate(&["convert", &gate, "--to", "oci"]);
    oci.succeeds();
    oci.says(&[note, "`--to docker`"]);
    let given = callgate(&["convert", &gate, "--to", "oci", "--caps", "BPF", "--kernel", "6.1"]);
    given.succeeds();
    assert!(!given.stderr.contains(note), "{given:?}");
}

#[test]
fn rules_that_contradict_each_other_somewhere_have_no_text_for_everywhere() {
    let folder = Folder::new();
    let rule = |action: &str, cap: &str| {
        let args = r#"[{"index": 0, "value": 5, "op": "SCMP_CMP_EQ"}]"#;
        format!(
            r#"{{"names": ["bpf"], "action": "{action}", "args": {args}, "includes": {{"caps": ["{cap}"]}}}}"#
        )
    };
    let rules =
        [rule("SCMP_ACT_ALLOW", "CAP_BPF"), rule("SCMP_ACT_LOG", "CAP_SYS_ADMIN")].join(",");
    let profile = folder.file("p.json", of_engine(&rules));
    let convert = ["convert", &profile, "--to", "gate"];
    let told = ["with CAP_SYS_ADMIN,CAP_BPF", "contradicts", "with --caps, --kernel or --arch"];
    callgate(&convert).fails(2, &told);
    callgate(&[&convert[..], &["--caps", "BPF"]].concat()).succeeds();
    let shown = callgate(&["show", &profile]);
    assert!(shown.succeeds().contains("default errno EPERM"), "{shown:?}");
    shown.says(&["this is what it means here"]);
}
