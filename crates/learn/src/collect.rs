//! Evidence of one run from its events.

use std::collections::BTreeMap;

use callgate_facts::{Reading, SELECTORS_MAX, Selector, selectors};
use callgate_syscalls::{Name, SeccompData, names};

use crate::evidence::seen::{Phase, Seen};
use crate::evidence::{Arguments, CallKey, Evidence, Run, RunId};

/// Gathers the events of one run.
#[derive(Debug)]
pub struct Collector {
    id: RunId,
    events: u64,
    phase: Progressing,
    calls: BTreeMap<CallKey, Gathered>,
    newest: u64,
}

/// A call as others tell of it: not all of its arguments may be known.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever tells of a call fills it in")]
pub struct Report<'a> {
    /// The call.
    pub call: CallKey,
    /// The registers that are known.
    pub args: [Option<u64>; 6],
    /// Registers that are known to be no NULL.
    pub is_given: [bool; 6],
    /// Who made it; empty where that is not known.
    pub thread: &'a str,
    /// The result: `0` for success, else the name of the error.
    pub result: Option<&'a str>,
    /// How often.
    pub count: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The events so far.
    pub events: u64,
    /// The distinct calls so far.
    pub calls: usize,
    /// The observations that were new since progress was last asked for.
    pub new: u64,
}

#[derive(Debug)]
struct Gathered {
    selectors: Vec<Selector>,
    marks: Option<Mark>,
    seen: BTreeMap<[u64; SELECTORS_MAX], Seen>,
    /// Calls of which the selectors are not known.
    unknown: Option<Seen>,
}

/// What a call says about the phase.
#[derive(Clone, Copy, Debug)]
enum Mark {
    Listens,
    Waits,
}

/// How near the start of service is.
#[derive(Clone, Copy, Debug)]
enum Progressing {
    Starting,
    Listening,
    Serving,
    Exploring,
}

impl Collector {
    /// For the run of that identifier.
    #[must_use]
    pub const fn new(id: RunId) -> Self {
        let phase = Progressing::Starting;
        Self { id, events: 0, phase, calls: BTreeMap::new(), newest: 0 }
    }

    /// For a run in which a call is refused to find out what is made in its place.
    #[must_use]
    pub const fn exploring(id: RunId) -> Self {
        let phase = Progressing::Exploring;
        Self { id, events: 0, phase, calls: BTreeMap::new(), newest: 0 }
    }

    /// Takes an event. `thread` names the one that makes the call; `result` is what the kernel
    /// returned, if that is known.
    pub fn event(&mut self, call: &SeccompData, thread: &str, result: Option<&str>) {
        self.take(&Report {
            call: CallKey::of(call),
            args: call.args.map(Some),
            is_given: [false; 6],
            thread,
            result,
            count: 1,
        });
    }

    /// Takes an event of which not all is known.
    pub fn take(&mut self, report: &Report<'_>) {
        self.events += report.count;
        let gathered = self.calls.entry(report.call);
        let gathered = gathered.or_insert_with(|| Gathered::new(report.call));
        self.phase = self.phase.after(gathered.marks);
        let phase = self.phase.phase();
        let seen = match gathered.values(report) {
            Some(values) => gathered.seen.entry(values).or_insert_with(|| {
                self.newest += 1;
                Seen::default()
            }),
            None => gathered.unknown.get_or_insert_with(|| {
                self.newest += 1;
                Seen::default()
            }),
        };
        seen.add(report, Some(phase));
    }

    /// Takes calls that were counted since one like them was taken, and of which is not known when
    /// they were made.
    pub fn take_more(&mut self, report: &Report<'_>) {
        self.events += report.count;
        let Some(gathered) = self.calls.get_mut(&report.call) else { return };
        let seen = match gathered.values(report) {
            Some(values) => gathered.seen.get_mut(&values),
            None => gathered.unknown.as_mut(),
        };
        if let Some(seen) = seen {
            seen.add(report, None);
        }
    }

    /// How far the run is.
    pub fn progress(&mut self) -> Progress {
        let new = std::mem::take(&mut self.newest);
        Progress { events: self.events, calls: self.calls.len(), new }
    }

    /// The evidence of the run.
    #[must_use]
    pub fn finish(self, run: Run) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.insert_run(self.id, run);
        for (key, gathered) in self.calls {
            for (values, mut seen) in gathered.seen {
                seen.runs.insert(self.id);
                let named = gathered.selectors.iter().zip(values);
                let arguments = Arguments::new(named.map(|(selector, v)| (selector.name, v)));
                evidence.insert(key, Some(arguments), seen);
            }
            if let Some(mut seen) = gathered.unknown {
                seen.runs.insert(self.id);
                evidence.insert(key, None, seen);
            }
        }
        evidence
    }
}

impl Gathered {
    fn new(key: CallKey) -> Self {
        let selectors = match (key.arch(), key.name()) {
            (Some(arch), Some(name)) => selectors(arch, name).collect(),
            _ => Vec::new(),
        };
        let marks = key.name().and_then(Mark::of);
        Self { selectors, marks, seen: BTreeMap::new(), unknown: None }
    }

    /// The values of the selectors; none where one is not known.
    fn values(&self, report: &Report<'_>) -> Option<[u64; SELECTORS_MAX]> {
        let mut values = [0; SELECTORS_MAX];
        for (value, selector) in values.iter_mut().zip(&self.selectors) {
            *value = match (report.args[selector.register], selector.reading) {
                (Some(register), _) => selector.of(register),
                (None, Reading::Given) if report.is_given[selector.register] => 1,
                (None, _) => return None,
            };
        }
        Some(values)
    }
}

impl Seen {
    fn add(&mut self, report: &Report<'_>, phase: Option<Phase>) {
        self.calls += report.count;
        phase.into_iter().for_each(|phase| self.phases.insert(phase));
        let thread = report.thread;
        let known = self.threads.as_slice().iter().any(|known| &**known == thread);
        if !known && !thread.is_empty() {
            self.threads.insert(thread.into());
        }
        if let Some(result) = report.result {
            self.results.insert(result.into());
        }
    }
}

impl Mark {
    fn of(call: Name) -> Option<Self> {
        const WAITS: [Name; 11] = [
            names::ACCEPT,
            names::ACCEPT4,
            names::EPOLL_WAIT,
            names::EPOLL_PWAIT,
            names::EPOLL_PWAIT2,
            names::POLL,
            names::PPOLL,
            names::SELECT,
            names::PSELECT6,
            names::_NEWSELECT,
            names::IO_URING_ENTER,
        ];
        match call {
            names::LISTEN => Some(Self::Listens),
            call => WAITS.contains(&call).then_some(Self::Waits),
        }
    }
}

impl Progressing {
    const fn after(self, mark: Option<Mark>) -> Self {
        match (self, mark) {
            (Self::Starting, Some(Mark::Listens)) => Self::Listening,
            (Self::Listening, Some(Mark::Waits)) => Self::Serving,
            (unchanged, _) => unchanged,
        }
    }

    const fn phase(self) -> Phase {
        match self {
            Self::Starting | Self::Listening => Phase::Startup,
            Self::Serving => Phase::Serving,
            Self::Exploring => Phase::Exploring,
        }
    }
}
