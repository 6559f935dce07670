//! Rules that decide nothing.

use std::collections::BTreeMap;

use callgate_policy::{ArchPolicy, Condition, Decider, Policy, Rule, RuleId};
use callgate_prover::{Error, Prover, Scope};
use callgate_rules::{Origin, WrittenRule};
use callgate_syscalls::{Action, Arch, Name, SeccompData, SyscallNr};

use crate::FindingPlace;
use crate::finding::{Draft, Findings};
use crate::ground::{Ground, State};
use crate::words;

/// What a rule does for the calls of a number.
#[derive(Clone, Copy, PartialEq)]
enum Effect {
    /// It decides something.
    Decides,
    /// Others decide all of its calls; one of these, its action, and that of the rule.
    Hidden(SeccompData, Action, Action),
    /// Its condition holds for no call.
    Never,
    /// Without it everything would be as it is.
    Same(Action),
}

/// A written rule, and what it says about one syscall.
type Sites = BTreeMap<(usize, Option<Name>), Vec<(Arch, Effect)>>;

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    let (Some(policy), Some(text)) = (ground.policy(), ground.subject.text) else { return };
    if text.joined {
        return;
    }
    let mut judge = Judge { prover: Prover::default(), policy };
    let mut sites = Sites::new();
    let mut written: BTreeMap<usize, WrittenRule> = BTreeMap::new();
    for (arch, rules) in policy.arches() {
        for (nr, list) in rules.rules() {
            let Ok(effects) = judge.effects(arch, nr, list) else { continue };
            cancelled(ground, findings, (arch, nr), list);
            for (index, effect) in effects.into_iter().enumerate() {
                let Some(rule) = text.provenance.rule(RuleId { arch, nr, index }) else { continue };
                written.insert(rule.index, rule);
                let name = arch.syscall_at(nr).map(|syscall| syscall.name);
                sites.entry((rule.index, name)).or_default().push((arch, effect));
                always(ground, findings, (arch, name), (&list[index], rule));
            }
        }
    }
    report(ground, findings, &sites, &written);
}

/// Answers questions about the rules of one number.
struct Judge<'p> {
    prover: Prover,
    policy: &'p Policy,
}

impl Judge<'_> {
    fn effects(&mut self, arch: Arch, nr: SyscallNr, list: &[Rule]) -> Result<Vec<Effect>, Error> {
        let all: Vec<(Condition, Action)> =
            list.iter().map(|rule| (rule.condition().clone(), rule.action())).collect();
        if let [(condition, action)] = all.as_slice() {
            if condition.is_always() {
                let without = self.without(arch, nr);
                return Ok(vec![if *action == without {
                    Effect::Same(*action)
                } else {
                    Effect::Decides
                }]);
            }
        }
        let marks =
            all.iter().zip(0..).map(|((condition, _), mark)| (condition.clone(), marked(mark)));
        let Some(marks) = self.small(arch, nr, marks.collect()) else { return Ok(Vec::new()) };
        let Some(meant) = self.small(arch, nr, all.clone()) else { return Ok(Vec::new()) };
        let meaning = self.prover.policy(&marks)?;
        let at = (arch, nr);
        let reached = self.prover.actions_where(&meaning, at, &Condition::always())?;
        let mut effects = Vec::new();
        for (index, (condition, action)) in all.iter().enumerate() {
            let mark = marked(u32::try_from(index).unwrap_or(u32::MAX));
            let is_reached = reached.iter().any(|(found, _)| *found == mark);
            effects.push(match is_reached {
                true => self.reached(at, &meant, &all, index)?,
                false => match self.prover.actions_where(&meaning, at, condition)?.first() {
                    Some((_, call)) => Effect::Hidden(*call, meant.decide(call), *action),
                    None => Effect::Never,
                },
            });
        }
        Ok(effects)
    }

    /// Whether a rule that decides something changes anything by it.
    fn reached(
        &mut self,
        (arch, nr): (Arch, SyscallNr),
        meant: &Policy,
        all: &[(Condition, Action)],
        index: usize,
    ) -> Result<Effect, Error> {
        let action = all[index].1;
        let behind = all[index + 1..].iter().map(|(_, action)| *action);
        let otherwise = self.policy.arch(arch).map(ArchPolicy::default_action);
        if !behind.chain(otherwise).chain([self.without(arch, nr)]).any(|other| other == action) {
            return Ok(Effect::Decides);
        }
        let mut rest = all.to_vec();
        rest.remove(index);
        let Some(rest) = self.small(arch, nr, rest) else { return Ok(Effect::Decides) };
        let (with, without) = (self.prover.policy(meant)?, self.prover.policy(&rest)?);
        let is_same = self.prover.equal(&with, &without, Scope::Exact)?;
        Ok(if is_same { Effect::Same(action) } else { Effect::Decides })
    }

    /// What becomes of a number without rules.
    fn without(&self, arch: Arch, nr: SyscallNr) -> Action {
        let empty = self.small(arch, nr, Vec::new());
        let call = SeccompData::new(arch, nr);
        empty.map_or(Action::KILL_PROCESS, |policy| policy.decide(&call))
    }

    /// The policy with these rules alone.
    fn small(&self, arch: Arch, nr: SyscallNr, rules: Vec<(Condition, Action)>) -> Option<Policy> {
        let own = self.policy.arch(arch)?;
        let mut small = ArchPolicy::new(own.default_action());
        if let Some(unknown) = own.unknown_action() {
            small.unknown(unknown);
        }
        for (condition, action) in rules {
            small.rule(nr, condition, action);
        }
        Policy::builder(self.policy.foreign()).arch(arch, small).build().ok()
    }
}

