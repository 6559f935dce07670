//! The filter that refused a call, and who in it says so.

use callgate_bpf::{Listing, Operation, Stack, Style};
use callgate_policy::{Decider, Decision, Policy, RuleId};
use callgate_prover::Prover;
use callgate_rules::{Origin, Provenance, Source, Sources, Span, Target};
use callgate_syscalls::{Action, Arch, Endian};

use crate::ruling::Ruling;
use crate::{Denial, partial};

/// A filter as far as it is known: by the rules that were written, or by its programs alone.
#[derive(Debug)]
pub struct Filter<'f>(Kind<'f>);

#[derive(Debug)]
enum Kind<'f> {
    Rules {
        policy: &'f Policy,
        provenance: &'f Provenance,
        sources: &'f Sources,
        target: Option<Target>,
    },
    Programs {
        stack: &'f Stack,
        policy: Option<Box<Policy>>,
    },
}

impl<'f> Filter<'f> {
    /// A filter by its rules, with the places where they stand.
    #[must_use]
    pub const fn rules(
        policy: &'f Policy,
        provenance: &'f Provenance,
        sources: &'f Sources,
    ) -> Self {
        Self(Kind::Rules { policy, provenance, sources, target: None })
    }

    /// The same filter, whose rules were lowered for that; it is a machine of the call's
    /// architecture where it is not said.
    #[must_use]
    pub fn lowered_for(mut self, of_rules: Target) -> Self {
        if let Kind::Rules { target, .. } = &mut self.0 {
            *target = Some(of_rules);
        }
        self
    }

    /// The filters of a process, or one that was read without its rules.
    #[must_use]
    pub fn programs(stack: &'f Stack) -> Self {
        let mut prover = Prover::default();
        // Without an answer nothing is said of changes; the programs themselves can be asked.
        let meant = prover.stack(stack).and_then(|meaning| prover.to_policy(&meaning));
        Self(Kind::Programs { stack, policy: meant.ok().map(Box::new) })
    }

    /// What the filter means, if that could be found out.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        match &self.0 {
            Kind::Rules { policy, .. } => Some(policy),
            Kind::Programs { policy, .. } => policy.as_deref(),
        }
    }

    /// Whether its rules are known, and not only what they were compiled to.
    pub(crate) const fn has_rules(&self) -> bool {
        matches!(self.0, Kind::Rules { .. })
    }

    /// Whether its rules are those of a container profile, where their order is not that of lines.
    pub(crate) fn is_profile(&self) -> bool {
        let Kind::Rules { sources, .. } = &self.0 else { return false };
        sources.iter().next().is_some_and(is_profile)
    }

    /// The texts that its rules are in, with what they mean and for what they were lowered.
    pub(crate) fn texts(&self, arch: Arch) -> Option<(&'f Sources, Target, &'f Policy)> {
        let Kind::Rules { policy, sources, target, .. } = &self.0 else { return None };
        let target = target.clone().unwrap_or_else(|| Target::new(arch));
        Some((sources, target, policy))
    }

    /// Where a rule of the policy stands in a text.
    pub(crate) fn span(&self, id: RuleId) -> Option<Span> {
        let Kind::Rules { provenance, .. } = &self.0 else { return None };
        match provenance.rule(id)?.origin {
            Origin::Text(span) => Some(span),
            Origin::Observation(_) | Origin::Program => None,
        }
    }

    /// The place of a rule, as `FILE:LINE:COLUMN`.
    pub(crate) fn place(&self, id: RuleId) -> Option<String> {
        let Kind::Rules { sources, .. } = &self.0 else { return None };
        sources.place(self.span(id)?)
    }

    /// The text that a rule stands in.
    pub(crate) fn source(&self, span: Span) -> Option<&Source> {
        let Kind::Rules { sources, .. } = &self.0 else { return None };
        sources.get(span.source())
    }

    /// What the filter says of a call: several rulings where it depends on arguments that are not
    /// known, none where it could not be found out.
    #[must_use]
    pub fn rulings(&self, denial: &Denial) -> Vec<Ruling> {
        let mut rulings: Vec<Ruling> = match &self.0 {
            Kind::Rules { policy, provenance, sources, .. } => {
                let decisions = partial::decisions(policy, denial);
                decisions.into_iter().map(|one| written(one, provenance, sources)).collect()
            }
            Kind::Programs { stack, policy } => match certain(stack, denial) {
                Some(ruling) => vec![ruling],
                None => policy.iter().flat_map(|policy| possible(policy, denial)).collect(),
            },
        };
        rulings.dedup();
        rulings
    }
}

