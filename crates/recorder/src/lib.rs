//! The recordings behind `callgate learn`: a command run once or in rounds, or what runs already;
//! and [what a filter refuses](refusals) to a command, behind `callgate run --explain`.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod follow;
mod interests;
pub mod refusals;
mod run;
mod watch;

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

use callgate_console::error::Error;
use callgate_console::output;
use callgate_kernel::{Command, Start};
use callgate_learn::{CallKey, Collector, Evidence, Heading, Style, Wants, mine, write};
use callgate_observe::record::{Between, Ebpf, Going, Notify, Ptrace, Recorded, Recorder};

pub use follow::Following;
use interests::interests;
use run::{describe, identify, say_blind};
use watch::Watch;

/// How calls are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// Each call waits until it was seen (seccomp_unotify(2)): the fastest
    Notify,
    /// The command is traced (ptrace(2)): slower; sees results, and commands with a listener of
    /// their own
    Ptrace,
    /// Programs in the kernel (bpf(2)) see it: the cheapest, with results, and setuid programs
    /// work; needs CAP_BPF and CAP_PERFMON, or root, and Linux 5.8
    Ebpf,
}

/// Runs a command so many times and adds what is seen to `evidence`. After a signal by which the
/// user ends it nothing more is to be started.
///
/// # Errors
/// Why it can't be recorded.
pub fn rounds(
    words: &[OsString],
    rounds: u32,
    backend: Backend,
    mut evidence: Evidence,
) -> Result<(Evidence, Going), Error> {
    let line: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let line = line.join(" ");
    let ignores = Start::get().is_some_and(|start| start.ignores_sigpipe);
    let command = Command::resolve_here(c_strings(words)?).map_err(Error::NotExecuted)?;
    let command = command.ignoring_sigpipe(ignores);
    let id = identify(&line);
    let between = Between::begin().map_err(Error::Kernel)?;
    for round in 0..rounds {
        if between.was_interrupted() {
            return Ok((evidence, Going::End));
        }
        let recorder: Box<dyn Recorder> = match backend {
            Backend::Notify => Box::new(recorder(round, &evidence)?),
            Backend::Ptrace => Box::new(Ptrace::everything()),
            Backend::Ebpf => {
                let recorder = Ebpf::everything(interests());
                Box::new(recorder.map_err(|error| Error::Usage(error.to_string()))?)
            }
        };
        let mut watch = Watch::new(Collector::new(id));
        let recorded = recorder.record(&command, &mut watch).map_err(Error::NotExecuted)?;
        let progress = watch.collector.progress();
        let run = describe(&line, recorder.name(), &recorded);
        output::note(&format_args!(
            "{}: {} events, {} calls{}",
            run.ended,
            progress.events,
            progress.calls,
            if rounds == 1 { String::new() } else { format!(", round {} of {rounds}", round + 1) }
        ));
        say_blind(&run);
        evidence.join(watch.collector.finish(run));
        if ends(&recorded) {
            return Ok((evidence, Going::End));
        }
    }
    Ok((evidence, Going::On))
}

/// Runs a command once more for each call that it may do without, with that call refused, and adds
/// what then appears: what it needs on older kernels and with other C libraries. A run that a
/// signal has interrupted tells nothing, and is the last.
///
/// # Errors
/// Why it can't be recorded.
pub fn explore(words: &[OsString], mut evidence: Evidence) -> Result<Evidence, Error> {
    let command = Command::resolve_here(c_strings(words)?).map_err(Error::NotExecuted)?;
    let line = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let before = evidence.clone();
    let between = Between::begin().map_err(Error::Kernel)?;
    for call in callgate_learn::probes(&before) {
        for errno in ["ENOSYS", "EPERM"] {
            if between.was_interrupted() {
                return Ok(evidence);
            }
            match without(&command, &line, (call, errno), &before)? {
                Probe::Seen(seen) => evidence.join(*seen),
                Probe::Nameless => {}
                Probe::Interrupted => return Ok(evidence),
            }
        }
    }
    Ok(evidence)
}

/// What came of running a command with a call refused.
enum Probe {
    /// This, beyond what was known.
    Seen(Box<Evidence>),
    /// No policy can be about the call.
    Nameless,
    /// What it did may have been due to the signal, and not to the refusal.
    Interrupted,
}

/// Runs a command with a call refused, for what is seen beyond `before`.
fn without(
    command: &Command,
    line: &str,
    (call, errno): (CallKey, &'static str),
    before: &Evidence,
) -> Result<Probe, Error> {
    let Some(text) = callgate_learn::refusing(call, errno) else { return Ok(Probe::Nameless) };
    let filter = callgate::Filter::parse(&text)?;
    let id = identify(&format!("{line} without {call} {errno}"));
    let mut watch = Watch::new(Collector::exploring(id));
    let recorder = Notify::handed_over_by(filter.program().clone());
    let recorded = recorder.record(command, &mut watch).map_err(Error::NotExecuted)?;
    if ends(&recorded) {
        output::note(&format_args!("{errno} for {call}: interrupted, so it tells nothing"));
        return Ok(Probe::Interrupted);
    }
    let mut run = describe(line, recorder.name(), &recorded);
    run.without = callgate_learn::without(call, errno).unwrap_or_default();
    let ended = run.ended.clone();
    let seen = watch.collector.finish(run).without(before);
    let new: Vec<String> = seen.calls().map(|(key, _)| key.to_string()).collect();
    let new = if new.is_empty() { "nothing new".to_owned() } else { new.join(", ") };
    output::note(&format_args!("{errno} for {call}: {ended}; {new}"));
    Ok(Probe::Seen(Box::new(seen)))
}

const fn ends(recorded: &Recorded) -> bool {
    recorded.interrupted || recorded.ending.is_none()
}

/// Who records a round: the first everything, the others what the profile so far would not allow.
fn recorder(round: u32, evidence: &Evidence) -> Result<Notify, Error> {
    let everything = || Notify::everything().map_err(|e| Error::Usage(e.to_string()));
    if round == 0 {
        return everything();
    }
    let mut wants = Wants::default();
    (wants.closure, wants.exact) = (false, true);
    let mined = mine(evidence, &wants);
    let heading = Heading { title: String::new() };
    match write(evidence, &mined, &heading, Style::Recorded) {
        None => everything(),
        Some(text) => {
            let filter = callgate::Filter::parse(&text)?;
            Ok(Notify::handed_over_by(filter.program().clone()))
        }
    }
}

fn c_strings(words: &[OsString]) -> Result<Vec<CString>, Error> {
    let strings: Result<Vec<_>, _> =
        words.iter().map(|word| CString::new(word.clone().into_vec())).collect();
    strings.map_err(|_| Error::Usage("the command holds a NUL byte".to_owned()))
}