/// An action that no filter has, for the rule in that place.
const fn marked(place: u32) -> Action {
    Action::from_raw(0x0bad_0000 + place)
}

/// Rules with conditions that together let everything through.
fn cancelled(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    (arch, nr): (Arch, SyscallNr),
    list: &[Rule],
) {
    let Some(name) = arch.syscall_at(nr).map(|syscall| syscall.name) else { return };
    if list.len() < 2 {
        return;
    }
    let is_conditional = list.iter().all(|rule| !rule.condition().is_always());
    let all_execute = list.iter().all(|rule| rule.action().kind().executes());
    if !(is_conditional && all_execute && ground.is(arch, name, State::Open))
        || ground.arch_default(arch)
    {
        return;
    }
    // The order in which a policy tries its rules is not that of the text.
    let span = |index: usize| ground.span(Decider::Rule(RuleId { arch, nr, index }));
    let first =
        (0..list.len()).min_by_key(|&index| span(index).map(|it| (it.source(), it.start())));
    let Some((first, at)) = first.map(|index| (&list[index], span(index))) else { return };
    let outside = ground.made_where(arch, name, &first.condition().clone().negated());
    let message = format!(
        "the rules about {name} let every call through: what one does not allow, another does"
    );
    let draft = Draft::of("L0304", name, message).on(arch).show_if_any(outside);
    let sources = ground.subject.text.map(|text| text.sources);
    let at = at.and_then(|span| sources?.place(ground.narrowed(span, Some(name))));
    let at = at.map_or_else(String::new, |place| format!(", {place},"));
    let note = format!("the first of them{at} allows {} alone", first.condition());
    findings.add(ground, draft.note(note));
}

/// A condition that holds for every call.
fn always(
    ground: &mut Ground<'_>,
    findings: &mut Findings,
    (arch, name): (Arch, Option<Name>),
    (rule, written): (&Rule, WrittenRule),
) {
    let Some(name) = name.filter(|_| !rule.condition().is_always()) else { return };
    if !ground.ask(arch, name, &rule.condition().clone().negated()).is_empty() {
        return;
    }
    let call = ground.ask(arch, name, rule.condition()).into_iter().next();
    let message = format!("the condition on {name} holds for every call");
    let draft = Draft::of("L0307", name, message).on(arch).show_if_any(call).at(place(
        ground,
        written,
        Some(name),
    ));
    findings.add(ground, draft);
}

/// Where a written rule names a syscall.
fn place(ground: &Ground<'_>, written: WrittenRule, name: Option<Name>) -> Option<FindingPlace> {
    match written.origin {
        Origin::Text(span) => Some(FindingPlace::Text(ground.narrowed(span, name))),
        _ => None,
    }
}

