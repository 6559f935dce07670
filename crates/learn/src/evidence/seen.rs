//! What is known of an observation: in how many runs, how often, by whom, when.

use super::RunId;
use super::smallest::Smallest;

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// From the start on.
    Startup,
    /// Once a server waits for its clients: the first accept(2) or wait for events after listen(2).
    Serving,
    /// In a run in which another call was refused, to see what is made in its place.
    Exploring,
}

impl Phase {
    /// All.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Serving, Self::Exploring];

    /// Its name in evidence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Serving => "serving",
            Self::Exploring => "exploring",
        }
    }
}

/// What is known of an observation. Everything in it joins: the order of joins does not matter, nor
/// that something is joined twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The runs in which it was made: those with the smallest identifiers.
    pub runs: Smallest<RunId, 32>,
    /// How often it was made in the run that made it most often.
    pub calls: u64,
    /// Names of threads that made it.
    pub threads: Smallest<Box<str>, 4>,
    /// When it was made.
    pub phases: Smallest<Phase, 3>,
    /// Results, where the recorder knew them: `0` for success, else the name of the error.
    pub results: Smallest<Box<str>, 8>,
}

impl Seen {
    /// Adds what another says.
    pub fn join(&mut self, other: Self) {
        self.runs.join(other.runs);
        self.calls = self.calls.max(other.calls);
        self.threads.join(other.threads);
        self.phases.join(other.phases);
        self.results.join(other.results);
    }

    /// How many runs made it, estimated if it is more than are remembered: identifiers are spread
    /// evenly, so that the largest of the smallest says how densely they lie.
    #[must_use]
    pub fn run_count(&self) -> u64 {
        count(self.runs.as_slice(), 32)
    }

    /// Whether it was made only where another call was refused.
    #[must_use]
    pub fn is_explored(&self) -> bool {
        self.phases.as_slice() == [Phase::Exploring]
    }

    /// Whether it never succeeded, where results are known.
    #[must_use]
    pub fn always_failed(&self) -> bool {
        let results = self.results.as_slice();
        !results.is_empty() && !self.results.is_full() && results.iter().all(|r| &**r != "0")
    }
}

/// How many identifiers there were, if these are the `limit` smallest.
pub(super) fn count(smallest: &[RunId], limit: usize) -> u64 {
    let known = smallest.len() as u64;
    match smallest.last() {
        Some(last) if smallest.len() == limit && last.raw() > 0 => {
            let density = u128::from(known - 1) << 64;
            u64::try_from(density / u128::from(last.raw())).unwrap_or(u64::MAX).max(known)
        }
        _ => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_runs_are_counted_and_many_estimated() {
        let seen = |runs: u64| Seen {
            runs: (0..runs).map(|run| RunId::of([run.to_le_bytes().as_slice()])).collect(),
            ..Seen::default()
        };
        for exact in [0, 1, 31] {
            assert_eq!(seen(exact).run_count(), exact);
        }
        for many in [100, 1_000, 10_000] {
            let estimate = seen(many).run_count();
            assert!(estimate > many / 2 && estimate < many * 2, "{many}: {estimate}");
        }
    }
}
