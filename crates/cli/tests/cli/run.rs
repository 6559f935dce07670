//! `callgate run`.

mod explain;
mod handover;
mod traces;

use std::process::Command;

use crate::harness::{Folder, Run, callgate, callgate_reading, command, deny, deny_list};

const ONLY_READ: &str = r#"{"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [
    {"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}"#;

#[test]
fn the_command_is_confined_and_its_output_is_its_own() {
    let run =
        callgate(&["run", "--", "sh", "-c", "grep Seccomp: /proc/self/status; unshare -U true"]);
    assert!(run.text().contains("Seccomp:\t2"), "{run:?}");
    run.says(&["Operation not permitted"]);
    assert!(!run.stderr.contains("callgate"), "our own profile gives no warnings: {run:?}");
    assert_ne!(run.code, Some(0));
}

#[test]
#[cfg(target_env = "gnu")]
fn no_library_is_loaded_for_the_unwinder() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_callgate")).unwrap();
    let names = |name: &[u8]| program.windows(name.len()).any(|window| window == name);
    assert!(names(b"libc.so.6"), "the names of libraries are not where this test looks");
    assert!(!names(b"libgcc_s.so"));
}

#[test]
fn the_commands_exit_status_is_ours() {
    for code in [0, 1, 2, 3, 77, 126, 127, 255] {
        let run = callgate(&["run", "--", "sh", "-c", &format!("exit {code}")]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{code}");
    }
}

#[test]
fn the_commands_signal_is_ours() {
    // None of those that a shell in the background ignores.
    for signal in [9, 10, 15] {
        let run = callgate(&["run", "--", "sh", "-c", &format!("kill -{signal} $$")]);
        assert_eq!((run.code, run.signal), (None, Some(signal)));
    }
}

#[test]
fn arguments_of_the_command_are_not_ours() {
    let echo = callgate(&["run", "--", "printf", "%s|", "--profile", "-x", "--", "--help"]);
    assert_eq!(echo.succeeds(), "--profile|-x|--|--help|");
    let without_dashes = callgate(&["run", "printf", "%s|", "--log", "--version"]);
    assert_eq!(without_dashes.succeeds(), "--log|--version|");
}

#[test]
fn arguments_and_environment_reach_the_command_as_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let odd = OsStr::from_bytes(b"\xff\xfe");
    let mut command = command(&["run", "--", "sh", "-c", "printf '%s' \"$1$ODD\"", "sh"]);
    let output = command.arg(odd).env("ODD", odd).output().unwrap();
    assert_eq!(output.stdout, b"\xff\xfe\xff\xfe");
}

#[test]
fn standard_input_is_the_commands() {
    assert_eq!(callgate_reading(&["run", "--", "cat"], b"through").succeeds(), "through");
}

#[test]
fn sigpipe_has_its_default_effect_in_the_command() {
    let script = "kill -PIPE $$; echo survived";
    let run = callgate(&["run", "--", "sh", "-c", script]);
    assert_eq!((run.code, run.signal, run.text()), (None, Some(13), ""));
}

#[test]
fn a_profile_from_a_file_or_standard_input_is_used() {
    let folder = Folder::new();
    let text = deny_list(&deny("uname", 13));
    let file = folder.file("p.json", &text);
    let run = callgate(&["run", "--profile", &file, "--", "uname"]);
    assert_ne!(run.code, Some(0));
    run.says(&["Permission denied"]);
    let run = callgate_reading(&["run", "--profile", "-", "--", "uname"], text.as_bytes());
    run.says(&["Permission denied"]);
}

#[test]
fn a_default_from_the_command_line_replaces_the_profiles() {
    let refused = callgate(&["run", "--default", "errno:EACCES", "--", "unshare", "-U", "true"]);
    refused.says(&["Permission denied"]);
    let killed = callgate(&["run", "--default", "kill", "--", "unshare", "-U", "true"]);
    assert_eq!(killed.signal, Some(31), "{killed:?}");
    let folder = Folder::new();
    let strict = folder.file("p.json", ONLY_READ);
    let logged =
        callgate(&["run", "--default", "log", "--profile", &strict, "--", "echo", "alive"]);
    assert_eq!(logged.succeeds(), "alive\n");
}

