//! Evidence as a file: one JSON object a line.
//!
//! The first line is `{"kind":"evidence","version":1}`. A line of kind `run` describes a run, one of
//! kind `call` an observation, with `"args":"*"` for arguments that are too many to be told apart.
//! Lines come sorted, so that equal evidence is equal bytes.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Write};

use callgate_facts::{Selector, selectors};
use callgate_syscalls::{Arch, ArchToken, Name, SyscallNr};
use serde::{Deserialize, Serialize};

use super::seen::{Phase, Seen};
use super::smallest::Smallest;
use super::{Arguments, CallKey, Evidence, Observations, Run, RunId};

/// The version of the format.
const VERSION: u32 = 1;

/// What stands for arguments that are too many.
const MANY: &str = "*";

/// Why evidence was not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum LineError {
    /// The input could not be read.
    Io(io::Error),
    /// A line is not evidence.
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Line<'a> {
    Evidence {
        version: u32,
    },
    Run {
        #[serde(borrow)]
        run: Text<'a>,
        date: String,
        command: String,
        kernel: String,
        machine: String,
        libc: String,
        backend: String,
        ended: String,
        lost: u64,
        blind: Vec<String>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        without: String,
    },
    #[serde(borrow)]
    Call(CallLine<'a>),
}

#[derive(Serialize, Deserialize)]
struct CallLine<'a> {
    #[serde(borrow)]
    arch: Text<'a>,
    nr: u32,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    args: Text<'a>,
    calls: u64,
    #[serde(borrow)]
    runs: Vec<Text<'a>>,
    #[serde(borrow)]
    threads: Vec<Text<'a>>,
    #[serde(borrow)]
    phases: Vec<Text<'a>>,
    #[serde(borrow)]
    results: Vec<Text<'a>>,
}

