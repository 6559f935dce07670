//! The cost of supervising and of starting under a filter, beside the least program that does the
//! same.
//!
//! A supervisor of ours answers the same calls as a C program that makes nothing but the two ioctls
//! it takes; `callgate run` starts the same program as is started without it, and by env(1), which
//! does nothing else. All sides have their turns one after the other; medians are shown, and only
//! their ratio or difference means something.

use std::num::NonZeroU8;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use callgate::supervise::{Dispatcher, Error, Listener, Value};
use callgate_kernel::notify::handover;

use super::contender::compile;
use super::measure::median;
use house::build_command;

/// The number of turns of each side.
const ROUNDS: usize = 15;

/// The number of calls that are answered in a turn.
const CALLS: usize = 20_000;

/// The answer that the C program expects.
const ANSWER: u32 = 4711;

/// The number of times a program is started in a turn.
const STARTS: usize = 20;

pub(crate) fn run(folder: &Path) -> Result<(), String> {
    println!("{}\n", super::growth::machine());
    notifications(&compile("notify.c", &folder.join("notify"), &[])?)?;
    starts(&build_command()?, folder)
}

fn notifications(program: &Path) -> Result<(), String> {
    let (mut theirs, mut loops, mut dispatched) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(answered_by_c(program)?);
        loops.push(answered_by_us(program, answer_all)?);
        dispatched.push(answered_by_us(program, dispatch)?);
    }
    let theirs = median(&mut theirs);
    println!("a call that a supervisor answers, {ROUNDS} turns of {CALLS} calls, medians");
    println!("  two ioctls in C             {theirs:>8.0} ns");
    for (name, times) in [("Listener::calls", &mut loops), ("Dispatcher", &mut dispatched)] {
        let ours = median(times);
        println!("  {name:<27} {ours:>8.0} ns, {:.2} times as long", ours / theirs);
    }
    println!();
    Ok(())
}

/// Nanoseconds for a call.
fn answered_by_c(program: &Path) -> Result<f64, String> {
    let (calling, answering) = pair()?;
    let mut supervisor = start(Command::new(program).arg("answer"), answering)?;
    let taken = start(&mut caller(program), calling).and_then(nanoseconds);
    if taken.is_err() {
        // It may still wait for a listener.
        let _ = supervisor.kill();
    }
    let status = supervisor.wait().map_err(|e| e.to_string())?;
    taken.and_then(|taken| match status.success() {
        true => Ok(taken),
        false => Err(format!("the supervisor in C ended with {status}")),
    })
}

fn answered_by_us(
    program: &Path,
    supervise: fn(Listener) -> Result<(), Error>,
) -> Result<f64, String> {
    let (calling, answering) = pair()?;
    let caller = start(&mut caller(program), calling)?;
    let message = handover::receive(answering.as_fd(), &mut [0]);
    let message = message.map_err(|e| format!("no listener came: errno {}", e.raw()))?;
    let listener = message.descriptors.into_iter().next().ok_or("no listener came")?;
    let listener = Listener::new(listener).map_err(|e| e.to_string())?;
    supervise(listener).map_err(|e| e.to_string())?;
    nanoseconds(caller)
}

fn answer_all(listener: Listener) -> Result<(), Error> {
    // A call that went away would not get its answer, which the caller would say.
    listener.calls().try_for_each(|call| call?.succeed(Value::from(ANSWER)).map(drop))
}

/// One at a time, as the calls come.
fn dispatch(listener: Listener) -> Result<(), Error> {
    let dispatcher = Dispatcher::new(listener, NonZeroU8::MIN)?;
    dispatcher.run(|call| call.succeed(Value::from(ANSWER))).map(drop)
}

fn pair() -> Result<(OwnedFd, OwnedFd), String> {
    let (one, other) = UnixStream::pair().map_err(|e| format!("a pair of sockets: {e}"))?;
    Ok((one.into(), other.into()))
}

fn caller(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("call").arg(CALLS.to_string());
    command
}

fn start(command: &mut Command, input: OwnedFd) -> Result<Child, String> {
    let started = command.stdin(input).stdout(Stdio::piped()).spawn();
    started.map_err(|e| format!("{command:?}: {e}"))
}

fn nanoseconds(caller: Child) -> Result<f64, String> {
    let output = caller.wait_with_output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().parse() {
        Ok(taken) if output.status.success() => Ok(taken),
        _ => Err(format!("the caller ended with {} and {text:?}", output.status)),
    }
}

fn starts(callgate: &Path, folder: &Path) -> Result<(), String> {
    let file = folder.join("container.json");
    let container = include_str!("../../testdata/profiles/container.json");
    std::fs::write(&file, container).map_err(|e| format!("{}: {e}", file.display()))?;
    let (callgate, file) = (callgate.display().to_string(), file.display().to_string());
    let commands: [(&str, &[&str]); 5] = [
        ("alone", &["true"]),
        ("env, which only starts it", &["env", "true"]),
        ("callgate run", &[&callgate, "run", "--", "true"]),
        ("callgate run --profile FILE", &[&callgate, "run", "--profile", &file, "--", "true"]),
        ("callgate --version, no true", &[&callgate, "--version"]),
    ];
    let mut times = commands.map(|_| Vec::new());
    for _ in 0..ROUNDS * STARTS {
        for ((_, words), times) in commands.iter().zip(&mut times) {
            times.push(milliseconds(words)?);
        }
    }
    let medians = times.map(|mut times| median(&mut times));
    println!("starting true(1) and waiting for its end, {} times each, medians", ROUNDS * STARTS);
    for ((name, _), time) in commands.iter().zip(medians) {
        let more = time - medians[0];
        println!("  {name:<27} {time:>8.2} ms, {more:.2} ms more");
    }
    Ok(())
}

fn milliseconds(words: &[&str]) -> Result<f64, String> {
    let [program, arguments @ ..] = words else { return Err("no command".into()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().map_err(|e| format!("{command:?}: {e}"))?;
    match status.success() {
        true => Ok(start.elapsed().as_secs_f64() * 1e3),
        false => Err(format!("{command:?} ended with {status}")),
    }
}
