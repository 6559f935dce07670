//! The language: policies in `*.gate`.

use std::fs;

use crate::harness::{Folder, callgate, callgate_reading};

const UNTIDY: &str = "policy   1\n\n\nallow {read,write}# both\n";
const TIDY: &str = "policy 1\n\nallow { read, write }  # both\n";

#[test]
fn fmt_replaces_files_and_answers_standard_input() {
    let folder = Folder::new();
    let path = folder.file("a.gate", UNTIDY);
    assert_eq!(callgate(&["fmt", &path]).succeeds(), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), TIDY);
    assert_eq!(callgate_reading(&["fmt", "-"], UNTIDY.as_bytes()).succeeds(), TIDY);
    assert_eq!(callgate_reading(&["fmt"], UNTIDY.as_bytes()).succeeds(), TIDY);
}

#[test]
fn fmt_check_names_files_and_changes_nothing() {
    let folder = Folder::new();
    let [untidy, tidy] = [folder.file("a.gate", UNTIDY), folder.file("b.gate", TIDY)];
    let check = callgate(&["fmt", "--check", &untidy, &tidy]);
    assert_eq!((check.code, check.text()), (Some(1), format!("{untidy}\n").as_str()));
    assert_eq!(fs::read_to_string(&untidy).unwrap(), UNTIDY);
    assert_eq!(callgate(&["fmt", "--check", &tidy]).succeeds(), "");
}

#[test]
fn fmt_leaves_what_it_does_not_understand() {
    let folder = Folder::new();
    let wrong = folder.file("a.gate", "policy 1\n  alow  read\n");
    let run = callgate(&["fmt", &wrong]);
    assert_eq!(run.code, Some(2));
    run.says(&["a.gate:2:3", "error[E0300]", "`alow`", "did you mean `allow`?"]);
    assert_eq!(fs::read_to_string(&wrong).unwrap(), "policy 1\n  alow  read\n");
}

const POLICY: &str = "policy 1\narch x86_64\ndefault errno EPERM\nallow { read, exit_group }\n\
                      allow socket where family in {AF_UNIX, AF_INET}\n";

#[test]
fn whatever_reads_a_filter_reads_the_language() {
    let folder = Folder::new();
    let path = folder.file("a.gate", POLICY);
    let program = folder.at("a.bpf");
    callgate(&["compile", &path, "-o", &program]).succeeds();
    let equal = callgate(&["prove", &path, &program]);
    assert!(equal.succeeds().starts_with("equal"), "{equal:?}");
    let sim = callgate(&["sim", &path, "--arch", "x86_64", "--syscall", "socket", "--args", "16"]);
    assert!(sim.succeeds().contains("ERRNO(1)"), "{sim:?}");
    let commented = format!("# a comment\n\n{POLICY}");
    let stdin = callgate_reading(&["prove", "-", &program], commented.as_bytes());
    assert!(stdin.succeeds().starts_with("equal"), "{stdin:?}");
    callgate(&["check", &path, "--arch", "x86_64"]).succeeds();
    callgate(&["disasm", &path]).succeeds();
}

#[test]
fn a_policy_includes_files_beside_it() {
    let folder = Folder::new();
    folder.file("base.gate", "policy 1\nallow { read, exit_group }\n");
    let rest = "allow socket where family in {AF_UNIX, AF_INET}\n";
    let header = "policy 1\narch x86_64\ndefault errno EPERM\n";
    let including = folder.file("b.gate", format!("{header}include \"base.gate\"\n{rest}"));
    let whole = folder.file("a.gate", POLICY);
    assert!(callgate(&["prove", &including, &whole]).succeeds().starts_with("equal"));
    let alone = callgate_reading(&["prove", "-", &whole], &fs::read(&including).unwrap());
    assert_eq!(alone.code, Some(2));
    alone.says(&["E0326", "base.gate"]);
}

#[test]
fn errors_are_for_people_or_for_editors() {
    let folder = Folder::new();
    let path = folder.file("a.gate", format!("{POLICY}allow opne\n"));
    let people = callgate(&["compile", &path]);
    assert_eq!(people.code, Some(2));
    people.says(&[
        "error[E0340]",
        "a.gate:6:7",
        "help: did you mean `open`",
        "because of an error",
    ]);
    let editors = callgate(&["compile", &path, "--error-format", "json"]);
    assert_eq!(editors.code, Some(2));
    let error: serde_json::Value = serde_json::from_str(&editors.stderr).unwrap();
    assert_eq!((&error["code"], &error["severity"]), (&"E0340".into(), &"error".into()));
    let label = &error["labels"][0];
    assert_eq!(
        (&label["line"], &label["column"], &label["end_column"]),
        (&6.into(), &7.into(), &11.into())
    );
    assert_eq!(error["helps"][0]["edit"]["replacement"], "open");
    let usage = callgate(&["--error-format", "json", "compile", "/nonexistent.gate"]);
    let error: serde_json::Value = serde_json::from_str(&usage.stderr).unwrap();
    assert!(error["message"].as_str().unwrap().contains("/nonexistent.gate"));
}
