//! A report on one filter: what it does with every call, by intent and by name.

mod drawing;
mod finding;
mod html;
mod markdown;
mod tree;

use std::collections::BTreeMap;

use callgate_facts::{Drift, Groups};
use callgate_gate::{NotShown, in_words, words_of};
use callgate_policy::{Condition, Policy, View};
use callgate_syscalls::{Arch, Name};

pub use drawing::svg;
pub use finding::FindingRow;
pub use html::html;
pub use markdown::report as markdown_report;

use crate::{Folded, condition};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "yes, no, or it depends")]
pub enum Verdict {
    /// It is executed, whatever its arguments.
    Allowed,
    /// That depends on its arguments or on the architecture.
    Depends,
    /// It is never executed.
    Refused,
}

impl Verdict {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Depends => "depends",
            Self::Refused => "refused",
        }
    }

    /// What a sentence about a call says: it is executed, or not.
    pub(crate) fn of_sentence(sentence: &str) -> Self {
        match sentence.starts_with("is executed") {
            true => Self::Allowed,
            false => Self::Refused,
        }
    }
}

/// A syscall in a report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallRow {
    /// The syscall.
    pub name: &'static str,
    /// What becomes of it.
    pub verdict: Verdict,
    /// What happens, for each set of architectures that do the same: their names, and a sentence
    /// for each case.
    pub cases: Vec<(String, Vec<String>)>,
    /// The release of Linux that it is in since, on the first of the architectures to have it.
    pub since: String,
    /// The blocks that it belongs to.
    pub blocks: Vec<&'static str>,
    /// What goes beyond the program's own files and process.
    pub risks: Vec<&'static str>,
    /// Which libraries and runtimes are known to make it.
    pub callers: Vec<&'static str>,
    /// Where the text speaks of it: `FILE:LINE`. Filled in by those who have the text.
    pub places: Vec<String>,
}

/// An intent in a report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlockRow {
    /// The block.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// What goes beyond the program's own files and process.
    pub risks: Vec<&'static str>,
    /// How many of its calls are allowed, depend, are refused.
    pub counts: [usize; 3],
}

/// What is reported of a filter.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report<'a> {
    /// What the filter is called.
    pub title: String,
    /// The architectures, with what happens to calls without a rule.
    pub defaults: Vec<(&'static str, String)>,
    /// What happens to calls of other architectures.
    pub foreign: String,
    /// All calls, by name.
    pub calls: Vec<CallRow>,
    /// All intents, by name.
    pub blocks: Vec<BlockRow>,
    /// The policy in the language, if it can be said in it.
    pub text: Option<String>,
    /// What it is compared with, and the changes from there.
    pub against: Option<(String, Vec<Folded<'a>>)>,
    /// More about the filter, in words: its proof, its size.
    pub facts: Vec<(String, String)>,
    /// Under which machine, kernel and capabilities the filter is what is reported, where it depends on these.
    pub circumstances: Option<String>,
    /// What is wrong with it; none where nobody looked.
    pub findings: Option<Vec<FindingRow>>,
    /// The texts that it was read from: their names, and what is in them.
    pub sources: Vec<(String, String)>,
}

impl Report<'_> {
    /// What a policy does.
    ///
    /// # Errors
    /// [`NotShown`] for conditions that the language cannot say.
    pub fn of(policy: &Policy, title: impl Into<String>) -> Result<Self, NotShown> {
        let arches: Vec<Arch> = policy.arches().map(|(arch, _)| arch).collect();
        let mut names: Vec<Name> =
            arches.iter().flat_map(|arch| arch.syscalls().map(|syscall| syscall.name)).collect();
        names.sort_unstable_by_key(|name| name.as_str());
        names.dedup();
        let calls: Vec<CallRow> =
            names.iter().map(|name| call(policy, &arches, *name)).collect::<Result<_, _>>()?;
        let defaults = policy
            .arches()
            .map(|(arch, rules)| (arch.name(), in_words(rules.default_action(), arch)))
            .collect();
        let native = arches.first().copied().unwrap_or(Arch::X86_64);
        Ok(Self {
            title: title.into(),
            defaults,
            foreign: in_words(policy.foreign(), native),
            blocks: blocks(&calls, &arches),
            calls,
            text: None,
            against: None,
            facts: Vec::new(),
            circumstances: None,
            findings: None,
            sources: Vec::new(),
        })
    }

    /// What happens to calls without a rule: the architectures that do the same, and what that is.
    pub(crate) fn defaults_alike(&self) -> Vec<(String, &str)> {
        let mut alike: Vec<(String, &str)> = Vec::new();
        for (arch, default) in &self.defaults {
            match alike.iter_mut().find(|(_, same)| same == default) {
                Some((arches, _)) => *arches = format!("{arches}, {arch}"),
                None => alike.push(((*arch).to_owned(), default)),
            }
        }
        alike
    }

    /// How many calls are allowed, depend, are refused.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        self.calls.iter().for_each(|call| counts[call.verdict as usize] += 1);
        counts
    }
}

