//! `callgate prove`, `diff`, `subset`, `intersect` and `union`.

use crate::harness::{Folder, Run, callgate, deny, deny_list};

const VSOCK_REFUSED: &str = r#"{"names": ["socket"], "action": "SCMP_ACT_ERRNO",
    "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]},"#;

/// Two deny lists: both refuse `mount`, only the first one vsock sockets, only the second one `bpf`.
fn pair(folder: &Folder) -> [String; 2] {
    let a = deny_list(&(deny("mount", 1) + VSOCK_REFUSED));
    let b = deny_list(&(deny("mount", 1) + &deny("bpf", 13)));
    [folder.file("a.json", a), folder.file("b.json", b)]
}

fn on_x86_64(command: &str, a: &str, b: &str, more: &[&str]) -> Run {
    let mut args = vec![command, a, b, "--arch", "x86_64"];
    args.extend(more);
    callgate(&args)
}

#[test]
fn equal_filters_are_proved_equal() {
    let folder = Folder::new();
    let [a, _] = pair(&folder);
    let program = folder.at("a.bpf");
    callgate(&["compile", &a, "--arch", "x86_64", "-o", &program]).succeeds();
    assert!(on_x86_64("prove", &a, &program, &[]).succeeds().starts_with("equal"));
    assert_eq!(on_x86_64("diff", &a, &program, &[]).succeeds(), "no difference\n");
    assert!(on_x86_64("subset", &a, &program, &[]).succeeds().starts_with("subset"));
}

#[test]
fn different_filters_come_with_calls() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let run = on_x86_64("prove", &a, &b, &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.text().starts_with("different\n"));
    assert!(run.text().contains("socket(AF_VSOCK"), "{}", run.text());
    assert!(run.text().contains("EPERM in A, ALLOW in B"));
    assert!(run.text().contains("ALLOW in A, EACCES in B"));
}

#[test]
fn what_a_single_bit_changes_is_found() {
    let folder = Folder::new();
    let [narrow, wide] = ["0xfe", "0xff"].map(|mask| {
        let text =
            format!("ld [args[5].hi]\n and #{mask}\n jeq #2, no\n ret ALLOW\nno: ret ERRNO(1)\n");
        folder.file(mask, text)
    });
    let run = callgate(&["prove", &narrow, &wide]);
    assert_eq!(run.code, Some(1));
    assert!(run.text().contains("0x300000000"), "{}", run.text());
}

#[test]
fn no_answer_is_not_a_yes() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let run = on_x86_64("prove", &a, &b, &["--tests-max", "3"]);
    run.fails(3, &["undecided", "3"]);
    on_x86_64("diff", &a, &b, &["--tests-max", "3"]).fails(3, &["undecided"]);
    on_x86_64("subset", &a, &b, &["--tests-max", "3"]).fails(3, &["undecided"]);
}

#[test]
fn ignored_data_counts_only_where_asked_for() {
    let folder = Folder::new();
    let [plain, data] = [("plain", "ret ALLOW"), ("data", "ret #0x7fff0001")]
        .map(|(name, text)| folder.file(name, text));
    assert_eq!(callgate(&["prove", &plain, &data]).code, Some(1));
    assert_eq!(callgate(&["prove", &plain, &data, "--count", "exact"]).code, Some(1));
    assert_eq!(callgate(&["prove", &plain, &data, "--count", "effective"]).code, Some(0));
}

#[test]
fn a_diff_reads_like_a_review() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let run = on_x86_64("diff", &a, &b, &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let text = run.text();
    assert!(text.starts_with("1 looser, 1 stricter\n"), "{text}");
    let looser =
        text.find("  socket where full(family) == AF_VSOCK on x86_64: was EPERM, is ALLOW");
    let stricter = text.find("  bpf on x86_64: was ALLOW, is EACCES\n");
    assert!(looser.is_some() && looser < stricter, "{text}");
    assert!(text.contains("e.g. socket(AF_VSOCK, 0, 0) on x86_64"), "{text}");
    // The line of the rule on the side that has one.
    assert!(text.contains(&format!("A: {a}:")) && text.contains(", rule 1 of socket"), "{text}");
    assert!(text.contains(&format!("B: {b}:")) && text.contains(", rule 1 of bpf"), "{text}");
    assert!(!text.contains("mount"), "{text}");
}

#[test]
fn a_diff_comes_as_json_and_markdown() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let json = on_x86_64("diff", &a, &b, &["--format", "json"]);
    assert_eq!(json.code, Some(1));
    let json: serde_json::Value = serde_json::from_str(json.text()).unwrap();
    let bpf = json.as_array().unwrap().iter().find(|c| c["syscalls"][0] == "bpf").unwrap();
    assert_eq!((&bpf["from"], &bpf["to"]), (&"ALLOW".into(), &"EACCES".into()));
    assert_eq!(bpf["looser"], false);
    let markdown = on_x86_64("diff", &a, &b, &["--format", "markdown"]);
    assert!(
        markdown.text().starts_with("**1 looser, 1 stricter**\n\n### looser"),
        "{}",
        markdown.text()
    );
    assert!(markdown.text().contains("| `bpf` |"));
}

