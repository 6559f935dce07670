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

/// Takes `--part N` from options: an Nth of the cases is to do, on machines that are slow.
///
/// # Errors
///
/// `--part` without a number.
pub fn part_of(args: &[String]) -> Result<(u32, Vec<String>), String> {
    let mut rest = args.to_vec();
    let Some(at) = rest.iter().position(|arg| arg == "--part") else { return Ok((1, rest)) };
    let part = rest.get(at + 1).and_then(|part| part.parse().ok()).filter(|part| *part > 0);
    rest.drain(at..rest.len().min(at + 2));
    part.map(|part| (part, rest)).ok_or_else(|| "--part needs a number".into())
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
