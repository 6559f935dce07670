//! Recording a command, round by round.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use callgate_kernel::child::Ending;
use callgate_kernel::{Command, Start, running_kernel};
use callgate_learn::{
    CallKey, Collector, Evidence, Heading, Run, RunId, Style, Wants, mine, write,
};
use callgate_observe::record::{self, Event, Going, Notify, Observer, Ptrace, Recorded, Recorder};
use callgate_syscalls::{Arch, Errno};

use callgate_console::error::Error;
use callgate_console::output;

/// How calls are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Backend {
    /// Each call waits until it was seen (seccomp_unotify(2)): the fastest
    Notify,
    /// The command is traced (ptrace(2)): slower; sees results, and commands with a listener of
    /// their own
    Ptrace,
}

/// Runs a command so many times and adds what is seen to `evidence`.
pub(super) fn rounds(
    words: &[OsString],
    rounds: u32,
    backend: Backend,
    mut evidence: Evidence,
) -> Result<Evidence, Error> {
    let line: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let line = line.join(" ");
    let ignores = Start::get().is_some_and(|start| start.ignores_sigpipe);
    let command = Command::resolve_here(c_strings(words)?).map_err(Error::NotExecuted)?;
    let command = command.ignoring_sigpipe(ignores);
    let id = identify(&line);
    for round in 0..rounds {
        let recorder: Box<dyn Recorder> = match backend {
            Backend::Notify => Box::new(recorder(round, &evidence)?),
            Backend::Ptrace => Box::new(Ptrace::everything()),
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
        if recorded.ending.is_none() {
            break;
        }
    }
    Ok(evidence)
}

/// Runs a command once more for each call that it may do without, with that call refused, and adds
/// what then appears: what it needs on older kernels and with other C libraries.
pub(super) fn explore(words: &[OsString], mut evidence: Evidence) -> Result<Evidence, Error> {
    let command = Command::resolve_here(c_strings(words)?).map_err(Error::NotExecuted)?;
    let line = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let before = evidence.clone();
    for call in callgate_learn::probes(&before) {
        for errno in ["ENOSYS", "EPERM"] {
            let Some((seen, going)) = without(&command, &line, (call, errno), &before)? else {
                continue;
            };
            evidence.join(seen);
            if going == Going::End {
                return Ok(evidence);
            }
        }
    }
    Ok(evidence)
}

/// Runs a command with a call refused: what is seen beyond `before`, and whether the user lets it
/// go on. Nothing for calls without a name.
fn without(
    command: &Command,
    line: &str,
    (call, errno): (CallKey, &'static str),
    before: &Evidence,
) -> Result<Option<(Evidence, Going)>, Error> {
    let Some(text) = callgate_learn::refusing(call, errno) else { return Ok(None) };
    let filter = callgate::Filter::parse(&text)?;
    let id = identify(&format!("{line} without {call} {errno}"));
    let mut watch = Watch::new(Collector::exploring(id));
    let recorder = Notify::handed_over_by(filter.program().clone());
    let recorded = recorder.record(command, &mut watch).map_err(Error::NotExecuted)?;
    let mut run = describe(line, recorder.name(), &recorded);
    run.without = callgate_learn::without(call, errno).unwrap_or_default();
    let ended = run.ended.clone();
    let seen = watch.collector.finish(run).without(before);
    let new: Vec<String> = seen.calls().map(|(key, _)| key.to_string()).collect();
    let new = if new.is_empty() { "nothing new".to_owned() } else { new.join(", ") };
    output::note(&format_args!("{errno} for {call}: {ended}; {new}"));
    let going = if recorded.ending.is_none() { Going::End } else { Going::On };
    Ok(Some((seen, going)))
}

/// Who records a round: the first everything, the others what the profile so far would not allow.
fn recorder(round: u32, evidence: &Evidence) -> Result<Notify, Error> {
    let everything = || Notify::everything().map_err(|e| Error::Usage(e.to_string()));
    if round == 0 {
        return everything();
    }
    let mut wants = Wants::default();
    wants.closure = false;
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

/// Gathers events and tells the user how it goes.
struct Watch {
    collector: Collector,
    told: Instant,
    signals: u32,
}

impl Watch {
    fn new(collector: Collector) -> Self {
        Self { collector, told: Instant::now(), signals: 0 }
    }
}

impl Observer for Watch {
    fn event(&mut self, event: &Event<'_>) {
        let native = Arch::native();
        let result = event.result.map(|value| match u16::try_from(-value) {
            Ok(errno @ 1..=4095) => {
                let name = native.and_then(|arch| Errno::new(errno).name(arch));
                name.map_or_else(|| errno.to_string(), str::to_owned)
            }
            _ => "0".to_owned(),
        });
        self.collector.event(event.call, event.thread, result.as_deref());
    }

    fn tick(&mut self, signals: u32) -> Going {
        if signals > self.signals {
            self.signals = signals;
            if signals > 1 {
                return Going::End;
            }
            output::note(&"waiting for the command to end; once more, and it is killed");
        }
        if self.told.elapsed().as_secs() >= 60 {
            self.told = Instant::now();
            let progress = self.collector.progress();
            output::note(&format_args!(
                "{} events so far, {} calls; {} new in the last minute",
                progress.events, progress.calls, progress.new
            ));
        }
        Going::On
    }
}

fn describe(line: &str, backend: &str, recorded: &Recorded) -> Run {
    let mut blind = Vec::new();
    for program in &recorded.privileged {
        blind.push(format!("{program} is setuid, which had no effect under the recorder"));
    }
    if recorded.lost > 0 {
        blind.push(format!("{} events were lost", recorded.lost));
    }
    Run {
        date: record::today(),
        command: line.to_owned(),
        kernel: running_kernel().map_or_else(|_| String::new(), |kernel| kernel.to_string()),
        machine: Arch::native().map_or_else(String::new, |arch| arch.name().to_owned()),
        libc: record::libc_version(),
        backend: backend.to_owned(),
        ended: match recorded.ending {
            Some(Ending::Exited { code }) => format!("exit {code}"),
            Some(Ending::Killed { signal }) => format!("killed by {signal}"),
            None => "ended by the user".to_owned(),
        },
        lost: recorded.lost,
        blind,
        without: String::new(),
    }
}

fn say_blind(run: &Run) {
    for blind in &run.blind {
        output::warning(blind);
    }
}

/// A number that no other run has.
fn identify(line: &str) -> RunId {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let boot = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let process = std::process::id().to_le_bytes();
    RunId::of([&now.to_le_bytes()[..], &process, &boot, line.as_bytes()])
}

fn c_strings(words: &[OsString]) -> Result<Vec<CString>, Error> {
    let strings: Result<Vec<_>, _> =
        words.iter().map(|word| CString::new(word.clone().into_vec())).collect();
    strings.map_err(|_| Error::Usage("the command holds a NUL byte".to_owned()))
}
