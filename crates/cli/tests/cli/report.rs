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
    let line = format!("{new}:1</a>");
    let origin = format!(
        "errno EACCES bpf</code><span class=\"by\">    \u{2190} <a href=\"#t0-1\">{new}:1</a>"
    );
    for text in [
        &origin,
        "1 looser, 1 stricter",
        "fails with EACCES",
        "@mount",
        " (bpf)",
        // What lint says, the figures of the proof, where the text says so, and the text.
        "What is wrong with it",
        "for every call: ",
        "calls checked again",
        &line,
        "as it was read",
        "<svg viewBox",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.len() < 400_000, "{}", page.len());
}

#[test]
fn a_pull_request_gets_tables() {
    let folder = Folder::new();
    let old = folder.file("old.json", deny_list(&deny("mount", 1)));
    let run = callgate(&["report", &old, "--format", "markdown", "--arch", "x86_64"]);
    let text = run.succeeds();
    assert!(text.starts_with("## Filter report: `"), "{text}");
    assert!(text.contains("| `@mount` | ") && text.contains("Lint: "), "{text}");
}

#[test]
fn a_program_that_never_asks_for_the_architecture_is_reported_for_this_machines() {
    let folder = Folder::new();
    let program = folder.file("f.asm", "ld [nr]\n jeq #0, no\n ret ALLOW\nno: ret ERRNO(1)\n");
    let page = callgate(&["report", &program, "--arch", "x86_64", "--arch", "x86"]);
    let page = page.succeeds();
    for text in ["everything here is about x86_64, x86", "never", "fails with EPERM", "error"] {
        assert!(page.contains(text), "{text}");
    }
    let markdown = callgate(&["report", &program, "--format", "markdown", "--arch", "x86_64"]);
    assert!(markdown.succeeds().contains("| error: "), "{markdown:?}");
}

#[test]
fn tests_of_high_halves_are_no_reason_to_report_nothing() {
    let folder = Folder::new();
    let tested = "ld [nr]\n jne #125, no\n ld [args[2].hi]\n jne #0, no\n ld [args[2].lo]\n jgt #3, no\n ret ALLOW\n\
                  no: ret ERRNO(1)\n";
    // One never asks for the architecture, the other goes on whatever it is.
    let both_ways = format!("ld [arch]\n jeq #AUDIT_ARCH_X86_64, known, known\nknown: {tested}");
    for (name, text) in [("never.asm", tested), ("both.asm", &both_ways)] {
        let program = folder.file(name, text);
        for arches in [&[][..], &["--arch", "x86"], &["--arch", "x86_64"], &["--arch", "arm"]] {
            let run = callgate(&[&["report", &program], arches].concat());
            let page = run.succeeds();
            let has_halves = arches != ["--arch", "x86_64"];
            assert_eq!(page.contains("where registers have 32 bits"), has_halves, "{arches:?}");
        }
        let run = callgate(&["show", &program, "mprotect", "--arch", "x86"]);
        assert!(run.succeeds().contains("mprotect is executed where prot"), "{run:?}");
    }
}

#[test]
fn a_program_is_reported_for_the_architectures_that_are_asked_for() {
    let folder = Folder::new();
    let text = "policy 1\narch x86_64, aarch64\nforeign kill\ndefault allow\nerrno EPERM mount\n";
    let program = folder.file("f.gate", text);
    let raw = folder.at("f.bpf");
    callgate(&["compile", &program, "-o", &raw]).succeeds();
    let run = callgate(&["report", &raw]);
    let page = run.succeeds();
    assert!(page.contains("Any other call on x86_64, aarch64"), "{page}");
    let run = callgate(&["report", &raw, "--arch", "aarch64"]);
    let page = run.succeeds();
    assert!(page.contains("Any other call on aarch64<") && !page.contains("arch_prctl"), "{page}");
    let refused = callgate(&["report", &raw, "--arch", "s390x"]);
    refused.fails(2, &["the program does not know s390x"]);
}

#[test]
fn dockers_profile_on_three_architectures_is_a_small_page() {
    let folder = Folder::new();
    let page = folder.at("page.html");
    let arches = ["--arch", "x86_64", "--arch", "x86", "--arch", "x32"];
    callgate(&[&["report", "container", "-o", &page], &arches[..]].concat()).succeeds();
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.len() < 400_000, "{}", page.len());
    assert!(page.contains("family not in") || page.contains("not family in"), "a complement");
}

#[test]
fn decisions_are_drawn_for_profiles_and_programs() {
    let folder = Folder::new();
    let profile = folder.file("a.json", deny_list(&deny("mount", 1)));
    let program = folder.file("f.asm", "ld [nr]\n jeq #0, no\n ret ALLOW\nno: ret ERRNO(1)\n");
    for (filter, call) in [(&profile, "mount"), (&program, "read")] {
        let run = callgate(&["compile", filter, "--arch", "x86_64", "--emit", "svg"]);
        let picture = run.succeeds();
        assert!(picture.starts_with("<svg xmlns="), "{}", &picture[..60]);
        for text in [call, "fails with EPERM", "never executed", "executed, whatever"] {
            assert!(picture.contains(text), "{text}: {picture}");
        }
        let height = picture.split("height=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(height.parse::<usize>().unwrap() < 3000, "{height}");
    }
}
