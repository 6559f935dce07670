//! What can be wrong with a policy whose every name is known: conditions that decide nothing and
//! statements that are never reached.
//!
//! Both questions are put to the prover, so that they are answered for every call and not by the
//! look of a text.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use callgate_policy::{Action, ArchPolicy, Condition, Policy, RuleId};
use callgate_prover::{Options, Prover};
use callgate_rules::{
    Applies, Diagnostic, Origin, Provenance, Rule, Severity, Span, SubjectKind, Target,
};
use callgate_syscalls::{Arch, SyscallNr};

use crate::{Refused, Test, Written};

/// A policy with where each of its rules comes from.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// What the text means on the target.
    pub policy: Policy,
    /// Which statement each rule comes from.
    pub provenance: Provenance,
    /// What is remarkable, but no error.
    pub warnings: Vec<Diagnostic>,
}

impl Written {
    /// The meaning of the policy on a target, without the checks that [`Written::lower`] makes.
    ///
    /// # Errors
    /// Values that do not fit their argument, and the like.
    pub fn lower_unchecked(&self, target: &Target) -> Result<Lowered, Refused> {
        match callgate_rules::resolve(&self.rules, target) {
            Ok((policy, provenance)) => {
                Ok(Lowered { policy, provenance, warnings: self.warnings.clone() })
            }
            Err(mistakes) => {
                let diagnostics = mistakes.into_iter().map(words::mistake).collect();
                Err(self.refused(diagnostics))
            }
        }
    }

    /// The tests, each group with the policy that it is about: for those that stand in a block
    /// which asks for more than the target has, the policy as it is where they apply.
    ///
    /// # Errors
    /// As [`Written::lower`].
    pub fn suites(
        &self,
        target: &Target,
        lowered: Lowered,
    ) -> Result<Vec<(Vec<Test>, Lowered)>, Refused> {
        let mut suites = vec![(target.clone(), Vec::new(), lowered)];
        for test in &self.tests {
            let own = test.target(target);
            match suites.iter_mut().find(|(of, ..)| *of == own) {
                Some((_, tests, _)) => tests.push(test.clone()),
                None => {
                    let lowered = self.lower(&own)?;
                    suites.push((own, vec![test.clone()], lowered));
                }
            }
        }
        Ok(suites.into_iter().map(|(_, tests, lowered)| (tests, lowered)).collect())
    }

    /// The meaning of the policy on a target.
    ///
    /// # Errors
    /// As [`Written::lower_unchecked`]; conditions that always hold or never, and statements that
    /// nothing reaches.
    pub fn lower(&self, target: &Target) -> Result<Lowered, Refused> {
        let mut lowered = self.lower_unchecked(target)?;
        let (errors, warnings): (Vec<_>, Vec<_>) = Check::new(self, &lowered)
            .diagnostics()
            .into_iter()
            .partition(|diagnostic| diagnostic.severity == Severity::Error);
        if !errors.is_empty() {
            return Err(self.refused(errors));
        }
        lowered.warnings.extend(warnings);
        Ok(lowered)
    }

    fn refused(&self, mut diagnostics: Vec<Diagnostic>) -> Refused {
        diagnostics.sort_by_key(Diagnostic::primary_span);
        Refused { sources: self.sources.clone(), diagnostics }
    }
}

/// A rule of the policy with the statement behind it.
struct Site<'a> {
    id: RuleId,
    condition: &'a Condition,
    written: usize,
}

/// The rules of one number, first asked first.
type List<'a> = Vec<Site<'a>>;

struct Check<'a> {
    written: &'a Written,
    /// The numbers about which there is anything to find out.
    lists: Vec<List<'a>>,
    /// Rules that stand alone and always hold.
    alone: Vec<Site<'a>>,
}

/// An architecture and rules, of which the first that holds answers.
type Question = (Arch, Vec<(Condition, u16)>);

/// Which of the questions that were asked of a number have the answer yes.
pub(crate) type Reached = BTreeSet<(Arch, u32, u16)>;

impl<'a> Check<'a> {
    fn new(written: &'a Written, lowered: &'a Lowered) -> Self {
        let (mut lists, mut alone) = (Vec::new(), Vec::new());
        for (arch, policy) in lowered.policy.arches() {
            for (nr, rules) in policy.rules() {
                let site = |(index, rule): (usize, &'a callgate_policy::Rule)| {
                    let id = RuleId { arch, nr, index };
                    let written = lowered.provenance.rule(id)?.index;
                    Some(Site { id, condition: rule.condition(), written })
                };
                let mut list: List<'a> = rules.iter().enumerate().filter_map(site).collect();
                match list.as_slice() {
                    [site] if site.condition.is_always() => alone.append(&mut list),
                    [] => {}
                    _ => lists.push(list),
                }
            }
        }
        Self { written, lists, alone }
    }

