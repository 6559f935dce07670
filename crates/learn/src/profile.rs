//! The text of a profile: statements under the names of their intents, each with its evidence.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use callgate_facts::Groups;
use callgate_syscalls::{Arch, names};

use crate::evidence::seen::{Phase, Seen};
use crate::evidence::{Evidence, Run};
use crate::mine::{Mined, OLDEST, SAME_INTENT, Statement, Tier, Verdict, section};

/// What a profile says beside its statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// What the profile is of: the command line.
    pub title: String,
}

/// What is done with calls that no statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// They are refused: a profile for use.
    Enforced,
    /// They are handed to a listener: what a further round records.
    Recorded,
}

/// Writes the profile, formatted. `None` where nothing was seen.
#[must_use]
pub fn write(
    evidence: &Evidence,
    mined: &Mined,
    heading: &Heading,
    style: Style,
) -> Option<String> {
    let arches: BTreeSet<Arch> = mined.statements.iter().filter_map(|s| s.call.arch()).collect();
    let is_written = |s: &&Statement| match style {
        Style::Enforced => true,
        // What is answered for it would be something else that runs.
        Style::Recorded => s.verdict == Verdict::Allow && s.tier == Tier::Seen,
    };
    if arches.is_empty() {
        return None;
    }
    let mut text = String::from("policy 1\n");
    let names: Vec<&str> = arches.iter().map(|arch| arch.name()).collect();
    let _ = writeln!(text, "arch {}", names.join(", "));
    match style {
        Style::Enforced => {
            let baseline = mined.baseline.unwrap_or(OLDEST);
            let _ = writeln!(text, "foreign kill\nbaseline linux {baseline} else ENOSYS");
            let _ = writeln!(text, "default errno EPERM");
        }
        Style::Recorded => text += "foreign notify\ndefault notify\n",
    }
    let _ = writeln!(text, "groups {}", Groups::LATEST.version());
    provenance(&mut text, evidence, heading);
    for arch in &arches {
        let of_arch = mined.statements.iter().filter(|s| s.call.arch() == Some(*arch));
        let of_arch: Vec<&Statement> = of_arch.filter(is_written).collect();
        match arches.len() {
            1 => statements(&mut text, &of_arch, evidence),
            _ => {
                let _ = writeln!(text, "\non {} {{", arch.name());
                statements(&mut text, &of_arch, evidence);
                text += "}\n";
            }
        }
    }
    callgate_gate::format(&callgate_gate::File::parse(&text))
}

/// What the whole was learned from.
fn provenance(text: &mut String, evidence: &Evidence, heading: &Heading) {
    let _ = writeln!(text, "\n# Learned from: {}", one_line(&heading.title));
    let runs: BTreeSet<String> = evidence
        .runs()
        .filter(|(_, run)| run.without.is_empty())
        .map(|(_, run)| recorded(run))
        .collect();
    let _ = writeln!(text, "#@ runs {}", evidence.run_count());
    for run in runs.iter().take(RUNS_SHOWN) {
        let _ = writeln!(text, "#@ recorded {}", one_line(run));
    }
    let explored = evidence.runs().filter(|(_, run)| !run.without.is_empty()).count();
    if explored > 0 {
        let _ = writeln!(text, "#@ explored {explored} runs with a call refused");
    }
    for blind in blind_spots(evidence) {
        let _ = writeln!(text, "#@ blind {}", one_line(&blind));
    }
}

/// What a run says of itself, as far as its recorder knew it.
pub(crate) fn recorded(run: &Run) -> String {
    let mut text = match run.date.as_str() {
        "" => format!("by {}", run.backend),
        date => format!("{date} by {}", run.backend),
    };
    if !run.kernel.is_empty() {
        let _ = write!(text, ", linux {}", run.kernel);
    }
    if !run.libc.is_empty() {
        let _ = write!(text, ", {}", run.libc);
    }
    text
}

/// What the recorders could not see, in words.
fn blind_spots(evidence: &Evidence) -> BTreeSet<String> {
    let said = evidence.runs().flat_map(|(_, run)| &run.blind).cloned();
    let mut spots: BTreeSet<String> = said.collect();
    let seen = |name| evidence.calls().any(|(key, _)| key.name() == Some(name));
    if seen(names::IO_URING_ENTER) || seen(names::IO_URING_SETUP) {
        spots.insert("the operations of io_uring, which are no syscalls".to_owned());
    }
    let lost: u64 = evidence.runs().map(|(_, run)| run.lost).sum();
    if lost > 0 {
        spots.insert(format!("{lost} events that were lost"));
    }
    spots
}

/// The most kinds of runs that are named.
const RUNS_SHOWN: usize = 8;

