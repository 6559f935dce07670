//! What was seen of programs.
//!
//! Evidence is a semilattice: [`Evidence::join`] is associative, commutative and idempotent, and a
//! set of any number of runs takes no more memory than its distinct observations. So files of a
//! thousand machines are reduced in any order, in pieces or at once, and a file that is read twice
//! changes nothing.
//!
//! Claim: C-EVIDENCE

pub(crate) mod lines;
pub(crate) mod seen;
pub(crate) mod smallest;

use std::collections::BTreeMap;
use std::fmt;

use callgate_facts::selectors;
use callgate_syscalls::{Arch, ArchToken, Name, SeccompData, SyscallNr};

use seen::Seen;

/// The most distinct arguments of a call that are told apart.
pub(crate) const ARGUMENTS_MAX: usize = 256;

/// The most runs that are described. More are counted.
pub(crate) const RUNS_MAX: usize = 1024;

/// Identifies a run: a number that no two runs share, spread evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u64);

/// A call as filters tell them apart: by ABI and number. The number holds x32's bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    /// The ABI's token.
    pub arch: ArchToken,
    /// The number.
    pub nr: SyscallNr,
}

/// The selectors of a call with their values, as `family=0x1 type=0x80001`; empty for calls without
/// selectors.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arguments(Box<str>);

/// What was seen of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observations {
    /// Each distinct arguments with what is known of them: at most 256.
    Each(BTreeMap<Arguments, Seen>),
    /// More arguments than are told apart.
    Many(Seen),
}

/// What is known of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// When it began: `2026-11-28`.
    pub date: String,
    /// The command line.
    pub command: String,
    /// The kernel: `6.18`.
    pub kernel: String,
    /// The machine's architecture.
    pub machine: String,
    /// The C library: `glibc 2.36`; empty where it is not known.
    pub libc: String,
    /// Who recorded it: `notify`, `ptrace`, `strace`.
    pub backend: String,
    /// How the command ended: `exit 0`.
    pub ended: String,
    /// How many events were lost.
    pub lost: u64,
    /// What the recorder could not see, in words.
    pub blind: Vec<String>,
    /// The call that was refused to explore what is made in its place, and with which error:
    /// `x86_64 clone3 ENOSYS`; empty for all other runs.
    pub without: String,
}

/// What was seen of programs, in any number of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    calls: BTreeMap<CallKey, Observations>,
    runs: BTreeMap<RunId, Run>,
}

impl RunId {
    /// Derives an identifier from what no other run has in common.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        // FNV-1a, then a round that spreads the last bytes over all bits.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in parts.into_iter().flat_map(|part| part.iter().chain(&[0xff])) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        for multiplier in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
            hash = (hash ^ (hash >> 30)).wrapping_mul(multiplier);
        }
        Self(hash ^ (hash >> 31))
    }

    pub(crate) const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The number.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }
}

impl CallKey {
    /// The key of a call.
    #[must_use]
    pub const fn of(call: &SeccompData) -> Self {
        Self { arch: call.arch, nr: call.nr }
    }

    /// The key of a call by its name, where the architecture has it.
    #[must_use]
    pub fn named(arch: Arch, name: Name) -> Option<Self> {
        Some(Self { arch: arch.token(), nr: arch.syscall(name)?.nr })
    }

    /// The architecture, where the token is a known one.
    #[must_use]
    pub fn arch(self) -> Option<Arch> {
        Arch::of_call(self.arch, self.nr)
    }

    /// The call's name, where it is known.
    #[must_use]
    pub fn name(self) -> Option<Name> {
        Some(self.arch()?.syscall_at(self.nr)?.name)
    }
}

impl Arguments {
    /// Those of a call.
    #[must_use]
    pub fn of(call: &SeccompData) -> Self {
        let key = CallKey::of(call);
        let (Some(arch), Some(name)) = (key.arch(), key.name()) else { return Self::default() };
        let values = selectors(arch, name).map(|s| (s.name, s.of(call.args[s.register])));
        Self::new(values)
    }

    /// From names and values.
    pub fn new<'a>(values: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let words: Vec<String> =
            values.into_iter().map(|(name, value)| format!("{name}={value:#x}")).collect();
        Self(words.join(" ").into())
    }

    /// The value of a selector.
    #[must_use]
    pub fn get(&self, selector: &str) -> Option<u64> {
        self.iter().find(|(name, _)| *name == selector).map(|(_, value)| value)
    }

    /// The names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.split(' ').filter_map(|word| {
            let (name, value) = word.split_once("=0x")?;
            Some((name, u64::from_str_radix(value, 16).ok()?))
        })
    }

    /// A call with these arguments, and 0 in all other registers.
    #[must_use]
    pub fn call(&self, key: CallKey) -> SeccompData {
        let mut call =
            SeccompData { nr: key.nr, arch: key.arch, instruction_pointer: 0, args: [0; 6] };
        let (Some(arch), Some(name)) = (key.arch(), key.name()) else { return call };
        for selector in selectors(arch, name) {
            call.args[selector.register] = self.get(selector.name).unwrap_or(0);
        }
        call
    }
}

