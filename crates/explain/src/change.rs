//! Changes of a filter that cure a denial, with what each permits beyond.

mod edit;
mod enosys;
mod place;
mod profile;

use callgate_facts::{Block, Groups, Hidden, Reading, Risk, Selector, selectors};
use callgate_gate::{Lowered, nothing, read};
use callgate_policy::{ArchPolicy, Condition, Field, Policy, Rule, View};
use callgate_rules::{Source, Target};
use callgate_syscalls::{Action, ActionKind, Arch, Argument, Errno, Name};

use crate::call::read_part;
use crate::intent::SHOWN_MAX;
use crate::{Answer, Call, Cost, Denial, Effect, Filter, Intent, Ruling, partial};
use edit::{Edited, Texts};
use place::Place;

/// A change of a filter, as a line of callgate's language.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Of what kind it is.
    pub kind: ChangeKind,
    /// The line.
    pub line: String,
    /// The line of the rule that refuses the call, before which the change has to stand: the first
    /// rule that holds decides. None where no rule refuses it but the default, after all of them.
    pub before: Option<Before>,
    /// What has to go from the text for it, as it is never reached any more, which the language
    /// refuses.
    pub removals: Vec<Removal>,
    /// The same as a rule of a container profile, which goes into its `syscalls`; none for blocks,
    /// which profiles do not have.
    pub profile_rule: Option<String>,
    /// What it permits beyond; none where there is no filter to compare with, or no answer.
    pub cost: Option<Cost>,
    /// The calls that it would allow, for some arguments at least, and which the filter refuses all
    /// the same by other rules: each with the place of one, `FILE:LINE:COLUMN`, where it is known.
    pub still_refused: Vec<(Name, Option<String>)>,
    /// What a program can do to others with it.
    pub risks: &'static [Risk],
}

/// A rule that has to come after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Before {
    /// Where it stands: `FILE:LINE`.
    pub place: String,
    /// Whether that is in a container profile, where the order of rules is not that of lines.
    pub is_profile: bool,
    /// Whether it says `always`, which the change then goes against.
    pub is_always: bool,
}

/// What a change leaves nothing to decide in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removal {
    /// Where the statement begins: `FILE:LINE`.
    pub place: String,
    /// The calls that have to go from there, as they are named there.
    pub calls: Vec<String>,
    /// The statement, where it has to go as a whole.
    pub whole: Option<String>,
}

/// The kinds of change, from that which permits least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// The caller is told that the kernel does not have the call, and takes another way.
    Enosys,
    /// The call is allowed with these arguments.
    Exact,
    /// All that belongs to the same intent is allowed.
    Block,
}

impl Change {
    /// What has to be done in the text beside the line, in the order of importance: where it has to
    /// stand, and what has to go.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        let mut steps = Vec::new();
        let before = self.before.as_ref().filter(|before| !before.is_profile);
        if let Some(Before { place, is_always, .. }) = before {
            steps.push(match self.removed_before() {
                None => format!("before {place}: the first rule that holds decides"),
                Some(Removal { whole: Some(_), .. }) => {
                    format!("in place of {place}, to which nothing is left to decide")
                }
                Some(Removal { calls, .. }) => {
                    format!("before {place}, which then has to be without {}", calls.join(", "))
                }
            });
            if *is_always {
                steps.push(format!("against {place}, which says `always`"));
            }
        }
        for Removal { place, calls, whole } in self.removed_elsewhere() {
            steps.push(match whole {
                Some(statement) => format!("and without {place}: {statement}"),
                None => format!("and {place} without {}", calls.join(", ")),
            });
        }
        steps
    }

    /// What has to go from the statement before which the line stands.
    pub(crate) fn removed_before(&self) -> Option<&Removal> {
        self.removals.iter().find(|removal| self.is_before(removal))
    }

    fn removed_elsewhere(&self) -> impl Iterator<Item = &Removal> {
        self.removals.iter().filter(|removal| !self.is_before(removal))
    }

    fn is_before(&self, removal: &Removal) -> bool {
        self.before.as_ref().is_some_and(|before| before.place == removal.place)
    }
}

