//! `cargo xtask conformance prover`: verdicts of the prover against sampling, and programs that
//! others wrote against the policies they stand for.
//!
//! Options: `--full` for ten times the mutants, `--seed N` for others. The mutants follow from the
//! seed alone.
#![forbid(unsafe_code)]

mod handwritten;
mod libseccomp;
mod mutants;

use std::time::{Duration, Instant};

use callgate_bpf::Program;
use callgate_policy::{Arch, Policy, SeccompData};
use callgate_prover::{Difference, Error, Meaning, Prover, Scope};
use callgate_syscalls::Endian;

use house::{Request, timed};

pub use libseccomp::{Common, common};

/// How many mutants must be shown to differ: what every run of CI does, and a full run.
const MUTANTS: u32 = 2_000;
const MUTANTS_FULL: u32 = 20_000;

/// Runs all comparisons; the first disagreement is an error.
/// # Errors
///
/// The first disagreement.
pub fn run(args: &[String]) -> Result<(), String> {
    let Request { full, seed } = Request::parse(args)?;
    let wanted = if full { MUTANTS_FULL } else { MUTANTS };
    timed("mutants", || mutants::run(wanted, seed.unwrap_or(1)))?;
    timed("hand-written programs", handwritten::run)?;
    timed("libseccomp's programs", libseccomp::run)
}

/// Something with a meaning.
#[derive(Clone, Copy)]
enum Side<'a> {
    Policy(&'a Policy),
    Program(&'a Program),
}

impl<'a> Side<'a> {
    fn meaning(self, prover: &mut Prover) -> Result<Meaning<'a>, Error> {
        match self {
            Self::Policy(policy) => prover.policy(policy),
            Self::Program(program) => prover.program(program),
        }
    }
}

/// Proves two sides equal, and says how long that took.
fn proved(left: Side<'_>, right: Side<'_>) -> Result<Duration, String> {
    let start = Instant::now();
    let mut prover = Prover::default();
    let equal = left.meaning(&mut prover).and_then(|left| {
        let right = right.meaning(&mut prover)?;
        prover.equal(&left, &right, Scope::Exact)
    });
    let time = start.elapsed();
    match equal {
        Ok(true) => Ok(time),
        Ok(false) => {
            let found = differences(left, right)?;
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            Err(format!("not equal: {}", found.join("; ")))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The differences of two sides, with a witness for each.
fn differences(left: Side<'_>, right: Side<'_>) -> Result<Vec<Difference>, String> {
    let mut prover = Prover::default();
    let found = left.meaning(&mut prover).and_then(|left| {
        let right = right.meaning(&mut prover)?;
        prover.differences(&left, &right, Scope::Exact)
    });
    found.map_err(|error| error.to_string())
}

/// The byte order in which a call's arguments are stored.
fn endian_of(call: &SeccompData) -> Endian {
    let arch = Arch::ALL.into_iter().find(|arch| arch.token() == call.arch);
    arch.map_or(Endian::Little, Arch::endian)
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