impl Observations {
    /// What is known of all arguments together.
    #[must_use]
    pub fn total(&self) -> Seen {
        match self {
            Self::Many(seen) => seen.clone(),
            Self::Each(each) => each.values().fold(Seen::default(), |mut total, seen| {
                total.join(seen.clone());
                total
            }),
        }
    }

    fn insert(&mut self, arguments: Option<Arguments>, seen: Seen) {
        match (&mut *self, arguments) {
            (Self::Each(each), Some(arguments)) => {
                each.entry(arguments).or_default().join(seen);
                if each.len() > ARGUMENTS_MAX {
                    *self = Self::Many(self.total());
                }
            }
            (Self::Many(total), _) => total.join(seen),
            (Self::Each(_), None) => {
                let mut total = self.total();
                total.join(seen);
                *self = Self::Many(total);
            }
        }
    }
}

impl Evidence {
    /// Adds what was seen of a call; `None` for arguments that are too many to be told apart.
    pub fn insert(&mut self, key: CallKey, arguments: Option<Arguments>, seen: Seen) {
        let observations = self.calls.entry(key);
        observations.or_insert_with(|| Observations::Each(BTreeMap::new())).insert(arguments, seen);
    }

    /// Adds what is known of a run. Of two descriptions of one run the larger is kept.
    pub fn insert_run(&mut self, id: RunId, run: Run) {
        let known = self.runs.entry(id).or_default();
        if run > *known {
            *known = run;
        }
        if self.runs.len() > RUNS_MAX {
            self.runs.pop_last();
        }
    }

    /// Adds all that another holds.
    pub fn join(&mut self, other: Self) {
        for (key, observations) in other.calls {
            match observations {
                Observations::Many(seen) => self.insert(key, None, seen),
                Observations::Each(each) => each.into_iter().for_each(|(arguments, seen)| {
                    self.insert(key, Some(arguments), seen);
                }),
            }
        }
        other.runs.into_iter().for_each(|(id, run)| self.insert_run(id, run));
    }

    /// What was seen, sorted by ABI and number.
    pub fn calls(&self) -> impl ExactSizeIterator<Item = (CallKey, &Observations)> {
        self.calls.iter().map(|(key, observations)| (*key, observations))
    }

    /// What was seen of a call.
    #[must_use]
    pub fn of(&self, key: CallKey) -> Option<&Observations> {
        self.calls.get(&key)
    }

    /// The runs that are described.
    pub fn runs(&self) -> impl ExactSizeIterator<Item = (RunId, &Run)> {
        self.runs.iter().map(|(id, run)| (*id, run))
    }

    /// How many runs there were in which nothing was refused, estimated if more than are described.
    #[must_use]
    pub fn run_count(&self) -> u64 {
        let ids: Vec<RunId> = self.runs.keys().copied().collect();
        let explored = self.runs.values().filter(|run| !run.without.is_empty()).count() as u64;
        seen::count(&ids, RUNS_MAX).saturating_sub(explored)
    }

    /// The observations that another does not hold, and all runs.
    #[must_use]
    pub fn without(self, other: &Self) -> Self {
        let Self { calls, runs } = self;
        let is_new = |key: &CallKey, observations: &mut Observations| match (
            observations,
            other.calls.get(key),
        ) {
            (_, None) => true,
            (_, Some(Observations::Many(_))) => false,
            (Observations::Many(_), Some(_)) => true,
            (Observations::Each(each), Some(Observations::Each(known))) => {
                each.retain(|arguments, _| !known.contains_key(arguments));
                !each.is_empty()
            }
        };
        let mut new = Self { calls, runs };
        new.calls.retain(is_new);
        new
    }

    /// What is known of a run, where it is described.
    #[must_use]
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.get(&id)
    }

    /// How many observations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let each = |observations: &Observations| match observations {
            Observations::Each(each) => each.len(),
            Observations::Many(_) => 1,
        };
        self.calls.values().map(each).sum()
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }
}

impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.arch(), self.name()) {
            (Some(arch), Some(name)) => write!(f, "{} on {}", name.as_str(), arch.name()),
            (Some(arch), None) => write!(f, "number {} on {}", self.nr.raw(), arch.name()),
            (None, _) => write!(f, "number {} of ABI {}", self.nr.raw(), self.arch),
        }
    }
}