/// The changes that cure a denial, the narrowest first: none for a call of an architecture that is
/// not known, or that the filter is not for. Each was tried: with it, the filter executes the call,
/// or answers it with ENOSYS, whatever is not known of its arguments.
pub(crate) fn of(
    denial: &Denial,
    call: &Call,
    intents: &[Intent],
    rulings: &[Ruling],
    filter: Option<&Filter<'_>>,
) -> Vec<Change> {
    let Some(arch) = call.arch else { return Vec::new() };
    let policy = filter.and_then(Filter::policy);
    if policy.is_some_and(|policy| policy.arch(arch).is_none()) {
        return Vec::new();
    }
    // What the filter lets pass needs no change of it.
    let executes = |ruling: &Ruling| ruling.action.kind().executes();
    if !rulings.is_empty() && rulings.iter().all(executes) {
        return Vec::new();
    }
    let texts = filter.and_then(|filter| filter.texts(arch));
    let texts = texts.and_then(|(sources, target, policy)| Texts::of(sources, target, policy));
    let asked = call.name.map_or_else(Vec::new, |name| asked(policy, rulings, (arch, name)));
    let around = Around { denial, arch, filter, texts, place: Place::of(rulings), asked };
    match call.name {
        Some(name) => around.named(call, name, intents, rulings),
        None => around.number().into_iter().collect(),
    }
}

/// Why there is no change for a call that a filter refuses; nothing where the filter lets it pass,
/// or is not for its architecture, which is said already.
pub(crate) fn why_none(
    denial: &Denial,
    rulings: &[Ruling],
    filter: &Filter<'_>,
) -> Option<&'static str> {
    let refuses = |ruling: &Ruling| !ruling.action.kind().executes() && !ruling.is_foreign;
    if denial.answer.kind().is_some_and(ActionKind::executes) || !rulings.iter().any(refuses) {
        return None;
    }
    if denial.nr.raw() == u32::MAX {
        return Some("by this number tracers skip a call, and nobody is to be allowed that");
    }
    let texts = filter.texts(denial.arch()?).filter(|_| !filter.is_profile());
    let is_stuck = texts.is_some_and(|(sources, ..)| Place::of(rulings).has_no_line(sources));
    Some(match is_stuck {
        true => {
            "the rule shares its line with the group that it stands in, and a change stands on a line \
             before it: give the statements of the group lines of their own, and ask again"
        }
        false => "none that was tried cures it for certain: look at the rule",
    })
}

/// The risks of what an argument is by itself.
fn risks_apart(denial: &Denial, arch: Arch, name: Name) -> &'static [Risk] {
    let Some(signature) = arch.signature(name) else { return &[] };
    let known = signature.arguments().zip(denial.args).filter_map(|(argument, value)| {
        let value = read_part(value?, argument.width);
        Some(Risk::of_argument(arch, name, argument.name, value))
    });
    known.into_iter().find(|risks| !risks.is_empty()).unwrap_or(&[])
}

/// Whether what the call does stands behind a pointer, where another call has it as an argument, and
/// all callers that are known take another way when there is no such call.
fn hides_what_it_does(arch: Arch, name: Name, intents: &[Intent]) -> bool {
    let takes_another = |intent: &Intent| intent.effect == Effect::OnlyEnosysHelps;
    Hidden::of(name, arch).any(|hidden| hidden.instead.is_some())
        && selectors(arch, name).next().is_none()
        && !intents.is_empty()
        && intents.iter().all(takes_another)
}

