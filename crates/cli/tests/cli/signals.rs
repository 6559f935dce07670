//! Signals that `callgate` gets while it stays with a command: they are the command's.

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::harness::{Folder, Run, command_with_signals as command, processes};

/// Handles three signals, of which the last is the end, and says who has sent them.
const HANDLES: &str = r#"
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
static siginfo_t got;
static volatile sig_atomic_t count;
static void note(int signal, siginfo_t *info, void *context) { got = *info; count++; }
int main(void) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    int signals[] = {SIGHUP, SIGUSR1, SIGTERM};
    for (int i = 0; i < 3; i++) sigaction(signals[i], &action, 0);
    puts("ready");
    fflush(stdout);
    for (int i = 0; i < 3; i++) {
        while (count <= i) sigsuspend(&before);
        printf("%d %d %d\n", got.si_signo, got.si_code, (int)got.si_pid);
        fflush(stdout);
    }
    return 7;
}
"#;

/// A command that was started and has said that it is ready.
struct Started {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Started {
    fn new(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut started = Self { child, out };
        assert_eq!(started.line(), "ready");
        started
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ends(self) -> Run {
        Run::from(self.child.wait_with_output().unwrap())
    }
}

/// Waits until a process has said what becomes of SIGTERM: a command can say that it is ready a
/// moment before whoever supervises it is.
fn is_prepared(process: u32) {
    const TERM: u64 = 1 << 14;
    let mask = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok();
    loop {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let masks = status.lines().filter(|l| l.starts_with("SigBlk:") || l.starts_with("SigCgt:"));
        if masks.filter_map(mask).any(|mask| mask & TERM != 0) {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Sends a signal; returns who has sent it.
fn send(signal: &str, process: u32) -> u32 {
    is_prepared(process);
    let kill = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).spawn();
    let mut kill = kill.unwrap();
    assert!(kill.wait().unwrap().success());
    kill.id()
}

#[test]
fn they_reach_the_command_however_it_is_supervised() {
    let folder = Folder::new();
    let program = folder.compiled("handles", HANDLES);
    let profile = folder.at("learned.gate");
    let learn = ["learn", "--force", "-o", &profile];
    let ways: [(&[&str], bool); 5] = [
        (&["run"], true),
        (&["run", "--explain"], false),
        (&["run", "--explain", "--trace"], true),
        (&learn, false),
        (&[&learn[..], &["--backend", "ptrace"]].concat(), true),
    ];
    for (way, shows_sender) in ways {
        let mut started = Started::new(command(&[way, &["--", &program]].concat()));
        for (signal, number) in [("HUP", 1), ("USR1", 10), ("TERM", 15)] {
            let process = started.child.id();
            let sender = send(signal, process);
            // Only a tracer can say that it was another.
            let sender = if shows_sender { sender } else { process };
            assert_eq!(started.line(), format!("{number} 0 {sender}"), "{way:?}");
        }
        let run = started.ends();
        if way[0] == "learn" {
            assert_eq!(run.code, Some(0), "{run:?}");
            run.says(&["exit 7: "]);
            let text = std::fs::read_to_string(&profile).unwrap();
            assert!(text.contains("allow rt_sigsuspend"), "{text}");
        } else {
            assert_eq!(run.code, Some(7), "{way:?}: {run:?}");
        }
    }
}

/// At whatever moment it comes: the command ends with whoever supervises it, and is not left behind.
#[test]
fn one_that_comes_while_the_command_is_started_is_for_both() {
    let folder = Folder::new();
    let profile = folder.at("learned.gate");
    let learn = ["learn", "--force", "-o", &profile, "--backend"];
    // A listener is handed over before the command begins, a tracer is there before.
    let ways: [(&[&str], usize); 4] = [
        (&["run", "--explain"], 1),
        (&["run", "--explain", "--trace"], 10),
        (&[&learn[..], &["notify"]].concat(), 10),
        (&[&learn[..], &["ptrace"]].concat(), 10),
    ];
    for (number, (way, step)) in ways.iter().enumerate() {
        for moment in (0..120).step_by(*step) {
            let mark = format!("{}{number}{moment:03}", std::process::id());
            let mut started = command(&[way, &["--", "sleep", &mark][..]].concat());
            let mut started = started.stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(250) * moment);
            let id = started.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
            started.wait().unwrap();
            let line = format!("sleep\0{mark}\0");
            let left = processes(|it| it == line.as_bytes());
            left.iter().for_each(|id| drop(Command::new("kill").args(["-9", id]).status()));
            assert!(left.is_empty(), "{way:?} at moment {moment}: {left:?} sleep on");
        }
    }
}

#[test]
fn what_was_learned_until_a_signal_ended_the_command_is_kept() {
    let folder = Folder::new();
    let profile = folder.at("learned.gate");
    for signal in ["TERM", "HUP", "QUIT", "USR2"] {
        let learn = ["learn", "--force", "-o", &profile, "--", "sh", "-c"];
        let started =
            Started::new(command(&[&learn[..], &["echo ready; exec sleep 100"]].concat()));
        send(signal, started.child.id());
        let run = started.ends();
        assert_eq!(run.code, Some(0), "{signal}: {run:?}");
        run.says(&["killed by signal "]);
        assert!(std::fs::read_to_string(&profile).unwrap().contains("allow execve"));
        std::fs::remove_file(&profile).unwrap();
    }
}

#[test]
fn nothing_more_begins_after_one_that_ends_the_command() {
    let folder = Folder::new();
    let (profile, count) = (folder.at("learned.gate"), folder.at("count"));
    let script = format!("echo run >> {count}; echo ready; exec sleep 0.5");
    let handles = format!("trap '' INT TERM HUP QUIT; {script}");
    for (signal, way, script) in [
        ("INT", "notify", &script),
        ("TERM", "ptrace", &handles),
        ("HUP", "notify", &script),
        ("HUP", "ptrace", &handles),
        ("QUIT", "notify", &handles),
    ] {
        let learn = ["learn", "--force", "-o", &profile, "--rounds", "3", "--explore"];
        let learn = [&learn[..], &["--backend", way, "--", "sh", "-c", script]].concat();
        let started = Started::new(command(&learn));
        send(signal, started.child.id());
        let run = started.ends();
        assert_eq!(run.code, Some(0), "{signal}: {run:?}");
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "run\n", "{signal} {way}: {run:?}");
        assert!(std::fs::read_to_string(&profile).unwrap().contains("allow execve"));
        std::fs::remove_file(&count).unwrap();
    }
}

/// Also where no command runs just now.
#[test]
fn one_between_two_rounds_ends_them_and_nothing_is_lost() {
    let folder = Folder::new();
    let profile = folder.at("learned.gate");
    let learn = ["learn", "--force", "--rounds", "1000", "-o", &profile, "--", "true"];
    for moment in 0..24 {
        let mut child = command(&learn).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("round 1 of") {
            line.clear();
            assert_ne!(err.read_line(&mut line).unwrap(), 0);
        }
        std::thread::sleep(Duration::from_micros(1700) * moment);
        send("TERM", child.id());
        let mut rest = String::new();
        err.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "at moment {moment}: {rest}");
        assert!(!rest.contains("round 1000 of"), "{rest}");
        assert!(std::fs::read_to_string(&profile).unwrap().contains("allow execve"));
    }
}

#[test]
fn a_second_one_ends_the_command_and_all_rounds() {
    let folder = Folder::new();
    let (profile, count) = (folder.at("learned.gate"), folder.at("count"));
    let script = format!("trap '' INT QUIT; echo run >> {count}; echo ready; exec sleep 100");
    for signal in ["INT", "QUIT"] {
        let learn = ["learn", "--force", "-o", &profile, "--rounds", "3", "--", "sh", "-c"];
        let started = Started::new(command(&[&learn[..], &[&script]].concat()));
        send(signal, started.child.id());
        std::thread::sleep(Duration::from_millis(100));
        send(signal, started.child.id());
        let run = started.ends();
        assert_eq!(run.code, Some(0), "{signal}: {run:?}");
        assert_eq!(run.stderr.matches("once more, and it is killed").count(), 1, "{run:?}");
        run.says(&["ended by the user: "]);
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "run\n", "{signal}: {run:?}");
        std::fs::remove_file(&count).unwrap();
    }
}