#[test]
fn a_command_that_cannot_be_executed_is_126_or_127() {
    let folder = Folder::new();
    let data = folder.file("data", "no program");
    // Directories that may not be searched would make it 126, as with execvp(3).
    let mut unknown = command(&["run", "--", "no-such-command-here"]);
    let unknown = Run::from(unknown.env("PATH", "/usr/bin:/bin").output().unwrap());
    unknown.fails(127, &["no-such-command-here", "not found"]);
    callgate(&["run", "--", "/no/such/file"]).fails(127, &["/no/such/file"]);
    callgate(&["run", "--", &data]).fails(126, &[&data, "Permission denied"]);
    callgate(&["run", "--", "/"]).fails(126, &["/"]);
    let script = folder.file("script", "#!/no/such/interpreter\n");
    assert!(Command::new("chmod").args(["+x", &script]).status().unwrap().success());
    let run = callgate(&["run", "--", &script]);
    assert_eq!(run.code, Some(127), "{run:?}");
    run.says(&[&script, "No such file"]);
}

#[test]
fn a_missing_command_is_a_usage_error() {
    callgate(&["run"]).fails(2, &["COMMAND", "Usage"]);
    callgate(&["run", "--"]).fails(2, &["COMMAND"]);
    callgate(&["run", "--log"]).fails(2, &["COMMAND"]);
}

#[test]
fn a_profile_that_would_stop_exec_is_refused_with_the_reason() {
    let folder = Folder::new();
    let file = folder.file("p.json", deny_list(&deny("execve", 1)));
    callgate(&["run", "--profile", &file, "--", "true"]).fails(126, &["execve", "ERRNO(1)"]);
    let nothing = folder.file("n.json", ONLY_READ);
    let run = callgate(&["run", "--profile", &nothing, "--", "true"]);
    run.fails(126, &["execve", "KILL_PROCESS"]);
    let file =
        folder.file("asks.json", deny_list(r#"{"names": ["execve"], "action": "SCMP_ACT_TRACE"}"#));
    callgate(&["run", "--profile", &file, "--", "true"]).fails(2, &["execve", "tracer"]);
}

#[test]
fn exec_needs_nothing_but_execve() {
    let folder = Folder::new();
    let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"names": ["execve"], "action": "SCMP_ACT_ALLOW"}]}"#;
    let file = folder.file("p.json", text);
    let run = callgate(&["run", "--profile", &file, "--", "true"]);
    // The dynamic linker of `true` cannot do its work: the program was executed, and it failed itself.
    assert!(run.stderr.lines().all(|line| line.starts_with("callgate: warning: ")), "{run:?}");
    assert!(run.code != Some(0) && run.code != Some(126), "{run:?}");
}

#[test]
fn a_profile_under_which_commands_start_and_cannot_end_is_warned_of() {
    let folder = Folder::new();
    let file = folder.file("p.json", deny_list(&deny("exit_group", 1)));
    let run = callgate(&["run", "--profile", &file, "--", "true"]);
    run.says(&["warning", "ERRNO(1)", "exit_group", "end"]);
    let file = folder.file("q.json", deny_list(&deny("rt_sigreturn", 1)));
    let run = callgate(&["run", "--profile", &file, "--", "true"]);
    assert_eq!(run.succeeds(), "");
    run.says(&["warning", "rt_sigreturn", "signal"]);
    let file = folder.file("r.json", deny_list(&deny("mount", 1)));
    let run = callgate(&["run", "--profile", &file, "--", "true"]);
    assert_eq!((run.succeeds(), run.stderr.as_str()), ("", ""));
}

#[test]
fn a_profile_under_which_no_dynamically_linked_program_starts_is_warned_of() {
    let folder = Folder::new();
    let file = folder.file("p.json", deny_list(&deny("mmap", 1)));
    let run = callgate(&["run", "--profile", &file, "--", "true"]);
    run.says(&["warning", "/true is dynamically linked", "refuses mmap.", "@startup.dynamic"]);
    assert_ne!(run.code, Some(0), "the warning is wrong");
    // What is refused with an errno and goes on without is not warned of; what is killed is.
    let file = folder.file("q.json", deny_list(&deny("rseq", 38)));
    let run = callgate(&["run", "--profile", &file, "--", "true"]);
    assert_eq!((run.succeeds(), run.stderr.as_str()), ("", ""));
    let kill = r#"{"names": ["rseq"], "action": "SCMP_ACT_KILL"}"#;
    let file = folder.file("r.json", deny_list(kill));
    let run = callgate(&["run", "--profile", &file, "--", "true"]);
    run.says(&["refuses rseq."]);
    assert_eq!(run.signal, Some(31), "the warning is wrong");
    let run = callgate(&["run", "-q", "--profile", &file, "--", "true"]);
    assert_eq!(run.stderr, "");
}