/// Whether the callers take another way on ENOSYS, which whatever happens to them now keeps them
/// from. Who makes the call has to be known, and none of those who are told may fail for want of it.
fn enosys_helps(denial: &Denial, intents: &[Intent]) -> bool {
    let kind = denial.answer.kind();
    let fails = kind == Some(ActionKind::Errno) || matches!(denial.answer, Answer::Returned(_));
    let helps = |intent: &Intent| match intent.effect {
        Effect::OnlyEnosysHelps => intent.is_certain,
        // Any error will do, and they get one.
        Effect::AnyErrorHelps => intent.is_certain && !fails,
        Effect::Fails | Effect::Unknown => false,
    };
    let shown = intents.get(..SHOWN_MAX).unwrap_or(intents);
    let (fails, may_fail) = (
        shown.iter().any(|intent| intent.effect == Effect::Fails),
        intents.iter().any(|intent| intent.effect == Effect::Fails && !intent.is_certain),
    );
    shown.iter().any(helps) && !fails && !may_fail
}

/// Whether the callers are told that the kernel does not have the call.
pub(crate) fn is_told(denial: &Denial, rulings: &[Ruling], arch: Arch) -> bool {
    let enosys = Errno::from_name("ENOSYS", arch);
    let says = |action: Action| {
        action.kind() == ActionKind::Errno
            && enosys.is_some_and(|enosys| enosys.raw() == action.data())
    };
    rulings.iter().any(|ruling| says(ruling.action))
        || match denial.answer {
            Answer::Returned(errno) => Some(errno) == enosys,
            Answer::Action(action) => says(action),
            _ => false,
        }
}

/// What a change is made for.
struct Around<'a> {
    denial: &'a Denial,
    arch: Arch,
    filter: Option<&'a Filter<'a>>,
    /// The texts of the filter, where it is a policy in the language.
    texts: Option<Texts<'a>>,
    place: Place,
    /// The arguments that the refusing rule looks at.
    asked: Vec<(usize, Argument)>,
}

