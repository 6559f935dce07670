//! The filters behind the other directives.

use std::collections::BTreeSet;

use callgate_facts::{Alias, Constant};
use callgate_policy::Operator;
use callgate_rules::{Answer, Applies, Cond, ErrnoSpec, Relation, Rule, Rules, Value, Verdict};
use callgate_syscalls::{Arch, Name, names};

use super::unit::{Assignment, boolean};
use crate::context::{self, Context, code, register, with_near};

/// Directives that are on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    MemoryDenyWriteExecute,
    RestrictRealtime,
    RestrictSuidSgid,
    ProtectHostname,
    ProtectKernelTunables,
    ProtectKernelModules,
    ProtectKernelLogs,
    ProtectClock,
    PrivateDevices,
    LockPersonality,
    DynamicUser,
}

/// The directives that are on or off and do nothing but filter, with the syscalls whose arguments
/// each of them looks at.
pub const SYSTEMD_SWITCHES: [(&str, &[Name]); 4] = [
    (
        "MemoryDenyWriteExecute",
        &[names::MMAP, names::MMAP2, names::MPROTECT, names::PKEY_MPROTECT, names::SHMAT],
    ),
    ("RestrictRealtime", &[names::SCHED_SETSCHEDULER]),
    (
        "RestrictSUIDSGID",
        &[
            names::CHMOD,
            names::FCHMOD,
            names::FCHMODAT,
            names::FCHMODAT2,
            names::MKDIR,
            names::MKDIRAT,
            names::MKNOD,
            names::MKNODAT,
            names::CREAT,
            names::OPEN,
            names::OPENAT,
        ],
    ),
    ("LockPersonality", &[names::PERSONALITY]),
];

/// What `RestrictAddressFamilies=` says.
#[derive(Debug, Default)]
pub(super) struct Families {
    /// Whether the list allows, by its first line, and where that is.
    allows: Option<(bool, Answer)>,
    numbers: BTreeSet<u64>,
}

/// What `RestrictNamespaces=` says.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    /// The flags that are left, and where the last line is.
    kept: Option<(u64, Answer)>,
}

/// The namespaces that `RestrictNamespaces=` names, with their flags.
pub const SYSTEMD_NAMESPACES: [(&str, u64); 8] = [
    ("cgroup", 0x0200_0000),
    ("ipc", 0x0800_0000),
    ("net", 0x4000_0000),
    ("mnt", 0x0002_0000),
    ("pid", 0x2000_0000),
    ("user", 0x1000_0000),
    ("uts", 0x0400_0000),
    ("time", 0x80),
];

const EPERM: Verdict = Verdict::Errno(ErrnoSpec::EPERM);
const ENOSYS: Verdict = Verdict::Errno(ErrnoSpec::ENOSYS);

impl Switch {
    pub(super) const BEFORE_NAMESPACES: [Self; 3] =
        [Self::MemoryDenyWriteExecute, Self::RestrictRealtime, Self::RestrictSuidSgid];
    pub(super) const BEHIND_NAMESPACES: [Self; 6] = [
        Self::ProtectHostname,
        Self::ProtectKernelTunables,
        Self::ProtectKernelModules,
        Self::ProtectKernelLogs,
        Self::ProtectClock,
        Self::PrivateDevices,
    ];

    pub(super) fn parse(key: &str) -> Option<Self> {
        Some(match key {
            "MemoryDenyWriteExecute" => Self::MemoryDenyWriteExecute,
            "RestrictRealtime" => Self::RestrictRealtime,
            "RestrictSUIDSGID" => Self::RestrictSuidSgid,
            "ProtectHostname" => Self::ProtectHostname,
            "ProtectKernelTunables" => Self::ProtectKernelTunables,
            "ProtectKernelModules" => Self::ProtectKernelModules,
            "ProtectKernelLogs" => Self::ProtectKernelLogs,
            "ProtectClock" => Self::ProtectClock,
            "PrivateDevices" => Self::PrivateDevices,
            "LockPersonality" => Self::LockPersonality,
            "DynamicUser" => Self::DynamicUser,
            _ => return None,
        })
    }
}

