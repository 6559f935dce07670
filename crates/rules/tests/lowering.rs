//! Lowered conditions hold for exactly the calls for which they hold as the kernel reads the
//! arguments.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate_policy::{Action, Decider, Operator, Policy, SeccompData};
use callgate_rules::{
    Applies, Arg, CapSet, Capability, Cond, Constant, Diagnostic, ErrnoSpec, Group, Header, Member,
    Mistake, MistakeKind, Origin, Relation, Rule, Rules, Source, Subject, SubjectKind, Target,
    Value, Verdict, Which, arg, lower, resolve,
};
use callgate_syscalls::{Arch, KernelVersion, Name, SyscallNr, names};

fn rules(list: Vec<Rule>) -> Rules {
    Rules { header: Header::new(Verdict::Kill), rules: list }
}

fn policy_of(arch: Arch, name: Name, cond: Cond) -> Result<Policy, Vec<Mistake>> {
    let rules = rules(vec![Rule::new(name, Some(cond), Verdict::Allow)]);
    resolve(&rules, &Target::new(arch)).map(|(policy, _)| policy)
}

fn mistake(cond: Cond) -> MistakeKind {
    policy_of(Arch::X86_64, names::SOCKET, cond).unwrap_err().remove(0).kind
}

/// An argument and how C reads its register.
struct Reading {
    arch: Arch,
    name: Name,
    arg: Arg,
    index: usize,
    bits: u32,
    is_signed: bool,
}

impl Reading {
    fn read(&self, register: u64) -> i128 {
        let unused = 64 - self.bits;
        match self.is_signed {
            true => (i64::from_ne_bytes((register << unused).to_ne_bytes()) >> unused).into(),
            false => (register << unused >> unused).into(),
        }
    }