/// Whether a text is JSON, maybe behind a comment.
pub(crate) fn is_profile(source: &Source) -> bool {
    source.text().trim_start().starts_with(['{', '[', '/'])
}

impl Ruling {
    /// What programs say, of which no rules are known.
    const fn of_programs(action: Action, by: String) -> Self {
        Self { action, place: None, line: None, by, is_foreign: false, rule: None, rules: false }
    }
}

fn written(decision: Decision, provenance: &Provenance, sources: &Sources) -> Ruling {
    let Decision { action, by } = decision;
    let origin = match by {
        Decider::Rule(id) => provenance.rule(id).map(|written| written.origin),
        Decider::Default(arch) => provenance.default_on(arch),
        Decider::Unknown(_) => provenance.unknown,
        Decider::Foreign => provenance.foreign,
    };
    let span = match origin {
        Some(Origin::Text(span)) => Some(span),
        _ => None,
    };
    let line = span.and_then(|span| {
        let source = sources.get(span.source())?;
        Some(source.line(source.position(span.start()).line)?.trim().to_owned())
    });
    let place = span.and_then(|span| sources.place(span));
    let rule = match by {
        Decider::Rule(id) => Some((span, id)),
        Decider::Default(_) | Decider::Unknown(_) | Decider::Foreign => None,
    };
    Ruling {
        action,
        place,
        line,
        by: in_words(by),
        is_foreign: by == Decider::Foreign,
        rule,
        rules: true,
    }
}

/// A part of a policy in words.
fn in_words(by: Decider) -> String {
    match by {
        Decider::Rule(id) => {
            let syscall = id.arch.syscall_at(id.nr).map(|syscall| syscall.name.to_string());
            let subject = syscall.unwrap_or_else(|| format!("number {}", id.nr));
            format!("rule {} of {subject}", id.index + 1)
        }
        Decider::Default(_) => "the default action".to_owned(),
        Decider::Unknown(_) => "the action for syscalls that are newer than the filter".to_owned(),
        Decider::Foreign => "the action for architectures that the filter is not for".to_owned(),
    }
}

/// The ruling of programs on whose paths nothing is looked at that is not known.
fn certain(stack: &Stack, denial: &Denial) -> Option<Ruling> {
    let call = partial::call(denial);
    let endian = denial.arch().map_or(Endian::native(), |arch| arch.endian());
    let programs = stack.programs();
    for program in programs {
        let operations: Vec<Operation> = program.operations().collect();
        let steps = program.trace(&call, endian).steps;
        if steps.iter().any(|step| reads_unknown(operations.get(step.index), denial)) {
            return None;
        }
    }
    let decision = stack.run(&call, endian);
    // Where all allow, none decides.
    let index = decision.filter.unwrap_or(0);
    let program = programs.get(index)?;
    let last = program.trace(&call, endian).steps.last()?.index;
    let style = Style { endian, arch: denial.arch() };
    let text = Listing::new(program, style).lines.into_iter().nth(last)?.text;
    let of = match programs.len() {
        1 => String::new(),
        count => format!(" of filter {index}, counted from the oldest of {count}"),
    };
    let by = format!("instruction {last}{of}: {text}");
    Some(Ruling::of_programs(decision.action, by))
}

/// Whether an instruction loads a word of an argument, or of the address, that is not known.
fn reads_unknown(operation: Option<&Operation>, denial: &Denial) -> bool {
    const ADDRESS: u32 = 8;
    const ARGUMENTS: u32 = 16;
    let Some(Operation::LoadData(word)) = operation.copied() else { return false };
    match word.offset() {
        ..ADDRESS => false,
        ADDRESS..ARGUMENTS => denial.ip.is_none(),
        offset => denial.args.get((offset - ARGUMENTS) as usize / 8).copied().flatten().is_none(),
    }
}

fn possible(policy: &Policy, denial: &Denial) -> Vec<Ruling> {
    let mut actions: Vec<Action> = Vec::new();
    for decision in partial::decisions(policy, denial) {
        if !actions.contains(&decision.action) {
            actions.push(decision.action);
        }
    }
    let by = "the programs, by arguments".to_owned();
    actions.into_iter().map(|action| Ruling::of_programs(action, by.clone())).collect()
}
