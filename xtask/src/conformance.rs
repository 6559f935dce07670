//! `cargo xtask conformance SUITE`: what we build, against what it must agree with.

mod kernel;

/// A suite: its name, and the function that runs it.
type Suite = (&'static str, fn(&[String]) -> Result<(), String>);

const SUITES: &[Suite] = &[("kernel", kernel::run)];

/// Runs the suite that the first argument names with the other arguments.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let names: Vec<_> = SUITES.iter().map(|(name, _)| *name).collect();
    let missing = || format!("name a suite: {}", names.join(", "));
    let (wanted, args) = args.split_first().ok_or_else(missing)?;
    let (_, suite) = SUITES.iter().find(|(name, _)| name == wanted).ok_or_else(missing)?;
    suite(args)
}