    /// Values on both sides of every boundary of the type, and of its half.
    fn values(&self) -> Vec<i128> {
        let edges = [0, 1 << (self.bits - 1), 1 << self.bits, 100, 0x50];
        let around = edges.iter().flat_map(|edge| [edge - 2, edge - 1, *edge, edge + 1]);
        let all = around.flat_map(|value| [value, -value]);
        let (least, most) = match self.is_signed {
            true => (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1),
            false => (0, (1i128 << self.bits) - 1),
        };
        let mut values: Vec<i128> = all.filter(|v| (least..=most).contains(v)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Registers that hold each value, with and without rubbish in what the kernel does not read.
    fn registers(&self) -> Vec<u64> {
        let low = u64::MAX >> (64 - self.bits);
        let values = self.values().into_iter();
        let low_half = values.map(|value| u64::try_from(value & i128::from(low)).unwrap());
        low_half.flat_map(|value| [value, value | (0x5555_aaaa_0000_ffff & !low)]).collect()
    }

    /// Holds a condition against what it means; counts the calls.
    fn check(&self, cond: Cond, holds: impl Fn(i128) -> bool) -> usize {
        let text = format!("{cond:?}");
        let policy = policy_of(self.arch, self.name, cond).unwrap();
        let nr = self.arch.syscall(self.name).unwrap().nr;
        let registers = self.registers();
        for &register in &registers {
            let mut args = [!register; 6];
            args[self.index] = register;
            let decided = policy.decide(&SeccompData::new(self.arch, nr).with_args(args));
            let expected = holds(self.read(register));
            assert_eq!(decided == Action::ALLOW, expected, "{register:#x} {text}");
        }
        registers.len()
    }
}

fn readings() -> Vec<Reading> {
    let of = |arch, name, which: &'static str, index, bits, is_signed| Reading {
        arch,
        name,
        arg: arg(which),
        index,
        bits,
        is_signed,
    };
    vec![
        of(Arch::X86_64, names::SOCKET, "family", 0, 32, true),
        of(Arch::X86, names::SOCKET, "family", 0, 32, true),
        of(Arch::X86_64, names::IOCTL, "cmd", 1, 32, false),
        of(Arch::X86_64, names::LSEEK, "offset", 1, 64, true),
        of(Arch::S390x, names::LSEEK, "offset", 1, 64, true),
        of(Arch::X86_64, names::WRITE, "count", 2, 64, false),
        of(Arch::X86_64, names::MKDIR, "mode", 1, 16, false),
        Reading {
            arg: arg("family").all_bits(),
            ..of(Arch::X86_64, names::SOCKET, "", 0, 64, false)
        },
        Reading {
            arg: arg("family").unsigned(),
            ..of(Arch::X86_64, names::SOCKET, "", 0, 32, false)
        },
        Reading { arg: arg("family").low32(), ..of(Arch::X86_64, names::SOCKET, "", 0, 32, true) },
        Reading { arg: arg("count").low32(), ..of(Arch::X86_64, names::WRITE, "", 2, 32, false) },
        Reading { arg: arg(5).all_bits(), ..of(Arch::X86_64, names::SOCKET, "", 5, 64, false) },
        Reading { arg: arg(0), ..of(Arch::X86_64, names::SOCKET, "", 0, 32, true) },
    ]
}

#[test]
fn comparisons_are_those_of_the_kernels_type() {
    let mut calls = 0;
    for reading in readings() {
        for value in reading.values() {
            for operator in Operator::ALL {
                let cond =
                    reading.arg.clone().test(Relation::Compare(operator, Value::number(value)));
                let holds = |read: i128| match operator {
                    Operator::Eq => read == value,
                    Operator::Ne => read != value,
                    Operator::Lt => read < value,
                    Operator::Le => read <= value,
                    Operator::Gt => read > value,
                    Operator::Ge => read >= value,
                };
                calls += reading.check(cond.clone(), holds);
                calls += reading.check(!cond, |read| !holds(read));
            }
        }
    }
    assert!(calls > 50_000, "{calls}");
}

#[test]
fn sets_hold_values_and_ranges_in_the_order_of_the_type() {
    for reading in readings() {
        let values = reading.values();
        for (&first, &last) in values.iter().zip(&values[2..]).chain([(&values[3], &values[0])]) {
            let members = vec![
                Member::One(Value::number(values[1])),
                Member::Range(Value::number(first), Value::number(last)),
            ];
            let is_in = |read| read == values[1] || (first..=last).contains(&read);
            reading.check(reading.arg.clone().test(Relation::In(members)), is_in);
        }
        reading.check(reading.arg.clone().is_in::<u8>([]), |_| false);
    }
}

#[test]
fn bits_are_tested_within_what_the_kernel_reads() {
    for reading in readings() {
        for bits in [0, 1, 0x51, 0x8000, (1i128 << reading.bits) - 1, 1 << (reading.bits - 1)] {
            let value = Value::number(bits);
            let arg = || reading.arg.clone();
            reading.check(arg().has_all_of(value.clone()), |read| read & bits == bits);
            reading.check(arg().has_any_of(value.clone()), |read| read & bits != 0);
            reading.check(arg().has_none_of(value.clone()), |read| read & bits == 0);
            let read_bits = (1i128 << reading.bits) - 1;
            reading.check(arg().has_only(value.clone()), |read| read & read_bits & !bits == 0);
            reading.check(arg().masked(value.clone()).eq(0x50), |read| read & bits == 0x50);
            reading.check(arg().masked(value).lt(0x50), |read| read & bits & read_bits < 0x50);
        }
    }
}

#[test]
fn combinations_nest() {
    let reading = &readings()[0];
    let x = || reading.arg.clone();
    let cond = (x().eq(1) | x().eq(-1)) & !x().gt(0) | x().has_all_of(0x50) & x().lt(100);
    reading.check(cond, |v| (v == 1 || v == -1) && v <= 0 || v & 0x50 == 0x50 && v < 100);
    reading.check(Cond::all([]), |_| true);
    reading.check(Cond::any([]), |_| false);
}

#[test]
fn constants_have_the_value_of_the_architecture() {
    const TCGETS: Constant =
        Constant::per_arch("TCGETS", &[(Arch::X86_64, 0x5401), (Arch::Mips, 0x540d)]);
    let rule = Rule::new(names::IOCTL, Some(arg("cmd").eq(TCGETS)), Verdict::Allow);
    let arches = vec![Arch::X86_64];
    let mut list = rules(vec![rule]);
    list.header.arches = arches;
    let decide = |target: &Target, list: &Rules, arch: Arch, cmd| {
        let nr = arch.syscall(names::IOCTL).unwrap().nr;
        lower(list, target)
            .unwrap()
            .0
            .decide(&SeccompData::new(arch, nr).with_args([0, cmd, 0, 0, 0, 0]))
    };
    assert_eq!(decide(&Target::new(Arch::Arm), &list, Arch::X86_64, 0x5401), Action::ALLOW);
    let mips = Target { arches: Some(vec![Arch::Mips]), ..Target::new(Arch::Arm) };
    assert_eq!(decide(&mips, &list, Arch::Mips, 0x540d), Action::ALLOW);
    assert_eq!(decide(&mips, &list, Arch::Mips, 0x5401), Action::KILL_PROCESS);
    let arm = Target { arches: Some(vec![Arch::Arm]), ..mips };
    assert_eq!(lower(&list, &arm).unwrap_err()[0].to_string(), "error[E0103]: arm has no TCGETS");
}

#[test]
fn impossible_conditions_are_named() {
    let text = |cond| mistake(cond).to_string();
    assert_eq!(
        text(arg("famly").eq(1)),
        "socket has no argument \"famly\" on x86_64; it has family type protocol"
    );
    assert_eq!(
        text(arg(3).eq(1)),
        "socket has no argument 3 on x86_64; it has family type protocol"
    );
    assert!(matches!(mistake(arg(6).all_bits().eq(1)), MistakeKind::UnknownArgument { .. }));
    assert_eq!(
        text(arg("family").eq(1u64 << 32)),
        "0x100000000 does not fit argument \"family\" of socket: the kernel reads 32 bits of it on x86_64"
    );
    assert!(matches!(
        mistake(arg("family").masked(1u64 << 32).eq(0)),
        MistakeKind::ValueTooWide { .. }
    ));
    assert_eq!(
        text(arg("family").lt(0xffff_ffffu32)),
        "argument \"family\" of socket is a signed number of 32 bits on x86_64, in whose order 0xffffffff does not exist"
    );
    assert_eq!(
        text(arg("family").all_bits().lt(-1)),
        "argument \"family\" of socket is compared in order with -1, but as an unsigned number it is never negative"
    );
    let deep = (0..Cond::DEPTH_MAX).fold(arg("family").eq(1), |cond, _| Cond::any([cond]));
    assert!(policy_of(Arch::X86_64, names::SOCKET, deep.clone()).is_ok());
    assert_eq!(text(Cond::any([deep])), "the condition nests deeper than the limit of 60");
}

#[test]
fn every_mistake_is_told_once_with_its_place() {
    let source = Source::new("a", "socket getpagesize kexec_load").unwrap();
    let at = |range| Some(source.span(range));
    let named = |name, span| {
        let subjects = vec![Subject { kind: SubjectKind::Call(name), span }];
        let origin = Origin::Text(source.span(0..source.text().len()));
        Rule { subjects, origin, ..Rule::new(name, Some(arg("famly").eq(1)), Verdict::Allow) }
    };
    let mut list = rules(vec![named(names::SOCKET, at(0..6)), named(names::SEMOP, at(7..18))]);
    list.header.arches = vec![Arch::X86, Arch::X86_64, Arch::Arm];
    let diagnostics: Vec<Diagnostic> = lower(&list, &Target::new(Arch::X86)).unwrap_err();
    let told: Vec<_> = diagnostics
        .iter()
        .map(|d| (d.code.as_str(), source.place(d.primary_span().unwrap())))
        .collect();
    assert_eq!(told, [("E0102", "a:1:1".to_owned()), ("E0102", "a:1:1".to_owned())]);
    assert_eq!(diagnostics[0].helps[0].message, "did you mean `family`?");

    let nowhere = Rule { condition: None, ..named(names::SEMOP, at(7..18)) };
    list.header.arches = vec![Arch::X86];
    list.rules = vec![nowhere];
    let diagnostics = lower(&list, &Target::new(Arch::X86)).unwrap_err();
    let text = "syscall semop exists on none of the filter's architectures: x86";
    assert_eq!(diagnostics[0].message, text);
    assert_eq!(source.place(diagnostics[0].primary_span().unwrap()), "a:1:8");
}

#[test]
fn numbers_and_groups_are_subjects_too() {
    let group = Group { name: "~open".to_owned(), members: vec![names::OPEN, names::OPENAT] };
    let subject = |kind| Subject { kind, span: None };
    let mut rule = Rule::new(names::READ, None, Verdict::Allow);
    rule.subjects.push(subject(SubjectKind::Group(group)));
    rule.subjects.push(subject(SubjectKind::Number(SyscallNr::new(5000))));
    let mut list = rules(vec![rule]);
    list.header.arches = vec![Arch::X86_64, Arch::Aarch64];
    let (policy, provenance) = lower(&list, &Target::new(Arch::X86)).unwrap();
    let mut allowed = Vec::new();
    for (arch, rules) in policy.arches() {
        allowed.extend(rules.rules().map(|(nr, _)| (arch, nr.raw())));
    }
    let expected =
        [(Arch::X86_64, 0), (Arch::X86_64, 2), (Arch::X86_64, 257), (Arch::X86_64, 5000)]
            .into_iter()
            .chain([(Arch::Aarch64, 56), (Arch::Aarch64, 63), (Arch::Aarch64, 5000)]);
    assert_eq!(allowed, expected.collect::<Vec<_>>());
    let decision = policy.decisive(&SeccompData::new(Arch::Aarch64, SyscallNr::new(5000)));
    let Decider::Rule(id) = decision.by else { panic!("{decision:?}") };
    assert_eq!(provenance.rule(id).unwrap().index, 0);

    let x32 = subject(SubjectKind::Number(SyscallNr::new(0x4000_0000)));
    list.rules[0].subjects.push(x32);
    let mistakes = resolve(&list, &Target::new(Arch::X86)).unwrap_err();
    assert_eq!((mistakes.len(), mistakes[0].rule), (1, Some(0)));
    assert!(matches!(mistakes[0].kind, MistakeKind::Policy(_)));
    let by_name = arg("family").eq(1);
    list.rules[0].subjects.pop();
    list.rules[0].condition = Some(by_name);
    let texts: Vec<_> = resolve(&list, &Target::new(Arch::X86))
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        texts.iter().any(|text| text.starts_with("syscall number 5000 has no argument")),
        "{texts:?}"
    );
}