/// A text that is borrowed from the line where it holds no escapes.
#[derive(Serialize, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Evidence {
    /// Reads a file, line by line, and adds what it says.
    ///
    /// # Errors
    /// [`LineError`]; what was read before is added all the same.
    pub fn read_lines(&mut self, mut input: impl BufRead) -> Result<(), LineError> {
        let mut line = String::new();
        let mut number = 0;
        loop {
            line.clear();
            number += 1;
            match input.read_line(&mut line).map_err(LineError::Io)? {
                0 if number == 1 => return Err(wrong(1, "an empty file is no evidence")),
                0 => return Ok(()),
                _ => self.read_line(line.trim_end(), number)?,
            }
        }
    }

    fn read_line(&mut self, text: &str, number: usize) -> Result<(), LineError> {
        // A tag makes serde copy what follows, which would take most of the time.
        if text.starts_with("{\"kind\":\"call\",") {
            let call: CallLine<'_> = serde_json::from_str(text).map_err(|e| wrong(number, e))?;
            return self.add_call(&call).map_err(|reason| wrong(number, reason));
        }
        if text.is_empty() {
            return Ok(());
        }
        match serde_json::from_str(text).map_err(|error| wrong(number, error))? {
            Line::Evidence { version: VERSION } => Ok(()),
            Line::Evidence { version } => {
                Err(wrong(number, format!("version {version} is unknown")))
            }
            Line::Call(call) => self.add_call(&call).map_err(|reason| wrong(number, reason)),
            Line::Run { .. } if number == 1 => Err(wrong(1, "the first line names no version")),
            Line::Run {
                run,
                date,
                command,
                kernel,
                machine,
                libc,
                backend,
                ended,
                lost,
                blind,
                without,
            } => {
                let id = run_id(&run).map_err(|reason| wrong(number, reason))?;
                let run = Run {
                    date,
                    command,
                    kernel,
                    machine,
                    libc,
                    backend,
                    ended,
                    lost,
                    blind,
                    without,
                };
                self.insert_run(id, run);
                Ok(())
            }
        }
    }

    fn add_call(&mut self, line: &CallLine<'_>) -> Result<(), String> {
        let arch = arch_token(&line.arch.0)?;
        let key = CallKey { arch, nr: SyscallNr::new(line.nr) };
        agrees(key, &line.name.0)?;
        let arguments = match &*line.args.0 {
            MANY => None,
            text => Some(arguments(text, key)?),
        };
        let mut seen = Seen { calls: line.calls, ..Seen::default() };
        for run in &line.runs {
            seen.runs.insert(run_id(run)?);
        }
        for phase in &line.phases {
            let known = Phase::ALL.into_iter().find(|known| known.name() == phase.0);
            seen.phases.insert(known.ok_or_else(|| format!("no phase is called {}", phase.0))?);
        }
        seen.threads = texts(&line.threads);
        seen.results = texts(&line.results);
        self.insert(key, arguments, seen);
        Ok(())
    }

    /// Writes a file.
    ///
    /// # Errors
    /// The writer's.
    pub fn write_lines(&self, out: &mut dyn Write) -> io::Result<()> {
        put(out, &Line::Evidence { version: VERSION })?;
        for (id, run) in self.runs() {
            put(out, &run_line(id, run.clone()))?;
        }
        for (key, observations) in self.calls() {
            match observations {
                Observations::Many(seen) => put(out, &call_line(key, MANY, seen))?,
                Observations::Each(each) => {
                    for (arguments, seen) in each {
                        put(out, &call_line(key, &arguments.to_string(), seen))?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn put(out: &mut dyn Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn run_line(id: RunId, run: Run) -> Line<'static> {
    let Run { date, command, kernel, machine, libc, backend, ended, lost, blind, without } = run;
    let run = Text(id.to_string().into());
    Line::Run { run, date, command, kernel, machine, libc, backend, ended, lost, blind, without }
}

fn call_line<'a>(key: CallKey, args: &str, seen: &'a Seen) -> Line<'a> {
    let arch = key.arch().map_or_else(|| key.arch.to_string(), |arch| arch.name().to_owned());
    let borrowed =
        |texts: &'a [Box<str>]| texts.iter().map(|text| Text((&**text).into())).collect();
    Line::Call(CallLine {
        arch: Text(arch.into()),
        nr: key.nr.raw(),
        name: Text(key.name().map_or("", |name| name.as_str()).into()),
        args: Text(args.to_owned().into()),
        calls: seen.calls,
        runs: seen.runs.as_slice().iter().map(|run| Text(run.to_string().into())).collect(),
        threads: borrowed(seen.threads.as_slice()),
        phases: seen.phases.as_slice().iter().map(|phase| Text(phase.name().into())).collect(),
        results: borrowed(seen.results.as_slice()),
    })
}

fn texts<const N: usize>(texts: &[Text<'_>]) -> Smallest<Box<str>, N> {
    texts.iter().map(|text| text.0.as_ref().into()).collect()
}

fn run_id(text: &Text<'_>) -> Result<RunId, String> {
    match u64::from_str_radix(&text.0, 16) {
        Ok(id) if text.0.len() == 16 => Ok(RunId::new(id)),
        _ => Err(format!("{:?} identifies no run: expected 16 hexadecimal digits", text.0)),
    }
}

fn arch_token(text: &str) -> Result<ArchToken, String> {
    if let Some(arch) = Arch::from_name(text) {
        return Ok(arch.token());
    }
    let raw = text.strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex, 16).ok());
    raw.map(ArchToken::new).ok_or_else(|| format!("{text:?} is no architecture"))
}

/// The number counts and the name is for reading, so they must say the same. A name that this
/// program does not know is another's, which may be newer.
fn agrees(key: CallKey, name: &str) -> Result<(), String> {
    match key.name() {
        Some(known) if known.as_str() != name => Err(format!(
            "number {} of {} is {}, not {name:?}",
            key.nr.raw(),
            key.arch().map_or_else(|| key.arch.to_string(), |arch| arch.name().to_owned()),
            known.as_str(),
        )),
        None if !name.is_empty() && Name::parse(name).is_some() => {
            Err(format!("number {} is no syscall here, and {name:?} is one", key.nr.raw()))
        }
        _ => Ok(()),
    }
}

/// Only what is written the one way is accepted, since two texts of the same arguments would be two;
/// and only all of the call's selectors, since one that is missing would count as 0.
fn arguments(text: &str, key: CallKey) -> Result<Arguments, String> {
    let read = Arguments(text.into());
    if Arguments::new(read.iter()) != read {
        return Err(format!("{text:?} are no arguments: expected name=0xVALUE, space between"));
    }
    let (Some(arch), Some(name)) = (key.arch(), key.name()) else { return Ok(read) };
    let expected: Vec<Selector> = selectors(arch, name).collect();
    let is_value = |(selector, (name, value)): (&Selector, (&str, u64))| {
        selector.name == name && selector.of(value) == value
    };
    let is_each =
        read.iter().count() == expected.len() && expected.iter().zip(read.iter()).all(is_value);
    match (is_each, expected.as_slice()) {
        (true, _) => Ok(read),
        (false, []) => Err(format!("{} has no arguments that decide, not {text:?}", name.as_str())),
        (false, names) => Err(format!(
            "{text:?} are not the arguments of {}: expected {}, each once, in this order, as wide as \
             the kernel reads it; or {MANY:?} where they are not known",
            name.as_str(),
            names.iter().map(|s| s.name).collect::<Vec<_>>().join(", ")
        )),
    }
}

fn wrong(line: usize, reason: impl fmt::Display) -> LineError {
    LineError::Line { line, reason: reason.to_string() }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(reason) => reason.fmt(f),
            Self::Line { line, reason } => write!(f, "line {line}: {reason}"),
        }
    }
}

impl std::error::Error for LineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(reason) => Some(reason),
            Self::Line { .. } => None,
        }
    }
}
