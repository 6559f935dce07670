//! Counts and times of filters.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use callgate_bpf::{Program, Stack, decode};
use callgate_compiler::{Options, compile_stacked};
use callgate_policy::{ArchPolicy, Policy, SeccompData};
use callgate_prover::{ProvedStack, prove_stack};

use super::reference::Reference;

/// The costs of a filter that are the same on every machine.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Counts {
    pub(crate) instructions: usize,
    /// Executed instructions over the calls allowed whatever their arguments.
    pub(crate) mean: f64,
    pub(crate) max: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} {:>5.2} {:>4}", self.instructions, self.mean, self.max)
    }
}

impl Counts {
    pub(crate) fn of(program: &Program, reference: &Reference) -> Self {
        let steps = |&(arch, nr): &(callgate_policy::Arch, _)| {
            program.trace(&SeccompData::new(arch, nr), arch.endian()).steps.len()
        };
        let steps: Vec<usize> = reference.allowed.iter().map(steps).collect();
        let calls = u32::try_from(steps.len().max(1)).unwrap_or(u32::MAX);
        let sum = u32::try_from(steps.iter().sum::<usize>()).unwrap_or(u32::MAX);
        Self {
            instructions: program.len(),
            mean: f64::from(sum) / f64::from(calls),
            max: steps.into_iter().max().unwrap_or(0),
        }
    }

    /// Of filters in files, all of which every call is asked of.
    pub(crate) fn of_files(paths: &[PathBuf], reference: &Reference) -> Option<Self> {
        let each: Option<Vec<Self>> = paths
            .iter()
            .map(|path| Self::of_bytes(&std::fs::read(path).ok()?, reference))
            .collect();
        each.filter(|each| !each.is_empty()).map(|each| Self::sum(&each))
    }

    /// Of what the kernel would refuse, only the length is known.
    fn of_bytes(bytes: &[u8], reference: &Reference) -> Option<Self> {
        match decode(bytes) {
            Ok(decoded) => Some(Self::of(&decoded.program, reference)),
            Err(_) if bytes.is_empty() => None,
            Err(_) => {
                let instructions = bytes.len() / callgate_bpf::Instruction::SIZE;
                Some(Self { instructions, mean: 0.0, max: 0 })
            }
        }
    }

    /// Of several filters together.
    pub(crate) fn sum(each: &[Self]) -> Self {
        Self {
            instructions: each.iter().map(|counts| counts.instructions).sum(),
            mean: each.iter().map(|counts| counts.mean).sum(),
            max: each.iter().map(|counts| counts.max).sum(),
        }
    }
}

/// The filters that a policy takes.
pub(crate) fn filters(policy: &Policy) -> Result<Stack, String> {
    compile_stacked(policy, &Options::default()).map_err(|e| e.to_string())
}

/// The filters of a policy that is made rule by rule, as peers have to.
pub(crate) fn compiled(policy: &Policy) -> Result<Stack, String> {
    filters(&rebuilt(policy)?)
}

/// The same, with the proof that the library makes while its caller waits.
pub(crate) fn proved(policy: &Policy) -> Result<ProvedStack, String> {
    let policy = rebuilt(policy)?;
    let options = callgate_prover::Options::while_waiting(&policy);
    prove_stack(&policy, filters(&policy)?, &options).map_err(|e| e.to_string())
}

/// Limits that suffice for the largest reference.
pub(crate) fn proof_options() -> callgate_prover::Options {
    callgate_prover::Options::default()
}

/// The median time in microseconds of doing something again and again for that long, and at least
/// once.
pub(crate) fn repeated<T>(
    milliseconds: u32,
    mut work: impl FnMut() -> Result<T, String>,
) -> Result<f64, String> {
    let limit = Duration::from_millis(milliseconds.into());
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.is_empty() || begin.elapsed() < limit {
        let start = Instant::now();
        std::hint::black_box(work()?);
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(&mut times))
}

/// The same policy, made rule by rule.
fn rebuilt(policy: &Policy) -> Result<Policy, String> {
    let mut builder = Policy::builder(policy.foreign());
    for (arch, rules) in policy.arches() {
        let mut list = ArchPolicy::new(rules.default_action());
        if let Some(unknown) = rules.unknown_action() {
            list.unknown(unknown);
        }
        for (nr, rules) in rules.rules() {
            for rule in rules {
                list.rule(nr, rule.condition().clone(), rule.action());
            }
        }
        builder = builder.arch(arch, list);
    }
    builder.build().map_err(|e| e.to_string())
}

/// The middle one; no number of none.
pub(crate) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The fewest steps on average in which tests with two answers can lead every allowed call of one
/// architecture to its run of numbers, beside two loads, the test of the architecture and the
/// return.
pub(crate) fn entropy_bound(reference: &Reference) -> Option<f64> {
    let numbers: Vec<u32> = reference.allowed.iter().map(|(_, nr)| nr.raw()).collect();
    let total = f64::from(u32::try_from(numbers.len()).ok().filter(|total| *total > 0)?);
    let runs = numbers.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let bits = runs.map(|run| {
        let share = f64::from(u32::try_from(run.len()).unwrap_or(u32::MAX)) / total;
        -share * share.log2()
    });
    Some(4.0 + bits.sum::<f64>())
}
