//! Recording what runs already.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use callgate_console::error::Error;
use callgate_console::output;
use callgate_kernel::Tid;
use callgate_learn::{Collector, Evidence};
use callgate_observe::record::{self, Ebpf, Recorder as _, Whom};
use clap::ValueHint;

use crate::interests::interests;
use crate::run::{describe, identify, say_blind};
use crate::watch::Watch;

/// What runs already and is to be recorded.
#[derive(Debug, clap::Args)]
pub struct Following {
    /// Record these processes instead of a command, with their threads and all that they start, until they end, Ctrl-C is
    /// pressed or --for is over; they go on. In the kernel (see --backend ebpf)
    #[arg(
        long,
        value_name = "PID",
        value_delimiter = ',',
        conflicts_with_all = ["cgroup", "command", "rounds", "explore", "backend"]
    )]
    pid: Vec<u32>,
    /// Record all in this control group (v2) and below it, such as a container's
    #[arg(
        long,
        value_name = "FOLDER",
        value_hint = ValueHint::DirPath,
        conflicts_with_all = ["command", "rounds", "explore", "backend"]
    )]
    cgroup: Option<PathBuf>,
    /// End the recording of --pid or --cgroup after so many seconds
    #[arg(
        long = "for",
        id = "for",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=31_536_000),
        conflicts_with = "command"
    )]
    time: Option<u64>,
}

impl Following {
    /// Records what was named, and adds it to `evidence`; `None` where nothing was.
    ///
    /// # Errors
    /// Why it can't be recorded.
    pub fn record(&self, evidence: &mut Evidence) -> Result<Option<()>, Error> {
        let Some((whom, what)) = self.whom()? else { return Ok(None) };
        let told = |error: record::EbpfError| Error::Usage(error.to_string());
        let recorder = Ebpf::everything(interests()).map_err(told)?;
        let mut watch = Watch::following(Collector::new(identify(&what)));
        output::note(&format_args!("recording {what}; Ctrl-C ends it"));
        let time = self.time.map(Duration::from_secs);
        let recorded = recorder.follow(&whom, time, &mut watch).map_err(told)?;
        let progress = watch.collector.progress();
        let mut run = describe(&what, recorder.name(), &recorded);
        "the recording ended".clone_into(&mut run.ended);
        if !self.shares_files() {
            run.libc = String::new();
        }
        run.blind.push(
            "what was called before the recording began, at the start above all, was not seen"
                .into(),
        );
        let (events, calls) = (progress.events, progress.calls);
        output::note(&format_args!("{what}: {events} events, {calls} calls"));
        say_blind(&run);
        evidence.join(watch.collector.finish(run));
        Ok(Some(()))
    }

    fn whom(&self) -> Result<Option<(Whom, String)>, Error> {
        if let Some(folder) = &self.cgroup {
            let failed = |reason| Error::Read { what: folder.display().to_string(), reason };
            let file = File::open(folder).map_err(failed)?;
            return Ok(Some((Whom::Group(file), format!("control group {}", folder.display()))));
        }
        if self.pid.is_empty() {
            return Ok(None);
        }
        let known = |pid: &u32| {
            let none = || Error::Usage(format!("{pid} is no process"));
            Tid::new(*pid).ok_or_else(none)
        };
        let processes: Vec<Tid> = self.pid.iter().map(known).collect::<Result<_, _>>()?;
        let lines: Vec<String> = self.pid.iter().map(|pid| command_line(*pid)).collect();
        Ok(Some((Whom::Processes(processes), lines.join(", "))))
    }

    /// Whether what is recorded sees the files that this process sees, the C library among them.
    fn shares_files(&self) -> bool {
        let name_space = |who: &dyn std::fmt::Display| {
            fs::read_link(Path::new("/proc").join(who.to_string()).join("ns/mnt")).ok()
        };
        let own = name_space(&"self");
        !self.pid.is_empty() && self.pid.iter().all(|pid| name_space(pid) == own)
    }
}

fn command_line(pid: u32) -> String {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = text.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
    if words.is_empty() { format!("process {pid}") } else { words.join(" ") }
}