#[test]
fn rules_apply_where_they_say() {
    let v5 = KernelVersion::new(5, 0);
    let applies = |arches: &[Arch], kernel_from, kernel_before| Applies {
        arches: arches.to_vec(),
        kernel_from,
        kernel_before,
        ..Applies::default()
    };
    let on = |applies, kernel| {
        let rule = Rule { applies, ..Rule::new(names::READ, None, Verdict::Allow) };
        let target = Target { kernel, ..Target::new(Arch::X86_64) };
        let (policy, _) = lower(&rules(vec![rule]), &target).unwrap();
        policy.decide(&SeccompData::new(Arch::X86_64, SyscallNr::new(0))) == Action::ALLOW
    };
    let (old, new) = (Some(KernelVersion::new(4, 19)), Some(v5));
    assert!(on(applies(&[], None, None), old));
    assert!(on(applies(&[Arch::X86, Arch::X86_64], None, None), old));
    assert!(!on(applies(&[Arch::X86], None, None), old));
    assert!(on(applies(&[], Some(v5), None), new) && !on(applies(&[], Some(v5), None), old));
    assert!(!on(applies(&[], None, Some(v5)), new) && on(applies(&[], None, Some(v5)), old));
    assert!(on(applies(&[], Some(v5), None), None), "an unknown kernel is new");
    assert!(!on(applies(&[], None, Some(v5)), None), "and not old");
}

