//! Policies and what they consist of.

use callgate_memory::{OutOfMemory, SortedMap, TryClone};
use callgate_syscalls::{Action, ActionKind, Arch, KernelVersion, SyscallNr};

use crate::rules::RuleLists;
use crate::{Condition, Error};

/// A total map from calls to actions; see the [crate documentation](crate).
///
/// A value satisfies: at least one architecture; every number can occur on its architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    foreign: Action,
    arches: SortedMap<Arch, ArchPolicy>,
}

impl Policy {
    /// Starts a policy that answers `foreign` to calls of architectures it does not name.
    pub const fn builder(foreign: Action) -> Builder {
        Builder { foreign, arches: SortedMap::new(), duplicate: None }
    }

    /// The action for calls of architectures that the policy does not name.
    #[must_use]
    pub const fn foreign(&self) -> Action {
        self.foreign
    }

    /// The architectures with their rules, in the order of [`Arch`].
    pub fn arches(&self) -> impl ExactSizeIterator<Item = (Arch, &ArchPolicy)> {
        self.arches.iter().map(|(arch, policy)| (*arch, policy))
    }

    /// The rules of one architecture, where the policy names it.
    #[must_use]
    pub fn arch(&self, arch: Arch) -> Option<&ArchPolicy> {
        self.arches.get(&arch)
    }

    /// The same rules with another default on every architecture.
    ///
    /// A default that executes calls also answers for syscalls newer than the baseline: whoever
    /// asks for everything to be allowed or logged means those too.
    #[must_use]
    pub fn with_default(mut self, default: Action) -> Self {
        let executes = default.kind().executes();
        for policy in self.arches.values_mut() {
            policy.default = default;
            policy.unknown = policy.unknown.filter(|_| !executes);
        }
        self
    }

    /// The same policy, but that every call which it does not let through without a word is handed
    /// to a listener: who answers there sees all that the policy refuses or logs, and nothing else.
    ///
    /// A call is allowed by the one exactly where it is by the other.
    #[must_use]
    pub fn with_refusals_notified(self) -> Self {
        self.map_actions(&|action| match action.kind() {
            ActionKind::Allow => action,
            ActionKind::KillProcess
            | ActionKind::KillThread
            | ActionKind::Trap
            | ActionKind::Errno
            | ActionKind::UserNotify
            | ActionKind::Trace
            | ActionKind::Log
            | ActionKind::Unknown => Action::USER_NOTIFY,
        })
    }

    /// The same policy, but that calls which it refuses are allowed. What it hands to a listener or
    /// logs stays as it is.
    #[must_use]
    pub fn with_refusals_allowed(self) -> Self {
        self.map_actions(&|action| match action.kind() {
            ActionKind::Allow | ActionKind::UserNotify | ActionKind::Log => action,
            ActionKind::KillProcess
            | ActionKind::KillThread
            | ActionKind::Trap
            | ActionKind::Errno
            | ActionKind::Trace
            | ActionKind::Unknown => Action::ALLOW,
        })
    }

    /// The same policy, but that calls of one number which meet a condition get an action whatever
    /// its rules say.
    ///
    /// Ends the process where there is no more memory, as collections do.
    #[must_use]
    pub fn with_exception(
        mut self,
        arch: Arch,
        nr: SyscallNr,
        condition: Condition,
        action: Action,
    ) -> Self {
        if let Some(policy) = self.arches.get_mut(&arch) {
            *policy = policy.with_first(arch, nr, Rule { condition, action });
        }
        self
    }

    /// The same rules with other actions. Each call gets what `map` makes of the action that it got
    /// before.
    fn map_actions(mut self, map: &impl Fn(Action) -> Action) -> Self {
        self.foreign = map(self.foreign);
        for policy in self.arches.values_mut() {
            policy.default = map(policy.default);
            let unknown = policy.unknown;
            policy.unknown = unknown.map(|it| Unknown { action: map(it.action), ..it });
            policy.rules.iter_mut().for_each(|rule| rule.action = map(rule.action));
        }
        self
    }
}

