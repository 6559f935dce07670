//! A program's profile in figures.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use callgate::Filter;
use callgate_learn::{CallKey, Evidence, import, replay};
use callgate_syscalls::Arch;

use crate::bench::{Bench, Wrap};

/// A row of the table.
pub(crate) struct Row {
    name: String,
    /// Observations of the held-out work, and how many of them are refused.
    observations: usize,
    refused: usize,
    /// Calls allowed beyond those that training and held-out work made together.
    excess: usize,
    truth: usize,
    failure: Option<String>,
    statements: usize,
    instructions: usize,
    seconds: f64,
    strace: Option<Beside>,
}

/// The union of what strace saw of the training.
struct Beside {
    missed: usize,
    fails: bool,
    seconds: f64,
}

impl Row {
    pub(crate) const HEADING: &'static str = "\
| program | recall | excess | held-out work | statements | instructions | training | strace: calls missed | strace: held-out work |
|---|---|---|---|---|---|---|---|---|";

    /// Nothing where the program is missing or its work does not succeed without a filter.
    pub(crate) fn of(bench: &Bench, name: &str) -> Result<Option<Self>, String> {
        let [train, held] = ["train", "held"].map(|kind| format!("{name}.{kind}"));
        for workload in [&train, &held] {
            if let Some(reason) = bench.play(workload, Wrap::Bare)? {
                eprintln(&reason);
                return Ok(None);
            }
        }
        let [learned, truth, profile] =
            ["evidence", "truth", "gate"].map(|kind| bench.at(&format!("{name}.{kind}")));
        let start = Instant::now();
        bench.play(&train, Wrap::Learn(&learned))?.map_or(Ok(()), Err)?;
        let seconds = start.elapsed().as_secs_f64();
        bench.play(&held, Wrap::Learn(&truth))?.map_or(Ok(()), Err)?;
        let [from, to] = [&learned, &profile].map(|path| path.display().to_string());
        let made = bench.callgate(&["learn", "profile", &from, "-o", &to])?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned());
        }
        let failure = bench.play(&held, Wrap::Enforce(&profile))?;
        let filter = Filter::read(&profile).map_err(|error| error.to_string())?;
        let (seen, all) = (read(&learned)?, read(&truth)?);
        let calls: BTreeSet<CallKey> =
            seen.calls().chain(all.calls()).map(|(key, _)| key).collect();
        let allowed = allowed(&filter);
        let text = fs::read_to_string(&profile).map_err(|error| error.to_string())?;
        Ok(Some(Self {
            name: name.to_owned(),
            observations: all.len(),
            refused: replay(&all, filter.policy()).len(),
            excess: allowed.difference(&calls).count(),
            truth: calls.len(),
            failure,
            statements: text.lines().filter(|line| line.contains("  #@ ")).count(),
            instructions: filter.program().len(),
            seconds,
            strace: beside(bench, (&train, &held), &all)?,
        }))
    }

    /// What makes the run fail: the held-out work.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.clone()
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

#[expect(clippy::print_stderr, reason = "why a program is skipped")]
fn eprintln(reason: &str) {
    eprintln!("skipped ({reason})");
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: usize, all: usize| part * 1000 / all.max(1);
        let recall = share(self.observations - self.refused, self.observations);
        let held = |fails: bool| if fails { "fails" } else { "works" };
        write!(
            f,
            "| {} | {}.{} % | {} of {} | {} | {} | {} | {:.1} s |",
            self.name,
            recall / 10,
            recall % 10,
            self.excess,
            self.truth,
            held(self.failure.is_some()),
            self.statements,
            self.instructions,
            self.seconds,
        )?;
        match &self.strace {
            None => write!(f, " - | - |"),
            Some(beside) => {
                write!(f, " {} ({:.1} s) | {} |", beside.missed, beside.seconds, held(beside.fails))
            }
        }
    }
}