/// Every combination of what a rule can ask for, on every combination of what a target can be.
#[test]
fn capabilities_machines_and_kernels_are_asked_for_together() {
    let cap = |name| CapSet::NONE.with(Capability::parse(name).unwrap());
    let (admin, bpf) = (cap("SYS_ADMIN"), cap("BPF"));
    let v = KernelVersion::new;
    let with = [vec![], vec![admin], vec![bpf], vec![admin, bpf], vec![admin.union(bpf)]];
    let mut rules = Vec::new();
    for with_caps in with {
        for without_caps in [CapSet::NONE, admin, admin.union(bpf)] {
            for machines in [vec![], vec![Arch::X86_64], vec![Arch::X86_64, Arch::Aarch64]] {
                for (kernel_from, kernel_before) in
                    [(None, None), (Some(v(5, 8)), None), (None, Some(v(4, 8)))]
                {
                    let (with_caps, machines) = (with_caps.clone(), machines.clone());
                    let arches = Vec::new();
                    rules.push(Applies {
                        arches,
                        machines,
                        kernel_from,
                        kernel_before,
                        with_caps,
                        without_caps,
                    });
                }
            }
        }
    }
    let mut targets = Vec::new();
    for native in [Arch::X86_64, Arch::Aarch64, Arch::Mips] {
        for kernel in [v(4, 7), v(4, 8), v(5, 7), v(5, 8)] {
            for caps in [CapSet::NONE, admin, bpf, admin.union(bpf)] {
                targets.push(Target { native, arches: None, kernel: Some(kernel), caps });
            }
        }
    }
    let mut applied = 0;
    for rule in &rules {
        let on: Vec<bool> = targets.iter().map(|target| rule.on(target)).collect();
        applied += on.iter().filter(|on| **on).count();
        assert_eq!(rule.is_nowhere(), !on.contains(&true), "{rule:?}");
        for target in &targets {
            let near = rule.nearest(target);
            assert!(rule.is_nowhere() || rule.on(&near), "{rule:?} {target:?} {near:?}");
            assert!(!rule.on(target) || near == *target, "{rule:?} {target:?} {near:?}");
        }
        for other in &rules {
            let own = targets.iter().filter(|target| other.on(target));
            let covers = own.clone().all(|target| rule.on(target));
            // Sets that contradict themselves are covered by any, which nobody needs to know.
            assert!(covers || !rule.covers(other), "{rule:?} {other:?}");
            assert!(other.is_nowhere() || covers == rule.covers(other), "{rule:?} {other:?}");
        }
    }
    assert!(applied > 500, "{applied}");
}

