//! `cargo xtask conformance kernel`: the checker, the simulator, stacked filters, the converted length and the
//! constant-action walk, each held against the running kernel.
//!
//! Options: `--full` for ten times the cases, `--seed N` for others. The cases follow from the seed alone.

mod cache;
mod checker;
mod lengths;
mod observe;
mod simulator;
mod stacks;

use std::time::Instant;

/// How many cases to try, and from which seed.
#[derive(Clone, Copy)]
struct Plan {
    seed: u64,
    programs: u32,
    executions: u32,
    stacked: u32,
    lengths: u32,
}

impl Plan {
    /// What every run of CI does.
    const TENTH: Self =
        Self { seed: 1, programs: 500_000, executions: 200_000, stacked: 20_000, lengths: 100 };

    const FULL: Self = Self {
        seed: 1,
        programs: 5_000_000,
        executions: 2_000_000,
        stacked: 200_000,
        lengths: 1_000,
    };

    fn parse(args: &[String]) -> Result<Self, String> {
        let full = args.iter().any(|arg| arg == "--full");
        let mut plan = if full { Self::FULL } else { Self::TENTH };
        let mut args = args.iter().filter(|arg| *arg != "--full");
        while let Some(arg) = args.next() {
            match (arg.as_str(), args.next().map(|n| n.parse())) {
                ("--seed", Some(Ok(seed))) => plan.seed = seed,
                _ => return Err(format!("{arg}: use --full and --seed NUMBER")),
            }
        }
        Ok(plan)
    }
}

/// Runs all comparisons; the first disagreement is an error.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let plan = Plan::parse(args)?;
    timed("checker", || checker::run(plan.programs, plan.seed))?;
    timed("simulator", || simulator::run(plan.executions, plan.seed))?;
    timed("stacked filters", || stacks::run(plan.stacked, plan.seed))?;
    timed("converted length", || lengths::run(plan.lengths, plan.seed))?;
    timed("constant-action walk", cache::run)
}

/// Runs a comparison and prints what it counted.
fn timed(name: &str, compare: impl FnOnce() -> Result<String, String>) -> Result<(), String> {
    let start = Instant::now();
    let counts = compare().map_err(|error| format!("{name}: {error}"))?;
    println!("{name}: {counts}; {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
