//! `cargo xtask conformance kernel`: the checker, the simulator, stacked filters, the converted
//! length and the constant-action walk, each held against the running kernel.
//!
//! Options: `--full` for ten times the cases, `--part N` for an Nth of them, `--seed N` for others,
//! `--translated` where an emulator executes the kernel, whose clock says nothing. The cases follow
//! from the seed alone.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints what it found")]

mod cache;
mod checker;
mod lengths;
mod observe;
mod simulator;
mod stacks;

use house::{Request, part_of, timed};

/// The number of cases, and their seed.
#[derive(Clone, Copy)]
struct Plan {
    seed: u64,
    programs: u32,
    executions: u32,
    stacked: u32,
    lengths: u32,
}

/// With fewer cases chance would decide whether every kind of them occurs.
const FEWEST: Plan =
    Plan { seed: 1, programs: 5_000, executions: 10_000, stacked: 1_000, lengths: 1 };

impl Plan {
    /// The plan of every run of CI.
    const TENTH: Self =
        Self { seed: 1, programs: 500_000, executions: 200_000, stacked: 20_000, lengths: 100 };

    const FULL: Self = Self {
        seed: 1,
        programs: 5_000_000,
        executions: 2_000_000,
        stacked: 200_000,
        lengths: 1_000,
    };

    fn new(request: &Request, part: u32) -> Self {
        let plan = if request.full { Self::FULL } else { Self::TENTH };
        Self {
            seed: request.seed.unwrap_or(plan.seed),
            programs: plan.programs.div_ceil(part).max(FEWEST.programs),
            executions: plan.executions.div_ceil(part).max(FEWEST.executions),
            stacked: plan.stacked.div_ceil(part).max(FEWEST.stacked),
            lengths: plan.lengths.div_ceil(part).max(FEWEST.lengths),
        }
    }
}

fn main() -> std::process::ExitCode {
    house::main("conformance kernel", run)
}

/// Runs all comparisons; the first disagreement is an error.
fn run(args: &[String]) -> Result<(), String> {
    let (translated, args): (Vec<_>, Vec<_>) =
        args.iter().cloned().partition(|arg| arg == "--translated");
    let (part, args) = part_of(&args)?;
    let plan = Plan::new(&Request::parse(&args)?, part);
    timed("checker", || checker::run(plan.programs, plan.seed))?;
    timed("simulator", || simulator::run(plan.executions, plan.seed))?;
    timed("stacked filters", || stacks::run(plan.stacked, plan.seed))?;
    timed("converted length", || lengths::run(plan.lengths, plan.seed))?;
    match translated.is_empty() {
        true => timed("constant-action walk", cache::run),
        false => {
            println!("skipped: constant-action walk: an emulator's clock can't tell");
            Ok(())
        }
    }
}
