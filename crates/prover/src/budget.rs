//! How much a proof may cost, and what is said when that does not suffice.

use std::fmt;
use std::time::{Duration, Instant};

use callgate_policy::Policy;

/// How a shift by 32 or more bits (by the index register) is understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WideShift {
    /// Kernels disagree, so a verdict that rests on it is [`Undecided::ShiftAmount`].
    #[default]
    Undecided,
    /// The amount counts modulo 32, as in the JITs of x86, arm64 and riscv and in the interpreter.
    Modulo32,
}

/// Limits and choices of a prover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most diagram nodes; a node takes 12 bytes and up to 16 more in tables.
    pub nodes_max: usize,
    /// The longest time from making the prover to its verdict.
    pub time_max: Duration,
    /// How a shift by 32 or more bits is understood.
    pub wide_shift: WideShift,
    /// The most calls that [`recheck`](crate::recheck()) tries.
    pub calls_max: usize,
}

impl Default for Options {
    /// A million nodes (under 64 MB), ten seconds, wide shifts undecided, 4096 calls.
    fn default() -> Self {
        Self {
            nodes_max: 1_000_000,
            time_max: Duration::from_secs(10),
            wide_shift: WideShift::default(),
            calls_max: 4096,
        }
    }
}

/// How often conditions are evaluated, at most, on the calls tried beside a proof that somebody waits for.
const EVALUATIONS_MAX: usize = 1 << 16;

impl Options {
    /// The default limits with fewer calls tried beside the proof, for filters that are built while a process waits to be
    /// started. The proof does not rest on those calls. The longer the lists of rules that each may have to go through, the
    /// fewer they are: 512 to 64.
    #[must_use]
    pub fn while_waiting(policy: &Policy) -> Self {
        let lists = policy.arches().flat_map(|(_, arch)| arch.rules());
        let longest = lists.map(|(_, rules)| rules.len()).max().unwrap_or(0);
        let calls_max = (EVALUATIONS_MAX / longest.max(1)).clamp(64, 512);
        Self { calls_max, ..Self::default() }
    }
}

/// Why no verdict was reached. It is never a yes: what is undecided is not proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undecided {
    /// The diagrams outgrew [`Options::nodes_max`].
    Nodes {
        /// The limit.
        nodes_max: usize,
    },
    /// It took longer than [`Options::time_max`].
    Time {
        /// The limit.
        time_max: Duration,
    },
    /// The verdict rests on a shift by 32 or more bits, on which kernels disagree.
    ShiftAmount,
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes { nodes_max } => {
                write!(f, "undecided within {nodes_max} diagram nodes; raise the limit")
            }
            Self::Time { time_max } => {
                write!(f, "undecided within {time_max:?}; raise the limit")
            }
            Self::ShiftAmount => f.write_str(
                "undecided: the result rests on a shift by 32 or more bits, on which architectures disagree",
            ),
        }
    }
}

impl std::error::Error for Undecided {}

/// Ids have 31 bits, so that the cache can mark operations in the highest one; the last few are taken for others.
const NODES_MAX: usize = (1 << 31) - 8;

/// What is left of the limits.
#[derive(Debug)]
pub(crate) struct Budget {
    nodes_max: usize,
    time_max: Duration,
    start: Instant,
    steps: u32,
}

/// Looking at the clock costs as much as a step, so it is done rarely.
const STEPS_BETWEEN_CLOCKS: u32 = 1 << 12;

impl Budget {
    pub(crate) fn new(options: &Options) -> Self {
        let nodes_max = options.nodes_max.min(NODES_MAX);
        Self { nodes_max, time_max: options.time_max, start: Instant::now(), steps: 0 }
    }

    /// The id for one more node.
    pub(crate) fn node(&self, nodes: usize) -> Result<u32, Undecided> {
        let nodes_max = self.nodes_max;
        let id = u32::try_from(nodes).ok().filter(|_| nodes < nodes_max);
        id.ok_or(Undecided::Nodes { nodes_max })
    }

    /// Accounts for one step of work.
    pub(crate) fn step(&mut self) -> Result<(), Undecided> {
        self.steps = self.steps.wrapping_add(1);
        if self.steps % STEPS_BETWEEN_CLOCKS == 0 && self.elapsed() > self.time_max {
            return Err(Undecided::Time { time_max: self.time_max });
        }
        Ok(())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
