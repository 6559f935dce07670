//! Recording a command, round by round.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use callgate_kernel::child::Ending;
use callgate_kernel::{Command, Start, running_kernel};
use callgate_learn::{Collector, Evidence, Heading, Run, RunId, Style, Wants, mine, write};
use callgate_observe::record::{self, Event, Going, Notify, Observer, Recorded, Recorder};
use callgate_syscalls::{Arch, Errno};

use callgate_console::error::Error;
use callgate_console::output;

/// Runs a command so many times and adds what is seen to `evidence`.
pub(super) fn rounds(
    words: &[OsString],
    rounds: u32,
    mut evidence: Evidence,
) -> Result<Evidence, Error> {
    let line: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let line = line.join(" ");
    let ignores = Start::get().is_some_and(|start| start.ignores_sigpipe);
    let command = Command::resolve_here(c_strings(words)?).map_err(Error::NotExecuted)?;
    let command = command.ignoring_sigpipe(ignores);
    let id = identify(&line);
    for round in 0..rounds {
        let recorder = recorder(round, &evidence)?;
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
        let Some(text) = callgate_learn::refusing(call, "ENOSYS") else { continue };
        let filter = callgate::Filter::parse(&text)?;
        let line = format!("{line} (without {call})");
        let mut watch = Watch::new(Collector::new(identify(&line)));
        let recorder = Notify::handed_over_by(filter.program().clone());
        let recorded = recorder.record(&command, &mut watch).map_err(Error::NotExecuted)?;
        let run = describe(&line, "notify, exploring", &recorded);
        let ended = run.ended.clone();
        let seen = watch.collector.finish(run);
        let new: Vec<String> = seen
            .calls()
            .filter(|(key, _)| before.of(*key).is_none())
            .map(|(key, _)| key.to_string())
            .collect();
        let new = if new.is_empty() { "nothing new".to_owned() } else { new.join(", ") };
        output::note(&format_args!("without {call}: {ended}; {new}"));
        evidence.join(seen);
        if recorded.ending.is_none() {
            break;
        }
    }
    Ok(evidence)
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
