//! `callgate check` with C libraries, runtimes and kernels in given versions.

use std::path::Path;
use std::process::Command;

use crate::harness::{Folder, Run, callgate};

/// Sleeps, creates a thread, prints: each of which C libraries do by calls of their own.
const PROGRAM: &str = "#include <pthread.h>\n#include <stdio.h>\n#include <time.h>\n\
    static void *idle(void *a) { return a; }\n\
    int main(void) { pthread_t t; struct timespec s = { 0, 1000 };\n\
    if (pthread_create(&t, 0, idle, 0)) return 11;\n\
    pthread_join(t, 0);\n\
    if (nanosleep(&s, 0)) return 12;\n\
    if (puts(\"alive\") < 0 || fflush(stdout)) return 13;\n\
    return 0; }\n";

/// What the program needs in the C library of 2018, without what either library calls today.
const OLD: &str = "policy 1\narch x86_64\ndefault errno EPERM\n\
    allow { execve, brk, mmap, munmap, mprotect, access, openat, open, close, read, pread64, fstat }\n\
    allow { arch_prctl, set_tid_address, set_robust_list, rt_sigaction, rt_sigprocmask, clone }\n\
    allow { nanosleep, futex, madvise, ioctl, write, exit, exit_group, restart_syscall, tgkill }\n";

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn compiled(folder: &Folder, compiler: &str) -> Option<String> {
    let (source, program) = (folder.file("p.c", PROGRAM), folder.at(compiler));
    let made = Command::new(compiler).args(["-pthread", "-o", &program, &source]).status();
    if made.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    eprintln!("skipped (no {compiler})");
    None
}

fn run(profile: &str, program: &str) -> Run {
    callgate(&["run", "--profile", profile, "--", program])
}

/// The policy with the edits of all findings that say so.
fn mended(text: &str, findings: &Run) -> String {
    let list: serde_json::Value = serde_json::from_str(findings.text()).unwrap();
    let all = list.as_array().unwrap();
    let statements = all.iter().flat_map(|finding| finding["helps"].as_array().unwrap());
    let edits = statements.filter_map(|help| help["edit"]["replacement"].as_str());
    let edits: String = edits.collect();
    assert!(!edits.is_empty(), "{list}");
    text.replacen("default ", &format!("{edits}default "), 1)
}