/// The filter of a directive that is on.
pub(super) fn switch(
    switch: Switch,
    personality: u64,
    sets: &'static str,
    origin: Answer,
) -> Option<Rules> {
    let make = Make { origin };
    let list = match switch {
        Switch::MemoryDenyWriteExecute => make.memory(),
        Switch::RestrictRealtime => make.realtime(),
        Switch::RestrictSuidSgid => make.set_user_id(),
        Switch::ProtectHostname => make.refused([names::SETHOSTNAME, names::SETDOMAINNAME]),
        Switch::ProtectKernelTunables => {
            let mut rules = make.refused(Name::parse("_sysctl"));
            let is_known = |arch: &Arch| ![Arch::X32, Arch::Aarch64].contains(arch);
            rules.iter_mut().for_each(|rule| {
                rule.applies.arches = Arch::ALL.into_iter().filter(is_known).collect();
            });
            rules
        }
        Switch::ProtectKernelModules => make.refused(set(sets, "@module")),
        Switch::ProtectKernelLogs => make.refused([names::SYSLOG]),
        Switch::ProtectClock => make.refused(set(sets, "@clock")),
        Switch::PrivateDevices => make.refused(set(sets, "@raw-io")),
        Switch::LockPersonality => {
            let other = compare(0, Operator::Ne, personality);
            vec![make.rule(names::PERSONALITY, Some(other), EPERM)]
        }
        Switch::DynamicUser => return None,
    };
    Some(make.rules(list))
}

fn set(sets: &'static str, name: &str) -> impl IntoIterator<Item = Name> {
    Alias::parse(sets, name).map(Alias::syscalls).unwrap_or_default()
}

impl Families {
    /// Adds a line; its sign is as for syscalls.
    pub(super) fn add(&mut self, line: &Assignment<'_>, context: &mut Context<'_>) {
        let (is_inverted, words) = line.words(context);
        let origin = context::answer(Verdict::Allow, line.first());
        if words.is_empty() && !is_inverted {
            *self = Self::default();
            return;
        }
        if words.len() == 1 && words[0].text == "none" {
            // None are allowed, or none are refused.
            *self = Self { allows: Some((!is_inverted, origin)), numbers: BTreeSet::new() };
            return;
        }
        let (allows, _) = *self.allows.get_or_insert((!is_inverted, origin));
        for word in words {
            let constant = Constant::parse(word.text).filter(|_| word.text.starts_with("AF_"));
            let number = constant.and_then(|family| family.on(Arch::X86_64));
            match number.and_then(|number| u64::try_from(number).ok()) {
                Some(number) if is_inverted != allows => drop(self.numbers.insert(number)),
                Some(number) => drop(self.numbers.remove(&number)),
                None => {
                    let message =
                        format!("unknown address family {:?}", context::shortened(word.text));
                    let families = Constant::all().map(Constant::name);
                    let families = families.filter(|name| name.starts_with("AF_"));
                    let error = callgate_rules::Code::new(code::UNKNOWN);
                    let error = callgate_rules::Diagnostic::error(error, message);
                    let error = error.primary(word.span(), "");
                    context.report(with_near(error, word, families));
                }
            }
        }
    }

