//! What shells complete, in each shell.

use std::path::Path;
use std::process::{Command, Stdio};

use callgate_testkit::skip;

use super::harness::{Folder, callgate};

/// A line up to the cursor, and a word that is offered.
const CASES: [(&str, &str); 9] = [
    ("callgate ru", "run"),
    ("callgate run --profile conta", "container"),
    ("callgate sim x --syscall openat", "openat2"),
    ("callgate constants socket.fam", "socket.family"),
    ("callgate sim x --args AF_UNIX,SOCK_STR", "AF_UNIX,SOCK_STREAM"),
    ("callgate lint --explain L040", "L0401"),
    ("callgate explain-error E0350", "E0350"),
    ("callgate show container @net-cl", "@net-client"),
    ("callgate help lang", "language"),
];

/// A shell that finds the binary, or nothing where there is none, which is said.
fn shell(name: &str) -> Option<Command> {
    let mut ask = Command::new(name);
    let is_there = ask.arg("--version").stdin(Stdio::null()).output().is_ok();
    if !is_there {
        skip(&format!("{name} is not installed"));
        return None;
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_callgate")).parent()?;
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new(name);
    shell.env("PATH", format!("{}:{path}", binary.display())).stdin(Stdio::null());
    Some(shell)
}

fn said(shell: &mut Command) -> String {
    let output = shell.output().unwrap();
    let (out, err) = (output.stdout, output.stderr);
    format!("{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err))
}

#[test]
fn bash_completes() {
    const SCRIPT: &str = "source <(callgate completions bash)
        COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_TYPE=9
        _clap_complete_callgate callgate \"${COMP_WORDS[COMP_CWORD]}\" x
        printf '<%s>\\n' \"${COMPREPLY[@]}\"";
    for (line, word) in CASES {
        let Some(mut bash) = shell("bash") else { return };
        let said = said(bash.args(["-c", SCRIPT, "bash", line]));
        assert!(said.contains(&format!("<{word}>")), "{line}: {said}");
    }
}

#[test]
fn fish_completes() {
    for (line, word) in CASES {
        let Some(mut fish) = shell("fish") else { return };
        let script = format!("callgate completions fish | source; complete -C '{line}'");
        let said = said(fish.args(["--no-config", "-c", &script]));
        let offered = said.lines().any(|found| found.split('\t').next() == Some(word));
        assert!(offered, "{line}: {said}");
    }
}

/// Its completion works on a terminal alone: one is made for it, and the key is pressed.
#[test]
fn zsh_completes() {
    const SCRIPT: &str = "zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell 'PS1=; fpath=($FOLDER $fpath); autoload -U compinit; compinit -u -D; print re''ady'
        zpty -r shell seen '*ready*'
        zpty -w -n shell $1$'\\t\\t'
        zpty -r shell seen \"*$2*\" && print -r -- found
        zpty -d shell";
    // As a package installs it.
    let folder = Folder::new();
    std::fs::write(folder.at("_callgate"), callgate(&["completions", "zsh"]).succeeds()).unwrap();
    for (line, word) in CASES {
        // No shell of this name without a limit: it would wait for a word that is not offered.
        let Some(_) = shell("zsh") else { return };
        let Some(mut limited) = shell("timeout") else { return };
        limited.env("FOLDER", folder.path());
        let said = said(limited.args(["60", "zsh", "-f", "-c", SCRIPT, "zsh", line, word]));
        assert!(said.contains("found"), "{line}: {said}");
    }
}

#[test]
fn whoever_asks_wrongly_gets_nothing() {
    let Some(mut bash) = shell("bash") else { return };
    let script = "_CALLGATE_COMPLETE=tcsh callgate -- callgate ru; echo $?";
    assert_eq!(said(bash.args(["-c", script])), "2\n");
}
