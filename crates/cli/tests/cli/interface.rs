//! Help, manual pages, completions, pipes and terminals.

use std::fs;
use std::process::Stdio;

use crate::harness::{Folder, callgate, command};

const COMMANDS: &[&str] = &[
    "run",
    "learn",
    "compile",
    "optimize",
    "profiles",
    "syscalls",
    "groups",
    "constants",
    "disasm",
    "asm",
    "sim",
    "check",
    "lint",
    "prove",
    "diff",
    "subset",
    "intersect",
    "union",
    "convert",
    "fmt",
    "test",
    "show",
    "explain",
    "explain-error",
    "learn",
    "lsp",
    "agent",
    "doctor",
    "completions",
    "man",
    "help",
];

#[test]
fn help_has_examples_and_exit_codes() {
    let help = callgate(&["--help"]);
    for word in COMMANDS.iter().chain(&["Exit status", "Examples", "126", "undecided"]) {
        assert!(help.succeeds().contains(word), "{word}");
    }
    for &name in COMMANDS {
        let help = callgate(&[name, "--help"]);
        assert!(help.succeeds().contains("Examples:"), "{name}");
        assert!(help.text().contains(&format!("callgate {name}")), "{name}");
    }
}

#[test]
fn the_version_is_the_packages() {
    let version = format!("callgate {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(callgate(&["--version"]).succeeds(), version);
}

#[test]
fn usage_errors_begin_like_all_others() {
    callgate(&["frobnicate"]).fails(2, &["frobnicate", "--help"]);
    callgate(&["compile", "--frobnicate", "x"]).fails(2, &["--frobnicate"]);
    callgate(&["compile"]).fails(2, &["PROFILE"]);
    let nothing = callgate(&[]);
    assert_eq!(nothing.code, Some(2));
    nothing.says(&["Usage: callgate"]);
}

#[test]
fn there_is_a_page_for_every_command() {
    let folder = Folder::new();
    callgate(&["man", "--out", folder.path().to_str().unwrap()]).succeeds();
    // Of callgate itself, and of the commands that `learn` and `profiles` have.
    assert!(folder.names().len() > COMMANDS.len() + 1);
    assert_eq!(
        fs::read_to_string(folder.at("callgate-learn-merge.1")).unwrap(),
        callgate(&["man", "learn", "merge"]).succeeds()
    );
    for &name in COMMANDS {
        let page = fs::read_to_string(folder.at(&format!("callgate-{name}.1"))).unwrap();
        assert!(page.contains(".SH EXAMPLES"), "{name}");
        assert_eq!(page, callgate(&["man", name]).succeeds());
    }
    assert!(callgate(&["man"]).succeeds().contains(".SH \"EXIT STATUS\""));
    callgate(&["man", "frobnicate"]).fails(2, &["frobnicate"]);
    let missing = folder.at("missing");
    callgate(&["man", "--out", &missing]).fails(2, &["missing"]);
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = callgate(&["completions", shell]);
        assert!(script.succeeds().contains("_CALLGATE_COMPLETE"), "{shell}");
    }
    callgate(&["completions", "cmd"]).fails(2, &["cmd", "bash"]);
}

/// A reader that goes away is neither an error nor a reason to complain.
#[test]
fn a_closed_pipe_is_quiet() {
    for args in [
        &["syscalls", "--all-arches"][..],
        &["--help"],
        &["completions", "bash"],
        &["man"],
        &["compile", "container"],
        &["disasm", "container"],
        &["profiles", "show", "container"],
    ] {
        let mut command = command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("callgate: cannot") && !stderr.contains("panicked"), "{stderr}");
    }
}

/// What can't be written anywhere is not written, and said so.
#[test]
fn closed_standard_output_is_an_error_of_everything_that_prints() {
    let folder = Folder::new();
    let policy = folder.file("a.gate", "policy 1\narch x86_64\ndefault errno EPERM\nallow read\n");
    for args in [
        &["show", &policy][..],
        &["syscalls", "read"],
        &["--help"],
        &["help", "run"],
        &["--version"],
        &["completions", "bash"],
        &["man"],
        &["compile", &policy],
        &["disasm", "container"],
        &["profiles", "show", "container"],
        &["sim", &policy, "--syscall", "read"],
        &["lint", &policy],
        &["diff", &policy, "container"],
        &["report", &policy],
        &["explain", "--policy", &policy, "write"],
        &["convert", &policy, "--to", "docker"],
    ] {
        let binary = env!("CARGO_BIN_EXE_callgate");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" >&-", binary]).args(args).stdin(Stdio::null());
        let output = shell.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains("standard output"), "{args:?}: {stderr}");
    }
    // Nothing is to be said, and nothing lost.
    let quiet = "exec \"$0\" \"$@\" >&-";
    let mut shell = std::process::Command::new("sh");
    let args = ["run", "--", "true"];
    let status = shell.args(["-c", quiet, env!("CARGO_BIN_EXE_callgate")]).args(args).status();
    assert_eq!(status.unwrap().code(), Some(0));
}

#[test]
fn a_closed_pipe_does_not_change_a_verdict() {
    let folder = Folder::new();
    let allow = folder.file("allow.s", "ret ALLOW");
    let mut command = command(&["prove", "container", &allow]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn nothing_is_said_where_nobody_listens() {
    let status = command(&["compile", "/no/such/file"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(2));
}
