//! How long a policy takes from text to policy: `cargo run --release -p callgate-gate --example
//! time FILE`.
#![expect(clippy::print_stdout, reason = "what it measures is all that it is for")]

use std::error::Error;
use std::time::{Duration, Instant};

use callgate_gate::{File, nothing, read};
use callgate_rules::{Source, Target};
use callgate_syscalls::Arch;

const RUNS: usize = 1_001;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a policy")?;
    let source = Source::load(path.as_ref())?;
    let target = Target::new(Arch::X86_64);
    println!("parse          {:>9.1?}", median(|| drop(File::parse(source.text()))));
    println!("parse, resolve {:>9.1?}", median(|| drop(read(source.clone(), &mut nothing))));
    let lower = || drop(read(source.clone(), &mut nothing).map(|w| w.lower_unchecked(&target)));
    println!("and lower      {:>9.1?}", median(lower));
    let check = || drop(read(source.clone(), &mut nothing).map(|w| w.lower(&target)));
    println!("and check      {:>9.1?}", median(check));
    Ok(())
}

/// The median of many runs.
fn median(run: impl Fn()) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[RUNS / 2]
}