/// What a command does as it is interrupted has nothing to do with the call that was refused.
#[test]
fn a_probe_that_was_interrupted_is_thrown_away() {
    let folder = Folder::new();
    let (profile, first) = (folder.at("learned.gate"), folder.at("first"));
    // The first run is as it should be, each later one waits, and ends by a call of its own.
    let script = format!(
        "test -e {first} || {{ : > {first}; exit; }}; trap 'kill -9 $$' INT; echo ready; sleep 1; :"
    );
    let learn = ["learn", "--force", "--explore", "-o", &profile, "--", "sh", "-c", &script];
    let started = Started::new(command(&learn));
    send("INT", started.child.id());
    let run = started.ends();
    assert_eq!(run.code, Some(0), "{run:?}");
    run.says(&["interrupted, so it tells nothing"]);
    assert_eq!(run.stderr.matches(": interrupted").count(), 1, "{run:?}");
    let text = std::fs::read_to_string(&profile).unwrap();
    assert!(text.contains("allow execve") && !text.contains("allow kill"), "{text}");
    assert!(!text.contains("#@ explored "), "{text}");
}

#[test]
fn one_from_outside_of_the_container_is_passed_on() {
    let apart = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
    if !Command::new("unshare").args(apart).arg("true").status().is_ok_and(|it| it.success()) {
        return;
    }
    let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done";
    for way in [&["run", "--explain"][..], &["run", "--explain", "--trace"]] {
        let mut unshare = Command::new("unshare");
        unshare.args(apart).arg(env!("CARGO_BIN_EXE_callgate")).args(way);
        unshare.args(["--", "sh", "-c", script]);
        let started = Started::new(unshare);
        let unshare = started.child.id();
        let children = std::fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"));
        send("TERM", children.unwrap().trim().parse().unwrap());
        let run = started.ends();
        assert_eq!(run.code, Some(7), "{way:?}: {run:?}");
    }
}
