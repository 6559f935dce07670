//! Evidence from what others recorded.
//!
//! - **Recordings**: lines of strace, of perf and ftrace, and audit records, decoded by
//!   `callgate-explain`. Arguments that a line does not show are not guessed: the call is then taken
//!   as one with more arguments than are told apart.
//! - **Refusals** that `callgate run --explain-to` writes: what a profile refuses is seen there, so
//!   that it can be mended.
//! - **Profiles** that other recorders wrote: which calls, and nothing else.

pub(crate) mod refused;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead};

use callgate_explain::{Answer, Calls, Made, Told, read_line};
use callgate_policy::Policy;
use callgate_syscalls::Arch;

use crate::collect::{Collector, Report};
use crate::evidence::lines::LineError;
use crate::evidence::seen::Seen;
use crate::evidence::{CallKey, Evidence, Run, RunId};

/// What a file was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Form {
    /// Evidence.
    Evidence,
    /// Refusals, as `callgate run --explain-to` writes them.
    Refusals,
    /// Lines of a recorder.
    Recording,
}

/// What was read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// What it says.
    pub evidence: Evidence,
    /// What it is.
    pub form: Form,
    /// How many calls its lines tell of.
    pub calls: u64,
    /// How many lines are of no form that is known.
    pub unknown: u64,
    /// The first of them, from 1.
    pub first_unknown: Option<u64>,
}

/// Why a file was not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImportError {
    /// It could not be read, or a line of it is wrong.
    Line(LineError),
    /// No line tells of a call.
    NoCalls,
    /// A policy that allows what it does not name says nothing of what was seen.
    AllowsAll,
}

/// Reads a file whose form its content tells. `title` names what was recorded where the file does
/// not say it; `native` is the machine's architecture.
///
/// The same bytes are the same run: to read them twice adds nothing.
///
/// # Errors
/// [`ImportError`].
pub fn import(input: impl BufRead, title: &str, native: Arch) -> Result<Imported, ImportError> {
    let mut input = input;
    let start = input.fill_buf().map_err(|error| ImportError::Line(LineError::Io(error)))?;
    if is_evidence(start) {
        let mut evidence = Evidence::default();
        evidence.read_lines(input).map_err(ImportError::Line)?;
        let calls = evidence.len() as u64;
        return Ok(Imported {
            evidence,
            form: Form::Evidence,
            calls,
            unknown: 0,
            first_unknown: None,
        });
    }
    let form = if is_refusal(start) { Form::Refusals } else { Form::Recording };
    let mut lines = Lines::new(title, native);
    lines.read(input, form)?;
    lines.finish(form)
}

/// An empty file is read as evidence too, which says what is wrong with it.
fn is_evidence(start: &[u8]) -> bool {
    start.is_empty() || start.starts_with(b"{\"kind\":")
}

/// An object in one line, with the call or the end that it is about.
fn is_refusal(start: &[u8]) -> bool {
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let has = |key: &[u8]| line.windows(key.len()).any(|part| part == key);
    line.starts_with(b"{") && (has(b"\"call\":{") || has(b"\"ended_by\":"))
}

/// What a recorder's profile says was seen. Its conditions are not kept: calls under one count as
/// calls whose arguments are not known.
///
/// # Errors
/// [`ImportError::AllowsAll`], [`ImportError::NoCalls`].
pub fn import_policy(policy: &Policy, title: &str, bytes: &[u8]) -> Result<Evidence, ImportError> {
    let id = RunId::of([b"profile".as_slice(), bytes]);
    let mut collector = Collector::new(id);
    for (arch, own) in policy.arches() {
        if own.default_action().kind().executes() {
            return Err(ImportError::AllowsAll);
        }
        let allowed = own
            .rules()
            .filter(|(_, rules)| rules.iter().any(|rule| rule.action().kind().executes()));
        for (nr, _) in allowed {
            let call = CallKey { arch: arch.token(), nr };
            let (args, is_given) = ([None; 6], [false; 6]);
            collector.take(&Report { call, args, is_given, thread: "", result: None, count: 1 });
        }
    }
    let blind = vec!["arguments, which a profile of another recorder does not tell".to_owned()];
    let run = Run {
        command: title.to_owned(),
        backend: "another recorder's profile".to_owned(),
        blind,
        ..Run::default()
    };
    let evidence = collector.finish(run);
    if evidence.is_empty() { Err(ImportError::NoCalls) } else { Ok(evidence) }
}

/// Lines on their way to evidence.
struct Lines {
    calls: Calls,
    collector: Collector,
    /// Identifies the content so far.
    id: RunId,
    title: String,
    native: Arch,
    /// How many calls, by recorder.
    recorders: BTreeMap<&'static str, u64>,
    unknown: u64,
    first_unknown: Option<u64>,
}