impl Around<'_> {
    /// The changes for a syscall that has a name.
    fn named(
        &self,
        call: &Call,
        name: Name,
        intents: &[Intent],
        rulings: &[Ruling],
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let shown = intents.get(..SHOWN_MAX).unwrap_or(intents);
        let hides = hides_what_it_does(self.arch, name, shown);
        match is_told(self.denial, rulings, self.arch) {
            // They take another way already.
            true if hides => return changes,
            false if enosys_helps(self.denial, intents) => {
                changes.extend(self.enosys(call, name, rulings));
            }
            true | false => {}
        }
        if hides && !changes.is_empty() {
            return changes;
        }
        let block = self.block(name);
        let risks = match &block {
            Some(block) => block.risks,
            // No block can stand there, and what it opens is opened all the same.
            None => self.risks_of_a_block(name),
        };
        // What no block permits can have risks of its own.
        let risks = match risks {
            [] if block.is_none() => risks_apart(self.denial, self.arch, name),
            risks => risks,
        };
        changes.extend(self.exact(call, name).map(|exact| Change { risks, ..exact }));
        // A container profile has no blocks.
        changes.extend(block.filter(|_| !self.is_profile()));
        changes
    }

    fn is_profile(&self) -> bool {
        self.filter.is_some_and(Filter::is_profile)
    }

    /// The change for a number without a name: another architecture may have a call of that number.
    fn number(&self) -> Option<Change> {
        // By this number tracers skip a call, and nobody is to be allowed that.
        if self.denial.nr.raw() == u32::MAX {
            return None;
        }
        let line = format!("allow nr {}", self.denial.nr);
        let policy = self.filter.and_then(Filter::policy);
        let has_several = policy.is_some_and(|policy| policy.arches().nth(1).is_some());
        let line = match has_several && matches!(self.place, Place::Last) {
            true => format!("on {} {{ {line} }}", self.arch),
            false => line,
        };
        self.change(ChangeKind::Exact, line, None)
    }

    /// The call with the arguments that decide what it does: by names, where these are read back as
    /// the same value, which those of nonsense are not.
    fn exact(&self, call: &Call, name: Name) -> Option<Change> {
        self.exactly(call, name).into_iter().find_map(|of_it| {
            let line = format!("allow {of_it}");
            let rule = profile::allow(name, self.arch, &lowered(&line, self.arch)?);
            self.change(ChangeKind::Exact, line, rule)
        })
    }

    /// The call with these arguments, as a statement names it, the best way first.
    fn exactly(&self, call: &Call, name: Name) -> Vec<String> {
        let mut tests = tests(self.denial, self.arch, name);
        if tests.is_empty() {
            // What the rule refuses is not all of the call, and no more than that is to be allowed.
            tests.extend(self.asked.iter().filter_map(|&(register, argument)| {
                Some((register, read_part((*self.denial.args.get(register)?)?, argument.width)))
            }));
        }
        let of = |text: &dyn Fn(usize, u64) -> Option<String>| {
            let one = |&(index, value): &(usize, u64)| {
                Some(format!("{} == {}", call.arguments.get(index)?.name?, text(index, value)?))
            };
            let condition: Option<Vec<String>> = tests.iter().map(one).collect();
            Some(match condition?.join(" and ") {
                empty if empty.is_empty() => name.to_string(),
                condition => format!("{name} where {condition}"),
            })
        };
        let named = |index: usize, _| Some(octal_marked(&call.arguments.get(index)?.text));
        let both = [of(&named), of(&|_, value| Some(format!("{value:#x}")))];
        both.into_iter().flatten().collect()
    }

    /// The block that allows the call with the fewest risks; of several the smallest.
    fn block(&self, name: Name) -> Option<Change> {
        let (block, change) = blocks(self.arch, name).into_iter().find_map(|block| {
            let change = self.change(ChangeKind::Block, format!("use @{block}"), None)?;
            Some((block, change))
        })?;
        Some(Change { risks: block.risks(), ..change })
    }

    /// The risks of the block that would allow the call, by itself.
    fn risks_of_a_block(&self, name: Name) -> &'static [Risk] {
        let allows = |block: &Block| {
            let alone = lowered(&format!("use @{block}"), self.arch);
            alone.is_some_and(|alone| self.cures(ChangeKind::Block, &alone))
        };
        blocks(self.arch, name).into_iter().find(allows).map_or(&[], |block| block.risks())
    }

    /// A line with what it permits beyond, if it cures the denial.
    fn change(&self, kind: ChangeKind, line: String, rule: Option<String>) -> Option<Change> {
        let advice = lowered(&line, self.arch)?;
        let policy = self.filter.and_then(Filter::policy);
        let edited = match policy {
            Some(policy) => {
                let policy = self.changed(policy, &line).filter(|it| self.cures(kind, it))?;
                match &self.texts {
                    // As it is done by hand: with all that the text's checks have to say.
                    Some(texts) => texts.with(&self.place, &line, self.arch)?,
                    None => Edited { line, removals: Vec::new(), policy },
                }
            }
            None => Edited { line, removals: Vec::new(), policy: advice.clone() },
        };
        if !self.cures(kind, &edited.policy) {
            return None;
        }
        let cost = policy.and_then(|old| Cost::between(old, &edited.policy));
        // Who answers that there is no such call may answer so to what is allowed.
        let takes_nothing = cost.as_ref().map(Cost::takes_nothing);
        if kind == ChangeKind::Enosys && policy.is_some() && takes_nothing != Some(true) {
            return None;
        }
        let still_refused = policy.map_or_else(Vec::new, |_| self.refused(&advice, &edited.policy));
        let before = self.place.line(self.filter);
        let Edited { line, mut removals, .. } = edited;
        removals.extend(self.removal_from_profile(before.as_ref()));
        let (profile_rule, risks) = (rule, &[][..]);
        Some(Change { kind, line, profile_rule, before, removals, cost, still_refused, risks })
    }

    /// The call has to go from the rule of a container profile that refuses it.
    fn removal_from_profile(&self, before: Option<&Before>) -> Option<Removal> {
        let place = before.filter(|before| before.is_profile)?.place.clone();
        let call = self.arch.syscall_at(self.denial.nr)?.name.to_string();
        Some(Removal { place, calls: vec![call], whole: None })
    }

    /// The calls that a line alone would allow, and a policy with it refuses whatever their
    /// arguments are.
    fn refused(&self, advice: &Policy, policy: &Policy) -> Vec<(Name, Option<String>)> {
        let Some((own, advice)) = policy.arch(self.arch).zip(advice.arch(self.arch)) else {
            return Vec::new();
        };
        let allows = |rules: &[Rule]| rules.iter().any(|rule| rule.action() == Action::ALLOW);
        let refuses = |rules: &[Rule]| {
            let until = rules.iter().position(|rule| rule.condition().is_always());
            let decisive = &rules[..until.map_or(0, |last| last + 1)];
            !decisive.is_empty() && decisive.iter().all(|rule| !rule.action().kind().executes())
        };
        let numbers = advice.rules().filter(|(_, rules)| allows(rules)).map(|(nr, _)| nr);
        let refused = numbers.filter(|nr| refuses(own.rules_for(*nr)));
        let named = |nr| {
            let place = self.filter.and_then(|filter| {
                filter.place(callgate_policy::RuleId { arch: self.arch, nr, index: 0 })
            });
            Some((self.arch.syscall_at(nr)?.name, place))
        };
        refused.filter_map(named).collect()
    }

    /// Whether a policy does to the call what a change is for, whatever its unknown arguments are.
    fn cures(&self, kind: ChangeKind, policy: &Policy) -> bool {
        let enosys = Errno::from_name("ENOSYS", self.arch);
        let cured = |action: Action| match kind {
            ChangeKind::Exact | ChangeKind::Block => action == Action::ALLOW,
            // With arguments that it does not refuse, which it may have had, it is executed as before.
            ChangeKind::Enosys => {
                action.kind().executes()
                    || action.kind() == ActionKind::Errno
                        && enosys.is_some_and(|errno| errno.raw() == action.data())
            }
        };
        partial::decisions(policy, self.denial).into_iter().all(|decision| cured(decision.action))
    }

    /// A policy with a line at the place, which holds on all of its architectures that have the call.
    fn changed(&self, policy: &Policy, line: &str) -> Option<Policy> {
        let mut builder = Policy::builder(policy.foreign());
        for (arch, own) in policy.arches() {
            let advice = lowered(line, arch).filter(|_| self.is_for(arch, own));
            let changed = match advice.as_ref().and_then(|advice| advice.arch(arch)) {
                Some(advice) => self.both(arch, own, advice),
                None => own.clone(),
            };
            builder = builder.arch(arch, changed);
        }
        builder.build().ok()
    }

    /// Whether a filter is for an architecture: programs do not list theirs, and allow nothing of others.
    fn is_for(&self, arch: Arch, own: &ArchPolicy) -> bool {
        let is_listed = self.filter.is_none_or(Filter::has_rules);
        is_listed || arch == self.arch || own.rules().next().is_some()
    }

    fn both(&self, arch: Arch, own: &ArchPolicy, advice: &ArchPolicy) -> ArchPolicy {
        let mut both = ArchPolicy::new(own.default_action());
        if let Some(unknown) = own.unknown_action() {
            both.unknown(unknown);
        }
        for (nr, rules) in own.rules() {
            let at = self.place.index(rules.len(), nr, arch, self.filter);
            let (before, after) = rules.split_at(at);
            for rule in before.iter().chain(advice.rules_for(nr)).chain(after) {
                both.rule(nr, rule.condition().clone(), rule.action());
            }
        }
        for (nr, rules) in advice.rules().filter(|(nr, _)| own.rules_for(*nr).is_empty()) {
            for rule in rules {
                both.rule(nr, rule.condition().clone(), rule.action());
            }
            // A number with rules counts as known, which it may not be without them.
            both.rule(nr, Condition::always(), own.action_without_rule(arch, nr));
        }
        both
    }
}

