//! Changes of a filter that cure a denial, with what each permits beyond.

use callgate_facts::{Block, Form, Groups, Risk};
use callgate_gate::{Lowered, nothing, read};
use callgate_policy::{ArchPolicy, Condition, Policy};
use callgate_rules::{Source, Target};
use callgate_syscalls::{Action, ActionKind, Arch, Errno, Name};

use crate::call::{is_mode, read_part, set};
use crate::{Answer, Call, Cost, Denial, Effect, Intent, Ruling, partial};

/// A change of a filter, as a line of callgate's language.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Of what kind it is.
    pub kind: ChangeKind,
    /// The line, which goes before the rules that are there.
    pub line: String,
    /// The same as a rule of a container profile, which goes into its `syscalls`; none for blocks,
    /// which profiles do not have.
    pub profile_rule: Option<String>,
    /// What it permits beyond; none where there is no filter to compare with, or no answer.
    pub cost: Option<Cost>,
    /// What a program can do to others with it.
    pub risks: &'static [Risk],
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

/// The changes that cure a denial, the narrowest first: none for a call without a name, or of an
/// architecture that the filter is not for.
pub(crate) fn of(
    denial: &Denial,
    call: &Call,
    intents: &[Intent],
    rulings: &[Ruling],
    policy: Option<&Policy>,
) -> Vec<Change> {
    let (Some(arch), Some(name)) = (call.arch, call.name) else { return Vec::new() };
    if policy.is_some_and(|policy| policy.arch(arch).is_none()) {
        return Vec::new();
    }
    // What the filter lets pass needs no change of it.
    let executes = |ruling: &Ruling| ruling.action.kind().executes();
    if !rulings.is_empty() && rulings.iter().all(executes) {
        return Vec::new();
    }
    let mut changes = Vec::new();
    if enosys_helps(denial, intents, rulings, arch) {
        changes.extend(enosys(arch, name, policy));
    }
    let block = block(denial, arch, name, policy);
    let risks = block.as_ref().map_or(&[][..], |block| block.risks);
    changes.extend(exact(denial, call, arch, name, policy).map(|exact| Change { risks, ..exact }));
    changes.extend(block);
    changes
}

/// Whether the callers take another way on ENOSYS, and are not told so already.
fn enosys_helps(denial: &Denial, intents: &[Intent], rulings: &[Ruling], arch: Arch) -> bool {
    let enosys = Errno::from_name("ENOSYS", arch);
    let says = |action: Action| {
        action.kind() == ActionKind::Errno
            && enosys.is_some_and(|enosys| enosys.raw() == action.data())
    };
    let already = rulings.iter().any(|ruling| says(ruling.action))
        || match denial.answer {
            Answer::Returned(errno) => Some(errno) == enosys,
            Answer::Action(action) => says(action),
            _ => false,
        };
    let helps =
        |intent: &Intent| matches!(intent.effect, Effect::OnlyEnosysHelps | Effect::AnyErrorHelps);
    !already && intents.iter().any(helps)
}

fn enosys(arch: Arch, name: Name, policy: Option<&Policy>) -> Option<Change> {
    let line = format!("enosys {name}");
    let number = Errno::from_name("ENOSYS", arch)?.raw();
    let rule =
        format!("{{\"names\":[\"{name}\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":{number}}}");
    let advice = lowered(&line, arch)?;
    let cost = cost(policy, &advice, arch);
    Some(Change { kind: ChangeKind::Enosys, line, profile_rule: Some(rule), cost, risks: &[] })
}

/// The call with the arguments that constants have names for: those are what filters tell apart.
fn exact(
    denial: &Denial,
    call: &Call,
    arch: Arch,
    name: Name,
    policy: Option<&Policy>,
) -> Option<Change> {
    let tests = tests(denial, arch, name);
    let texts = |(index, _): &(usize, u64)| {
        let argument = call.arguments.get(*index)?;
        Some(format!("{} == {}", argument.name?, argument.text))
    };
    let condition: Option<Vec<String>> = tests.iter().map(texts).collect();
    let condition = condition?.join(" and ");
    let line = match condition.is_empty() {
        true => format!("allow {name}"),
        false => format!("allow {name} where {condition}"),
    };
    let advice = lowered(&line, arch)?;
    let cost = cost(policy, &advice, arch);
    let rule = profile_rule(name, &tests);
    Some(Change { kind: ChangeKind::Exact, line, profile_rule: Some(rule), cost, risks: &[] })
}