impl Lines {
    fn new(title: &str, native: Arch) -> Self {
        let id = RunId::of([b"import".as_slice()]);
        Self {
            calls: Calls::new(native),
            collector: Collector::new(id),
            id,
            title: title.to_owned(),
            native,
            recorders: BTreeMap::new(),
            unknown: 0,
            first_unknown: None,
        }
    }

    fn read(&mut self, mut input: impl BufRead, form: Form) -> Result<(), ImportError> {
        let mut bytes = Vec::new();
        let mut number = 0;
        loop {
            bytes.clear();
            let read = read_line(&mut input, &mut bytes);
            if read.map_err(|error| ImportError::Line(LineError::Io(error)))? == 0 {
                return Ok(());
            }
            number += 1;
            self.id = RunId::of([self.id.raw().to_le_bytes().as_slice(), &bytes]);
            let line = String::from_utf8_lossy(&bytes);
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            match form {
                Form::Refusals => self.refusal(line, number)?,
                Form::Evidence | Form::Recording => self.line(line, number),
            }
        }
    }

    fn line(&mut self, line: &str, number: u64) {
        match self.calls.line(line) {
            // A tracer makes -1 of a call that is not to be made.
            Told::Call(made) if made.denial.nr.raw() == u32::MAX => {}
            Told::Call(made) => self.call(&made),
            Told::Understood => {}
            Told::Nothing => {
                self.unknown += 1;
                self.first_unknown.get_or_insert(number);
            }
        }
    }

    fn call(&mut self, made: &Made) {
        let denial = &made.denial;
        let failed = match denial.answer {
            Answer::Returned(errno) => denial.arch().and_then(|arch| errno.name(arch)),
            _ => None,
        };
        let result = failed.or_else(|| made.has_succeeded.then_some("0"));
        *self.recorders.entry(made.recorder()).or_default() += 1;
        self.collector.take(&Report {
            call: CallKey { arch: denial.token, nr: denial.nr },
            args: denial.args,
            is_given: made.is_given,
            thread: denial.process.comm.as_deref().unwrap_or(""),
            result,
            count: denial.count,
        });
    }

    fn refusal(&mut self, line: &str, number: u64) -> Result<(), ImportError> {
        let wrong = |reason: String| {
            let line = usize::try_from(number).unwrap_or(usize::MAX);
            ImportError::Line(LineError::Line { line, reason })
        };
        let refusal = refused::Refusal::read(line).map_err(wrong)?;
        // A process that was ended, of which nobody knows the call.
        let Some(report) = refusal.report() else { return Ok(()) };
        *self.recorders.entry(refused::RECORDER).or_default() += 1;
        self.collector.take(&report);
        Ok(())
    }

    fn finish(mut self, form: Form) -> Result<Imported, ImportError> {
        for made in self.calls.unfinished() {
            self.call(&made);
        }
        let calls = self.collector.progress().events;
        if calls == 0 {
            return Err(ImportError::NoCalls);
        }
        let recorders: Vec<&str> = self.recorders.keys().copied().collect();
        let mut blind = Vec::new();
        if recorders.contains(&"perf") {
            blind.push(
                "which ABI a call was made through: all were taken for the machine's own"
                    .to_owned(),
            );
        }
        if self.unknown > 0 {
            blind.push(format!("{} lines of no form that is known", self.unknown));
        }
        let run = Run {
            command: self.title,
            machine: self.native.name().to_owned(),
            backend: recorders.join(", "),
            blind,
            ..Run::default()
        };
        // The content identifies the run, and is known only now.
        let gathered = self.collector.finish(Run::default());
        let evidence = renamed(&gathered, self.id, run);
        let (unknown, first_unknown) = (self.unknown, self.first_unknown);
        Ok(Imported { evidence, form, calls, unknown, first_unknown })
    }
}

/// The same observations, of another run.
fn renamed(gathered: &Evidence, id: RunId, run: Run) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.insert_run(id, run);
    let of = |seen: &Seen| Seen { runs: [id].into_iter().collect(), ..seen.clone() };
    for (key, observations) in gathered.calls() {
        match observations {
            crate::Observations::Many(seen) => evidence.insert(key, None, of(seen)),
            crate::Observations::Each(each) => each.iter().for_each(|(arguments, seen)| {
                evidence.insert(key, Some(arguments.clone()), of(seen));
            }),
        }
    }
    evidence
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(error) => error.fmt(f),
            Self::NoCalls => f.write_str(
                "no line tells of a call; evidence, refusals that --explain-to wrote, and lines of \
                 strace, perf, ftrace and audit are understood",
            ),
            Self::AllowsAll => f.write_str(
                "a profile that allows what it does not name says nothing of what was seen",
            ),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Line(error) => Some(error),
            Self::NoCalls | Self::AllowsAll => None,
        }
    }
}

impl From<io::Error> for ImportError {
    fn from(error: io::Error) -> Self {
        Self::Line(LineError::Io(error))
    }
}