    /// The filter. It leaves `socketpair` and machines with `socketcall` alone, as systemd does.
    pub(super) fn filter(&self) -> Option<Rules> {
        let (allows, origin) = self.allows?;
        let make = Make { origin };
        let refusal = Verdict::Errno(ErrnoSpec::named("EAFNOSUPPORT")?);
        let mut conditions: Vec<Option<Cond>> = Vec::new();
        if !allows {
            conditions.extend(self.numbers.iter().map(|n| Some(compare(0, Operator::Eq, *n))));
        } else if let (Some(first), Some(last)) = (self.numbers.first(), self.numbers.last()) {
            conditions.push(Some(compare(0, Operator::Lt, *first)));
            conditions.push(Some(compare(0, Operator::Gt, *last)));
            let holes = (*first..*last).filter(|number| !self.numbers.contains(number));
            conditions.extend(holes.map(|number| Some(compare(0, Operator::Eq, number))));
        } else {
            conditions.push(None);
        }
        let rule = |condition| {
            let mut rule = make.rule(names::SOCKET, condition, refusal);
            rule.applies.arches =
                Arch::ALL.into_iter().filter(|arch| has_own_socket(*arch)).collect();
            rule
        };
        Some(make.rules(conditions.into_iter().map(rule).collect()))
    }
}

/// Whether systemd trusts the syscall `socket` on an architecture to be what opens sockets.
fn has_own_socket(arch: Arch) -> bool {
    let multiplexed = [
        Arch::X86,
        Arch::S390,
        Arch::S390x,
        Arch::Mips,
        Arch::Mipsel,
        Arch::Ppc,
        Arch::Ppc64,
        Arch::Ppc64le,
    ];
    !multiplexed.contains(&arch)
}

impl Namespaces {
    pub(super) fn add(&mut self, line: &Assignment<'_>, context: &mut Context<'_>) {
        let origin = context::answer(Verdict::Allow, line.first());
        let all = SYSTEMD_NAMESPACES.iter().fold(0, |all, (_, flag)| all | flag);
        let (is_inverted, words) = line.words(context);
        if words.is_empty() && !is_inverted {
            self.kept = None;
            return;
        }
        if let [word] = words.as_slice() {
            if let Some(restricts) = boolean(word.text).filter(|_| !is_inverted) {
                self.kept = Some((if restricts { 0 } else { all }, origin));
                return;
            }
        }
        let mut flags = 0;
        for word in words {
            match SYSTEMD_NAMESPACES.iter().find(|(name, _)| *name == word.text) {
                Some((_, flag)) => flags |= flag,
                None => {
                    let names = SYSTEMD_NAMESPACES.map(|(name, _)| name).join(", ");
                    let message = format!("unknown namespace, expected one of {names}");
                    context.error(code::UNKNOWN, word, message);
                }
            }
        }
        let kept = match (self.kept, is_inverted) {
            (None, true) => all & !flags,
            (None, false) => flags,
            (Some((kept, _)), true) => kept & !flags,
            (Some((kept, _)), false) => kept | flags,
        };
        self.kept = Some((kept, origin));
    }

    pub(super) fn filter(&self) -> Option<Rules> {
        let (kept, origin) = self.kept?;
        let make = Make { origin };
        let refused =
            || SYSTEMD_NAMESPACES.iter().map(|(_, flag)| *flag).filter(|flag| kept & flag == 0);
        refused().next()?;
        // The flags of clone3 are in memory, and who is told that it is missing uses clone.
        let mut rules = vec![make.rule(names::CLONE3, None, ENOSYS)];
        match kept {
            0 => rules.push(make.rule(names::SETNS, None, EPERM)),
            _ => rules.push(make.rule(names::SETNS, Some(compare(1, Operator::Eq, 0)), EPERM)),
        }
        let has_flags_second = [Arch::S390, Arch::S390x];
        let (second, first): (Vec<Arch>, Vec<Arch>) =
            Arch::ALL.into_iter().partition(|arch| has_flags_second.contains(arch));
        for flag in refused() {
            rules.push(make.rule(names::UNSHARE, Some(has(0, flag)), EPERM));
            for (index, arches) in [(0, &first), (1, &second)] {
                let mut rule = make.rule(names::CLONE, Some(has(index, flag)), EPERM);
                rule.applies = Applies { arches: arches.clone(), ..Applies::default() };
                rules.push(rule);
            }
            rules.push(make.rule(names::SETNS, Some(has(1, flag)), EPERM));
        }
        Some(make.rules(rules))
    }
}

