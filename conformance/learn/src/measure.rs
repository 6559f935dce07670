//! A program's profile in figures.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use callgate::Filter;
use callgate_facts::{Groups, Stance};
use callgate_learn::{CallKey, Evidence, import, replay};
use callgate_syscalls::{Action, Arch, Errno};

use crate::bench::{Bench, Wrap};

/// A row of the table.
pub(crate) struct Row {
    name: String,
    /// Observations of the held-out work, and how many of them are refused.
    observations: usize,
    /// Calls that training and held-out work made together.
    truth: usize,
    profile: Measured,
    /// The profile without the rest of harmless intents.
    narrow: Measured,
    /// Why it has to fail.
    reason: Option<String>,
    seconds: f64,
    strace: Option<Beside>,
}

/// What a profile permits and breaks.
struct Measured {
    /// Refused observations of the held-out work.
    refused: usize,
    /// Calls allowed beyond those that training and held-out work made together.
    excess: usize,
    /// How many of these no harmless intent has.
    risky: usize,
    failure: Option<String>,
    statements: usize,
    instructions: usize,
}

/// The union of what strace saw of the training.
struct Beside {
    missed: usize,
    fails: bool,
    seconds: f64,
}

impl Row {
    pub(crate) const HEADING: &'static str = "\
| program | recall | excess (with a risk) | held-out work | statements | instructions | narrow: recall | narrow: excess | narrow: held-out work | training | strace: calls missed | strace: held-out work |
|---|---|---|---|---|---|---|---|---|---|---|---|";

    /// Nothing where the program is missing or its work does not succeed without a filter.
    pub(crate) fn of(bench: &Bench, name: &str) -> Result<Option<Self>, String> {
        let [train, held] = ["train", "held"].map(|kind| format!("{name}.{kind}"));
        for workload in [&train, &held] {
            if let Some(reason) = bench.play(workload, Wrap::Bare)? {
                eprintln(&reason);
                return Ok(None);
            }
        }
        let [learned, truth] =
            ["evidence", "truth"].map(|kind| bench.at(&format!("{name}.{kind}")));
        let start = Instant::now();
        bench.play(&train, Wrap::Learn(&learned))?.map_or(Ok(()), Err)?;
        let seconds = start.elapsed().as_secs_f64();
        bench.play(&held, Wrap::Learn(&truth))?.map_or(Ok(()), Err)?;
        let (seen, all) = (read(&learned)?, read(&truth)?);
        let calls: BTreeSet<CallKey> =
            seen.calls().chain(all.calls()).map(|(key, _)| key).collect();
        let measured = |options| Measured::of(bench, (&learned, &held), options, (&all, &calls));
        Ok(Some(Self {
            name: name.to_owned(),
            observations: all.len(),
            truth: calls.len(),
            profile: measured(&[])?,
            narrow: measured(&["--narrow"])?,
            reason: bench.reason(name),
            seconds,
            strace: beside(bench, (&train, &held), &all)?,
        }))
    }

    /// What makes the run fail: held-out work that does, and reasons that are none any more.
    pub(crate) fn failure(&self) -> Option<String> {
        match (&self.profile.failure, &self.reason) {
            (Some(failure), None) => Some(failure.clone()),
            (None, Some(reason)) => Some(format!("{} works, though {reason}", self.name)),
            _ => None,
        }
    }

    /// Why the held-out work fails, in words for below the table.
    pub(crate) fn explanation(&self) -> Option<String> {
        self.reason.as_ref().map(|reason| format!("- {}: {reason}", self.name))
    }
}

impl Measured {
    /// Makes a profile of what was learned, and does the held-out work under it.
    fn of(
        bench: &Bench,
        (learned, held): (&Path, &str),
        options: &[&str],
        (all, calls): (&Evidence, &BTreeSet<CallKey>),
    ) -> Result<Self, String> {
        let profile = bench.at("profile.gate");
        let [from, to] = [learned, &profile].map(|path| path.display().to_string());
        let args = [&["learn", "profile", "--force", &from, "-o", &to], options].concat();
        let made = bench.callgate(&args)?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned());
        }
        let filter = Filter::read(&profile).map_err(|error| error.to_string())?;
        let text = fs::read_to_string(&profile).map_err(|error| error.to_string())?;
        let allowed = allowed(&filter);
        let excess = || allowed.difference(calls);
        Ok(Self {
            refused: refused(all, &filter),
            excess: excess().count(),
            risky: excess().filter(|call| !is_harmless(**call)).count(),
            failure: bench.play(held, Wrap::Enforce(&profile))?,
            statements: text.lines().filter(|line| line.contains("  #@ ")).count(),
            instructions: filter.program().len(),
        })
    }
}

