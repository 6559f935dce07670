//! `test` lines: what a policy must answer, proved for every call that they describe.

mod samples;

use callgate_policy::{Action, ArchPolicy, Condition, Decider, Policy, SeccompData};
use callgate_prover::{Options, Prover, Scope};
use callgate_rules::{
    Applies, Cond, Header, Rule, Rules, Span, Subject, SubjectKind, Target, Value, Verdict, arg,
};
use callgate_syscalls::{Arch, Name, SyscallNr};

/// A `test` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The calls.
    pub calls: Vec<SubjectKind>,
    /// What is expected of them.
    pub expected: Expected,
    /// Where: on the architectures that have the call, of a policy that was lowered for
    /// [`Test::target`].
    pub applies: Applies,
    /// Where the line stands.
    pub span: Span,
}

/// What is expected of calls with certain arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The verdict.
    pub verdict: Verdict,
    /// For each argument from the first its value, or none for every value. Arguments that are not
    /// listed have every value. A value is one of the bits that the kernel reads; the others have
    /// every value, too.
    pub args: Vec<Option<Value>>,
}

/// A call that a test describes and that is decided otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The architecture.
    pub arch: Arch,
    /// The call.
    pub call: SeccompData,
    /// What the test expects.
    pub expected: Action,
    /// What happens.
    pub found: Action,
    /// What of the policy decides so.
    pub by: Decider,
}

/// Why a test has no outcome.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NoOutcome {
    /// No architecture of the policy has the call, so that the test says nothing.
    Nowhere,
    /// A value does not fit its argument.
    Value(String),
    /// The prover has no answer.
    Prover(callgate_prover::Error),
}

impl Test {
    /// What the policy is to be lowered for so that the test says something: this target, with the
    /// capabilities, the machine and the kernel that the blocks around the line ask for.
    #[must_use]
    pub fn target(&self, target: &Target) -> Target {
        self.applies.nearest(target)
    }

    /// Every kind of call that the test describes and that the policy decides otherwise, each with
    /// one such call. The list is empty exactly if the test holds for every call: this is proved,
    /// not sampled.
    ///
    /// # Errors
    /// [`NoOutcome`].
    pub fn failures(&self, policy: &Policy) -> Result<Vec<Failure>, NoOutcome> {
        let mut failures = Vec::new();
        let mut asked = 0;
        for (arch, rules) in policy.arches() {
            if !self.applies.arches.is_empty() && !self.applies.arches.contains(&arch) {
                continue;
            }
            for (nr, name) in self.numbers(arch) {
                asked += 1;
                failures.extend(self.failures_of(policy, (arch, rules), nr, name)?);
            }
        }
        if asked == 0 { Err(NoOutcome::Nowhere) } else { Ok(failures) }
    }

    /// Whether a call is one of those that the test describes.
    ///
    /// # Errors
    /// [`NoOutcome::Value`].
    pub fn describes(&self, call: &SeccompData) -> Result<bool, NoOutcome> {
        let Some(arch) = Arch::of_call(call.arch, call.nr) else { return Ok(false) };
        if !self.applies.arches.is_empty() && !self.applies.arches.contains(&arch) {
            return Ok(false);
        }
        match self.numbers(arch).into_iter().find(|(nr, _)| *nr == call.nr) {
            None => Ok(false),
            Some((nr, name)) => Ok(self.described(arch, nr, name)?.holds(call)),
        }
    }

    /// The numbers of the test's calls on an architecture.
    fn numbers(&self, arch: Arch) -> Vec<(SyscallNr, Option<Name>)> {
        let mut numbers = Vec::new();
        for call in &self.calls {
            if let SubjectKind::Number(nr) = call {
                numbers.push((*nr, None));
            }
            let named = call.names().iter().filter_map(|name| arch.syscall(*name));
            numbers.extend(named.map(|syscall| (syscall.nr, Some(syscall.name))));
        }
        numbers
    }

    fn failures_of(
        &self,
        policy: &Policy,
        (arch, rules): (Arch, &ArchPolicy),
        nr: SyscallNr,
        name: Option<Name>,
    ) -> Result<Vec<Failure>, NoOutcome> {
        let expected = self.expected.verdict.on(arch);
        let described = self.described(arch, nr, name)?;
        // Two policies about this number alone: both answer as expected where the test says
        // nothing, and the first as the policy does elsewhere. They are equal exactly if the test
        // holds.
        let mut asked = ArchPolicy::new(expected);
        asked.rule(nr, described.negated(), expected);
        for rule in rules.rules_for(nr) {
            asked.rule(nr, rule.condition().clone(), rule.action());
        }
        asked.rule(nr, Condition::always(), rules.action_without_rule(arch, nr));
        let alone = |rules| Policy::builder(expected).arch(arch, rules).build();
        let invalid = |error: callgate_policy::Error| NoOutcome::Value(error.to_string());
        let asked = alone(asked).map_err(invalid)?;
        let wanted = alone(ArchPolicy::new(expected)).map_err(invalid)?;
        let mut prover = Prover::new(Options::default());
        let [left, right] = [prover.policy(&asked), prover.policy(&wanted)];
        let (left, right) = (left.map_err(NoOutcome::Prover)?, right.map_err(NoOutcome::Prover)?);
        let differences = prover.differences(&left, &right, Scope::Exact);
        let failure = |difference: callgate_prover::Difference| {
            let call = difference.witness;
            let decision = policy.decisive(&call);
            Failure { arch, call, expected, found: decision.action, by: decision.by }
        };
        Ok(differences.map_err(NoOutcome::Prover)?.into_iter().map(failure).collect())
    }

    /// The condition that a call is one of those that the test describes.
    fn described(
        &self,
        arch: Arch,
        nr: SyscallNr,
        name: Option<Name>,
    ) -> Result<Condition, NoOutcome> {
        let given = self.expected.args.iter().enumerate();
        let tests: Vec<Cond> =
            given.filter_map(|(index, value)| Some(arg(index).eq(value.clone()?))).collect();
        if tests.is_empty() {
            return Ok(Condition::always());
        }
        let kind = name.map_or(SubjectKind::Number(nr), SubjectKind::Call);
        let mut rule =
            Rule::new(callgate_syscalls::names::READ, Some(Cond::all(tests)), Verdict::Allow);
        rule.subjects = vec![Subject { kind, span: None }];
        let rules = Rules { header: Header::new(Verdict::Kill), rules: vec![rule] };
        let resolved = callgate_rules::resolve(&rules, &Target::new(arch));
        let (policy, _) = resolved.map_err(|mistakes| {
            NoOutcome::Value(mistakes.first().map_or(String::new(), ToString::to_string))
        })?;
        let rules = policy.arch(arch).map_or(&[][..], |rules| rules.rules_for(nr));
        rules.first().map(|rule| rule.condition().clone()).ok_or(NoOutcome::Nowhere)
    }
}

impl std::fmt::Display for NoOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nowhere => f.write_str("no architecture of the policy has the call"),
            Self::Value(reason) => f.write_str(reason),
            Self::Prover(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NoOutcome {}