fn call(policy: &Policy, arches: &[Arch], name: Name) -> Result<CallRow, NotShown> {
    let by_arch = said(policy, name)?;
    let mut cases: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
    for (arch, sentences) in &by_arch {
        match cases.iter_mut().find(|(_, same)| same == sentences) {
            Some((arches, _)) => arches.push(arch),
            None => cases.push((vec![arch], sentences.clone())),
        }
    }
    let verdict = verdict(by_arch.values().flatten());
    let since = arches.iter().filter_map(|arch| arch.syscall(name)).map(|call| call.since).min();
    let mut callers: Vec<&str> = Drift::of(name).map(Drift::part).collect();
    callers.sort_unstable();
    callers.dedup();
    let of: Vec<_> = Groups::LATEST
        .blocks()
        .filter(|block| block.is_intent())
        .filter(|block| arches.iter().any(|arch| block.line(name, *arch).is_some()))
        .collect();
    let mut risks: Vec<&str> =
        of.iter().flat_map(|block| block.risks()).map(|risk| risk.name()).collect();
    risks.sort_unstable();
    risks.dedup();
    Ok(CallRow {
        name: name.as_str(),
        verdict,
        cases: cases.into_iter().map(|(arches, said)| (arches.join(", "), said)).collect(),
        since: since.map_or_else(String::new, |since| since.to_string()),
        blocks: of.iter().map(|block| block.name()).collect(),
        risks,
        callers,
        places: Vec::new(),
    })
}

/// What becomes of a call in the words of the language, for each architecture that has it; where
/// the arguments matter once, by what they are not if that is shorter.
fn said(policy: &Policy, name: Name) -> Result<BTreeMap<&'static str, Vec<String>>, NotShown> {
    let words = words_of(policy, name)?;
    let absent = format!("there is no {name}");
    let mut by_arch: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for line in words.lines() {
        let Some((arch, sentence)) = line.split_once(": ") else { continue };
        let Some((arch, _)) = policy.arches().find(|(known, _)| known.name() == arch) else {
            continue;
        };
        let sentence = sentence.strip_prefix(name.as_str()).unwrap_or(sentence).trim();
        by_arch.entry(arch.name()).or_default().push(sentence.to_owned());
    }
    by_arch.retain(|_, sentences| *sentences != [absent.clone()]);
    for (arch, own) in policy.arches() {
        let (Some(known), Some(syscall)) = (by_arch.get_mut(arch.name()), arch.syscall(name))
        else {
            continue;
        };
        // All its calls get the same, whatever the rules say of arguments.
        if known.len() == 1 {
            continue;
        }
        let (rules, otherwise) = match own.rules_for(syscall.nr) {
            [rules @ .., last] if last.condition().is_always() => (rules, last.action()),
            rules => (rules, own.action_without_rule(arch, syscall.nr)),
        };
        // Of rules with one action the order is no matter.
        let Some(action) = rules.first().map(callgate_policy::Rule::action) else { continue };
        if rules.iter().any(|rule| rule.action() != action) {
            continue;
        }
        let alternatives = rules.iter().flat_map(|rule| match rule.condition().view() {
            View::Any(list) => list.to_vec(),
            View::All(_) | View::Compare(_) => vec![rule.condition().clone()],
        });
        let when = Condition::any(alternatives);
        let when = when.ok().and_then(|when| condition::text(&when, arch, syscall.nr));
        if let Some(when) = when {
            let is = in_words(action, arch);
            let otherwise = in_words(otherwise, arch);
            *known = vec![format!("{is} where {when}"), format!("{otherwise} otherwise")];
        }
    }
    Ok(by_arch)
}

fn verdict<'s>(mut sentences: impl Iterator<Item = &'s String> + Clone) -> Verdict {
    let executed = |sentence: &&String| Verdict::of_sentence(sentence) == Verdict::Allowed;
    let any = sentences.clone().any(|sentence| executed(&sentence));
    match (any, sentences.all(|sentence| executed(&sentence))) {
        (false, _) => Verdict::Refused,
        (true, true) => Verdict::Allowed,
        (true, false) => Verdict::Depends,
    }
}