/// What is without effect on every architecture, one finding for what a rule says in vain.
fn report(
    ground: &Ground<'_>,
    findings: &mut Findings,
    sites: &Sites,
    written: &BTreeMap<usize, WrittenRule>,
) {
    for (&index, &rule) in written {
        // A block is several rules of one statement, and told of once.
        let mates: Vec<usize> =
            written.iter().filter(|(_, other)| is_mate(rule, **other)).map(|(at, _)| *at).collect();
        if mates.first() != Some(&index) {
            continue;
        }
        let of_rule = || sites.iter().filter(|((of, _), _)| mates.contains(of));
        let is_idle = |effects: &Vec<(Arch, Effect)>| {
            effects.iter().all(|(_, effect)| *effect != Effect::Decides)
        };
        let whole = of_rule().all(|(_, effects)| is_idle(effects));
        let mut by_code: BTreeMap<&str, Vec<(Name, Arch, Effect)>> = BTreeMap::new();
        for ((_, name), effects) in of_rule() {
            let (Some(name), true, Some(&(arch, effect))) =
                (*name, is_idle(effects), effects.first())
            else {
                continue;
            };
            // What a group brings along is no mistake of whoever names the group.
            if whole || ground.is_named(rule, name) {
                let list = by_code.entry(code(effect)).or_default();
                if !list.iter().any(|(known, ..)| *known == name) {
                    list.push((name, arch, effect));
                }
            }
        }
        for (code, list) in by_code {
            // Whoever says `always` or why wants it to hold whatever the rest comes to say.
            if code == "L0302" && ground.is_on_purpose(rule) {
                continue;
            }
            findings.add(ground, draft(ground, rule, code, &list));
        }
    }
}

/// Whether two rules come from one place in a text.
fn is_mate(one: WrittenRule, other: WrittenRule) -> bool {
    let is_text = matches!(one.origin, Origin::Text(_));
    one.index == other.index || is_text && one.origin == other.origin
}

const fn code(effect: Effect) -> &'static str {
    match effect {
        Effect::Hidden(_, decided, own) if decided.raw() != own.raw() => "L0301",
        Effect::Hidden(..) => "L0303",
        Effect::Never => "L0305",
        Effect::Same(_) | Effect::Decides => "L0302",
    }
}

fn draft(
    ground: &Ground<'_>,
    rule: WrittenRule,
    code: &'static str,
    list: &[(Name, Arch, Effect)],
) -> Draft {
    let names: Vec<Name> = list.iter().map(|(name, ..)| *name).collect();
    let (first, arch, effect) = list[0];
    let said = words::names(&names);
    let message = match effect {
        Effect::Hidden(_, decided, own) if decided != own => {
            format!(
                "this rule says {own} and never decides, because another gives {decided}: {said}"
            )
        }
        Effect::Hidden(..) => format!("this rule says again what another rule says: {said}"),
        Effect::Never => format!("the condition holds for no call: {said}"),
        Effect::Same(action) => format!("without this rule it would be {action} as well: {said}"),
        Effect::Decides => said.clone(),
    };
    let mut draft =
        Draft::new(code, said, message).named(first).at(place(ground, rule, Some(first)));
    match effect {
        Effect::Hidden(call, decided, _) => draft = draft.show((decided, call)),
        Effect::Same(_) => {
            draft = draft
                .show_if_any(ground.answer(arch, first).and_then(|a| a.actions.first().copied()))
        }
        Effect::Never | Effect::Decides => {}
    }
    draft
}

impl Ground<'_> {
    /// Whether what is not listed is made.
    fn arch_default(&self, arch: Arch) -> bool {
        let policy = self.policy().and_then(|policy| policy.arch(arch));
        policy.is_some_and(|policy| policy.default_action().kind().executes())
    }

    /// Whether a statement of the language is there in any case, as its text says.
    fn is_on_purpose(&self, rule: WrittenRule) -> bool {
        let Origin::Text(span) = rule.origin else { return false };
        let source = self.subject.text.and_then(|text| text.sources.get(span.source()));
        let source = source.filter(|source| source.name().ends_with(".gate"));
        let Some(said) = source.and_then(|source| source.slice(span)) else { return false };
        let outside = said.split('#').next().unwrap_or(said);
        let mut words = outside.split_whitespace();
        words.next() == Some("always") || words.any(|word| word == "because")
    }

    /// Whether a rule names a syscall itself, and not by a group.
    fn is_named(&self, rule: WrittenRule, name: Name) -> bool {
        let Origin::Text(span) = rule.origin else { return true };
        let narrow = self.narrowed(span, Some(name));
        let source = self.subject.text.and_then(|text| text.sources.get(span.source()));
        source.and_then(|source| source.slice(narrow)) == Some(name.as_str())
    }
}
