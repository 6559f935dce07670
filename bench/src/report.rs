//! The measurements as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::contender::OURS;
use super::growth::machine;
use super::measure::Counts;
use super::proofs::Proof;
use super::texts::Text;

/// A contender's filter of a reference. Times that were not measured are no numbers.
pub(crate) struct Row {
    pub(crate) reference: String,
    pub(crate) contender: &'static str,
    pub(crate) filters: usize,
    pub(crate) counts: Option<Counts>,
    /// Microseconds.
    pub(crate) build: f64,
    /// Microseconds, of all filters.
    pub(crate) attach: f64,
    /// Nanoseconds of a call that is refused whatever its arguments.
    pub(crate) denied: f64,
    /// Nanoseconds of a call whose arguments are looked at, and that is allowed.
    pub(crate) checked: f64,
    pub(crate) failure: Option<String>,
}

/// All that was measured.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) text: Option<Text>,
}

impl Row {
    pub(crate) const HEADING: &str = "reference         contender           insns   mean  max   build us  attach us  denied ns  checked ns";

    fn json(&self) -> Value {
        let counts = self.counts;
        json!({
            "reference": self.reference,
            "contender": self.contender,
            "filters": self.filters,
            "instructions": counts.map(|counts| counts.instructions),
            "executed_mean": counts.map(|counts| counts.mean),
            "executed_max": counts.map(|counts| counts.max),
            "build_us": finite(self.build),
            "attach_us": finite(self.attach),
            "denied_ns": finite(self.denied),
            "checked_ns": finite(self.checked),
            "failure": self.failure,
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<17} {:<18} ", self.reference, self.contender)?;
        match self.counts {
            Some(c) if c.max == 0 => write!(f, "{:>6} {:>6} {:>4}", c.instructions, "-", "-")?,
            Some(c) => write!(f, "{:>6} {:>6.2} {:>4}", c.instructions, c.mean, c.max)?,
            None => write!(f, "{:>6} {:>6} {:>4}", "-", "-", "-")?,
        }
        for (time, width) in
            [(self.build, 10), (self.attach, 10), (self.denied, 10), (self.checked, 11)]
        {
            match finite(time) {
                Some(time) => write!(f, " {time:>width$.1}")?,
                None => write!(f, " {:>width$}", "-")?,
            }
        }
        if self.filters > 1 {
            write!(f, "  {} filters", self.filters)?;
        }
        self.failure.as_ref().map_or(Ok(()), |failure| write!(f, "  {failure}"))
    }
}

impl Report {
    /// How much more others take than ours, of the same run.
    pub(crate) fn ratios(&self) -> String {
        let ours: BTreeMap<&str, &Row> = self
            .rows
            .iter()
            .filter(|row| row.contender == OURS)
            .map(|row| (row.reference.as_str(), row))
            .collect();
        let mut text = String::from(
            "times ours        contender           insns   build  attach  denied  checked\n",
        );
        for row in self.rows.iter().filter(|row| row.contender != OURS) {
            let Some(own) = ours.get(row.reference.as_str()) else { continue };
            let length = |row: &Row| {
                let counts = row.counts.map(|counts| counts.instructions);
                counts.and_then(|n| u32::try_from(n).ok()).map_or(f64::NAN, f64::from)
            };
            let pairs = [
                (length(row), length(own), 7),
                (row.build, own.build, 7),
                (row.attach, own.attach, 7),
                (row.denied, own.denied, 7),
                (row.checked, own.checked, 8),
            ];
            let _ = write!(text, "{:<17} {:<18}", row.reference, row.contender);
            for (theirs, own, width) in pairs {
                let _ = match finite(theirs / own) {
                    Some(ratio) => write!(text, " {ratio:>width$.2}"),
                    None => write!(text, " {:>width$}", "-"),
                };
            }
            text.push('\n');
        }
        text
    }

    /// Whether ours are all there, and none more than a hundredth longer than the shortest: neither
    /// depends on the machine's speed.
    ///
    /// # Errors
    /// The first that is not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let length = |row: &Row| row.counts.map_or(usize::MAX, |counts| counts.instructions);
        for own in self.rows.iter().filter(|row| row.contender == OURS) {
            let name = &own.reference;
            if let Some(failure) = &own.failure {
                return Err(format!("our filter of {name}: {failure}"));
            }
            let same = self.rows.iter().filter(|row| row.reference == *name);
            let shortest = same.min_by_key(|row| length(row)).unwrap_or(own);
            if length(own) - length(shortest) > length(shortest) / 100 {
                return Err(format!(
                    "{} has {} instructions for {name}, we {}",
                    shortest.contender,
                    length(shortest),
                    length(own)
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn write_json(&self, path: &Path) -> Result<(), String> {
        let value = json!({
            "machine": machine(),
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "proofs": self.proofs.iter().map(Proof::json).collect::<Vec<_>>(),
            "text": self.text.as_ref().map(Text::json),
        });
        let text = serde_json::to_string_pretty(&value).map_err(|e| e.to_string())?;
        std::fs::write(path, text + "\n").map_err(|e| format!("{}: {e}", path.display()))
    }
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}