fn blocks(calls: &[CallRow], arches: &[Arch]) -> Vec<BlockRow> {
    let row = |block: callgate_facts::Block| {
        let mut counts = [0; 3];
        calls
            .iter()
            .filter(|call| call.blocks.contains(&block.name()))
            .for_each(|call| counts[call.verdict as usize] += 1);
        let risks = block.risks().iter().map(|risk| risk.name()).collect();
        BlockRow { name: block.name(), purpose: block.purpose(), risks, counts }
    };
    let exists = |block: &callgate_facts::Block| {
        block.is_intent() && arches.iter().any(|arch| block.members(*arch).next().is_some())
    };
    Groups::LATEST.blocks().filter(exists).map(row).collect()
}

#[cfg(test)]
mod tests {
    use callgate_policy::{Action, ArchPolicy, Comparison, Field, Operator};
    use callgate_syscalls::names;

    use super::*;

    fn policy() -> Policy {
        let nr = |name| Arch::X86_64.syscall(name).unwrap().nr;
        let mut x86_64 = ArchPolicy::new(Action::errno(1).unwrap());
        x86_64.rule(nr(names::READ), Condition::always(), Action::ALLOW);
        let unix = Comparison::low32(Field::Arg0, u32::MAX, Operator::Eq, 1);
        x86_64.rule(nr(names::SOCKET), unix.into(), Action::ALLOW);
        Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, x86_64).build().unwrap()
    }

    fn row<'r>(report: &'r Report<'_>, name: &str) -> &'r CallRow {
        report.calls.iter().find(|call| call.name == name).unwrap()
    }

    #[test]
    fn every_call_has_a_verdict() {
        let report = Report::of(&policy(), "p").unwrap();
        assert_eq!(report.calls.len(), Arch::X86_64.syscalls().count());
        assert_eq!(row(&report, "read").verdict, Verdict::Allowed);
        assert_eq!(row(&report, "write").verdict, Verdict::Refused);
        let socket = row(&report, "socket");
        assert_eq!(socket.verdict, Verdict::Depends);
        assert!(socket.cases[0].1[0].contains("family == AF_UNIX"), "{socket:?}");
        assert_eq!(report.counts()[..2], [1, 1]);
    }

    #[test]
    fn what_is_left_out_is_said_where_that_is_shorter() {
        let low = |op, value| Comparison::low32(Field::Arg0, u32::MAX, op, value).into();
        let [one, below, above] =
            [(Operator::Eq, 39), (Operator::Le, 37), (Operator::Ge, 41)].map(|(op, v)| low(op, v));
        let nr = Arch::X86_64.syscall(names::SOCKET).unwrap().nr;
        let lists: [Vec<Condition>; 2] = [
            vec![Condition::any([one, below, above]).unwrap()],
            vec![low(Operator::Ge, 41), low(Operator::Eq, 39), low(Operator::Le, 37)],
        ];
        for conditions in lists {
            let mut x86_64 = ArchPolicy::new(Action::errno(1).unwrap());
            for condition in conditions {
                x86_64.rule(nr, condition, Action::ALLOW);
            }
            let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, x86_64);
            let report = Report::of(&policy.build().unwrap(), "p").unwrap();
            let said = &row(&report, "socket").cases[0].1;
            let expected = "is executed where not family in {AF_ALG, AF_VSOCK}";
            assert_eq!(*said, [expected, "fails with EPERM otherwise"]);
        }
    }

    #[test]
    fn conditions_that_hold_together_for_every_call_are_none() {
        let low = |op, value| Condition::from(Comparison::low32(Field::Arg0, u32::MAX, op, value));
        let nr = Arch::X86_64.syscall(names::SOCKET).unwrap().nr;
        let halves = [low(Operator::Lt, 5), low(Operator::Ge, 5)];
        let lists = [halves.to_vec(), vec![Condition::any(halves).unwrap()]];
        for conditions in lists {
            let mut x86_64 = ArchPolicy::new(Action::errno(1).unwrap());
            for condition in conditions {
                x86_64.rule(nr, condition, Action::ALLOW);
            }
            let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, x86_64);
            let report = Report::of(&policy.build().unwrap(), "p").unwrap();
            let socket = row(&report, "socket");
            assert_eq!(
                (socket.verdict, &socket.cases[0].1[..]),
                (Verdict::Allowed, &["is executed".to_owned()][..])
            );
        }
    }

    #[test]
    fn a_page_needs_nothing_but_itself() {
        let mut report = Report::of(&policy(), "<p> & co").unwrap();
        report.text = Some("policy 1 # <b>".into());
        let page = html(&report);
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{}", &page[..80]);
        assert!(page.contains("&lt;p&gt; &amp; co") && page.contains("# &lt;b&gt;"));
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
