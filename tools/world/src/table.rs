//! The table of all worlds.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::guest::{Check, Report};

/// The columns that hold a count: the title, the check, and what stands before and after the count
/// in its output.
const COUNTS: [(&str, &str, &str, &str); 10] = [
    ("doctor: yes", "doctor", "doctor: ", " answers yes"),
    ("commands", "command", "command: ", " commands"),
    ("checker: programs", "kernel", "checker: ", " programs"),
    ("executions", "kernel", "simulator: ", " executions"),
    ("stacked", "kernel", "stacked filters: ", " executions"),
    ("lengths", "kernel", "converted length: ", " programs"),
    ("walk: shapes", "kernel", "constant-action walk: ", " shapes"),
    ("live rows", "live", "live: ", " rows passed"),
    ("supervised calls", "notify", "any signal interrupts: ", " calls"),
    ("lines of the C interface", "api", "api: ", " lines"),
];

/// What stands where a check did not come so far.
const ABSENT: &str = "none";

/// The table as Markdown, and under it what each kernel lacks.
pub(crate) fn rendered(reports: &[Report]) -> String {
    let titles = COUNTS.map(|(title, ..)| title).join(" | ");
    let mut text = format!("| kernel | machine | filters | {titles} | disagreements |\n");
    text.push_str(&"|---".repeat(COUNTS.len() + 4));
    text.push_str("|\n");
    for report in reports {
        let counts = COUNTS.map(|(_, name, before, after)| {
            let check = report.checks.iter().find(|check| check.name == name);
            let count = check.and_then(|check| count(check, before, after));
            count.map_or_else(|| ABSENT.into(), grouped)
        });
        let failures = match report.failures() {
            none if none.is_empty() => "none".into(),
            some => some.join("; ").replace('|', "/"),
        };
        let machine = report.world.machine;
        let by = if machine.accelerated() { "KVM" } else { "translated" };
        // A string takes whatever is written to it.
        let _ = writeln!(
            text,
            "| {} | {} ({}, {by}) | {} | {} | {failures} |",
            report.release,
            machine.debian,
            machine.traits,
            report.filters(),
            counts.join(" | "),
        );
    }
    text.push_str(&lacking(reports));
    text
}

/// The number between two texts on a line.
fn count(check: &Check, before: &str, after: &str) -> Option<u64> {
    let number = |line: &String| line.strip_prefix(before)?.split_once(after)?.0.parse().ok();
    check.lines.iter().find_map(number)
}

/// A number with a comma after each thousand.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What rows and suites said that a kernel does not have, each with its kernels.
fn lacking(reports: &[Report]) -> String {
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for report in reports {
        for check in &report.checks {
            for reason in lacks(check) {
                let kernels = reasons.entry(reason).or_default();
                kernels.push(format!("{} {}", report.release, report.world.machine.debian));
                kernels.dedup();
            }
        }
    }
    let mut text = "\n| not there | kernels |\n|---|---|\n".to_owned();
    for (reason, kernels) in reasons {
        let _ = writeln!(text, "| {} | {} |", reason.replace('|', "/"), kernels.join(", "));
    }
    text
}

/// The reasons that a check gives for what it did not do, with the names of the rows.
fn lacks(check: &Check) -> Vec<String> {
    let mut lacks = Vec::new();
    for (row, reason) in check.lines.iter().zip(check.lines.iter().skip(1)) {
        if let Some(row) = row.strip_prefix("skip  ") {
            let name = row.split(": ").nth(1).unwrap_or(row);
            lacks.push(format!("{name}: {}", reason.trim()));
        }
    }
    let doctor = check.lines.iter().filter(|_| check.name == "doctor");
    let no = doctor.filter_map(|line| line.strip_prefix("  no "));
    // What follows the question, in a column of its own, may be another figure on each kernel.
    let question = |line: &str| line.trim().split("  ").next().unwrap_or_default().to_owned();
    lacks.extend(no.map(|line| format!("doctor: {}", question(line))));
    let whole = check.lines.iter().filter_map(|line| line.strip_prefix("skipped: "));
    lacks.extend(whole.map(|reason| format!("{}: {reason}", check.name)));
    let walk = check.lines.iter().filter_map(|line| line.strip_prefix("constant-action walk: no "));
    lacks.extend(walk.map(|reason| format!("constant-action walk: no {reason}")));
    lacks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str]) -> Check {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Check { name: "live".into(), lines, status: Some(0) }
    }

    #[test]
    fn counts_stand_between_their_words() {
        let check =
            check(&["checker: 500000 programs, 2 accepted", "live: 7 rows passed, 1 skipped"]);
        assert_eq!(count(&check, "checker: ", " programs"), Some(500_000));
        assert_eq!(count(&check, "live: ", " rows passed"), Some(7));
        assert_eq!(count(&check, "live: ", " calls"), None);
        assert_eq!(grouped(500_000), "500,000");
        assert_eq!(grouped(12), "12");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }

    #[test]
    fn what_is_lacking_is_named_with_its_row() {
        let check = check(&["skip  group: row: about", "     no such thing", "skipped: more: old"]);
        assert_eq!(lacks(&check), ["row: no such thing", "live: more: old"]);
        let lines = ["  yes      seccomp(2)", "  no       flag LOG          EINVAL"];
        let check = Check { name: "doctor".into(), lines: lines.map(String::from).into(), ..check };
        assert_eq!(lacks(&check), ["doctor: flag LOG"]);
    }
}
