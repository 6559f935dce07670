//! `callgate report`.

use crate::harness::{Folder, callgate, deny, deny_list};

#[test]
fn a_page_says_what_a_filter_does_and_what_changed() {
    let folder = Folder::new();
    let old = folder.file("old.json", deny_list(&deny("mount", 1)));
    let new = folder.file("new.json", deny_list(&deny("bpf", 13)));
    let page = folder.at("page.html");
    callgate(&["report", &new, "--against", &old, "--arch", "x86_64", "-o", &page]).succeeds();
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{}", &page[..60]);
    for text in ["1 looser, 1 stricter", "fails with EACCES", "@mount", "rule 1 of bpf"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.len() < 400_000, "{}", page.len());
}

#[test]
fn a_pull_request_gets_tables() {
    let folder = Folder::new();
    let program = folder.file("f.asm", "ld [nr]\n jeq #0, no\n ret ALLOW\nno: ret ERRNO(1)\n");
    let text = callgate(&["report", &program, "--format", "markdown"]);
    text.fails(2, &["arch tokens"]);
    let old = folder.file("old.json", deny_list(&deny("mount", 1)));
    let run = callgate(&["report", &old, "--format", "markdown", "--arch", "x86_64"]);
    let text = run.succeeds();
    assert!(text.starts_with("## Filter report: `"), "{text}");
    assert!(text.contains("| `@mount` | "), "{text}");
}
