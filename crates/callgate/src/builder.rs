//! Building a filter rule by rule.

use callgate_policy::{Action, Arch, ArchPolicy, Condition, KernelVersion, Policy, Unknown};
use callgate_syscalls::Name;

use crate::condition::Cond;
use crate::lower::Site;
use crate::{Error, Filter};

/// Collects the rules of a [`Filter`]; made by [`Filter::builder`].
///
/// Rules are asked in the order they were added; **the first that holds decides**, and the default action answers for
/// calls without one.
#[derive(Clone, Debug)]
#[must_use]
pub struct FilterBuilder {
    default: Action,
    foreign: Action,
    unknown: Option<Unknown>,
    arches: Option<Vec<Arch>>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    name: Name,
    condition: Option<Cond>,
    action: Action,
}

impl FilterBuilder {
    pub(crate) const fn new(default: Action) -> Self {
        Self {
            default,
            foreign: Action::KILL_PROCESS,
            unknown: None,
            arches: None,
            rules: Vec::new(),
        }
    }

    /// Sets the architectures the filter is for, instead of this machine's own.
    ///
    /// Numbers differ between architectures; each rule is resolved by name on each of them.
    pub fn arches(mut self, arches: impl IntoIterator<Item = Arch>) -> Self {
        self.arches = Some(arches.into_iter().collect());
        self
    }

    /// Sets the action for calls through architectures the filter is not for, instead of killing the process.
    pub const fn foreign(mut self, action: Action) -> Self {
        self.foreign = action;
        self
    }

    /// Answers `action` instead of the default to syscalls without rules that the kernel `baseline` does not have.
    ///
    /// With `ERRNO(ENOSYS)` a libc that tries a syscall newer than the filter falls back to an older one, where
    /// `ERRNO(EPERM)` would make it fail.
    pub const fn unknown(mut self, baseline: KernelVersion, action: Action) -> Self {
        self.unknown = Some(Unknown { baseline, action });
        self
    }

    /// Allows these syscalls, whatever their arguments.
    pub fn allow(self, names: impl IntoIterator<Item = Name>) -> Self {
        self.answer(Action::ALLOW, names)
    }

    /// Answers `action` to these syscalls, whatever their arguments.
    pub fn answer(mut self, action: Action, names: impl IntoIterator<Item = Name>) -> Self {
        let rule = |name| Rule { name, condition: None, action };
        self.rules.extend(names.into_iter().map(rule));
        self
    }

    /// Answers `action` to a syscall where a condition on its arguments holds.
    pub fn rule(mut self, name: Name, condition: Cond, action: Action) -> Self {
        self.rules.push(Rule { name, condition: Some(condition), action });
        self
    }

    /// The policy these rules make, without compiling it.
    ///
    /// # Errors
    /// [`Error`] names the rule's syscall and argument that cannot be resolved.
    pub fn policy(&self) -> Result<Policy, Error> {
        let arches = match &self.arches {
            Some(arches) => arches.clone(),
            None => vec![Arch::native().ok_or(Error::NativeUnknown)?],
        };
        if let Some(rule) = self.rules.iter().find(|rule| !rule.exists_on_any(&arches)) {
            return Err(Error::NoSuchSyscall { name: rule.name, arches });
        }
        let mut builder = Policy::builder(self.foreign);
        for arch in arches {
            builder = builder.arch(arch, self.arch_policy(arch)?);
        }
        Ok(builder.build()?)
    }

    /// Compiles the rules and proves the program equal to them.
    ///
    /// # Errors
    /// [`Error`] says which rule cannot be resolved, or why there is no proved program.
    pub fn build(&self) -> Result<Filter, Error> {
        Filter::from_policy(self.policy()?)
    }

    fn arch_policy(&self, arch: Arch) -> Result<ArchPolicy, Error> {
        let mut policy = ArchPolicy::new(self.default);
        if let Some(unknown) = self.unknown {
            policy.unknown(unknown);
        }
        for rule in &self.rules {
            // A syscall that only some architectures have needs no rule on the others.
            let Some(syscall) = arch.syscall(rule.name) else { continue };
            let condition = match &rule.condition {
                Some(cond) => Site { arch, name: rule.name }.condition(cond)?,
                None => Condition::always(),
            };
            policy.rule(syscall.nr, condition, rule.action);
        }
        Ok(policy)
    }
}

impl Rule {
    fn exists_on_any(&self, arches: &[Arch]) -> bool {
        arches.iter().any(|arch| arch.syscall(self.name).is_some())
    }
}
