//! `cargo xtask ci`: every check, cheap ones first.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::cargo;

/// A check: its name, and the command that makes it.
struct Step {
    name: &'static str,
    command: fn() -> Command,
}

/// The crates whose tests are run once more without debug assertions and overflow checks, as they
/// ship: what the C library is made of, and what reads bytes from outside.
const UNCHECKED: &[&str] = &[
    "callgate-bpf",
    "callgate-build",
    "callgate-compiler",
    "callgate-dialects",
    "callgate-dumps",
    "callgate-explain",
    "callgate-formats",
    "callgate-gate-syntax",
    "callgate-kernel",
    "callgate-memory",
    "callgate-order",
    "callgate-policy",
    "callgate-prover",
    "callgate-scmp",
    "callgate-scmp-capi",
    "callgate-scmp-process",
    "callgate-syscalls",
];

const STEPS: &[Step] = &[
    Step { name: "format", command: || cargo(&["fmt", "--all", "--check"]) },
    Step { name: "tidy", command: || xtask(&["tidy"]) },
    Step { name: "codegen", command: || xtask(&["codegen", "--check"]) },
    Step {
        name: "clippy",
        command: || {
            cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
        },
    },
    Step { name: TESTS, command: || cargo(&["test", "--workspace", "--quiet"]) },
    Step {
        name: "tests, tokio",
        command: || {
            cargo(&["test", "--package", "callgate-supervise", "--features", "tokio", "--quiet"])
        },
    },
    Step {
        name: "tests, unchecked",
        command: || {
            let mut test = cargo(&["test", "--profile", "unchecked", "--quiet", "--tests"]);
            test.args(UNCHECKED.iter().flat_map(|package| ["--package", package]));
            test
        },
    },
    Step {
        name: "documentation",
        command: || {
            let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
            doc.arg("--document-private-items").env("RUSTDOCFLAGS", "-D warnings");
            doc
        },
    },
    Step { name: "api", command: || xtask(&["api"]) },
    Step { name: "conformance: constants", command: || xtask(&["conformance", "constants"]) },
    Step { name: "conformance: kernel", command: || xtask(&["conformance", "kernel"]) },
    Step { name: "conformance: learn", command: || xtask(&["conformance", "learn"]) },
    Step { name: "conformance: live", command: || xtask(&["conformance", "live"]) },
    Step { name: "conformance: denials", command: || xtask(&["conformance", "denials"]) },
    Step { name: "conformance: notify", command: || xtask(&["conformance", "notify"]) },
    Step { name: "conformance: prover", command: || xtask(&["conformance", "prover"]) },
    Step { name: "world", command: || xtask(&["world", "--quick"]) },
    Step { name: "abi", command: || xtask(&["abi"]) },
    Step { name: "conformance: libseccomp", command: || xtask(&["conformance", "libseccomp"]) },
    Step { name: "conformance: readings", command: || xtask(&["conformance", "readings"]) },
    Step { name: "python", command: || xtask(&["python", "--wheel"]) },
    Step { name: "bench goldens", command: || xtask(&["bench", "--goldens"]) },
    Step { name: "bench", command: || xtask(&["bench", "--quick"]) },
    Step { name: "fuzz", command: || xtask(&["fuzz"]) },
    Step { name: "guide", command: || xtask(&["guide"]) },
    Step { name: "book", command: || xtask(&["book", "--try"]) },
    Step { name: "live: real programs", command: || xtask(&["live"]) },
    Step { name: "arrive", command: || xtask(&["arrive", "--quick", "binary", "roots"]) },
    Step { name: "clients", command: || xtask(&["clients"]) },
    Step { name: "package", command: || xtask(&["package", "--reproduce", "--install"]) },
];

/// The step that `.ci/run` has made when it comes here, by the command that README.md names.
const TESTS: &str = "tests";