/// Collects the architectures of a [`Policy`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    foreign: Action,
    arches: SortedMap<Arch, ArchPolicy>,
    duplicate: Option<Arch>,
}

impl Builder {
    /// Adds an architecture. Giving one twice makes [`Builder::build`] fail.
    ///
    /// Ends the process where there is no more memory, as collections do; [`Builder::try_arch`]
    /// does not.
    pub fn arch(self, arch: Arch, policy: ArchPolicy) -> Self {
        must(self.try_arch(arch, policy))
    }

    /// As [`Builder::arch`].
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn try_arch(mut self, arch: Arch, policy: ArchPolicy) -> Result<Self, OutOfMemory> {
        if self.arches.insert(arch, policy)?.is_some() {
            self.duplicate.get_or_insert(arch);
        }
        Ok(self)
    }

    /// Checks the parts against each other.
    ///
    /// # Errors
    /// [`Error::NoArchitecture`], [`Error::DuplicateArchitecture`],
    /// [`Error::NumberOutsideArchitecture`].
    pub fn build(self) -> Result<Policy, Error> {
        if let Some(arch) = self.duplicate {
            return Err(Error::DuplicateArchitecture { arch });
        }
        if self.arches.is_empty() {
            return Err(Error::NoArchitecture);
        }
        // Only x86_64's token stands for more than one architecture.
        let shared = |arch: &Arch| arch.token() == Arch::X86_64.token();
        for (&arch, policy) in self.arches.iter().filter(|(arch, _)| shared(arch)) {
            for (nr, _) in policy.rules.iter() {
                if Arch::of_call(arch.token(), nr) != Some(arch) {
                    return Err(Error::NumberOutsideArchitecture { arch, nr });
                }
            }
        }
        Ok(Policy { foreign: self.foreign, arches: self.arches })
    }
}

/// The part of a policy that is about one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchPolicy {
    default: Action,
    unknown: Option<Unknown>,
    rules: RuleLists,
}

/// What happens to syscalls that whoever wrote the rules did not know.
///
/// A number without rules that is not known gets `action`. With `ERRNO(ENOSYS)` a program sees an
/// older kernel and can fall back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The syscalls that count as known.
    pub known: Known,
    /// The action for the others.
    pub action: Action,
}

/// Which numbers without rules count as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "readers have to look at each kind")]
pub enum Known {
    /// Those that this architecture's table has with a version up to this kernel, the *baseline*.
    Kernel(KernelVersion),
    /// Those up to this one, in the table or not: a guess that needs no table.
    UpTo(SyscallNr),
}

/// A condition and the action for calls that meet it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    condition: Condition,
    action: Action,
}

impl ArchPolicy {
    /// A policy that answers `default` to every call.
    #[must_use]
    pub const fn new(default: Action) -> Self {
        Self { default, unknown: None, rules: RuleLists::new() }
    }

    /// The same rules behind another one of that number.
    fn with_first(&self, arch: Arch, nr: SyscallNr, first: Rule) -> Self {
        let mut changed = Self { rules: RuleLists::new(), ..self.clone() };
        must(changed.rules.push(nr, first));
        for (number, rules) in self.rules() {
            for rule in rules {
                must(changed.rules.push(number, rule.clone()));
            }
        }
        if self.rules_for(nr).is_empty() {
            // A number that has rules counts as known.
            let action = self.action_without_rule(arch, nr);
            must(changed.rules.push(nr, Rule { condition: Condition::always(), action }));
        }
        changed
    }

    /// Answers `unknown.action` instead of the default to numbers without rules that are not known.
    pub fn unknown(&mut self, unknown: Unknown) -> &mut Self {
        self.unknown = Some(unknown);
        self
    }

