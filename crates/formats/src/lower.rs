//! From the rules of a profile to the policy of each architecture.

use std::collections::{BTreeMap, BTreeSet};

use callgate_policy::{ArchPolicy, Condition, Operator};
use callgate_rules::Provenance;
use callgate_syscalls::{Action, Arch, Name, SyscallNr};

use crate::chain::{Candidate, Chain, Conflict, Redundant, Test};
use crate::check::{Noted, Rule, is_permissive};
use crate::lint;
use crate::mux::Multiplexer;
use crate::oci::Arg;
use crate::place::JsonPath;
use crate::scalar::{OperatorName, WidthName};
use crate::{ArgsSemantics, Error, Profile, RULES_PER_SYSCALL_MAX, WarningKind};

/// The rules that apply, by the syscalls that they name.
pub(crate) struct Lowering<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) native: Arch,
    pub(crate) semantics: ArgsSemantics,
    pub(crate) rules: Vec<&'a Rule>,
    /// The positions of these rules among all of the profile.
    pub(crate) positions: Vec<usize>,
    pub(crate) by_name: BTreeMap<Name, Vec<usize>>,
    pub(crate) noted: Noted,
    /// Which warnings were given for which rule, so that each is given for one architecture only.
    pub(crate) given: BTreeSet<(usize, Option<Name>, &'static str)>,
    /// Which rule of the profile each of the policy's comes from.
    pub(crate) provenance: Provenance,
}

impl Lowering<'_> {
    /// The policy of one architecture, without what happens to unknown syscalls.
    pub(crate) fn arch(&mut self, arch: Arch, default: Action) -> Result<ArchPolicy, Error> {
        let names: Vec<Name> = self.by_name.keys().copied().collect();
        let chains = names.into_iter().map(|name| Ok((name, self.chain(name, arch, default)?)));
        let chains = chains.collect::<Result<Chains, Error>>()?;
        self.note_truncated(arch);
        let extra = self.multiplexed(arch, default, &chains);
        let mut policy = ArchPolicy::new(default);
        for (nr, rules) in by_number(arch, chains, extra) {
            if rules.is_empty() {
                // The profile names it, so it is not unknown.
                policy.rule(nr, Condition::always(), default);
                self.provenance.push(arch, nr, None);
            }
            for rule in rules {
                policy.rule(nr, rule.condition()?, rule.action);
                self.provenance.push(arch, nr, Some(self.positions[rule.rule]));
            }
        }
        Ok(policy)
    }

    /// Notes a warning unless the same was given for another architecture.
    pub(crate) fn note(
        &mut self,
        rule: usize,
        name: Option<Name>,
        what: &'static str,
        path: impl FnOnce(JsonPath) -> JsonPath,
        kind: WarningKind,
    ) {
        if self.given.insert((rule, name, what)) {
            self.noted.push((path(self.rules[rule].path.clone()), kind));
        }
    }

    fn chain(&mut self, name: Name, arch: Arch, default: Action) -> Result<Chain, Error> {
        let candidates = self.candidates(name, arch, default, self.semantics);
        if let Some(first_beyond) = candidates.get(RULES_PER_SYSCALL_MAX) {
            let place = self.profile.place(&self.rules[first_beyond.rule].path);
            return Err(Error::TooManyRules { place, name });
        }
        let chain = Chain::build(default, &candidates, Redundant::KeepRefusals)
            .map_err(|conflict| self.conflict(conflict, name, arch))?;
        if arch.syscall(name).is_some() {
            lint::chain(self, name, arch, &candidates, &chain);
        }
        Ok(chain)
    }

    fn conflict(&self, Conflict { earlier, later }: Conflict, name: Name, arch: Arch) -> Error {
        let place = self.profile.place(&self.rules[later].path);
        Error::Conflict { place, other: self.rules[earlier].path.to_string(), name, arch }
    }

    /// What the rules say about one syscall, in their order.
    pub(crate) fn candidates(
        &self,
        name: Name,
        arch: Arch,
        default: Action,
        semantics: ArgsSemantics,
    ) -> Vec<Candidate> {
        let indices = self.by_name.get(&name).map_or(&[][..], Vec::as_slice);
        let mut candidates = Vec::with_capacity(indices.len());
        for &index in indices {
            let rule = self.rules[index];
            let action = rule.action.on(self.native);
            if action == default && is_permissive(default) {
                continue;
            }
            if rule.args.is_empty() {
                candidates.push(Candidate { rule: index, tests: Vec::new(), action });
            } else {
                let lists = tests(&rule.args, arch, semantics).into_iter();
                candidates.extend(lists.map(|tests| Candidate { rule: index, tests, action }));
            }
        }
        candidates
    }

    fn note_truncated(&mut self, arch: Arch) {
        if arch.word_bits() == 64 {
            return;
        }
        for index in 0..self.rules.len() {
            let rule = self.rules[index];
            for (position, arg) in rule.args.iter().enumerate() {
                let datum =
                    if arg.op == OperatorName::MaskedEq { arg.value_two } else { arg.value };
                let high = datum >> 31;
                // A negative number, extended to 64 bits, loses nothing.
                if datum > u32::MAX.into() && high != u64::MAX >> 31 {
                    let path = |path: JsonPath| path.key("args").index(position).key("value");
                    self.note(index, None, "truncated", path, WarningKind::Truncated { arch });
                }
            }
        }
    }

    /// The rules that go to `socketcall` and `ipc` because of rules for what they stand for.
    fn multiplexed(
        &mut self,
        arch: Arch,
        default: Action,
        chains: &Chains,
    ) -> BTreeMap<Name, Vec<Candidate>> {
        let mut extra = BTreeMap::<Name, Vec<Candidate>>::new();
        for multiplexer in Multiplexer::ALL {
            let Some(through) = multiplexer.name().filter(|name| arch.syscall(*name).is_some())
            else {
                continue;
            };
            let own = chain_of(chains, through).map_or(&[][..], Chain::rules);
            let open = own.first().filter(|rule| rule.tests.is_empty());
            for (name, test) in multiplexer.calls() {
                let Some(chain) = chain_of(chains, name) else { continue };
                let derived = derive(test, chain, default);
                let outcome = open.or(derived.as_ref()).map_or(default, |rule| rule.action);
                self.note_multiplexed(name, arch, chain, outcome);
                if open.is_none() {
                    extra.entry(through).or_default().extend(derived);
                }
            }
        }
        extra
    }

    fn note_multiplexed(&mut self, name: Name, arch: Arch, chain: &Chain, outcome: Action) {
        let Some(first) = chain.rules().first() else { return };
        let escapes = is_permissive(outcome) && !is_permissive(first.action);
        if !first.tests.is_empty() || escapes {
            let kind = WarningKind::Multiplexed { name, arch, outcome };
            self.note(first.rule, Some(name), "multiplexed", |path| path, kind);
        }
    }
}

