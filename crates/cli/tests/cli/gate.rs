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
    callgate(&["fmt", &wrong]).fails(2, &["a.gate:2:3", "E0300", "`alow`"]);
    assert_eq!(fs::read_to_string(&wrong).unwrap(), "policy 1\n  alow  read\n");
}