/// What is found breaks the program, and what is offered mends it.
fn breaks_and_mends(compiler: &str, release: &str, calls: &[&str]) {
    let folder = Folder::new();
    let Some(program) = compiled(&folder, compiler) else { return };
    let profile = folder.file("old.gate", OLD);
    assert_ne!(run(&profile, &program).code, Some(0));
    let found = callgate(&["check", &profile, "--libc", release]);
    assert_eq!(found.code, Some(1), "{found:?}");
    for call in calls {
        assert!(found.text().contains(&format!(" {call}, and programs fail")), "{found:?}");
    }
    assert!(found.text().contains("old.gate:3:1"), "{found:?}");
    let found = callgate(&["check", &profile, "--libc", release, "--format", "json"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    let new = folder.file("new.gate", mended(OLD, &found));
    callgate(&["check", &new, "--libc", release]).succeeds();
    assert!(run(&new, &program).succeeds().contains("alive"));
}

#[test]
fn what_glibc_lacks_breaks_programs_and_is_mended() {
    // Debian 12's is 2.36; a newer one makes no other of these calls.
    breaks_and_mends("gcc", "glibc-2.36", &["clone3", "clock_nanosleep", "newfstatat"]);
}

#[test]
fn what_musl_lacks_breaks_programs_and_is_mended() {
    breaks_and_mends("musl-gcc", "musl-1.2.5", &["writev"]);
}

#[test]
fn what_is_killed_dies() {
    let folder = Folder::new();
    let profile = folder.file(
        "k.gate",
        "policy 1\narch x86_64\ndefault kill\nallow { execve, read, write, exit_group }\n",
    );
    let found = callgate(&["check", &profile, "--libc", "glibc-2.35", "--runtime", "libuv-1.50"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    for text in [
        "error[L0801]: glibc 2.35 calls rseq, and programs die of it",
        "error[L0801]: libuv 1.50 calls io_uring_setup, and programs die of it",
        "enosys rseq",
        "allow mprotect",
    ] {
        assert!(found.text().contains(text), "{text}: {found:?}");
    }
    let old = callgate(&["check", &profile, "--libc", "glibc-2.34"]);
    assert!(!old.text().contains("rseq"), "{old:?}");
}

#[test]
fn programs_and_profiles_of_others_are_checked_too() {
    let folder = Folder::new();
    let profile = folder.file("old.gate", OLD);
    let program = folder.at("old.bpf");
    callgate(&["compile", &profile, "-o", &program]).succeeds();
    let found = callgate(&["check", &program, "--libc", "glibc-2.36"]);
    assert_eq!(found.code, Some(1));
    assert!(found.text().contains("decided by instruction "), "{found:?}");
    let all = ["--libc", "glibc-2.43,musl-1.2.5", "--runtime", "runc-privileged-1.1,go-1.23"];
    let docker = callgate(&[&["check", "container"][..], &all[..]].concat());
    assert_eq!(docker.code, Some(0), "Docker's default is kept up to date: {docker:?}");
}

#[test]
fn kernels_have_calls_and_answers() {
    let folder = Folder::new();
    let text = "policy 1\narch x86_64\nbaseline linux 6.6 else ENOSYS\ndefault errno EPERM\n\
                allow { read, clone, faccessat, openat2, exit_group }\nnotify mount\n";
    let profile = folder.file("k.gate", text);
    let found = callgate(&["check", &profile, "--kernel", "4.18,5.10"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    for text in [
        "error[L0804]: Linux 4.18 does not know the answer USER_NOTIF",
        "warning[L0805]: Linux 5.10 would say ENOSYS, for which callers have another way",
        "faccessat2",
        "note[L0806]: Linux 4.18 does not have calls that are allowed here, and says ENOSYS: openat2",
        "the filter's baseline is linux 6.6",
    ] {
        assert!(found.text().contains(text), "{text}: {}", found.text());
    }
    let newer = callgate(&["check", &profile, "--kernel", "6.12"]);
    assert!(!newer.succeeds().contains("L080"), "{newer:?}");
}

#[test]
fn what_is_not_known_is_an_error_that_says_what_is() {
    let folder = Folder::new();
    let profile = folder.file("p.gate", OLD);
    let cases: [(&[&str], &str); 6] = [
        (&["--libc", "glibc-2.44"], "glibc-2.25 to 2.43"),
        (&["--libc", "musl-1.1.19"], "musl-1.1.20 to 1.2.5"),
        (&["--libc", "bionic-1.0"], "no part is called \"bionic\"; known: glibc-2.25 to 2.43"),
        (&["--kernel", "3.4"], "known: 3.5 to "),
        (&["--kernel", "new"], "the filter stands before --kernel"),
        (&["--format", "json"], "--format is for what --libc"),
    ];
    for (args, says) in cases {
        let run = callgate(&[&["check", profile.as_str()], args].concat());
        assert_eq!(run.code, Some(2), "{run:?}");
        run.says(&[says]);
    }
    assert!(Path::new(&profile).exists());
}

#[test]
fn a_comment_allows_what_is_found_and_lint_leaves_it_alone() {
    let folder = Folder::new();
    let text = "policy 1\narch x86_64\n# allow(L0802): never sleeps\ndefault errno EPERM\n\
                allow { read, nanosleep, exit_group }\n";
    let profile = folder.file("p.gate", text);
    let found = callgate(&["check", &profile, "--libc", "glibc-2.31"]);
    assert!(found.succeeds().contains("allowed by the text"), "{found:?}");
    assert!(!callgate(&["lint", &profile]).text().contains("L0902"));
}