    /// What is found. Nothing, where the prover has no answer: the policy's meaning does not depend
    /// on it.
    fn diagnostics(&self) -> Vec<Diagnostic> {
        let own = self.own_conditions();
        let (questions, places) = self.reach_questions();
        match (own, reached(questions.into_iter())) {
            (Some(own), Some(reach)) => {
                let mut diagnostics = self.idle(&own);
                diagnostics.extend(self.dead(&own, &reach, &places));
                diagnostics
            }
            _ => Vec::new(),
        }
    }

    /// The questions that tell which rules decide anything, and for each rule of each list the
    /// place of its question.
    ///
    /// A rule that is not in force everywhere leaves others something to decide elsewhere: each is
    /// asked behind those alone that are in force wherever it is.
    fn reach_questions(&self) -> (Vec<Question>, Vec<Vec<usize>>) {
        let (mut questions, mut places) = (Vec::new(), Vec::new());
        for list in &self.lists {
            let mut asked: Vec<(&Applies, usize)> = Vec::new();
            let mut of_list = Vec::new();
            for site in list {
                let own = self.applies(site);
                let same = asked.iter().find(|(other, _)| other.is_as_wide_as(own));
                of_list.push(same.map_or(questions.len(), |(_, place)| *place));
                if same.is_none() {
                    asked.push((own, questions.len()));
                    let rules = list.iter().filter(|other| self.applies(other).covers(own));
                    let rules = rules.map(|site| (site.condition.clone(), number(site.id.index)));
                    questions.push((site.id.arch, rules.collect()));
                }
            }
            places.push(of_list);
        }
        (questions, places)
    }