#[test]
fn syscalls_that_changed_alike_stand_together() {
    let folder = Folder::new();
    let a = folder.file("a.json", deny_list(""));
    let b = deny_list(&(deny("mount", 1) + &deny("umount2", 1) + &deny("bpf", 1)));
    let b = folder.file("b.json", b);
    let run = on_x86_64("diff", &a, &b, &[]);
    assert!(run.text().contains("  bpf, mount, umount2 on "), "{}", run.text());
}

#[test]
fn subsets_have_a_direction() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let all = folder.file("all.json", deny_list(""));
    on_x86_64("subset", &a, &all, &[]).succeeds();
    let run = on_x86_64("subset", &all, &a, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.text().starts_with("no subset") && run.text().contains("ALLOW in A"), "{run:?}");
    // A witness for each kind of calls, with its line; not what B permits more.
    let [more, less] = [on_x86_64("subset", &a, &b, &[]), on_x86_64("subset", &b, &a, &[])];
    for kind in ["bpf on x86_64: ALLOW in A, EACCES in B", "e.g. bpf(", "B: ", "rule 1 of bpf"] {
        assert!(more.text().contains(kind), "{kind}: {}", more.text());
        assert!(!less.text().contains("bpf"), "{}", less.text());
    }
    assert!(less.text().contains("AF_VSOCK on x86_64: ALLOW in A, EPERM in B"), "{less:?}");
    let json = on_x86_64("subset", &a, &b, &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(json.text()).unwrap();
    assert_eq!(json["subset"], false);
    assert!(json["calls"].as_array().unwrap().iter().all(|call| call["looser"] == false));
    let yes = on_x86_64("subset", &a, &all, &["--format", "json"]);
    assert!(yes.succeeds().contains("\"subset\": true"), "{yes:?}");
    assert_eq!(on_x86_64("subset", &a, &b, &[]).code, Some(1));
    assert_eq!(on_x86_64("subset", &b, &a, &[]).code, Some(1));
}

#[test]
fn intersections_and_unions_mean_what_they_say() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let [both, either] = ["intersect", "union"].map(|command| {
        let file = folder.at(command);
        assert_eq!(on_x86_64(command, &a, &b, &["-o", &file]).succeeds(), "");
        file
    });
    for filter in [&a, &b] {
        on_x86_64("subset", &both, filter, &[]).succeeds();
        on_x86_64("subset", filter, &either, &[]).succeeds();
    }
    let sim = |filter: &str, call: &[&str]| {
        let run = callgate(&[&["sim", filter, "--arch", "x86_64", "--syscall"], call].concat());
        run.succeeds().lines().next().unwrap().to_owned()
    };
    assert_eq!(sim(&both, &["bpf"]), "action  ERRNO(13)");
    assert_eq!(sim(&both, &["socket", "--args", "40"]), "action  ERRNO(1)");
    assert_eq!(sim(&either, &["bpf"]), "action  ALLOW");
    assert_eq!(sim(&either, &["socket", "--args", "40"]), "action  ALLOW");
    assert_eq!(sim(&either, &["mount"]), "action  ERRNO(1)");
}

#[test]
fn a_result_that_a_profile_can_express_becomes_one() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let profile = on_x86_64("intersect", &a, &b, &["--format", "profile"]);
    let file = folder.file("both.json", profile.succeeds());
    let program = folder.at("both.bpf");
    on_x86_64("intersect", &a, &b, &["-o", &program]).succeeds();
    assert!(on_x86_64("prove", &file, &program, &[]).succeeds().starts_with("equal"));
}

#[test]
fn a_proof_about_one_architecture_says_nothing_of_others() {
    let folder = Folder::new();
    // They differ on i386 alone.
    let [a, b] = [("a", "ALLOW"), ("b", "ERRNO(1)")].map(|(name, action)| {
        let text = format!("ld [arch]\n jeq #0x40000003, i386\n ret ALLOW\ni386: ret {action}\n");
        folder.file(name, text)
    });
    let on = |arch| callgate(&["prove", &a, &b, "--arch", arch]);
    assert!(on("x86_64").succeeds().starts_with("equal  for every call on x86_64"));
    let run = on("x86");
    assert_eq!(run.code, Some(1));
    assert!(run.text().contains("on x86: ALLOW in A, EPERM in B"), "{run:?}");
    assert!(run.text().lines().all(|line| line.chars().count() < 200), "{run:?}");
}
