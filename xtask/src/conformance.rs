//! `cargo xtask conformance SUITE`: what we build, against what it must agree with.

mod kernel;
mod libseccomp;
mod live;
mod notify;
mod prover;

use std::time::Instant;

pub(crate) use prover::common as common_profile;

/// A suite: its name, and the function that runs it.
type Suite = (&'static str, fn(&[String]) -> Result<(), String>);

const SUITES: &[Suite] = &[
    ("kernel", kernel::run),
    ("libseccomp", libseccomp::run),
    ("live", live::run),
    ("notify", notify::run),
    ("prover", prover::run),
];

/// Runs the suite that the first argument names with the other arguments.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let names: Vec<_> = SUITES.iter().map(|(name, _)| *name).collect();
    let missing = || format!("name a suite: {}", names.join(", "));
    let (wanted, args) = args.split_first().ok_or_else(missing)?;
    let (_, suite) = SUITES.iter().find(|(name, _)| name == wanted).ok_or_else(missing)?;
    suite(args)
}

/// What every suite takes: `--full` for a run of full length, `--seed N` for other cases.
struct Request {
    full: bool,
    seed: Option<u64>,
}

impl Request {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut request = Self { full: false, seed: None };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--full" => request.full = true,
                "--seed" => {
                    let seed = args.next().and_then(|seed| seed.parse().ok());
                    request.seed = Some(seed.ok_or("--seed needs a number")?);
                }
                _ => return Err(format!("{arg}: use --full and --seed NUMBER")),
            }
        }
        Ok(request)
    }
}

/// Runs a comparison and prints what it counted.
fn timed(name: &str, compare: impl FnOnce() -> Result<String, String>) -> Result<(), String> {
    let start = Instant::now();
    let counts = compare().map_err(|error| format!("{name}: {error}"))?;
    println!("{name}: {counts}; {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