/// The arguments that an exact rule tests, with the bits that the kernel reads. An address says
/// nothing of what stands there, and modes differ from file to file.
fn tests(denial: &Denial, arch: Arch, name: Name) -> Vec<(usize, u64)> {
    let Some(signature) = arch.signature(name) else { return Vec::new() };
    let arguments: Vec<_> = signature.arguments().collect();
    let test = |(index, value): (usize, &Option<u64>)| {
        let argument = arguments.get(index)?;
        if is_mode(argument) || Form::of(*argument)? == Form::Address {
            return None;
        }
        let value = read_part((*value)?, argument.width);
        set(denial, arch, name, &arguments, index).map(|_| (index, value))
    };
    denial.args.iter().enumerate().filter_map(test).collect()
}

fn profile_rule(name: Name, tests: &[(usize, u64)]) -> String {
    let test = |&(index, value): &(usize, u64)| match i32::try_from(value) {
        Err(_) if u32::try_from(value).is_ok() => {
            // Callers leave anything in the upper half, mostly the sign.
            let (mask, op) = (u32::MAX, "SCMP_CMP_MASKED_EQ");
            format!("{{\"index\":{index},\"value\":{mask},\"valueTwo\":{value},\"op\":\"{op}\"}}")
        }
        _ => format!("{{\"index\":{index},\"value\":{value},\"op\":\"SCMP_CMP_EQ\"}}"),
    };
    let args: Vec<String> = tests.iter().map(test).collect();
    let args = match args.is_empty() {
        true => String::new(),
        false => format!(",\"args\":[{}]", args.join(",")),
    };
    format!("{{\"names\":[\"{name}\"],\"action\":\"SCMP_ACT_ALLOW\"{args}}}")
}

/// The smallest block that allows the call.
fn block(denial: &Denial, arch: Arch, name: Name, policy: Option<&Policy>) -> Option<Change> {
    let allows = |block: &Block| {
        let advice = lowered(&format!("use @{block}"), arch)?;
        let mut decisions = partial::decisions(&advice, denial).into_iter();
        decisions.any(|decision| decision.action == Action::ALLOW).then_some(advice)
    };
    let mut blocks: Vec<Block> = candidates(arch, name).collect();
    blocks.sort_by_key(|block| block.members(arch).count());
    let (block, advice) =
        blocks.into_iter().find_map(|block| allows(&block).map(|advice| (block, advice)))?;
    let line = format!("use @{block}");
    let cost = cost(policy, &advice, arch);
    let kind = ChangeKind::Block;
    Some(Change { kind, line, profile_rule: None, cost, risks: block.risks() })
}

/// The blocks of one intent that speak of a syscall.
fn candidates(arch: Arch, name: Name) -> impl Iterator<Item = Block> {
    let blocks = Groups::LATEST.blocks().filter(|block| block.is_intent());
    blocks.filter(move |block| block.line(name, arch).is_some())
}

/// What a line means alone.
fn lowered(line: &str, arch: Arch) -> Option<Policy> {
    let text = format!("policy 1\narch {arch}\ndefault kill\n{line}\n");
    let source = Source::new("advice", text).ok()?;
    let written = read(source, &mut nothing).ok()?;
    let Lowered { policy, .. } = written.lower_unchecked(&Target::new(arch)).ok()?;
    Some(policy)
}

fn cost(policy: Option<&Policy>, advice: &Policy, arch: Arch) -> Option<Cost> {
    let policy = policy?;
    Cost::between(policy, &with(policy, advice, arch)?)
}

/// A policy with other rules before its own on one architecture.
fn with(policy: &Policy, advice: &Policy, arch: Arch) -> Option<Policy> {
    let advice = advice.arch(arch)?;
    let mut builder = Policy::builder(policy.foreign());
    for (of, own) in policy.arches() {
        let changed = if of == arch { both(own, advice, arch) } else { own.clone() };
        builder = builder.arch(of, changed);
    }
    builder.build().ok()
}

fn both(own: &ArchPolicy, advice: &ArchPolicy, arch: Arch) -> ArchPolicy {
    let mut both = ArchPolicy::new(own.default_action());
    if let Some(unknown) = own.unknown_action() {
        both.unknown(unknown);
    }
    for (nr, rules) in advice.rules() {
        for rule in rules {
            both.rule(nr, rule.condition().clone(), rule.action());
        }
        // A number with rules counts as known, which it may not be without them.
        if own.rules_for(nr).is_empty() {
            both.rule(nr, Condition::always(), own.action_without_rule(arch, nr));
        }
    }
    for (nr, rules) in own.rules() {
        for rule in rules {
            both.rule(nr, rule.condition().clone(), rule.action());
        }
    }
    both
}
