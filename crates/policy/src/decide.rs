//! The meaning of a policy, in as few and as plain words as possible.

use callgate_syscalls::{Action, Arch, SeccompData, SyscallNr};

use crate::{ArchPolicy, Known, Policy};

/// The action for a call, and the part of the policy that gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decision {
    /// What happens to the call.
    pub action: Action,
    /// Who says so.
    pub by: Decider,
}

/// A part of a policy that decides about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decider {
    /// A rule.
    Rule(RuleId),
    /// The default action of an architecture.
    Default(Arch),
    /// The action of an architecture for unknown syscalls.
    Unknown(Arch),
    /// The action for architectures that the policy does not name.
    Foreign,
}

/// A rule of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId {
    /// The architecture.
    pub arch: Arch,
    /// The number that it is about.
    pub nr: SyscallNr,
    /// Its position among the rules of that number, from 0.
    pub index: usize,
}

impl Policy {
    /// The action for a call: the meaning of this policy.
    #[must_use]
    pub fn decide(&self, call: &SeccompData) -> Action {
        self.decisive(call).action
    }

    /// The action for a call, and the part of this policy that gives it.
    #[must_use]
    pub fn decisive(&self, call: &SeccompData) -> Decision {
        let arch = Arch::of_call(call.arch, call.nr);
        match arch.and_then(|arch| Some((arch, self.arch(arch)?))) {
            Some((arch, policy)) => policy.decisive(arch, call),
            None => Decision { action: self.foreign(), by: Decider::Foreign },
        }
    }
}

impl ArchPolicy {
    /// The action for a call of the architecture that this policy is about.
    fn decisive(&self, arch: Arch, call: &SeccompData) -> Decision {
        let rules = self.rules_for(call.nr);
        match rules.iter().position(|rule| rule.condition().holds(call)) {
            Some(index) => {
                let by = Decider::Rule(RuleId { arch, nr: call.nr, index });
                Decision { action: rules[index].action(), by }
            }
            None => self.without_rule(arch, call.nr),
        }
    }

    /// The action for a number where no rule holds.
    ///
    /// A number that has rules counts as known: whoever wrote the rules knew it.
    #[must_use]
    pub fn action_without_rule(&self, arch: Arch, nr: SyscallNr) -> Action {
        self.without_rule(arch, nr).action
    }

    fn without_rule(&self, arch: Arch, nr: SyscallNr) -> Decision {
        match self.unknown_action() {
            Some(unknown) if self.rules_for(nr).is_empty() && !unknown.known.contains(arch, nr) => {
                Decision { action: unknown.action, by: Decider::Unknown(arch) }
            }
            _ => Decision { action: self.default_action(), by: Decider::Default(arch) },
        }
    }
}

impl Known {
    /// Whether a number is known on an architecture.
    fn contains(self, arch: Arch, nr: SyscallNr) -> bool {
        match self {
            Self::Kernel(kernel) => {
                arch.syscall_at(nr).is_some_and(|syscall| syscall.since <= kernel)
            }
            Self::UpTo(last) => nr <= last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Comparison, Condition, Field, KernelVersion, Operator, Unknown};

    fn call(nr: u32, arg0: u64) -> SeccompData {
        SeccompData::new(Arch::X86_64, SyscallNr::new(nr)).with_args([arg0, 0, 0, 0, 0, 0])
    }

    fn is(value: u64) -> Condition {
        Comparison::new(Field::Arg0, Operator::Eq, value).into()
    }

    #[test]
    fn first_rule_that_holds_decides() {
        let mut x86_64 = ArchPolicy::new(Action::KILL_PROCESS);
        x86_64
            .rule(SyscallNr::new(1), is(7), Action::LOG)
            .rule(SyscallNr::new(1), Condition::always(), Action::ALLOW)
            .rule(SyscallNr::new(1), is(8), Action::LOG);
        let policy = Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64).build();
        let policy = policy.unwrap();
        let rule =
            |index| Decider::Rule(RuleId { arch: Arch::X86_64, nr: SyscallNr::new(1), index });
        for (call, action, by) in [
            (call(1, 7), Action::LOG, rule(0)),
            (call(1, 8), Action::ALLOW, rule(1)),
            (call(2, 7), Action::KILL_PROCESS, Decider::Default(Arch::X86_64)),
        ] {
            assert_eq!(policy.decisive(&call), Decision { action, by });
            assert_eq!(policy.decide(&call), action);
        }
    }

    #[test]
    fn x32_is_foreign_to_a_policy_for_x86_64_but_minus_one_is_not() {
        let policy = Policy::builder(Action::KILL_THREAD)
            .arch(Arch::X86_64, ArchPolicy::new(Action::ALLOW))
            .build()
            .unwrap();
        assert_eq!(policy.decide(&call(0x3fff_ffff, 0)), Action::ALLOW);
        let x32 = Decision { action: Action::KILL_THREAD, by: Decider::Foreign };
        assert_eq!(policy.decisive(&call(0x4000_0000, 0)), x32);
        assert_eq!(policy.decide(&call(u32::MAX, 0)), Action::ALLOW);
    }

    #[test]
    fn numbers_beyond_the_baseline_get_their_own_action() {
        let enosys = Action::errno(38).unwrap();
        let baseline = KernelVersion::new(5, 10);
        let mut x86_64 = ArchPolicy::new(Action::KILL_PROCESS);
        x86_64.unknown(Unknown { known: Known::Kernel(baseline), action: enosys });
        x86_64.rule(SyscallNr::new(452), is(1), Action::ALLOW);
        let policy =
            Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64).build().unwrap();
        assert_eq!(policy.decide(&call(440, 0)), Action::KILL_PROCESS, "process_madvise is 5.10");
        assert_eq!(policy.decide(&call(441, 0)), enosys, "epoll_pwait2 is 5.11");
        assert_eq!(policy.decide(&call(400, 0)), enosys, "a gap in the table");
        let unknown = Decision { action: enosys, by: Decider::Unknown(Arch::X86_64) };
        assert_eq!(policy.decisive(&call(u32::MAX, 0)), unknown);
        assert_eq!(policy.decide(&call(452, 1)), Action::ALLOW);
        assert_eq!(policy.decide(&call(452, 0)), Action::KILL_PROCESS, "has rules, so is known");
    }

    #[test]
    fn numbers_beyond_the_last_known_get_their_own_action() {
        let enosys = Action::errno(38).unwrap();
        let mut x86_64 = ArchPolicy::new(Action::KILL_PROCESS);
        x86_64.unknown(Unknown { known: Known::UpTo(SyscallNr::new(400)), action: enosys });
        x86_64.rule(SyscallNr::new(452), is(1), Action::ALLOW);
        let policy =
            Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64).build().unwrap();
        assert_eq!(policy.decide(&call(400, 0)), Action::KILL_PROCESS, "a gap in the table");
        assert_eq!(policy.decide(&call(401, 0)), enosys);
        assert_eq!(policy.decide(&call(u32::MAX, 0)), enosys);
        assert_eq!(policy.decide(&call(452, 0)), Action::KILL_PROCESS, "has rules, so is known");
    }
}
