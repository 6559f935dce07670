//! Counts and times of filters.

use std::fmt;
use std::path::Path;
use std::time::Instant;

use callgate_bpf::{Program, Stack, decode};
use callgate_compiler::{Options, compile_stacked};
use callgate_policy::{ArchPolicy, Policy, SeccompData};
use callgate_syscalls::Endian;

use super::reference::Reference;

/// What a filter takes, whatever the machine.
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

    pub(crate) fn of_file(path: &Path, reference: &Reference) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let decoded = decode(&bytes).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self::of(&decoded.program, reference))
    }
}

/// The filters that a policy takes.
pub(crate) fn filters(policy: &Policy) -> Result<Stack, String> {
    compile_stacked(policy, &Options::default()).map_err(|e| e.to_string())
}

/// Writes the first filter and says how many there are.
pub(crate) fn write_filters(policy: &Policy, path: &Path) -> Result<usize, String> {
    let stack = filters(policy)?;
    if let Some(first) = stack.programs().first() {
        std::fs::write(path, first.to_bytes(Endian::native()))
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(stack.programs().len())
}

/// The median time in microseconds from rules to filters: as for the peers, making the policy counts.
pub(crate) fn build_time(policy: &Policy, builds: usize) -> Result<f64, String> {
    let mut times = Vec::with_capacity(builds);
    for _ in 0..builds {
        let start = Instant::now();
        std::hint::black_box(filters(&rebuilt(policy)?)?);
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

pub(crate) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The fewest steps on average in which tests with two answers can lead every allowed call of one architecture to its
/// run of numbers, beside two loads, the test of the architecture and the return.
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