/// The arguments that an exact rule tests, with the bits that the kernel reads: those that decide
/// what the call does. Descriptors, sizes and addresses differ from run to run.
fn tests(denial: &Denial, arch: Arch, name: Name) -> Vec<(usize, u64)> {
    let selectors: Vec<Selector> = selectors(arch, name).collect();
    let known = |selector: &Selector| {
        let value = selector.of((*denial.args.get(selector.register)?)?);
        Some((*selector, value))
    };
    let first = selectors.first().and_then(known).map_or(0, |(_, value)| value);
    let test = |(selector, value): (Selector, u64)| {
        let says = match selector.reading {
            Reading::Value => selector.decides(first),
            // Which address it is says nothing.
            Reading::Given => value == 0,
        };
        says.then_some((selector.register, value))
    };
    selectors.iter().filter_map(known).filter_map(test).collect()
}

/// The rules of an architecture that refuse a call.
fn refusing<'p>(policy: &'p Policy, rulings: &[Ruling], arch: Arch) -> Vec<&'p Rule> {
    let refuses = |ruling: &&Ruling| !ruling.action.kind().executes();
    let ids = rulings.iter().filter(refuses).filter_map(|ruling| ruling.rule);
    let rules = ids.filter_map(|(_, id)| {
        policy.arch(id.arch).filter(|_| id.arch == arch)?.rules_for(id.nr).get(id.index)
    });
    rules.collect()
}