/// Runs all steps, or those whose names contain the argument, and stops at the first that fails.
/// With `--tested` all but the everyday tests.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let steps: Vec<&Step> = match args {
        [] => STEPS.iter().collect(),
        [flag] if flag == "--tested" => STEPS.iter().filter(|step| step.name != TESTS).collect(),
        [part] => STEPS.iter().filter(|step| step.name.contains(part.as_str())).collect(),
        _ => return Err("expected --tested, or a part of the names of steps".into()),
    };
    if steps.is_empty() {
        return Err(format!("no step is called {args:?}"));
    }
    let mut skipped = 0;
    for step in &steps {
        println!("ci: {} ...", step.name);
        let start = Instant::now();
        let (status, without) = play(step, GRACE).map_err(|e| format!("{}: {e}", step.name))?;
        skipped += without;
        if !status.success() {
            return Err(format!("{} failed: {:?}", step.name, (step.command)()));
        }
        println!("ci: {} passed in {:.0} s", step.name, start.elapsed().as_secs_f64());
    }
    println!("ci: {} steps passed, {skipped} tests were skipped", steps.len());
    Ok(())
}

/// How long what a step left behind may hold its standard error.
const GRACE: Duration = Duration::from_secs(5);

/// Makes a step, and counts the tests that say on standard error that they are skipped: the test
/// harness counts them as passed.
///
/// The step ends with its own process: one that it left behind has inherited standard error, and
/// would be waited for until it ends, too.
fn play(step: &Step, grace: Duration) -> std::io::Result<(ExitStatus, usize)> {
    let mut child = (step.command)().stderr(Stdio::piped()).spawn()?;
    let skipped = Arc::new(AtomicUsize::new(0));
    let (done, ended) = mpsc::channel();
    if let Some(stderr) = child.stderr.take() {
        let skipped = Arc::clone(&skipped);
        thread::spawn(move || done.send(pass_on(stderr, &skipped)));
    }
    let status = child.wait()?;
    match ended.recv_timeout(grace) {
        Ok(passed) => passed?,
        Err(_) => println!("ci: {} left a process behind that holds standard error", step.name),
    }
    Ok((status, skipped.load(Ordering::Relaxed)))
}

/// Shows the lines of a step's standard error, and counts those of skipped tests.
fn pass_on(stderr: ChildStderr, skipped: &AtomicUsize) -> std::io::Result<()> {
    for line in BufReader::new(stderr).split(b'\n') {
        let line = line?;
        skipped.fetch_add(usize::from(line.starts_with(b"skipped (")), Ordering::Relaxed);
        let mut shown = std::io::stderr().lock();
        shown.write_all(&line)?;
        shown.write_all(b"\n")?;
    }
    Ok(())
}

/// Whether a line of shell, `cargo ...`, is one of the steps.
pub(crate) fn runs(line: &str) -> bool {
    STEPS.iter().any(|step| {
        let command = (step.command)();
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        let words = words.join(" ").replace("run --quiet --package xtask --", "xtask");
        line == format!("cargo {words}")
    })
}

/// Another command of the house, in a process of its own.
fn xtask(args: &[&str]) -> Command {
    let mut command = cargo(&["run", "--quiet", "--package", "xtask", "--"]);
    command.args(args);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ends_with_its_own_process() {
        let command = || {
            let mut shell = Command::new("sh");
            shell.args(["-c", "sleep 30 & echo 'skipped (no reason)' >&2; exit 3"]);
            shell
        };
        let step = Step { name: "leaves a process behind", command };
        let start = Instant::now();
        let (status, skipped) = play(&step, Duration::from_millis(500)).unwrap();
        assert_eq!((status.code(), skipped), (Some(3), 1));
        assert!(start.elapsed() < Duration::from_secs(20), "what it left behind was waited for");
    }

    #[test]
    fn all_lines_of_a_step_are_counted() {
        let command = || {
            let mut shell = Command::new("sh");
            shell
                .args(["-c", "echo 'skipped (one)' >&2; echo ran >&2; printf 'skipped (two)' >&2"]);
            shell
        };
        let (status, skipped) = play(&Step { name: "skips", command }, GRACE).unwrap();
        assert!(status.success());
        assert_eq!(skipped, 2);
    }
}
