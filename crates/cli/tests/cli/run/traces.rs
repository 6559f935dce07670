//! The command finds what env(1) would have given it: `callgate run` leaves no trace of itself but the filter.

use std::ffi::CString;
use std::fs;
use std::process::{Command, Stdio};

use callgate_kernel::child::{self, Ending};

use crate::harness::{Folder, Run, callgate, skip};

/// The two that are compared: what stands before the command.
fn runners() -> [Vec<String>; 2] {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    [words(&["env"]), words(&[env!("CARGO_BIN_EXE_callgate"), "run", "--"])]
}

/// Runs a shell script whose `"$@"` is a runner, and returns what its command has written to `$OUT`.
#[track_caller]
fn outputs(script: &str) -> [String; 2] {
    runners().map(|runner| {
        let folder = Folder::new();
        let out = folder.file("out", "");
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).args(&runner).env("OUT", &out).stdin(Stdio::null());
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{runner:?}: {output:?}");
        fs::read_to_string(out).unwrap()
    })
}

/// Says which of the standard descriptors are open.
const WHICH_ARE_OPEN: &str = r#"'for n in 0 1 2; do
    if [ -e /proc/$$/fd/$n ]; then echo "$n open" >> $OUT; else echo "$n closed" >> $OUT; fi
done'"#;

#[test]
fn closed_standard_descriptors_stay_closed() {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let [env, run] = outputs(&format!(r#""$@" sh -c {WHICH_ARE_OPEN} {closed}"#));
        assert_eq!(env, run, "{closed}");
        assert_eq!(run.matches("closed").count(), closed.matches("&-").count(), "{closed}: {run}");
    }
}

#[test]
fn descriptors_beyond_the_standard_ones_are_the_same() {
    let [env, run] = outputs(r#""$@" sh -c 'ls /proc/$$/fd >> $OUT' 5</dev/null <&-"#);
    assert_eq!(env, run);
    assert!(run.lines().any(|number| number == "5"), "{run}");
}

/// A service manager's descriptors are the command's, which has the same process id.
#[test]
fn descriptors_of_a_service_manager_reach_the_command() {
    let script = r#"LISTEN_PID=$$ LISTEN_FDS=2 exec "$@" sh -c 'test $LISTEN_PID = $$ && ls /proc/$$/fd >> $OUT' 3</dev/null 4</dev/null"#;
    let [env, run] = outputs(script);
    assert_eq!(env, run);
    assert!(["3", "4"].iter().all(|wanted| run.lines().any(|number| number == *wanted)), "{run}");
}

#[test]
fn closed_descriptors_need_no_device() {
    let namespace = ["-U", "-r", "-m", "sh", "-c"];
    let possible = Command::new("unshare").args(namespace).arg("mount -t tmpfs x /dev").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        return skip("no new user and mount namespace can be made here");
    }
    let script = format!(r#"mount -t tmpfs x /dev; exec "$@" sh -c {WHICH_ARE_OPEN} <&- >&- 2>&-"#);
    let script = script.replace('\'', r"'\''");
    let [env, run] = outputs(&format!(r#"unshare -U -r -m sh -c '{script}' sh "$@""#));
    assert_eq!(env, run);
    assert_eq!(run, "0 closed\n1 closed\n2 closed\n");
}

/// A shell can't undo what it was started with, so that this is about what reaches the command.
#[test]
fn the_disposition_of_sigpipe_is_the_one_before() {
    for (script, ignored) in [("", false), ("trap '' PIPE; ", true)] {
        let script = format!(r#"{script}"$@" grep SigIgn: /proc/self/status > $OUT"#);
        let [env, run] = outputs(&script);
        assert_eq!(env, run);
        let mask = u64::from_str_radix(run.trim_start_matches("SigIgn:").trim(), 16).unwrap();
        assert_eq!(mask >> 12 & 1 == 1, ignored, "{run}");
    }
}

#[test]
fn a_closed_standard_input_is_at_its_end() {
    let mut shell = Command::new("sh");
    let script = r#"exec "$0" run --profile - -- true <&-"#;
    let output = shell.args(["-c", script, env!("CARGO_BIN_EXE_callgate")]).output().unwrap();
    Run::from(output).fails(2, &["standard input", "empty"]);
}

/// Executes a command in a child with exactly these words and this environment.
fn execute(words: &[&[u8]], environment: &[&[u8]]) -> Ending {
    let strings = |words: &[&[u8]]| words.iter().map(|w| CString::new(*w).unwrap()).collect();
    let path = Some("/usr/bin:/bin".as_ref());
    let command = callgate_kernel::Command::resolve(strings(words), strings(environment), path);
    let command = command.unwrap();
    child::run(|| command.replace()).unwrap()
}

/// What a command has written to the file that it is given as its last word so far.
fn written(runner: &[String], words: &[&[u8]], more: &[&[u8]], environment: &[&[u8]]) -> Vec<u8> {
    let folder = Folder::new();
    let file = folder.at("file");
    let mut all: Vec<&[u8]> = runner.iter().map(String::as_bytes).collect();
    all.extend(words.iter().chain(&[file.as_bytes()]).chain(more));
    assert_eq!(execute(&all, environment), Ending::Exited { code: 0 });
    fs::read(file).unwrap()
}

#[test]
fn the_environment_is_the_same_entry_for_entry() {
    let environments: [&[&[u8]]; 3] = [
        &[],
        &[b"PATH=/usr/bin:/bin"],
        &[
            b"noequals",
            b"",
            b"=begins",
            b"PATH=/usr/bin:/bin",
            b"A=1",
            b"A=2",
            b"=",
            b"==",
            b"\xff=\xfe",
            b"PATH=/elsewhere",
            b"B=",
            b"PATH",
            b"",
        ],
    ];
    for environment in environments {
        let copy: [&[u8]; 2] = [b"cp", b"/proc/self/environ"];
        let [env, run] = runners().map(|runner| written(&runner, &copy, &[], environment));
        assert_eq!(env, run);
        assert_eq!(run, environment.iter().flat_map(|e| [*e, b"\0"].concat()).collect::<Vec<_>>());
    }
}

#[test]
fn arguments_are_the_same_byte_for_byte() {
    let print: [&[u8]; 3] = [b"sh", b"-c", b"printf '<%s>' \"$@\" > \"$0\""];
    let more: [&[u8]; 7] = [b"", b"\xff\xfe", b"-x", b"--", b"a b", b"\n", b""];
    let [env, run] = runners().map(|runner| written(&runner, &print, &more, &[]));
    assert_eq!(env, run);
    assert_eq!(run, b"<><\xff\xfe><-x><--><a b><\n><>");
}

/// Beside `--help` and the like, what begins with a dash is a mistake: as the name of a command it would be looked for, and
/// what stands behind it started under another filter than was meant.
#[test]
fn an_unknown_option_before_the_command_is_an_error() {
    callgate(&["run", "--profle", "x.json", "--", "true"]).fails(2, &["--profle", "--profile"]);
    callgate(&["run", "--no-such-option", "true"]).fails(2, &["--no-such-option"]);
    callgate(&["run", "-x", "true"]).fails(2, &["-x"]);
    callgate(&["run", "--log", "--lgo", "true"]).fails(2, &["--lgo"]);
    callgate(&["run", "--", "-x"]).fails(127, &["-x", "not found"]);
    assert_eq!(callgate(&["run", "echo", "-x", "--lgo"]).succeeds(), "-x --lgo\n");
}