    fn applies(&self, site: &Site<'_>) -> &'a Applies {
        &self.written.rules.rules[site.written].applies
    }

    /// For each rule, in the order of the lists, whether its own condition can hold (1) and can
    /// fail (0).
    fn own_conditions(&self) -> Option<Vec<[bool; 2]>> {
        let sites = || self.lists.iter().flatten();
        let questions = sites().map(|site| {
            let rules = vec![(site.condition.clone(), 1), (Condition::always(), 0)];
            (site.id.arch, rules)
        });
        let reached = reached(questions)?;
        let answer = |(place, site): (usize, &Site<'_>)| {
            let nr = number_at(site.id.arch, place);
            [0, 1].map(|answer| reached.contains(&(site.id.arch, nr, answer)))
        };
        Some(sites().enumerate().map(answer).collect())
    }

    /// Conditions that always hold, or never, wherever their statement applies, or for one of its
    /// calls: what is below 0 for one is a large number for another.
    fn idle(&self, own: &[[bool; 2]]) -> Vec<Diagnostic> {
        let mut statements: BTreeMap<usize, BTreeMap<usize, [bool; 2]>> = BTreeMap::new();
        for (site, [fails, holds]) in self.lists.iter().flatten().zip(own) {
            let Some(subject) = self.subject(site) else { continue };
            let seen = statements.entry(site.written).or_default().entry(subject).or_default();
            *seen = [seen[0] || *fails, seen[1] || *holds];
        }
        let mut diagnostics = Vec::new();
        for (index, calls) in statements {
            let rule = &self.written.rules.rules[index];
            if rule.condition.is_none() || self.is_block(index) {
                continue;
            }
            let all = |answer: usize| calls.values().any(|seen| seen[answer]);
            if !(all(0) && all(1)) {
                diagnostics.push(words::idle(rule, all(1)));
                continue;
            }
            let idle = calls.iter().filter(|(_, [fails, holds])| !(*fails && *holds));
            let each = idle.map(|(subject, [_, holds])| words::idle_for(rule, *subject, *holds));
            diagnostics.extend(each);
        }
        diagnostics
    }

    /// Calls of statements that other statements before them decide for every value of their
    /// arguments.
    fn dead(&self, own: &[[bool; 2]], reach: &Reached, places: &[Vec<usize>]) -> Vec<Diagnostic> {
        // For each call of a statement whether it decides anywhere, and who decides instead.
        let mut calls: BTreeMap<(usize, usize), (bool, Vec<usize>)> = BTreeMap::new();
        for site in &self.alone {
            if let Some(subject) = self.subject(site) {
                calls.entry((site.written, subject)).or_default().0 = true;
            }
        }
        let mut own = own.iter();
        for (list, places) in self.lists.iter().zip(places) {
            for (position, (site, place)) in list.iter().zip(places).enumerate() {
                let can_hold = own.next().is_some_and(|[_, holds]| *holds);
                let arch = site.id.arch;
                let Some(subject) = self.subject(site) else { continue };
                let nr = number_at(arch, *place);
                let decides = !can_hold || reach.contains(&(arch, nr, number(site.id.index)));
                let entry = calls.entry((site.written, subject)).or_default();
                entry.0 |= decides;
                entry.1.extend(self.deciders(list, position));
            }
        }
        let mut diagnostics = Vec::new();
        for ((index, subject), (decides, mut before)) in calls {
            before.sort_unstable();
            before.dedup();
            if !decides && !self.written.redundant[index] {
                diagnostics.push(self.shadowed(index, subject, &before));
            }
        }
        diagnostics
    }

    fn shadowed(&self, index: usize, subject: usize, before: &[usize]) -> Diagnostic {
        let rules = &self.written.rules.rules;
        let first: Vec<(&Rule, bool)> =
            before.iter().map(|&other| (&rules[other], other < self.written.always)).collect();
        words::shadowed(&rules[index], subject, &first)
    }

    /// The statements before a position that can decide for it: the last without a condition, or
    /// all.
    fn deciders(&self, list: &[Site<'_>], position: usize) -> Vec<usize> {
        let own = self.applies(&list[position]);
        let before = || list[..position].iter().filter(|site| self.applies(site).covers(own));
        match before().find(|site| site.condition.is_always()) {
            Some(site) => vec![site.written],
            None => before().map(|site| site.written).collect(),
        }
    }

    /// Which of its statement's subjects a rule is about.
    fn subject(&self, site: &Site<'_>) -> Option<usize> {
        let subjects = &self.written.rules.rules[site.written].subjects;
        let name = site.id.arch.syscall_at(site.id.nr).map(|syscall| syscall.name);
        subjects.iter().position(|subject| match subject.kind {
            SubjectKind::Number(nr) => nr == site.id.nr,
            SubjectKind::Call(_) | SubjectKind::Group(_) => {
                name.is_some_and(|name| subject.kind.names().contains(&name))
            }
        })
    }

    /// Whether a rule is a block's, which nobody who reads the diagnostic wrote.
    fn is_block(&self, index: usize) -> bool {
        let rule = &self.written.rules.rules[index];
        self.written.redundant[index]
            && rule.subjects.iter().all(|subject| matches!(subject.kind, SubjectKind::Group(_)))
    }
}

/// Puts questions to the prover: for each place an architecture and rules, of which the first that
/// holds answers. Returns which answers any call gets.
pub(crate) fn reached(questions: impl Iterator<Item = Question>) -> Option<Reached> {
    const NOTHING: Action = Action::LOG;
    let mut arches: BTreeMap<Arch, ArchPolicy> = BTreeMap::new();
    let mut places = Vec::new();
    for (place, (arch, rules)) in questions.enumerate() {
        places.push((arch, SyscallNr::new(number_at(arch, place))));
        let policy = arches.entry(arch).or_insert_with(|| ArchPolicy::new(NOTHING));
        let nr = SyscallNr::new(number_at(arch, place));
        for (condition, answer) in rules {
            policy.rule(nr, condition, Action::trap(answer));
        }
    }
    if arches.is_empty() {
        return Some(Reached::new());
    }
    let builder = Policy::builder(NOTHING);
    let asked =
        arches.into_iter().fold(builder, |builder, (arch, policy)| builder.arch(arch, policy));
    let asked = asked.build().ok()?;
    let mut prover = Prover::new(Options::default());
    let asked = prover.policy(&asked).ok()?;
    let mut reached = Reached::new();
    for (arch, nr) in places {
        // One walk over the calls of a number finds all answers; the condition of each would take another walk.
        let found = prover.actions_where(&asked, (arch, nr), &Condition::always()).ok()?;
        let answers = found.into_iter().filter(|(action, _)| *action != NOTHING);
        reached.extend(answers.map(|(action, _)| (arch, nr.raw(), action.data())));
    }
    Some(reached)
}

/// The number that stands for a place, whatever syscall has it.
pub(crate) fn number_at(arch: Arch, place: usize) -> u32 {
    const X32_BIT: u32 = 0x4000_0000;
    let place = u32::try_from(place).unwrap_or(u32::MAX) & (X32_BIT - 1);
    if arch == Arch::X32 { place | X32_BIT } else { place }
}

/// A rule's position as data of an action. There are never as many rules of one number as fit.
pub(crate) fn number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

/// Where a rule stands.
fn span(rule: &Rule) -> Option<Span> {
    match rule.origin {
        Origin::Text(span) => Some(span),
        Origin::Observation(_) | Origin::Program => None,
    }
}
