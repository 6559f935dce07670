//! Profiles that are learned, and run.

use std::fs;

use crate::harness::{Folder, callgate};

#[test]
fn a_command_runs_under_what_was_learned_of_it_and_others_do_not() {
    let folder = Folder::new();
    let [profile, evidence] = [folder.at("ls.gate"), folder.at("ls.evidence")];
    let learn = callgate(&["learn", "-o", &profile, "--", "ls", "/proc/self"]);
    assert!(learn.succeeds().contains("status"), "the command's own output");
    learn.says(&["exit 0: "]);
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("# Learned from: ls /proc/self"), "{text}");
    let run = callgate(&["run", "--profile", &profile, "--", "ls", "/proc/self"]);
    assert!(run.succeeds().contains("status"));
    let refused = callgate(&["run", "--profile", &profile, "--", "unshare", "-U", "true"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");

    let verify = callgate(&["learn", "verify", &profile, &evidence]);
    assert!(verify.succeeds().starts_with("allowed  all "), "{verify:?}");
    let other = folder.file("none.gate", "policy 1\ndefault kill\nallow read\n");
    let verify = callgate(&["learn", "verify", &other, &evidence]);
    assert_eq!(verify.code, Some(1));
    assert!(verify.text().contains("execve on "), "{verify:?}");
}

#[test]
fn evidence_merges_in_any_order_and_makes_a_profile() {
    let folder = Folder::new();
    let at = |name: &str| folder.at(name);
    callgate(&["learn", "-o", &at("a.gate"), "--", "true"]).succeeds();
    callgate(&["learn", "--rounds", "2", "-o", &at("b.gate"), "--", "ls"]).succeeds();
    let [a, b, both] = ["a.evidence", "b.evidence", "both"].map(at);
    callgate(&["learn", "merge", &a, &b, "-o", &both]).succeeds();
    let text = fs::read_to_string(&both).unwrap();
    assert_eq!(callgate(&["learn", "merge", &b, &both, &a, &b]).succeeds(), text);
    let profile = callgate(&["learn", "profile", &both]);
    assert!(profile.succeeds().contains("# Learned from: ls, and 1 other commands"));
    assert!(profile.text().contains("#@ seen 2/2 runs"), "{profile:?}");
    let wrong = folder.file("wrong", "policy 1\n");
    let run = callgate(&["learn", "merge", &a, &wrong]);
    assert_eq!(run.code, Some(2));
    run.says(&["wrong:1: "]);
}

#[test]
fn what_cannot_be_executed_is_not_learned() {
    let run = callgate(&["learn", "--", "/nowhere/at/all"]);
    assert_eq!(run.code, Some(127), "{run:?}");
    assert_eq!(callgate(&["learn"]).code, Some(2));
}

#[test]
fn exploring_refuses_what_libraries_try_first() {
    let folder = Folder::new();
    let profile = folder.at("true.gate");
    let learn = callgate(&["learn", "--explore", "--seen-only", "-o", &profile, "--", "true"]);
    learn.succeeds();
    learn.says(&["without rseq on ", ": exit 0; nothing new"]);
}
