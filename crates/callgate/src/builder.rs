//! Building a filter rule by rule.

use callgate_policy::{Action, Arch, KernelVersion, Policy};
use callgate_rules::{
    Answer, Baseline, Cond, Header, Mistake, Rule, Rules, Target, UnknownAnswer, Verdict, resolve,
};
use callgate_syscalls::Name;

use crate::{Error, Filter};

/// Collects the rules of a [`Filter`]; made by [`Filter::builder`].
///
/// Rules are asked in the order they were added; **the first that holds decides**, and the default
/// action answers for calls without one.
#[derive(Clone, Debug)]
#[must_use]
pub struct FilterBuilder {
    arches: Option<Vec<Arch>>,
    rules: Rules,
}

impl FilterBuilder {
    pub(crate) fn new(default: Action) -> Self {
        let header = Header::new(Verdict::from(default));
        Self { arches: None, rules: Rules { header, rules: Vec::new() } }
    }

    /// Sets the architectures the filter is for, instead of this machine's own.
    ///
    /// Numbers differ between architectures; each rule is resolved by name on each of them.
    pub fn arches(mut self, arches: impl IntoIterator<Item = Arch>) -> Self {
        self.arches = Some(arches.into_iter().collect());
        self
    }

    /// Sets the action for calls through architectures the filter is not for, instead of killing
    /// the process.
    pub fn foreign(mut self, action: Action) -> Self {
        self.rules.header.foreign = Answer::new(Verdict::from(action));
        self
    }

    /// Answers `action` instead of the default to syscalls without rules that the kernel `baseline`
    /// does not have.
    ///
    /// With `ERRNO(ENOSYS)` a libc that tries a syscall newer than the filter falls back to an
    /// older one, where `ERRNO(EPERM)` would make it fail.
    pub fn unknown(mut self, baseline: KernelVersion, action: Action) -> Self {
        let answer = Answer::new(Verdict::from(action));
        self.rules.header.unknown =
            Some(UnknownAnswer { baseline: Baseline::Kernel(baseline), answer });
        self
    }

    /// Allows these syscalls, whatever their arguments.
    pub fn allow(self, names: impl IntoIterator<Item = Name>) -> Self {
        self.answer(Action::ALLOW, names)
    }

    /// Answers `action` to these syscalls, whatever their arguments.
    pub fn answer(mut self, action: Action, names: impl IntoIterator<Item = Name>) -> Self {
        let rule = |name| Rule::new(name, None, Verdict::from(action));
        self.rules.rules.extend(names.into_iter().map(rule));
        self
    }

    /// Answers `action` to a syscall where a condition on its arguments holds.
    pub fn rule(mut self, name: Name, condition: Cond, action: Action) -> Self {
        self.rules.rules.push(Rule::new(name, Some(condition), Verdict::from(action)));
        self
    }

    /// The policy these rules make, without compiling it.
    ///
    /// # Errors
    /// [`Error`] names the rule's syscall and argument that cannot be resolved.
    pub fn policy(&self) -> Result<Policy, Error> {
        let target = match &self.arches {
            Some(arches) => {
                // The target's own architecture decides nothing where others are named.
                let native = arches.first().copied().unwrap_or(Arch::X86_64);
                Target { arches: Some(arches.clone()), ..Target::new(native) }
            }
            None => Target::new(Arch::native().ok_or(Error::NativeUnknown)?),
        };
        let (policy, _) = resolve(&self.rules, &target).map_err(first)?;
        Ok(policy)
    }

    /// Compiles the rules and proves the program equal to them.
    ///
    /// # Errors
    /// [`Error`] says which rule cannot be resolved, or why there is no proved program.
    pub fn build(&self) -> Result<Filter, Error> {
        Filter::from_policy(self.policy()?)
    }
}

/// The first of the mistakes, of which there is at least one.
fn first(mistakes: Vec<Mistake>) -> Error {
    mistakes.into_iter().next().map_or(Error::NativeUnknown, Error::Rule)
}