/// Makes rules that one line asks for.
struct Make {
    origin: Answer,
}

impl Make {
    fn rule(&self, name: Name, condition: Option<Cond>, verdict: Verdict) -> Rule {
        Rule { origin: self.origin.origin, ..Rule::new(name, condition, verdict) }
    }

    fn rules(&self, rules: Vec<Rule>) -> Rules {
        let default = Answer { verdict: Verdict::Allow, ..self.origin };
        context::rules(default, Verdict::Allow, rules)
    }

    fn refused(&self, names: impl IntoIterator<Item = Name>) -> Vec<Rule> {
        names.into_iter().map(|name| self.rule(name, None, EPERM)).collect()
    }

    fn memory(&self) -> Vec<Rule> {
        const EXEC: u64 = 4;
        const WRITE_EXEC: u64 = 6;
        const SHM_EXEC: u64 = 0o100_000;
        let has_mmap2 = [Arch::X86, Arch::S390];
        let multiplexes_shmat =
            [Arch::X86, Arch::S390, Arch::S390x, Arch::Ppc, Arch::Ppc64, Arch::Ppc64le];
        let others = |list: &[Arch]| -> Vec<Arch> {
            Arch::ALL.into_iter().filter(|arch| !list.contains(arch)).collect()
        };
        let on = |mut rule: Rule, arches: Vec<Arch>| {
            rule.applies.arches = arches;
            rule
        };
        vec![
            on(self.rule(names::MMAP, None, EPERM), has_mmap2.to_vec()),
            on(self.rule(names::MMAP, Some(has(2, WRITE_EXEC)), EPERM), others(&has_mmap2)),
            self.rule(names::MMAP2, Some(has(2, WRITE_EXEC)), EPERM),
            self.rule(names::MPROTECT, Some(has(2, EXEC)), EPERM),
            self.rule(names::PKEY_MPROTECT, Some(has(2, EXEC)), EPERM),
            on(self.rule(names::SHMAT, Some(has(2, SHM_EXEC)), EPERM), others(&multiplexes_shmat)),
        ]
    }

    /// All policies but OTHER, BATCH and IDLE.
    fn realtime(&self) -> Vec<Rule> {
        let refused = [1, 2, 4].map(|policy| compare(1, Operator::Eq, policy));
        let refused = refused.into_iter().chain([compare(1, Operator::Gt, 5)]);
        refused.map(|one| self.rule(names::SCHED_SETSCHEDULER, Some(one), EPERM)).collect()
    }

    fn set_user_id(&self) -> Vec<Rule> {
        const MODES: [(Name, usize); 9] = [
            (names::CHMOD, 1),
            (names::FCHMOD, 1),
            (names::FCHMODAT, 2),
            (names::FCHMODAT2, 2),
            (names::MKDIR, 1),
            (names::MKDIRAT, 2),
            (names::MKNOD, 1),
            (names::MKNODAT, 2),
            (names::CREAT, 1),
        ];
        let create = context::constant("O_CREAT").unwrap_or(Value::from(0o100_u32));
        let creates = |index: usize, bit: u64| {
            let flags = register(index).has_all_of(create.clone());
            Cond::all([flags, has(index + 1, bit)])
        };
        let mut rules = Vec::new();
        for bit in [0o4000, 0o2000] {
            for (name, index) in MODES {
                rules.push(self.rule(name, Some(has(index, bit)), EPERM));
            }
            rules.push(self.rule(names::OPEN, Some(creates(1, bit)), EPERM));
            rules.push(self.rule(names::OPENAT, Some(creates(2, bit)), EPERM));
        }
        // Its flags and mode are in memory.
        rules.push(self.rule(names::OPENAT2, None, ENOSYS));
        rules
    }
}

fn compare(index: usize, operator: Operator, value: u64) -> Cond {
    register(index).test(Relation::Compare(operator, Value::from(value)))
}

fn has(index: usize, bits: u64) -> Cond {
    register(index).has_all_of(bits)
}
