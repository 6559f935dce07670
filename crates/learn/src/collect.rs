//! Evidence of one run from its events.

use std::collections::BTreeMap;

use callgate_facts::{SELECTORS_MAX, Selector, selectors};
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
}

impl Collector {
    /// For the run of that identifier.
    #[must_use]
    pub const fn new(id: RunId) -> Self {
        let phase = Progressing::Starting;
        Self { id, events: 0, phase, calls: BTreeMap::new(), newest: 0 }
    }

    /// Takes an event. `thread` names the one that makes the call; `result` is what the kernel
    /// returned, if that is known.
    pub fn event(&mut self, call: &SeccompData, thread: &str, result: Option<&str>) {
        self.events += 1;
        let key = CallKey::of(call);
        let gathered = self.calls.entry(key).or_insert_with(|| Gathered::new(key));
        self.phase = self.phase.after(gathered.marks);
        let mut values = [0; SELECTORS_MAX];
        for (value, selector) in values.iter_mut().zip(&gathered.selectors) {
            *value = selector.of(call.args[selector.register]);
        }
        let seen = gathered.seen.entry(values).or_insert_with(|| {
            self.newest += 1;
            Seen::default()
        });
        seen.calls += 1;
        seen.phases.insert(self.phase.phase());
        let known = seen.threads.as_slice().iter().any(|known| &**known == thread);
        if !known && !thread.is_empty() {
            seen.threads.insert(thread.into());
        }
        if let Some(result) = result {
            seen.results.insert(result.into());
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
        Self { selectors, marks: key.name().and_then(Mark::of), seen: BTreeMap::new() }
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
        }
    }
}