    /// Makes room for rules of that many numbers more.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn try_reserve(&mut self, numbers: usize) -> Result<&mut Self, OutOfMemory> {
        self.rules.reserve(numbers)?;
        Ok(self)
    }

    /// Appends a rule to a number's list. Earlier rules are asked first.
    ///
    /// Ends the process where there is no more memory, as collections do; [`ArchPolicy::try_rule`]
    /// does not.
    pub fn rule(&mut self, nr: SyscallNr, condition: Condition, action: Action) -> &mut Self {
        must(self.try_rule(nr, condition, action))
    }

    /// As [`ArchPolicy::rule`].
    ///
    /// # Errors
    /// [`OutOfMemory`]; the policy is as it was.
    pub fn try_rule(
        &mut self,
        nr: SyscallNr,
        condition: Condition,
        action: Action,
    ) -> Result<&mut Self, OutOfMemory> {
        self.rules.push(nr, Rule { condition, action })?;
        Ok(self)
    }

    /// The action where no rule holds.
    #[must_use]
    pub const fn default_action(&self) -> Action {
        self.default
    }

    /// What happens to unknown syscalls, where the policy distinguishes them.
    #[must_use]
    pub const fn unknown_action(&self) -> Option<Unknown> {
        self.unknown
    }

    /// The numbers that have rules, ascending, each with its rules in order.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = (SyscallNr, &[Rule])> {
        self.rules.iter()
    }

    /// The rules of one number, in order; empty where it has none.
    #[must_use]
    pub fn rules_for(&self, nr: SyscallNr) -> &[Rule] {
        self.rules.of(nr)
    }
}

impl Rule {
    /// When the rule holds.
    #[must_use]
    pub const fn condition(&self) -> &Condition {
        &self.condition
    }

    /// What happens then.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }
}

impl TryClone for Rule {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(Self { condition: self.condition.try_clone()?, action: self.action })
    }
}