/// What the rules say about each syscall that they name, in the order of the names.
type Chains = Vec<(Name, Chain)>;

fn chain_of(chains: &Chains, name: Name) -> Option<&Chain> {
    let place = chains.binary_search_by_key(&name, |(name, _)| *name).ok()?;
    Some(&chains[place].1)
}

/// The rules of each syscall that an architecture has, ascending by number. `extra` comes behind the others.
fn by_number(
    arch: Arch,
    chains: Chains,
    mut extra: BTreeMap<Name, Vec<Candidate>>,
) -> Vec<(SyscallNr, Vec<Candidate>)> {
    let mut rules = Vec::with_capacity(chains.len() + extra.len());
    for (name, chain) in chains {
        let mut candidates = chain.into_rules();
        candidates.extend(extra.remove(&name).unwrap_or_default());
        rules.push((name, candidates));
    }
    rules.extend(extra);
    let on_arch =
        rules.into_iter().filter_map(|(name, rules)| Some((arch.syscall(name)?.nr, rules)));
    let mut rules: Vec<_> = on_arch.collect();
    rules.sort_by_key(|(nr, _)| *nr);
    rules
}

/// The rule of a multiplexer that follows from the rules of one of its calls.
fn derive(test: Test, chain: &Chain, default: Action) -> Option<Candidate> {
    let first = chain.rules().first()?;
    let action = match first.tests.is_empty() {
        true => first.action,
        false => {
            let refusing = chain.rules().iter().map(|rule| rule.action);
            let refusing =
                refusing.filter(|&action| !is_permissive(action) && is_permissive(default));
            refusing.min_by_key(|action| action.precedence())?
        }
    };
    Some(Candidate { rule: first.rule, tests: vec![test], action })
}

/// Whether a rule has two conditions on one argument.
pub(crate) fn repeats_index(args: &[Arg]) -> bool {
    let distinct: BTreeSet<_> = args.iter().map(|arg| arg.index).collect();
    distinct.len() < args.len()
}

/// The lists of tests of a rule: any of the lists is enough, and all of a list's tests must hold.
fn tests(args: &[Arg], arch: Arch, semantics: ArgsSemantics) -> Vec<Vec<Test>> {
    let test = |arg| test(arg, arch).into_iter();
    if semantics == ArgsSemantics::Runc && repeats_index(args) {
        return args.iter().map(|arg| test(arg).collect()).collect();
    }
    let mut all: Vec<Test> = args.iter().flat_map(test).collect();
    all.sort_by_key(|test| test.argument);
    vec![all]
}

/// A condition as it is tested on an architecture; `None` where it always holds.
fn test(arg: &Arg, arch: Arch) -> Option<Test> {
    let low32 = arch.word_bits() == 32 || arg.width == Some(WidthName::Bits32);
    let full = if low32 { u32::MAX.into() } else { u64::MAX };
    let (mask, datum, operator) = match arg.op {
        OperatorName::MaskedEq => (arg.value & full, arg.value_two, Operator::Eq),
        OperatorName::Eq => (full, arg.value, Operator::Eq),
        OperatorName::Ne => (full, arg.value, Operator::Ne),
        OperatorName::Lt => (full, arg.value, Operator::Lt),
        OperatorName::Le => (full, arg.value, Operator::Le),
        OperatorName::Gt => (full, arg.value, Operator::Gt),
        OperatorName::Ge => (full, arg.value, Operator::Ge),
    };
    let argument = arg.index.raw();
    (mask != 0).then_some(Test { argument, operator, mask, datum: datum & mask, low32 })
}