/// The arguments, but pointers, that the rules look at which refuse a call.
fn asked(
    policy: Option<&Policy>,
    rulings: &[Ruling],
    (arch, name): (Arch, Name),
) -> Vec<(usize, Argument)> {
    let refusing = policy.map_or_else(Vec::new, |policy| refusing(policy, rulings, arch));
    let mut fields = Vec::new();
    let mut open: Vec<&Condition> = refusing.into_iter().map(Rule::condition).collect();
    while let Some(condition) = open.pop() {
        match condition.view() {
            View::Compare(comparison) => fields.push(comparison.field()),
            View::All(parts) | View::Any(parts) => open.extend(parts),
        }
    }
    let Some(signature) = arch.signature(name) else { return Vec::new() };
    let arguments = signature.arguments().enumerate().filter(|(register, argument)| {
        fields.contains(&Field::ARGS[*register]) && !argument.c_type.contains('*')
    });
    arguments.collect()
}

/// A text with octal numbers as the language has them: `0o600`.
fn octal_marked(text: &str) -> String {
    let is_octal = |word: &str| {
        word.len() > 1 && word.starts_with('0') && word.bytes().all(|b| b.is_ascii_digit())
    };
    let marked = |word: &str| match is_octal(word) {
        true => word.replacen('0', "0o", 1),
        false => word.to_owned(),
    };
    text.split('|').map(marked).collect::<Vec<_>>().join("|")
}

/// The blocks of one intent that speak of a syscall, those with the fewest risks first, then the
/// smallest.
fn blocks(arch: Arch, name: Name) -> Vec<Block> {
    let blocks = Groups::LATEST.blocks().filter(|block| block.is_intent());
    let mut blocks: Vec<Block> =
        blocks.filter(move |block| block.line(name, arch).is_some()).collect();
    blocks.sort_by_key(|block| (block.risks().len(), block.members(arch).count()));
    blocks
}

/// What a line means alone.
fn lowered(line: &str, arch: Arch) -> Option<Policy> {
    let text = format!("policy 1\narch {arch}\ndefault kill\n{line}\n");
    let source = Source::new("advice", text).ok()?;
    let written = read(source, &mut nothing).ok()?;
    let Lowered { policy, .. } = written.lower_unchecked(&Target::new(arch)).ok()?;
    Some(policy)
}
