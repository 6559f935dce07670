//! `cargo xtask conformance readings`: what container runtimes make of profiles, against our
//! readings of them.
//!
//! Containers are started by Debian's runc, crun, Podman and Docker, the last two in front of runc.
//! The filter of each is read back from the kernel and proved equal to the policy that the profile
//! means by the reading that is named after the runtime; rules that contradict each other are
//! refused by both. The profiles are a case for each matter in which readings differ, random ones,
//! and the defaults of Podman and Docker.
//!
//! Random rules are those on which Debian's libseccomp is right: equalities with and without masks
//! in any number, and bounds on one argument with one action. On the others it has defects that
//! COMPATIBILITY.md lists, and `conformance libseccomp` compares them.
//!
//! Claim: C-READINGS
//!
//! Takes root, and networks for Docker's default, which is in a package of sources. What can't be
//! tried here is counted as skipped, with the reason. Options: `--full` for ten times as many,
//! `--seed N` for others.

#![forbid(unsafe_code)]

mod compare;
mod engine;
mod profiles;
mod runtime;

use std::path::PathBuf;
use std::{env, fs, process};

use callgate_formats::{CapSet, Reading};
use callgate_kernel::running_kernel;
use callgate_syscalls::KernelVersion;
use fastrand::Rng;
use house::{Request, timed};

use self::compare::Found;
use self::engine::{CAPABILITY, Engine};
use self::profiles::Sample;
use self::runtime::{Runtime, Started};

/// Random profiles for each runtime, and for each engine, which takes longer to start a container.
const FOR_RUNTIMES: usize = 200;
const FOR_ENGINES: usize = 10;
const FULL: usize = 10;

fn main() -> process::ExitCode {
    house::main("conformance readings", run)
}

fn run(args: &[String]) -> Result<(), String> {
    let request = Request::parse(args)?;
    let times = if request.full { FULL } else { 1 };
    let seed = request.seed.unwrap_or(1);
    let folder = Folder::new()?;
    let kernel = running_kernel().map_err(|error| error.to_string())?;
    for (name, reading) in [("runc", Reading::Runc), ("crun", Reading::Crun)] {
        timed(name, || {
            let runtime = Runtime::new(name, &folder.0)?;
            let mut counts = Counts::new(reading, CapSet::NONE, kernel);
            let random = samples(seed, times * FOR_RUNTIMES, false);
            for sample in profiles::cases().into_iter().chain(random) {
                counts.add(&sample, runtime.start(&sample.text), runtime.name())?;
            }
            counts.text()
        })?;
    }
    let dockers = profiles::dockers(&folder.0);
    for start in [Engine::podman, Engine::docker] {
        timed("engine", || engine(start(&folder.0)?, &dockers, seed, times, kernel))?;
    }
    Ok(())
}

fn engine(
    engine: Engine,
    dockers: &Result<Sample, String>,
    seed: u64,
    times: usize,
    kernel: KernelVersion,
) -> Result<String, String> {
    let caps: CapSet = CAPABILITY.parse().map_err(|error| format!("{error}"))?;
    let mut counts = Counts::new(Reading::Docker, caps, kernel);
    let random = samples(seed, times * FOR_ENGINES, true);
    for sample in profiles::cases().into_iter().chain(random) {
        counts.add(&sample, engine.start(Some(&sample.text)), engine.name())?;
    }
    let is_docker = engine.name() == "docker";
    match profiles::podmans()? {
        _ if is_docker => counts
            .skipped
            .push("Podman's default: has a default errno, which Docker 20.10 drops".into()),
        sample => counts.add(&sample, engine.start(Some(&sample.text)), engine.name())?,
    }
    match dockers {
        Ok(sample) => counts.add(sample, engine.start(Some(&sample.text)), engine.name())?,
        Err(reason) => counts.skipped.push(reason.clone()),
    }
    // What an engine does without a profile is what its file says.
    let own = if is_docker { dockers.as_ref().ok() } else { None };
    if let Some(sample) = own {
        counts.add(sample, engine.start(None), engine.name())?;
    }
    Ok(format!("{}: {}", engine.name(), counts.text()?))
}

fn samples(seed: u64, count: usize, is_for_engines: bool) -> Vec<Sample> {
    let mut rng = Rng::with_seed(seed);
    (0..count).map(|number| profiles::random(&mut rng, number, is_for_engines)).collect()
}

/// What came of the profiles.
struct Counts {
    reading: Reading,
    caps: CapSet,
    kernel: KernelVersion,
    equal: usize,
    /// Equal but for numbers that no kernel has.
    nearly: usize,
    /// Of the kind of defect that COMPATIBILITY.md lists: their program tests a word while another
    /// one is loaded.
    wrong: usize,
    refused: usize,
    skipped: Vec<String>,
}

impl Counts {
    const fn new(reading: Reading, caps: CapSet, kernel: KernelVersion) -> Self {
        let skipped = Vec::new();
        Self { reading, caps, kernel, equal: 0, nearly: 0, wrong: 0, refused: 0, skipped }
    }

    fn add(
        &mut self,
        sample: &Sample,
        started: Result<Started, String>,
        runtime: &str,
    ) -> Result<(), String> {
        let Sample { name, text } = sample;
        let about = |what: String| format!("{name} under {runtime}: {what}\n{text}");
        let meant = compare::meant(text, self.reading, self.caps, self.kernel).map_err(about)?;
        match (meant, started.map_err(about)?) {
            (None, Started::Refused(_)) => self.refused += 1,
            (Some(_), Started::Refused(why)) => {
                return Err(about(format!("only it refuses: {why}")));
            }
            (None, Started::Filters(_)) => return Err(about("only ours refuses".into())),
            (Some(policy), Started::Filters(filter)) => {
                match compare::compare(&policy, &filter).map_err(about)? {
                    Found::Equal => self.equal += 1,
                    Found::ButForNoNumber => self.nearly += 1,
                    Found::WrongWord => self.wrong += 1,
                }
            }
        }
        Ok(())
    }

    fn text(&self) -> Result<String, String> {
        let Self { reading, equal, nearly, wrong, refused, skipped, .. } = self;
        if equal + nearly < 10 || wrong * 10 > equal + nearly {
            return Err(format!("only {} compared, {wrong} beside", equal + nearly));
        }
        let skipped = match skipped.as_slice() {
            [] => String::new(),
            reasons => format!("; {} skipped: {}", reasons.len(), reasons.join("; ")),
        };
        Ok(format!(
            "{} profiles equal as `{reading}` (proved), {nearly} of them but for numbers that no kernel has; {wrong} \
             programs of theirs test the wrong word; {refused} profiles refused by both{skipped}",
            equal + nearly
        ))
    }
}

/// A folder that goes when this does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let folder = env::temp_dir().join(format!("callgate-readings-{}", process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
