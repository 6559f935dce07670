//! The time from the text of a policy to the policy, before anything is compiled.

use std::time::Instant;

use callgate_gate::{File, nothing, read};
use callgate_rules::{Source, Target};
use callgate_syscalls::Arch;
use serde_json::{Value, json};

use super::measure::median;

/// A server's policy of 40 lines.
const TEXT: &str = include_str!("../../testdata/gate/nginx.gate");

/// The number of times each step is made.
const ROUNDS: usize = 1_001;

/// Microseconds of the steps from the text on, each with those before it.
pub(crate) struct Text {
    lines: usize,
    syntax: f64,
    rules: f64,
    policy: f64,
    checked: f64,
}

/// Measures the steps.
///
/// # Errors
/// The text is refused.
pub(crate) fn measure() -> Result<Text, String> {
    let source = Source::new("nginx.gate", TEXT).map_err(|e| e.to_string())?;
    let target = Target::new(Arch::X86_64);
    let written = || read(source.clone(), &mut nothing).map_err(|e| e.to_string());
    let lowered = written()?.lower(&target).map_err(|e| e.to_string())?;
    drop(lowered);
    Ok(Text {
        lines: TEXT.lines().count(),
        syntax: time(|| drop(File::parse(TEXT))),
        rules: time(|| drop(written())),
        policy: time(|| drop(written().map(|written| written.lower_unchecked(&target)))),
        checked: time(|| drop(written().map(|written| written.lower(&target)))),
    })
}

/// The median, in microseconds.
fn time(run: impl Fn()) -> f64 {
    let one = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e6
    };
    median(&mut (0..ROUNDS).map(one).collect::<Vec<f64>>())
}

impl Text {
    pub(crate) fn print(&self) {
        let Self { lines, syntax, rules, policy, checked } = self;
        println!("text of {lines} lines to  syntax us  rules us  policy us  checked us");
        println!("nginx.gate          {syntax:>10.1} {rules:>9.1} {policy:>10.1} {checked:>11.1}");
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "lines": self.lines,
            "syntax_us": self.syntax,
            "rules_us": self.rules,
            "policy_us": self.policy,
            "checked_us": self.checked,
        })
    }
}