fn statements(text: &mut String, statements: &[&Statement], evidence: &Evidence) {
    let mut last = None;
    let mut kin: Vec<&str> = Vec::new();
    let (absent, present): (Vec<&Statement>, Vec<&Statement>) =
        statements.iter().partition(|s| s.verdict == Verdict::Enosys && s.seen.is_none());
    for statement in present {
        let section = section(statement.call);
        if last != Some(section) {
            put_kin(text, &mut kin);
            let of = section.map_or("other calls", |block| block.name());
            let purpose = section.map_or(String::new(), |block| format!(": {}", block.purpose()));
            let _ = writeln!(text, "\n# {of}{purpose}");
            last = Some(section);
        }
        match (is_kin(statement), statement.call.name()) {
            (true, Some(name)) => kin.push(name.as_str()),
            _ => line(text, statement, evidence),
        }
    }
    put_kin(text, &mut kin);
    let absent: Vec<&str> =
        absent.iter().filter_map(|s| s.call.name()).map(|name| name.as_str()).collect();
    if !absent.is_empty() {
        text.push_str("\n# calls that are tried first: their callers have another way\n");
        let _ = writeln!(text, "enosys {{ {} }}  #@ fallback", absent.join(", "));
    }
}

/// Whether a statement only completes its intent: these stand together in one.
pub(crate) fn is_kin(statement: &Statement) -> bool {
    statement.because.as_deref() == Some(SAME_INTENT) && statement.condition.is_none()
}

fn put_kin(text: &mut String, kin: &mut Vec<&str>) {
    if !kin.is_empty() {
        let _ = writeln!(text, "{}", kin_line(kin));
        kin.clear();
    }
}

/// The statement of calls that complete an intent.
pub(crate) fn kin_line(kin: &[&str]) -> String {
    match kin {
        [only] => format!("allow {only}  #@ fallback {SAME_INTENT}"),
        several => format!("allow {{ {} }}  #@ fallback {SAME_INTENT}", several.join(", ")),
    }
}

fn line(text: &mut String, statement: &Statement, evidence: &Evidence) {
    let off = if statement.verdict == Verdict::Comment { "# " } else { "" };
    let _ = writeln!(text, "{off}{}  #@ {}", said(statement), why(statement, evidence));
}

/// A statement without its evidence.
pub(crate) fn said(statement: &Statement) -> String {
    let subject = match statement.call.name() {
        Some(name) => name.as_str().to_owned(),
        None => format!("nr {}", statement.call.nr.raw()),
    };
    match (statement.verdict, &statement.condition) {
        (Verdict::Enosys, _) => format!("enosys {subject}"),
        (_, Some(condition)) => format!("allow {subject} where {condition}"),
        (_, None) => format!("allow {subject}"),
    }
}

pub(crate) fn why(statement: &Statement, evidence: &Evidence) -> String {
    let tier = match statement.tier {
        Tier::Seen => "seen",
        Tier::Fallback => "fallback",
        Tier::Reachable => "reachable",
    };
    let seen = statement.seen.as_ref().map(|seen| match seen.is_explored() {
        true => explored(seen, evidence),
        false => facts(seen, evidence),
    });
    let because = statement.because.as_ref().map(|because| match statement.seen {
        Some(_) => format!("({because})"),
        None => because.clone(),
    });
    let parts = [Some(tier.to_owned()), seen, because];
    one_line(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// Which refusal made it appear, and by whom it was made.
fn explored(seen: &Seen, evidence: &Evidence) -> String {
    let runs = seen.runs.as_slice().iter().filter_map(|id| evidence.run(*id));
    let without: BTreeSet<&str> = runs.map(|run| run.without.as_str()).collect();
    let mut text = match without.first() {
        Some(first) => format!("without {first}"),
        None => "without another call".to_owned(),
    };
    if without.len() > 1 {
        let _ = write!(text, " and {} others", without.len() - 1);
    }
    let threads = seen.threads.as_slice();
    if !threads.is_empty() {
        let _ = write!(text, ", by {}", threads.join(", "));
    }
    text
}

/// In how many runs, how often, by which threads, in which phase.
pub(crate) fn facts(seen: &Seen, evidence: &Evidence) -> String {
    let runs = evidence.run_count().max(seen.run_count());
    let calls = if seen.calls == 1 { "call" } else { "calls" };
    let mut text = format!("{}/{runs} runs, {} {calls}", seen.run_count(), seen.calls);
    let threads = seen.threads.as_slice();
    if !threads.is_empty() {
        let _ = write!(text, ", by {}", threads.join(", "));
        text += if seen.threads.is_full() { ", ..." } else { "" };
    }
    let phases = seen.phases.as_slice().iter().filter(|phase| **phase != Phase::Exploring);
    if let [only] = phases.collect::<Vec<_>>().as_slice() {
        let _ = write!(text, ", {}", only.name());
    }
    if seen.always_failed() {
        let _ = write!(text, ", always {}", seen.results.as_slice().join(" "));
    }
    text
}

/// A text that does not end its line: names of threads and commands are anybody's.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}
