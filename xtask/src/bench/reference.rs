//! The policies that are measured.

use callgate_policy::KernelVersion;
use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, SyscallNr,
};
use callgate_profiles::{Arches, Options, builtin};

/// A policy, and the calls over which means are taken.
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) policy: Policy,
    /// What is allowed whatever its arguments.
    pub(crate) allowed: Vec<(Arch, SyscallNr)>,
    /// Whether the peers' rules can say it: x86_64 alone, and values that are equal.
    is_plain: bool,
}

const X86: [Arch; 3] = [Arch::X86_64, Arch::X86, Arch::X32];

/// Every reference policy.
pub(crate) fn all() -> Result<Vec<Reference>, String> {
    let mut references = Vec::new();
    for (suffix, arches) in [("x86_64", &X86[..1]), ("all-x86", &X86[..])] {
        let container = container(arches)?;
        let plain = arches.len() == 1;
        references.push(Reference::new(format!("list-{suffix}"), plain_list(&container)?, plain));
        references.push(Reference::new(format!("container-{suffix}"), container, false));
    }
    for count in [300, 600, 900, 1200] {
        references.push(Reference::new(format!("pairs-{count}"), pairs(count, 1)?, true));
        references.push(Reference::new(format!("spread-{count}"), pairs(count, 300)?, true));
    }
    Ok(references)
}

impl Reference {
    fn new(name: String, policy: Policy, is_plain: bool) -> Self {
        let allowed = |(arch, rules)| allowed(rules).map(move |nr| (arch, nr));
        let allowed = policy.arches().flat_map(allowed).collect();
        Self { name, policy, allowed, is_plain }
    }

    /// The rules as the peers' harnesses read them.
    pub(crate) fn rules_text(&self) -> Option<String> {
        let policy = self.policy.arch(Arch::X86_64).filter(|_| self.is_plain)?;
        let mut text = format!("default {:#x}\narch x86_64\n", policy.default_action().raw());
        for (nr, rules) in policy.rules() {
            for rule in rules {
                text.push_str(&format!("rule {:#x} {nr}", rule.action().raw()));
                collect(rule.condition(), &mut text);
                text.push('\n');
            }
        }
        Some(text)
    }
}

fn collect(condition: &Condition, text: &mut String) {
    match condition.view() {
        callgate_policy::View::Compare(comparison) => {
            let index = Field::ARGS.iter().position(|field| *field == comparison.field());
            text.push_str(&format!(" {}:{}", index.unwrap_or(0), comparison.value()));
        }
        callgate_policy::View::All(list) | callgate_policy::View::Any(list) => {
            list.iter().for_each(|part| collect(part, text));
        }
    }
}

fn container(arches: &[Arch]) -> Result<Policy, String> {
    let profile = builtin("container").map_err(|e| e.to_string())?;
    let mut options = Options::new(Arch::X86_64, KernelVersion::new(6, 12));
    options.arches = Arches::Exactly(arches.to_vec());
    Ok(profile.resolve(&options).map_err(|e| e.to_string())?.policy)
}

/// What a policy allows whatever the arguments, and nothing else.
fn plain_list(policy: &Policy) -> Result<Policy, String> {
    let mut builder = Policy::builder(Action::KILL_THREAD);
    for (arch, rules) in policy.arches() {
        let mut list = ArchPolicy::new(Action::errno(1).unwrap_or(Action::KILL_PROCESS));
        allowed(rules).for_each(|nr| {
            list.rule(nr, Condition::always(), Action::ALLOW);
        });
        builder = builder.arch(arch, list);
    }
    builder.build().map_err(|e| e.to_string())
}

fn allowed(policy: &ArchPolicy) -> impl Iterator<Item = SyscallNr> + '_ {
    let always = |rule: &callgate_policy::Rule| {
        rule.condition().is_always() && rule.action() == Action::ALLOW
    };
    policy.rules().filter(move |(_, rules)| rules.first().is_some_and(always)).map(|(nr, _)| nr)
}

/// Rules `arg0 == v && arg1 == w`, all of different values, over that many syscalls.
fn pairs(count: u64, syscalls: u64) -> Result<Policy, String> {
    let mut list = ArchPolicy::new(Action::errno(1).unwrap_or(Action::KILL_PROCESS));
    for index in 0..count {
        let is = |field, value| Comparison::new(field, Operator::Eq, value).into();
        let both = [is(Field::Arg0, 3 * index + 100), is(Field::Arg1, 7 * index + 1)];
        let both = Condition::all(both).map_err(|e| e.to_string())?;
        let number = u32::try_from(1 + index % syscalls).map_err(|e| e.to_string())?;
        list.rule(SyscallNr::new(number), both, Action::ALLOW);
    }
    let builder = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, list);
    builder.build().map_err(|e| e.to_string())
}