/// The profile that is made of names of strace's lines, as people make it by hand.
fn beside(
    bench: &Bench,
    (train, held): (&str, &str),
    truth: &Evidence,
) -> Result<Option<Beside>, String> {
    let trace = bench.at("trace");
    let _ = fs::remove_file(&trace);
    let start = Instant::now();
    if bench.play(train, Wrap::Strace(&trace))?.is_some() {
        return Ok(None);
    }
    let seconds = start.elapsed().as_secs_f64();
    let seen = read(&trace)?;
    let calls: BTreeSet<CallKey> = seen.calls().map(|(key, _)| key).collect();
    let missed = truth.calls().filter(|(key, _)| !calls.contains(key)).count();
    let names: Vec<&str> = calls.iter().filter_map(|key| Some(key.name()?.as_str())).collect();
    let text = format!("policy 1\ndefault errno EPERM\nallow {{ {} }}\n", names.join(", "));
    let profile = bench.at("strace.gate");
    fs::write(&profile, text).map_err(|error| error.to_string())?;
    let fails = bench.play(held, Wrap::Enforce(&profile))?.is_some();
    Ok(Some(Beside { missed, fails, seconds }))
}

/// The observations that are refused. What is answered with ENOSYS is not: whoever calls it goes
/// another way.
fn refused(all: &Evidence, filter: &Filter) -> usize {
    let enosys = Arch::native().and_then(|arch| Errno::from_name("ENOSYS", arch));
    let enosys = enosys.and_then(|errno| Action::errno(errno.raw()));
    let refused = replay(all, filter.policy());
    refused.iter().filter(|refusal| Some(refusal.action) != enosys).count()
}

pub(crate) fn read(path: &Path) -> Result<Evidence, String> {
    let failed = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| failed(&error))?;
    let native = Arch::native().ok_or("this machine is unknown")?;
    let imported = import(BufReader::new(file), "a recording", native);
    Ok(imported.map_err(|error| failed(&error))?.evidence)
}

/// The calls that a filter allows, with some arguments or with all.
fn allowed(filter: &Filter) -> BTreeSet<CallKey> {
    let mut calls = BTreeSet::new();
    for (arch, own) in filter.policy().arches() {
        for (nr, rules) in own.rules() {
            if rules.iter().any(|rule| rule.action().kind().executes()) {
                calls.insert(CallKey { arch: arch.token(), nr });
            }
        }
    }
    calls
}

/// Whether an intent without a risk has the call.
fn is_harmless(call: CallKey) -> bool {
    let (Some(arch), Some(name)) = (call.arch(), call.name()) else { return false };
    let mut harmless = Groups::LATEST.blocks().filter(|b| b.is_intent() && b.risks().is_empty());
    harmless.any(|block| block.line(name, arch).is_some_and(|l| l.stance() == Stance::Allow))
}

#[expect(clippy::print_stderr, reason = "why a program is skipped")]
fn eprintln(reason: &str) {
    eprintln!("skipped ({reason})");
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, observations, truth, profile, narrow, seconds, strace, .. } = self;
        write!(
            f,
            "| {name} | {} | {} ({}) of {truth} | {} | {} | {} | {} | {} ({}) | {} | {seconds:.1} s |",
            recall(profile, *observations),
            profile.excess,
            profile.risky,
            held(profile.failure.is_some()),
            profile.statements,
            profile.instructions,
            recall(narrow, *observations),
            narrow.excess,
            narrow.risky,
            held(narrow.failure.is_some()),
        )?;
        match strace {
            None => write!(f, " - | - |"),
            Some(Beside { missed, fails, seconds }) => {
                write!(f, " {missed} ({seconds:.1} s) | {} |", held(*fails))
            }
        }
    }
}

fn recall(profile: &Measured, observations: usize) -> String {
    let share = (observations - profile.refused) * 1000 / observations.max(1);
    format!("{}.{} %", share / 10, share % 10)
}

const fn held(fails: bool) -> &'static str {
    if fails { "fails" } else { "works" }
}
