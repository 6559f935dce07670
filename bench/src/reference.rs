//! The policies that are measured.

use callgate_gate::builtin;
use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, KernelVersion, Operator, Policy,
    SyscallNr,
};
use callgate_rules::Target;

use conformance_prover::common as common_profile;

/// A call that is made to see how long it takes, and the errno with which it has to fail: 0 for
/// success.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: u32,
    pub(crate) args: [u64; 2],
    pub(crate) errno: i64,
}

/// A policy, what contenders are told of it, and the calls that are measured.
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) policy: Policy,
    /// The syscalls that are allowed whatever their arguments.
    pub(crate) allowed: Vec<(Arch, SyscallNr)>,
    /// The policy as the programs of `bench/` read it, where libseccomp can say it.
    pub(crate) rules: Option<String>,
    /// Whether it is about x86_64 alone, with values that are equal.
    pub(crate) is_plain: bool,
    /// Whether it is a list of x86_64's syscalls that are allowed whatever their arguments.
    pub(crate) is_list: bool,
    /// A call that is refused.
    pub(crate) denied: Option<Call>,
    /// A call that is allowed for its arguments.
    pub(crate) checked: Option<Call>,
}

/// The profile `container` without what libseccomp does not know.
pub(crate) const WHOLE: &str = "profile-all-x86";

const X86: [Arch; 3] = [Arch::X86_64, Arch::X86, Arch::X32];
const EPERM: u16 = 1;

/// The policies whose instructions are counted as goldens.
pub(crate) fn goldens() -> Result<Vec<Reference>, String> {
    let mut references = Vec::new();
    for (suffix, arches) in [("x86_64", &X86[..1]), ("all-x86", &X86[..])] {
        let container = container(arches)?;
        references.push(Reference::new(format!("list-{suffix}"), plain_list(&container)?));
        references.push(Reference::new(format!("container-{suffix}"), container));
    }
    for count in [300, 600, 900, 1200] {
        references.push(Reference::new(format!("pairs-{count}"), pairs(count, 1)?));
        references.push(Reference::new(format!("spread-{count}"), pairs(count, 300)?));
    }
    Ok(references)
}

/// The policies that contenders are measured on.
pub(crate) fn all() -> Result<Vec<Reference>, String> {
    let mut references = vec![list()?, whole()?];
    for count in [300, 600, 900, 1200] {
        references.push(paired(format!("pairs-{count}"), pairs(count, 1)?));
    }
    // Of more rules over many syscalls libseccomp takes minutes.
    references.push(paired("spread-300".to_owned(), pairs(300, 300)?));
    Ok(references)
}

/// The most telling of them.
pub(crate) fn few() -> Result<Vec<Reference>, String> {
    Ok(vec![list()?, whole()?, paired("pairs-300".to_owned(), pairs(300, 1)?)])
}

/// Policies of which proofs are timed beside those of the others.
pub(crate) fn small() -> Result<Vec<Reference>, String> {
    let new = |count, syscalls, kind: &str| -> Result<_, String> {
        Ok(Reference::new(format!("{kind}-{count}"), pairs(count, syscalls)?))
    };
    Ok(vec![new(100, 1, "pairs")?, new(100, 300, "spread")?])
}

fn list() -> Result<Reference, String> {
    let list = Reference::new("list-x86_64".to_owned(), plain_list(&container(&X86[..1])?)?);
    Ok(Reference { denied: Some(MOUNT), is_list: true, ..list.plain() })
}

/// The whole profile as both sides can say it, or as only ours can where there is no libseccomp to
/// ask.
fn whole() -> Result<Reference, String> {
    let (policy, rules) = match common_profile() {
        Ok(common) => {
            let arches = X86.map(|arch| format!("arch {arch}\n")).concat();
            let foreign = common.policy.foreign().raw();
            let head = format!("default {}\nbad-arch {foreign}\n", common.default.raw());
            (common.policy, Some(head + &arches + &common.rules))
        }
        Err(error) => {
            println!("the whole profile is measured without libseccomp: {error}");
            (container(&X86)?, None)
        }
    };
    let (denied, checked) = (Some(MOUNT), Some(PERSONALITY));
    Ok(Reference { rules, denied, checked, ..Reference::new(WHOLE.to_owned(), policy) })
}

/// A mount that would fail anyway.
const MOUNT: Call = Call { number: 165, args: [0, 0], errno: 1 };

/// A question for the personality, which Docker's profile allows.
const PERSONALITY: Call = Call { number: 135, args: [0xffff_ffff, 0], errno: 0 };

/// Rules for pairs of arguments, with writes to descriptors that are not open: the last pair's, and
/// none's.
fn paired(name: String, policy: Policy) -> Reference {
    const EBADF: i64 = 9;
    let reference = Reference::new(name, policy).plain();
    Reference {
        denied: Some(Call { number: 1, args: [50, 0], errno: EPERM.into() }),
        checked: Some(Call { number: 1, args: [100, 1], errno: EBADF }),
        ..reference
    }
}

impl Reference {
    pub(crate) fn new(name: String, policy: Policy) -> Self {
        let allowed = |(arch, rules)| allowed(rules).map(move |nr| (arch, nr));
        let allowed = policy.arches().flat_map(allowed).collect();
        let (rules, is_plain, is_list, denied, checked) = (None, false, false, None, None);
        Self { name, policy, allowed, rules, is_plain, is_list, denied, checked }
    }

    /// The same, known to be one of x86_64 alone with values that are equal.
    fn plain(self) -> Self {
        Self { rules: rules_text(&self.policy), is_plain: true, ..self }
    }
}

fn rules_text(policy: &Policy) -> Option<String> {
    let rules = policy.arch(Arch::X86_64)?;
    let default = rules.default_action().raw();
    let mut text = format!("default {default}\nbad-arch {}\narch x86_64\n", policy.foreign().raw());
    for (nr, rules) in rules.rules() {
        for rule in rules {
            text.push_str(&format!("rule {} {nr}", rule.action().raw()));
            collect(rule.condition(), &mut text);
            text.push('\n');
        }
    }
    Some(text)
}

fn collect(condition: &Condition, text: &mut String) {
    match condition.view() {
        callgate_policy::View::Compare(comparison) => {
            let index = Field::ARGS.iter().position(|field| *field == comparison.field());
            let (index, value) = (index.unwrap_or(0), comparison.value());
            text.push_str(&format!(" {index} SCMP_CMP_EQ {value} 0"));
        }
        callgate_policy::View::All(list) | callgate_policy::View::Any(list) => {
            list.iter().for_each(|part| collect(part, text));
        }
    }
}

pub(crate) fn container(arches: &[Arch]) -> Result<Policy, String> {
    let builtin = builtin("container").map_err(|e| e.to_string())?;
    let written = builtin.read().map_err(|e| e.to_string())?;
    let kernel = Some(KernelVersion::new(6, 12));
    let target = Target { arches: Some(arches.to_vec()), kernel, ..Target::new(Arch::X86_64) };
    Ok(written.lower(&target).map_err(|e| e.to_string())?.policy)
}

/// The part of a policy that allows syscalls whatever their arguments.
fn plain_list(policy: &Policy) -> Result<Policy, String> {
    let mut builder = Policy::builder(Action::KILL_THREAD);
    for (arch, rules) in policy.arches() {
        let mut list = ArchPolicy::new(Action::errno(EPERM).unwrap_or(Action::KILL_PROCESS));
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
pub(crate) fn pairs(count: u64, syscalls: u64) -> Result<Policy, String> {
    let mut list = ArchPolicy::new(Action::errno(EPERM).unwrap_or(Action::KILL_PROCESS));
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