#[test]
fn a_machine_brings_the_architectures_that_go_with_it() {
    let mut list = rules(vec![
        Rule::new(names::READ, None, Verdict::Allow),
        // Only x86 has it.
        Rule::new(names::MODIFY_LDT, None, Verdict::Allow),
    ]);
    list.header.machines = vec![vec![Arch::X86_64, Arch::X86], vec![Arch::Aarch64, Arch::Arm]];
    let arches = |native| -> Vec<Arch> {
        let (policy, _) = lower(&list, &Target::new(native)).unwrap();
        policy.arches().map(|(arch, _)| arch).collect()
    };
    assert_eq!(arches(Arch::X86_64), [Arch::X86, Arch::X86_64]);
    assert_eq!(arches(Arch::Aarch64), [Arch::Arm, Arch::Aarch64]);
    assert_eq!(arches(Arch::Arm), [Arch::Arm]);
}

#[test]
fn the_header_answers_where_no_rule_does() {
    let enosys = Verdict::Errno(ErrnoSpec::ENOSYS);
    let mut list = rules(Vec::new());
    list.header.arches = vec![Arch::Mips];
    list.header.default.verdict = enosys;
    list.header.foreign.verdict = enosys;
    let (policy, provenance) = lower(&list, &Target::new(Arch::Mips)).unwrap();
    let decide = |arch| policy.decide(&SeccompData::new(arch, SyscallNr::new(1)));
    assert_eq!(decide(Arch::Mips), Action::errno(89).unwrap());
    assert_eq!(decide(Arch::X86), Action::errno(89).unwrap());
    assert_eq!(provenance.foreign, Some(Origin::Program));
    assert_eq!(provenance.unknown, None);
    list.header.arches = vec![Arch::Mips, Arch::Mips];
    let mistakes = resolve(&list, &Target::new(Arch::Mips)).unwrap_err();
    assert!(matches!(mistakes[..], [Mistake { rule: None, kind: MistakeKind::Policy(_), .. }]));
}

#[test]
fn rules_of_one_syscall_are_limited() {
    use callgate_rules::RULES_PER_SYSCALL_MAX;
    for (count, is_ok) in [(-1, true), (0, true), (1, false)] {
        let count = RULES_PER_SYSCALL_MAX.checked_add_signed(count).unwrap();
        let rule =
            |value: usize| Rule::new(names::SOCKET, Some(arg("family").eq(value)), Verdict::Allow);
        let lowered = resolve(&rules((0..count).map(rule).collect()), &Target::new(Arch::X86_64));
        assert_eq!(lowered.is_ok(), is_ok, "{count}");
        if let Err(mistakes) = lowered {
            assert_eq!(mistakes[0].rule, Some(RULES_PER_SYSCALL_MAX));
        }
    }
}

#[test]
fn arguments_have_names_and_positions() {
    assert_eq!(Which::from("fd").to_string(), "argument \"fd\"");
    assert_eq!(Which::from(2).to_string(), "argument 2");
    assert_eq!(Which::from("fd".to_owned()), Which::from("fd"));
}
