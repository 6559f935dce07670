//! Profiles that hand calls to an agent, which gets the listener as from a container runtime.

use std::os::unix::net::UnixListener;
use std::thread;

use crate::agent::Agent;
use crate::harness::{Folder, Run, callgate, deny_list};

/// A profile that hands these calls over, with the path of an agent.
fn notifying(names: &str, path: &str) -> String {
    let rule = format!(r#"{{"names": [{names}], "action": "SCMP_ACT_NOTIFY"}}"#);
    let profile = deny_list(&rule);
    let profile = profile.trim_end_matches('}');
    format!(r#"{profile}, "listenerPath": "{path}", "listenerMetadata": "from the profile"}}"#)
}

fn run(folder: &Folder, profile: &str, command: &[&str]) -> Run {
    let file = folder.file("profile.json", profile);
    callgate(&[&["run", "--profile", &file, "--"], command].concat())
}

#[test]
fn the_agent_answers_what_the_profile_hands_over() {
    let agent = Agent::start(
        r#"{"rules": [{"names": ["mkdir", "mkdirat"], "metadata": "from the profile",
            "answer": {"errno": "EROFS"}}]}"#,
    );
    let folder = Folder::new();
    let profile = notifying(r#""mkdir", "mkdirat""#, &agent.socket());
    let run = run(&folder, &profile, &["sh", "-c", "echo $$; mkdir new"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    run.says(&["Read-only file system"]);
    agent.wait_for_line("ended");
    // The process that loaded the filter is the one that became the command.
    let container = format!(r#""container":"callgate-run-{}""#, run.text().trim());
    assert!(agent.log().contains(&container), "{}: {}", container, agent.log());
}

/// A policy of the language names its agent as a profile does.
#[test]
fn a_policy_of_the_language_has_an_agent_too() {
    let agent = Agent::start(
        r#"{"rules": [{"names": ["mkdir", "mkdirat"], "metadata": "of the policy",
            "answer": {"errno": "EROFS"}}]}"#,
    );
    let folder = Folder::new();
    let header = "policy 1\ndefault allow\nload-flags SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\n";
    let text = format!(
        "{header}listener \"{}\" with \"of the policy\"\nnotify {{ mkdir, mkdirat }}\n",
        agent.socket()
    );
    let policy = folder.file("p.gate", text);
    let run = callgate(&["run", "--profile", &policy, "--", "mkdir", "new"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    run.says(&["Read-only file system"]);
    let unnamed = folder.file("q.gate", format!("{header}notify {{ mkdir, mkdirat }}\n"));
    callgate(&["run", "--profile", &unnamed, "--", "true"]).fails(2, &["`listener \"PATH\"`"]);
}

/// Whatever the filter hands over, none of it is needed to hand the listener over: not even execve.
#[test]
fn every_call_may_be_handed_over() {
    let agent = Agent::start(r#"{"default": "continue", "rules": []}"#);
    let folder = Folder::new();
    let profile = format!(
        r#"{{"defaultAction": "SCMP_ACT_NOTIFY", "syscalls": [], "listenerPath": "{}"}}"#,
        agent.socket()
    );
    let run = run(&folder, &profile, &["sh", "-c", "echo through; exit 7"]);
    assert_eq!((run.code, run.text()), (Some(7), "through\n"), "{run:?}");
    agent.wait_for_line("ended");
    assert!(agent.log().contains(r#""syscall":"execve""#), "{}", agent.log());
}

#[test]
fn descriptors_threads_and_children_of_the_command_are_its_own() {
    let agent = Agent::start(r#"{"default": "continue", "rules": []}"#);
    let folder = Folder::new();
    let profile = notifying(r#""getppid""#, &agent.socket());
    // Each of these programs is the shell's only child while it looks.
    let script =
        "ls /proc/$$/fd; ls /proc/$$/task | grep -vx $$; wc -w < /proc/$$/task/$$/children";
    let run = run(&folder, &profile, &["sh", "-c", script]);
    let plain = callgate(&["run", "--", "sh", "-c", script]);
    assert_eq!(run.succeeds(), plain.succeeds());
    assert!(run.text().ends_with("\n1\n"), "{run:?}");
}

#[test]
fn without_an_agent_the_reason_is_given() {
    let folder = Folder::new();
    let nowhere = folder.at("agent.sock");
    let unset = deny_list(r#"{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}"#);
    run(&folder, &unset, &["true"]).fails(2, &["SCMP_ACT_NOTIFY", "listenerPath"]);
    let missing = notifying(r#""mkdir""#, &nowhere);
    run(&folder, &missing, &["true"]).fails(126, &[&nowhere, "listenerPath", "No such file"]);
    let file = folder.file("no-socket", "");
    run(&folder, &notifying(r#""mkdir""#, &file), &["true"]).fails(126, &["no-socket", "refused"]);
    // An agent is needed for nothing that does not happen.
    let unused = deny_list("").replace("[]", &format!(r#"[], "listenerPath": "{nowhere}""#));
    run(&folder, &unused, &["true"]).succeeds();
}

#[test]
fn an_agent_that_goes_away_is_an_error_and_not_a_silent_enosys() {
    let folder = Folder::new();
    let path = folder.at("agent.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let agent = thread::spawn(move || drop(socket.accept().unwrap()));
    // More than the socket takes unread, so that it can't all be sent before the agent goes.
    let metadata = "m".repeat(1 << 20);
    let profile = notifying(r#""getppid""#, &path).replace("from the profile", &metadata);
    let run = run(&folder, &profile, &["echo", "ran"]);
    agent.join().unwrap();
    assert_eq!((run.code, run.text()), (Some(126), ""), "{}", run.stderr);
    run.says(&["listener could not be handed over"]);
}

#[test]
fn calls_for_a_tracer_are_warned_of() {
    let folder = Folder::new();
    let profile = deny_list(r#"{"names": ["mkdir"], "action": "SCMP_ACT_TRACE"}"#);
    let run = run(&folder, &profile, &["true"]);
    run.succeeds();
    run.says(&["SCMP_ACT_TRACE", "ENOSYS"]);
}
