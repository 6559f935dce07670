//! Shared by the conformance suites: their options, and how they print their counts.

use std::time::Instant;

/// The options of every suite: `--full` for a run of full length, `--seed N` for other cases.
#[derive(Debug)]
pub struct Request {
    /// Whether `--full` was given.
    pub full: bool,
    /// The number after `--seed`.
    pub seed: Option<u64>,
}

impl Request {
    /// Reads the options.
    ///
    /// # Errors
    ///
    /// An unknown option, or `--seed` without a number.
    pub fn parse(args: &[String]) -> Result<Self, String> {
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
///
/// # Errors
///
/// The comparison's own, after its name.
pub fn timed(name: &str, compare: impl FnOnce() -> Result<String, String>) -> Result<(), String> {
    let start = Instant::now();
    let counts = compare().map_err(|error| format!("{name}: {error}"))?;
    println!("{name}: {counts}; {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
