//! The provenance of lines that are there.

use std::fmt::Write as _;

use callgate_policy::Policy;
use callgate_rules::{Source, Target};
use callgate_syscalls::{Action, Arch};

use super::Update;
use super::place::Context;
use crate::evidence::seen::Seen;
use crate::evidence::{Arguments, CallKey, Evidence, Observations};
use crate::import::refused::RECORDER;
use crate::profile::{facts, one_line, recorded};

/// The mark of a statement of which nothing was seen lately.
const UNSEEN: &str = ", not seen lately";

/// Writes `#@ seen` and `#@ runs` anew; how many statements were not seen lately.
pub(super) fn renew(text: &str, input: &Update<'_>, all: &Evidence) -> (String, usize) {
    let mut context = Context::default();
    let mut unseen = 0;
    // Of what a profile allows, refusals cannot tell.
    let tells = input.new.runs().any(|(_, run)| run.backend != RECORDER);
    let mut renewed = String::with_capacity(text.len());
    // Where the last statement begins: a long one has its provenance at its end.
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        context.read(line);
        if line.starts_with("#@ runs ") {
            runs(&mut renewed, input, all);
            continue;
        }
        if line.trim_start().starts_with("allow ") {
            start = renewed.len();
        }
        // A statement that is only a comment says nothing of the one before it.
        let said = line.split_once("#@ seen ").filter(|_| !line.trim_start().starts_with('#'));
        let known = said.and_then(|(statement, _)| {
            let whole = format!("{}{statement}", renewed.get(start..)?);
            let lines = Statement::read(&whole, context.arches())?;
            let lately = match tells {
                true => lines.seen(input.new).is_some(),
                false => !line.trim_end().ends_with(UNSEEN),
            };
            Some((statement, lines.seen(all)?, lately))
        });
        match known {
            None => renewed += line,
            Some((statement, seen, lately)) => {
                unseen += usize::from(!lately);
                let mark = if lately { "" } else { UNSEEN };
                let _ =
                    writeln!(renewed, "{statement}#@ seen {}{mark}", one_line(&facts(&seen, all)));
            }
        }
    }
    (renewed, unseen)
}

/// How many runs there were, and the kinds of them that the text does not name.
fn runs(text: &mut String, input: &Update<'_>, all: &Evidence) {
    let _ = writeln!(text, "#@ runs {}", all.run_count());
    let mut new: Vec<String> = input
        .new
        .runs()
        .map(|(_, run)| format!("#@ recorded {}", one_line(&recorded(run))))
        .collect();
    new.sort();
    new.dedup();
    for line in new.iter().filter(|line| !input.text.lines().any(|known| known == **line)) {
        let _ = writeln!(text, "{line}");
    }
}

/// A statement of one call that stands in one line.
struct Statement {
    call: CallKey,
    policy: Policy,
}

impl Statement {
    fn read(statement: &str, arches: &[Arch]) -> Option<Self> {
        let [arch] = *arches else { return None };
        let text = format!("policy 1\narch {}\ndefault kill\n{}\n", arch.name(), statement.trim());
        let source = Source::new("statement", text).ok()?;
        let written = callgate_gate::read(source, &mut callgate_gate::nothing).ok()?;
        let policy = written.lower_unchecked(&Target::new(arch)).ok()?.policy;
        let mut numbers = policy.arch(arch)?.rules().map(|(nr, _)| nr);
        let (Some(nr), None) = (numbers.next(), numbers.next()) else { return None };
        drop(numbers);
        Some(Self { call: CallKey { arch: arch.token(), nr }, policy })
    }

    /// What is known of the observations that it allows.
    fn seen(&self, evidence: &Evidence) -> Option<Seen> {
        let allowed =
            |arguments: &Arguments| self.policy.decide(&arguments.call(self.call)) == Action::ALLOW;
        match evidence.of(self.call)? {
            Observations::Many(seen) => Some(seen.clone()),
            Observations::Each(each) => {
                let mut seen = each.iter().filter(|(arguments, _)| allowed(arguments));
                let (_, first) = seen.next()?;
                Some(seen.fold(first.clone(), |mut total, (_, seen)| {
                    total.join(seen.clone());
                    total
                }))
            }
        }
    }
}