/// What was made, or the end of the process.
pub(crate) fn must<T>(made: Result<T, OutOfMemory>) -> T {
    made.unwrap_or_else(|OutOfMemory| {
        std::alloc::handle_alloc_error(std::alloc::Layout::new::<Rule>())
    })
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::SeccompData;

    use super::*;
    use crate::{Comparison, Field, Operator};

    #[test]
    fn another_default_keeps_the_rules_and_a_permissive_one_drops_the_baseline() {
        let known = Known::Kernel(KernelVersion::new(5, 10));
        let unknown = Unknown { known, action: Action::KILL_THREAD };
        let mut x86_64 = ArchPolicy::new(Action::KILL_PROCESS);
        x86_64.unknown(unknown).rule(SyscallNr::new(1), Condition::always(), Action::ALLOW);
        let policy = Policy::builder(Action::trap(0)).arch(Arch::X86_64, x86_64).build().unwrap();
        for (default, expected) in
            [(Action::LOG, None), (Action::ALLOW, None), (Action::KILL_THREAD, Some(unknown))]
        {
            let changed = policy.clone().with_default(default);
            let arch = changed.arch(Arch::X86_64).unwrap();
            assert_eq!(arch.default_action(), default);
            assert_eq!(arch.unknown_action(), expected, "{default}");
            assert_eq!(arch.rules_for(SyscallNr::new(1)).len(), 1);
            assert_eq!(changed.foreign(), policy.foreign());
        }
    }

    #[test]
    fn what_is_not_allowed_is_handed_over_whoever_decides() {
        let [first, second] = [1, 2].map(SyscallNr::new);
        let newer = Unknown { known: Known::UpTo(SyscallNr::new(400)), action: Action::LOG };
        for default in [Action::ALLOW, Action::KILL_THREAD] {
            let mut x86_64 = ArchPolicy::new(default);
            x86_64.unknown(newer).rule(first, Condition::always(), Action::trap(3));
            x86_64.rule(second, Comparison::new(Field::Arg0, Operator::Eq, 1).into(), Action::LOG);
            x86_64.rule(second, Comparison::new(Field::Arg0, Operator::Eq, 2).into(), default);
            x86_64.rule(second, Condition::always(), Action::errno(1).unwrap());
            let policy =
                Policy::builder(Action::trace(9)).arch(Arch::X86_64, x86_64).build().unwrap();
            let asking = policy.clone().with_refusals_notified();
            let numbers = [first, second].into_iter().chain([3, 400, 401].map(SyscallNr::new));
            for (nr, arg) in numbers.flat_map(|nr| [(nr, 1), (nr, 2), (nr, 3)]) {
                for arch in [Arch::X86_64, Arch::Aarch64] {
                    let call = SeccompData::new(arch, nr).with_args([arg, 0, 0, 0, 0, 0]);
                    let (before, after) = (policy.decisive(&call), asking.decisive(&call));
                    let handed_over = before.action != Action::ALLOW;
                    let expected = if handed_over { Action::USER_NOTIFY } else { Action::ALLOW };
                    assert_eq!(after.action, expected, "{call:?}");
                    assert_eq!(after.by, before.by, "{call:?}");
                }
            }
        }
    }

    #[test]
    fn allowed_refusals_leave_listeners_and_logs() {
        let one = SyscallNr::new(1);
        for (action, expected) in [
            (Action::KILL_PROCESS, Action::ALLOW),
            (Action::KILL_THREAD, Action::ALLOW),
            (Action::trap(1), Action::ALLOW),
            (Action::errno(1).unwrap(), Action::ALLOW),
            (Action::trace(1), Action::ALLOW),
            (Action::from_raw(0x1234_0000), Action::ALLOW),
            (Action::ALLOW, Action::ALLOW),
            (Action::LOG, Action::LOG),
            (Action::USER_NOTIFY, Action::USER_NOTIFY),
        ] {
            let mut x86_64 = ArchPolicy::new(action);
            x86_64.rule(one, Condition::always(), action);
            let policy = Policy::builder(action).arch(Arch::X86_64, x86_64).build().unwrap();
            let policy = policy.with_refusals_allowed();
            for arch in [Arch::X86_64, Arch::Aarch64] {
                for nr in [one, SyscallNr::new(2)] {
                    assert_eq!(policy.decide(&SeccompData::new(arch, nr)), expected, "{action}");
                }
            }
        }
    }

    #[test]
    fn an_exception_changes_nothing_but_what_it_is_about() {
        let [ruled, plain, newer] = [1, 2, 500].map(SyscallNr::new);
        let known = Known::UpTo(SyscallNr::new(400));
        let mut x86_64 = ArchPolicy::new(Action::KILL_THREAD);
        x86_64.unknown(Unknown { known, action: Action::LOG });
        x86_64.rule(ruled, Comparison::new(Field::Arg1, Operator::Eq, 1).into(), Action::ALLOW);
        let policy = Policy::builder(Action::trap(1)).arch(Arch::X86_64, x86_64).build().unwrap();
        for nr in [ruled, plain, newer] {
            let is_one: Condition = Comparison::new(Field::Arg0, Operator::Eq, 1).into();
            let changed =
                policy.clone().with_exception(Arch::X86_64, nr, is_one, Action::USER_NOTIFY);
            for other in [ruled, plain, newer] {
                for args in [[0, 0], [0, 1], [1, 0], [1, 1]] {
                    let args = [args[0], args[1], 0, 0, 0, 0];
                    let call = SeccompData::new(Arch::X86_64, other).with_args(args);
                    let expected = match other == nr && args[0] == 1 {
                        true => Action::USER_NOTIFY,
                        false => policy.decide(&call),
                    };
                    assert_eq!(changed.decide(&call), expected, "{call:?}");
                }
            }
            let elsewhere = Arch::Aarch64;
            let same =
                policy.clone().with_exception(elsewhere, nr, Condition::always(), Action::LOG);
            assert_eq!(same, policy);
        }
    }
}
