//! How much a proof may cost, and what is said when that does not suffice.
//!
//! Costs are counted, never timed: the same question has the same answer on any machine, however busy.

use std::fmt;

use callgate_memory::OutOfMemory;
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
    /// The most memory in bytes that the diagrams and what leads to them may take.
    pub bytes_max: usize,
    /// The most work, in tests: comparing two diagrams at one place is one, executing one instruction is one.
    pub tests_max: u64,
    /// How a shift by 32 or more bits is understood.
    pub wide_shift: WideShift,
    /// The most calls that [`recheck`](crate::recheck()) tries.
    pub calls_max: usize,
}

impl Default for Options {
    /// 16 MiB, 20 million tests (about two seconds), wide shifts undecided, 4096 calls.
    fn default() -> Self {
        Self {
            bytes_max: 16 << 20,
            tests_max: 20_000_000,
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

    /// The same choices with limits that many times as large.
    #[must_use]
    pub const fn times(self, factor: usize) -> Self {
        let bytes_max = self.bytes_max.saturating_mul(factor);
        let tests_max = self.tests_max.saturating_mul(factor as u64);
        Self { bytes_max, tests_max, ..self }
    }
}

/// Why no verdict was reached. It is never a yes: what is undecided is not proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undecided {
    /// The diagrams outgrew [`Options::bytes_max`].
    Memory {
        /// The limit.
        bytes_max: usize,
    },
    /// It took more than [`Options::tests_max`].
    Work {
        /// The limit.
        tests_max: u64,
    },
    /// The verdict rests on a shift by 32 or more bits, on which kernels disagree.
    ShiftAmount,
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { bytes_max } => {
                write!(f, "undecided within {bytes_max} bytes of diagrams")
            }
            Self::Work { tests_max } => {
                write!(f, "undecided within {tests_max} tests")
            }
            Self::ShiftAmount => f.write_str(
                "undecided: the result rests on a shift by 32 or more bits, on which architectures disagree",
            ),
        }
    }
}

impl std::error::Error for Undecided {}

/// Why the work on diagrams ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    Undecided(Undecided),
    OutOfMemory,
}

impl From<Undecided> for Halt {
    fn from(undecided: Undecided) -> Self {
        Self::Undecided(undecided)
    }
}

impl From<OutOfMemory> for Halt {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// What is left of the limits.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: usize,
    bytes_max: usize,
    tests: u64,
    tests_max: u64,
}

impl Budget {
    pub(crate) const fn new(options: &Options) -> Self {
        let Options { bytes_max, tests_max, .. } = *options;
        Self { bytes: 0, bytes_max, tests: 0, tests_max }
    }

    /// Accounts for memory that is about to be taken.
    #[inline]
    pub(crate) const fn take(&mut self, bytes: usize) -> Result<(), Halt> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.bytes_max {
            return Err(Halt::Undecided(Undecided::Memory { bytes_max: self.bytes_max }));
        }
        Ok(())
    }

    /// Accounts for one step of work.
    #[inline]
    pub(crate) const fn test(&mut self) -> Result<(), Halt> {
        self.tests(1)
    }

    /// Accounts for several steps of work.
    #[inline]
    pub(crate) const fn tests(&mut self, count: u64) -> Result<(), Halt> {
        self.tests = self.tests.saturating_add(count);
        if self.tests > self.tests_max {
            return Err(Halt::Undecided(Undecided::Work { tests_max: self.tests_max }));
        }
        Ok(())
    }

    /// Memory in bytes and tests so far.
    pub(crate) const fn used(&self) -> (usize, u64) {
        (self.bytes, self.tests)
    }
}
