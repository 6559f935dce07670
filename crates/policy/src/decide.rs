//! The meaning of a policy, in as few and as plain words as possible.

use callgate_syscalls::{Action, Arch, SeccompData, SyscallNr};

use crate::{ArchPolicy, Policy};

impl Policy {
    /// The action for a call: the meaning of this policy.
    #[must_use]
    pub fn decide(&self, call: &SeccompData) -> Action {
        let arch = Arch::of_call(call.arch, call.nr);
        match arch.and_then(|arch| Some((arch, self.arch(arch)?))) {
            Some((arch, policy)) => policy.decide(arch, call),
            None => self.foreign(),
        }
    }
}

impl ArchPolicy {
    /// The action for a call of the architecture that this policy is about.
    fn decide(&self, arch: Arch, call: &SeccompData) -> Action {
        let rules = self.rules_for(call.nr);
        match rules.iter().find(|rule| rule.condition().holds(call)) {
            Some(rule) => rule.action(),
            None => self.action_without_rule(arch, call.nr),
        }
    }

    /// The action for a number where no rule holds.
    ///
    /// A number that has rules counts as known: whoever wrote the rules knew it.
    #[must_use]
    pub fn action_without_rule(&self, arch: Arch, nr: SyscallNr) -> Action {
        match self.unknown_action() {
            Some(unknown)
                if self.rules_for(nr).is_empty() && !exists_in(arch, nr, unknown.baseline) =>
            {
                unknown.action
            }
            _ => self.default_action(),
        }
    }
}

fn exists_in(arch: Arch, nr: SyscallNr, kernel: callgate_syscalls::KernelVersion) -> bool {
    arch.syscall_at(nr).is_some_and(|syscall| syscall.since <= kernel)
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
        assert_eq!(policy.decide(&call(1, 7)), Action::LOG);
        assert_eq!(policy.decide(&call(1, 8)), Action::ALLOW);
        assert_eq!(policy.decide(&call(2, 7)), Action::KILL_PROCESS);
    }

    #[test]
    fn x32_is_foreign_to_a_policy_for_x86_64_but_minus_one_is_not() {
        let policy = Policy::builder(Action::KILL_THREAD)
            .arch(Arch::X86_64, ArchPolicy::new(Action::ALLOW))
            .build()
            .unwrap();
        assert_eq!(policy.decide(&call(0x3fff_ffff, 0)), Action::ALLOW);
        assert_eq!(policy.decide(&call(0x4000_0000, 0)), Action::KILL_THREAD);
        assert_eq!(policy.decide(&call(u32::MAX, 0)), Action::ALLOW);
    }

    #[test]
    fn numbers_beyond_the_baseline_get_their_own_action() {
        let enosys = Action::errno(38).unwrap();
        let baseline = KernelVersion::new(5, 10);
        let mut x86_64 = ArchPolicy::new(Action::KILL_PROCESS);
        x86_64.unknown(Unknown { baseline, action: enosys });
        x86_64.rule(SyscallNr::new(452), is(1), Action::ALLOW);
        let policy =
            Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64).build().unwrap();
        assert_eq!(policy.decide(&call(440, 0)), Action::KILL_PROCESS, "process_madvise is 5.10");
        assert_eq!(policy.decide(&call(441, 0)), enosys, "epoll_pwait2 is 5.11");
        assert_eq!(policy.decide(&call(400, 0)), enosys, "a gap in the table");
        assert_eq!(policy.decide(&call(u32::MAX, 0)), enosys);
        assert_eq!(policy.decide(&call(452, 1)), Action::ALLOW);
        assert_eq!(policy.decide(&call(452, 0)), Action::KILL_PROCESS, "has rules, so is known");
    }
}
