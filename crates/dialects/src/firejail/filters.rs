//! The filters behind lines that are no lists of syscalls.

use callgate_policy::Operator;
use callgate_rules::{
    Applies, Arg, Cond, ErrnoSpec, Member, Origin, Relation, Rule, Rules, Span, Value, Verdict, arg,
};
use callgate_syscalls::{Arch, Name, SyscallNr, names};

use crate::context;

/// The families of sockets that `protocol` names.
pub const FIREJAIL_PROTOCOLS: [(&str, u64); 6] =
    [("unix", 1), ("inet", 2), ("inet6", 10), ("netlink", 16), ("packet", 17), ("bluetooth", 31)];

/// The namespaces that `restrict-namespaces` names, with their flags.
pub const FIREJAIL_NAMESPACES: [(&str, u64); 8] = [
    ("cgroup", 0x0200_0000),
    ("ipc", 0x0800_0000),
    ("net", 0x4000_0000),
    ("mnt", 0x0002_0000),
    ("pid", 0x2000_0000),
    ("time", NEW_TIME),
    ("user", 0x1000_0000),
    ("uts", 0x0400_0000),
];

const NEW_TIME: u64 = 0x80;

/// The syscalls of i386 that are dropped beside the default list, by number.
const SECONDARY: [u32; 48] = [
    21, 52, 26, 283, 341, 342, 127, 128, 350, 129, 110, 101, 289, 87, 115, 103, 347, 348, 135, 149,
    124, 343, 253, 336, 338, 349, 286, 287, 288, 86, 51, 123, 217, 245, 246, 247, 248, 249, 257,
    274, 276, 294, 317, 316, 61, 88, 169, 130,
];

/// Makes rules that one line asks for.
#[derive(Clone, Copy)]
pub(super) struct Make {
    pub(super) span: Span,
    pub(super) refusal: Verdict,
}

impl Make {
    fn rule(self, name: Name, condition: Option<Cond>, verdict: Verdict) -> Rule {
        Rule { origin: Origin::Text(self.span), ..Rule::new(name, condition, verdict) }
    }

    /// A filter that allows what it has no rules for, calls of other architectures among it.
    pub(super) fn open(self, rules: Vec<Rule>) -> Rules {
        self.rules(Verdict::Allow, Verdict::Allow, rules)
    }

    pub(super) fn rules(self, default: Verdict, foreign: Verdict, rules: Vec<Rule>) -> Rules {
        let default = callgate_rules::Answer { verdict: default, origin: Origin::Text(self.span) };
        context::rules(default, foreign, rules)
    }

    /// What is dropped on i386 beside the default list.
    pub(super) fn secondary(self) -> Vec<Rule> {
        let rule = |nr: &u32| {
            let mut rule = self.rule(names::READ, None, self.refusal);
            rule.subjects[0].kind = callgate_rules::SubjectKind::Number(SyscallNr::new(*nr));
            rule.applies.arches = vec![Arch::X86];
            rule
        };
        SECONDARY.iter().map(rule).collect()
    }

    /// `personality` may be asked for, and set to what it is.
    pub(super) fn blocked(self) -> Rules {
        let values = [0, u64::from(u32::MAX)].map(|value| Member::One(Value::from(value)));
        let known = context::register(0).test(Relation::In(values.to_vec()));
        let rule = self.rule(names::PERSONALITY, Some(!known), self.refusal);
        self.rules(Verdict::Allow, self.refusal, vec![rule])
    }

    /// `memory-deny-write-execute`.
    pub(super) fn memory(self) -> Vec<Rule> {
        const EXEC: u64 = 4;
        const WRITE_EXEC: u64 = 6;
        const SHM_EXEC: u64 = 0o100_000;
        let on = |name, condition, arches: &[Arch]| {
            let mut rule = self.rule(name, condition, self.refusal);
            rule.applies = Applies { arches: arches.to_vec(), ..Applies::default() };
            rule
        };
        let wide = [Arch::X86_64, Arch::Aarch64, Arch::Ppc64, Arch::Ppc64le];
        vec![
            on(names::MMAP, None, &[Arch::X86]),
            on(names::MMAP, Some(has_all(2, WRITE_EXEC)), &wide),
            on(names::MMAP2, Some(has_all(2, WRITE_EXEC)), &[Arch::X86, Arch::Arm]),
            self.rule(names::MPROTECT, Some(has_all(2, EXEC)), self.refusal),
            self.rule(names::PKEY_MPROTECT, Some(has_all(2, EXEC)), self.refusal),
            self.rule(names::SHMAT, Some(has_all(2, SHM_EXEC)), self.refusal),
            self.rule(names::MEMFD_CREATE, None, self.refusal),
        ]
    }

    /// `restrict-namespaces`.
    pub(super) fn namespaces(self, flags: u64) -> Vec<Rule> {
        // What is the namespace of time to others is a signal to clone.
        let clone_flags = flags & !NEW_TIME;
        let (second, first): (Vec<Arch>, Vec<Arch>) =
            Arch::ALL.into_iter().partition(|arch| [Arch::S390, Arch::S390x].contains(arch));
        let mut rules = Vec::new();
        for (index, arches) in [(0, first), (1, second)].into_iter().filter(|_| clone_flags != 0) {
            let condition = Some(has_any(index, clone_flags));
            let mut rule = self.rule(names::CLONE, condition, self.refusal);
            rule.applies.arches = arches;
            rules.push(rule);
        }
        rules.push(self.rule(names::CLONE3, None, Verdict::Errno(ErrnoSpec::ENOSYS)));
        rules.push(self.rule(names::UNSHARE, Some(has_any(0, flags)), self.refusal));
        let any = low(1).test(Relation::Compare(Operator::Eq, Value::from(0_u32)));
        rules.push(self.rule(names::SETNS, Some(any), self.refusal));
        rules.push(self.rule(names::SETNS, Some(has_any(1, flags)), self.refusal));
        rules
    }

    /// `protocol`.
    pub(super) fn protocols(self, families: &[u64]) -> Vec<Rule> {
        const ENOTSUP: u16 = 95;
        let members = families.iter().map(|family| Member::One(Value::from(*family))).collect();
        let known = low(0).test(Relation::In(members));
        let refusal = Verdict::Errno(ErrnoSpec::Number(ENOTSUP));
        vec![self.rule(names::SOCKET, Some(!known), refusal)]
    }
}

/// An argument as firejail loads it: its low half.
fn low(index: usize) -> Arg {
    arg(index).low32().unsigned()
}

fn has_all(index: usize, bits: u64) -> Cond {
    low(index).has_all_of(bits)
}

fn has_any(index: usize, bits: u64) -> Cond {
    low(index).has_any_of(bits)
}