#[test]
fn that_the_kernels_log_is_not_all_is_said() {
    let run = callgate(&["run", "--default", "log", "--", "true"]);
    run.says(&["note: the kernel's log drops", "--explain"]);
    assert_eq!(callgate(&["run", "-q", "--default", "log", "--", "true"]).stderr, "");
}

#[test]
fn without_permission_to_load_nothing_runs() {
    let folder = Folder::new();
    let sandbox = folder.file("p.json", deny_list(&deny("seccomp", 1)));
    let inner = env!("CARGO_BIN_EXE_callgate");
    let run = callgate(&["run", "--profile", &sandbox, "--", inner, "run", "--", "echo", "ran"]);
    run.fails(126, &["seccomp"]);
    let sandbox = folder.file("q.json", deny_list(&deny("prctl", 1)));
    let run = callgate(&["run", "--profile", &sandbox, "--", inner, "run", "--", "echo", "ran"]);
    run.fails(126, &["no_new_privs"]);
}

#[test]
fn filters_stack() {
    let inner = env!("CARGO_BIN_EXE_callgate");
    let run = callgate(&[
        "run",
        "--",
        inner,
        "run",
        "--",
        "grep",
        "Seccomp_filters:",
        "/proc/self/status",
    ]);
    let filters: u32 =
        run.succeeds().trim_start_matches("Seccomp_filters:").trim().parse().unwrap();
    assert!(filters >= 2);
}

#[test]
fn logging_changes_nothing_for_the_command() {
    assert_eq!(callgate(&["run", "--log", "--", "echo", "x"]).succeeds(), "x\n");
}

/// A program is as good as the profile that it was compiled from.
#[test]
fn a_compiled_filter_is_taken_as_a_profile() {
    let folder = Folder::new();
    let program = folder.at("container.bpf");
    callgate(&["compile", "container", "-o", &program]).succeeds();
    let script = "grep Seccomp: /proc/self/status; unshare -U true";
    let run = callgate(&["run", "--profile", &program, "--", "sh", "-c", script]);
    assert!(run.text().contains("Seccomp:\t2"), "{run:?}");
    run.says(&["Operation not permitted", "is a compiled filter", "proved equal"]);
    let quiet = callgate(&["run", "-q", "--profile", &program, "--", "true"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
    let explained =
        callgate(&["run", "--explain", "--profile", &program, "--", "unshare", "-U", "true"]);
    explained.says(&["unshare(CLONE_NEWUSER) on "]);
    for option in [["--default", "log"], ["--arch", "x86_64"]] {
        let run =
            callgate(&[&["run", "--profile", &program][..], &option, &["--", "true"]].concat());
        run.fails(2, &["compiled filter", "callgate show"]);
    }
    // The same warnings as of a profile.
    let deadly = folder.file("deadly.s", "ld [nr]\njeq #231, no\nret ALLOW\nno: ret ERRNO(1)\n");
    let blind = callgate(&["run", "--profile", &deadly, "--", "true"]);
    blind.says(&["does not treat all other architectures alike"]);
}

#[test]
fn what_was_refused_is_explained_again_from_the_file() {
    let folder = Folder::new();
    let profile = folder.file("p.json", deny_list(&deny("unshare", 1)));
    let to = folder.at("refused");
    let script = "for i in 1 2 3; do unshare -U true; done";
    callgate(&["run", "--profile", &profile, "--explain-to", &to, "--", "sh", "-c", script]);
    let explained = callgate(&["explain", "--policy", &profile, &to]);
    let text = explained.succeeds();
    assert!(text.contains("unshare(CLONE_NEWUSER) on ") && text.contains(", 3 times"), "{text}");
    assert!(text.contains("change 1") && !text.contains("consistent"), "{text}");
    assert!(!explained.stderr.contains("no refused call"), "{}", explained.stderr);
    let json = callgate(&["explain", "--json", "--policy", &profile, &to]);
    let again = folder.file("again", json.succeeds());
    assert_eq!(callgate(&["explain", "--policy", &profile, &again]).succeeds(), text);
}
