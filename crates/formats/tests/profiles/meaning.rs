//! What profiles mean: the ways in which other readers got them wrong, each with its smallest
//! trigger.
//!
//! How rules of one syscall combine is tested beside the code, in `src/chain/tests.rs`.

use crate::common::*;
use callgate_formats::{Arches, Cause, Error, Flag, Notice, Reading, UnknownSyscalls, WarningKind};
use callgate_policy::{Known, Unknown};
use callgate_syscalls::{Action, Arch, KernelVersion, Name, SeccompData};

const HIGH: u64 = 1 << 32;

fn resolved(rules: &[String]) -> callgate_formats::Resolved {
    profile(&rules.join(",")).resolve(&options()).unwrap()
}

#[test]
fn masks_reach_into_the_high_half() {
    let mask = 0xffff_ffff_8000_0001_u64;
    let masked = format!(
        "{{\"index\": 2, \"value\": {mask}, \"valueTwo\": 2147483649, \"op\": \"SCMP_CMP_MASKED_EQ\"}}"
    );
    let resolved = resolved(&[rule("ALLOW", "mmap", &masked)]);
    for (value, action) in [
        (0x8000_0001, Action::ALLOW),
        (0xffff_ffff, Action::ALLOW),
        (0x8000_0000, EPERM),
        (HIGH | 0x8000_0001, EPERM),
        (u64::MAX, EPERM),
    ] {
        assert_eq!(decide(&resolved, "mmap", &[0, 0, value]), action, "{value:#x}");
    }
    assert_eq!(warnings(&resolved), [""; 0]);
}

#[test]
fn a_value_outside_the_mask_loses_its_bits_as_in_libseccomp() {
    let masked = "{\"index\": 0, \"value\": 15, \"valueTwo\": 21, \"op\": \"SCMP_CMP_MASKED_EQ\"}";
    let resolved = resolved(&[rule("ALLOW", "dup", masked)]);
    for (value, action) in [(5, Action::ALLOW), (0x15, Action::ALLOW), (6, EPERM)] {
        assert_eq!(decide(&resolved, "dup", &[value]), action, "{value:#x}");
    }
    assert_eq!(resolved.warnings[0].kind, WarningKind::ValueOutsideMask);
    assert_eq!(resolved.warnings[0].place.path, "syscalls[0].args[0].valueTwo");
}

#[test]
fn an_empty_mask_is_no_condition() {
    let masked = "{\"index\": 0, \"value\": 0, \"valueTwo\": 1, \"op\": \"SCMP_CMP_MASKED_EQ\"}";
    let resolved = resolved(&[rule("ALLOW", "dup", masked)]);
    assert_eq!(decide(&resolved, "dup", &[7]), Action::ALLOW);
}

#[test]
fn conditions_on_different_arguments_must_all_hold() {
    let both = [arg(0, "EQ", 1), arg(1, "EQ", 2)].join(",");
    let resolved = resolved(&[rule("ALLOW", "dup2", &both)]);
    for (args, action) in
        [([1, 2], Action::ALLOW), ([1, 3], EPERM), ([3, 2], EPERM), ([0, 0], EPERM)]
    {
        assert_eq!(decide(&resolved, "dup2", &args), action, "{args:?}");
    }
    assert_eq!(warnings(&resolved), [""; 0]);
}

#[test]
fn the_index_of_a_condition_is_the_argument_not_the_position() {
    let resolved = resolved(&[rule("ALLOW", "dup2", &arg(1, "EQ", 2))]);
    assert_eq!(decide(&resolved, "dup2", &[9, 2]), Action::ALLOW);
    assert_eq!(decide(&resolved, "dup2", &[2, 9]), EPERM);
}

#[test]
fn a_repeated_index_turns_all_conditions_into_alternatives_for_runtimes() {
    let three = [arg(0, "EQ", 1), arg(0, "EQ", 2), arg(1, "EQ", 3)].join(",");
    let profile = profile(&rule("ALLOW", "dup2", &three));
    for reading in Reading::ALL {
        let resolved = profile.resolve(&options_as(reading)).unwrap();
        let any = if reading == Reading::Kernel { EPERM } else { Action::ALLOW };
        for args in [[1, 0], [2, 0], [9, 3], [1, 3]] {
            assert_eq!(decide(&resolved, "dup2", &args), any, "{args:?} as {reading}");
        }
        assert_eq!(decide(&resolved, "dup2", &[9, 9]), EPERM);
    }
}

#[test]
fn two_readings_differ_on_the_call_that_the_warning_shows() {
    let range = [arg(1, "GE", 100), arg(1, "LE", 200)].join(",");
    let profile = profile(&rule("ALLOW", "dup2", &range));
    for reading in Reading::ALL {
        let this = profile.resolve(&options_as(reading)).unwrap();
        let [warning] = &this.warnings[..] else { panic!("{:?}", this.warnings) };
        let WarningKind::Readings { cause, call, chosen, other, .. } = &warning.kind else {
            panic!("{warning}")
        };
        let that = profile.resolve(&options_as(other.0)).unwrap();
        assert_eq!((*cause, chosen.0), (Cause::Conditions, reading));
        assert_ne!(chosen.1, other.1);
        assert_eq!(this.policy.decide(call), chosen.1);
        assert_eq!(that.policy.decide(call), other.1);
    }
    let text = warnings(&profile.resolve(&options_as(Reading::Runc)).unwrap());
    assert_eq!(
        text,
        [
            "test.json:1:106: syscalls[0].args: several conditions on one argument: read as `runc`, dup2(0x0) on \
             x86_64 is ALLOW; read as `kernel`, ERRNO(1)"
        ]
    );
}

#[test]
fn readings_that_agree_are_no_warning() {
    let twice = [arg(0, "EQ", 1), arg(0, "EQ", 1)].join(",");
    assert_eq!(warnings(&resolved(&[rule("ALLOW", "dup", &twice)])), [""; 0]);
}

#[test]
fn more_than_six_conditions_all_count_but_for_crun() {
    let eight: Vec<String> = (1..=8).map(|value| arg(0, "EQ", value)).collect();
    let profile = profile(&rule("ALLOW", "dup", &eight.join(",")));
    for (reading, count) in [(Reading::Runc, 8), (Reading::Docker, 8), (Reading::Crun, 6)] {
        let resolved = profile.resolve(&options_as(reading)).unwrap();
        for value in 0..10 {
            let action = if (1..=count).contains(&value) { Action::ALLOW } else { EPERM };
            assert_eq!(decide(&resolved, "dup", &[value]), action, "{value} as {reading}");
        }
    }
}

#[test]
fn conditions_that_must_all_hold_are_limited() {
    for (count, accepted) in [(5, true), (6, true), (7, false)] {
        let many: Vec<String> = (0..count).map(|value| arg(0, "NE", value)).collect();
        let result = profile(&rule("ALLOW", "dup", &many.join(","))).resolve(&options());
        assert_eq!(result.is_ok(), accepted, "{count}");
        if let Err(error) = result {
            assert!(error.to_string().contains("syscalls[0].args: more than 6"), "{error}");
        }
    }
}

#[test]
fn comparisons_are_of_all_bits_on_64_bit_architectures_and_of_32_on_others() {
    let profile = profile(&rule("ALLOW", "dup", &arg(0, "EQ", 5)));
    let mut options = options();
    options.arches = Arches::Exactly(vec![Arch::X86_64, Arch::X86]);
    let policy = profile.resolve(&options).unwrap().policy;
    for (arch, value, action) in [
        (Arch::X86_64, 5, Action::ALLOW),
        (Arch::X86_64, HIGH | 5, EPERM),
        (Arch::X86, 5, Action::ALLOW),
        (Arch::X86, HIGH | 5, Action::ALLOW),
        (Arch::X86, 6, EPERM),
    ] {
        assert_eq!(policy.decide(&call(arch, "dup", &[value])), action, "{arch} {value:#x}");
    }
}

#[test]
fn values_that_32_bits_cannot_hold_are_reported() {
    let both = [
        rule("ALLOW", "dup", &arg(0, "EQ", HIGH | 5)),
        rule("ALLOW", "dup2", &arg(0, "EQ", u64::MAX)),
    ];
    let mut options = options();
    options.arches = Arches::Exactly(vec![Arch::X86]);
    let resolved = profile(&both.join(",")).resolve(&options).unwrap();
    assert_eq!(resolved.policy.decide(&call(Arch::X86, "dup", &[5])), Action::ALLOW);
    let kinds: Vec<_> = resolved.warnings.iter().map(|warning| &warning.kind).collect();
    assert_eq!(kinds, [&WarningKind::Truncated { arch: Arch::X86 }], "-1 loses nothing");
    assert_eq!(resolved.warnings[0].place.path, "syscalls[0].args[0].value");
}

#[test]
fn every_action_has_its_word_and_number() {
    for (action, number, expected) in [
        ("KILL", "", Action::KILL_THREAD),
        ("KILL_THREAD", "", Action::KILL_THREAD),
        ("KILL_PROCESS", "", Action::KILL_PROCESS),
        ("TRAP", "", Action::trap(0)),
        ("ERRNO", "", EPERM),
        ("ERRNO", ", \"errnoRet\": 0", Action::errno(0).unwrap()),
        ("ERRNO", ", \"errnoRet\": 38", ENOSYS),
        ("ERRNO", ", \"errno\": \"ENOSYS\"", ENOSYS),
        ("ERRNO", ", \"errno\": \"13\", \"errnoRet\": 1", Action::errno(13).unwrap()),
        ("TRACE", "", Action::trace(1)),
        ("TRACE", ", \"errnoRet\": 65535", Action::trace(65535)),
        ("LOG", "", Action::LOG),
        ("NOTIFY", "", Action::USER_NOTIFY),
        ("ALLOW", "", Action::ALLOW),
    ] {
        let rule = format!("{{\"names\": [\"dup\"], \"action\": \"SCMP_ACT_{action}\"{number}}}");
        let default = "\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 99";
        let resolved = profile_with(default, &rule).resolve(&options()).unwrap();
        assert_eq!(decide(&resolved, "dup", &[]), expected, "{action}{number}");
        assert_eq!(decide(&resolved, "dup2", &[]), Action::errno(99).unwrap());
    }
}

#[test]
fn a_number_beside_an_action_without_one_is_reported() {
    let rule = "{\"names\": [\"dup\"], \"action\": \"SCMP_ACT_ALLOW\", \"errnoRet\": 1}";
    let resolved = resolved(&[rule.to_owned()]);
    assert_eq!(resolved.warnings[0].kind, WarningKind::ErrnoUnused);
    assert_eq!(resolved.warnings[0].place.path, "syscalls[0].errnoRet");
}

#[test]
fn a_rule_with_the_default_action_is_no_error() {
    let rules = [rule("ERRNO", "dup", ""), rule("ALLOW", "dup2", "")];
    let resolved = resolved(&rules);
    assert_eq!(decide(&resolved, "dup", &[]), EPERM);
    assert_eq!(warnings(&resolved), [""; 0]);
}

#[test]
fn a_refusal_with_the_default_action_is_not_lost() {
    let rules =
        [rule("ALLOW", "socket", &arg(0, "LT", 100)), rule("ERRNO", "socket", &arg(0, "EQ", 40))];
    let resolved = resolved(&rules);
    assert_eq!(decide(&resolved, "socket", &[40]), EPERM);
    assert_eq!(decide(&resolved, "socket", &[41]), Action::ALLOW);
    let [warning] = &resolved.warnings[..] else { panic!("{:?}", resolved.warnings) };
    let kind = WarningKind::Readings {
        name: Name::parse("socket").unwrap(),
        cause: Cause::DefaultAction,
        call: call(Arch::X86_64, "socket", &[40]),
        chosen: (Reading::Kernel, EPERM),
        other: (Reading::Runc, Action::ALLOW),
    };
    assert_eq!((warning.place.path.as_str(), &warning.kind), ("syscalls[1]", &kind));
    let runc = profile(&rules.join(",")).resolve(&options_as(Reading::Runc)).unwrap();
    assert_eq!(decide(&runc, "socket", &[40]), Action::ALLOW);
}

#[test]
fn a_refusal_beside_an_unconditional_permission_is_reported_as_lost() {
    let rules = [rule("ERRNO", "dup", &arg(0, "EQ", 1)), rule("ALLOW", "dup", "")];
    let fields = "\"defaultAction\": \"SCMP_ACT_KILL\"";
    let resolved = profile_with(fields, &rules.join(",")).resolve(&options()).unwrap();
    assert_eq!(decide(&resolved, "dup", &[1]), Action::ALLOW, "as libseccomp has it");
    let by = "syscalls[1]".to_owned();
    let name = Name::parse("dup").unwrap();
    assert_eq!(resolved.warnings[0].kind, WarningKind::Overruled { name, by });
}

#[test]
fn contradictions_name_both_rules() {
    let rules = [rule("LOG", "dup", &arg(0, "EQ", 1)), rule("ALLOW", "dup", &arg(0, "EQ", 1))];
    let error = profile(&rules.join(",\n")).resolve(&options()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "test.json:2:1: syscalls[1]: contradicts syscalls[0] for dup on x86_64: both hold for the same calls, \
         with different actions; remove one"
    );
}

#[test]
fn names_resolve_on_each_architecture_for_itself() {
    let profile = profile(&rule("ALLOW", "syslog", ""));
    let mut options = options();
    options.arches = Arches::Exactly(vec![Arch::X86_64, Arch::X86, Arch::X32]);
    let policy = profile.resolve(&options).unwrap().policy;
    for arch in [Arch::X86_64, Arch::X86, Arch::X32] {
        assert_eq!(policy.decide(&call(arch, "syslog", &[])), Action::ALLOW, "{arch}");
    }
    // 103 is syslog on x86_64 as on x86; of x32 it has the bit.
    assert_eq!(policy.decide(&call_nr(Arch::X86_64, 0x4000_0067, &[])), Action::ALLOW);
    assert_eq!(policy.decide(&call_nr(Arch::X86_64, 0x4000_0068, &[])), EPERM);
}

#[test]
fn architectures_that_the_profile_does_not_name_are_foreign() {
    let native_only = profile(&rule("ALLOW", "read", "")).resolve(&options()).unwrap().policy;
    assert_eq!(native_only.decide(&call(Arch::X86_64, "read", &[])), Action::ALLOW);
    assert_eq!(native_only.decide(&call(Arch::X86, "read", &[])), Action::KILL_THREAD);
    assert_eq!(native_only.decide(&call(Arch::X32, "read", &[])), Action::KILL_THREAD);
    let fields = "\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86\"]";
    let both = profile_with(fields, &rule("ALLOW", "read", "")).resolve(&options()).unwrap().policy;
    assert_eq!(both.decide(&call(Arch::X86_64, "read", &[])), Action::ALLOW, "native is added");
    assert_eq!(both.decide(&call(Arch::X86, "read", &[])), Action::ALLOW);
}

#[test]
fn one_filter_is_for_one_byte_order() {
    let mut options = options();
    options.arches = Arches::Exactly(vec![Arch::X86_64, Arch::S390x]);
    let error = profile(&rule("ALLOW", "read", "")).resolve(&options).unwrap_err();
    assert_eq!(error, Error::MixedEndianness { first: Arch::X86_64, second: Arch::S390x });
}

/// The decisions about `socketcall` on x86 for calls 1 (`socket`) and 2 (`bind`), and about
/// `socket` itself.
fn multiplexed(fields: &str, rules: &[String]) -> ([Action; 3], Vec<WarningKind>) {
    let mut options = options();
    options.arches = Arches::Exactly(vec![Arch::X86]);
    // A number above that of `socket`, so that runc's stub does not refuse that.
    let rules = [rules, &[rule("TRAP", "clone3", "")]].concat();
    let resolved = profile_with(fields, &rules.join(",")).resolve(&options).unwrap();
    let decide = |name, arg| resolved.policy.decide(&call(Arch::X86, name, &[arg]));
    let decisions = [decide("socketcall", 1), decide("socketcall", 2), decide("socket", 40)];
    (decisions, resolved.warnings.into_iter().map(|warning| warning.kind).collect())
}

#[test]
fn rules_without_conditions_reach_the_multiplexer() {
    let allow = Action::ALLOW;
    let eperm = "\"defaultAction\": \"SCMP_ACT_ERRNO\"";
    let rules = [rule("ALLOW", "socket", "")];
    assert_eq!(multiplexed(eperm, &rules), ([allow, EPERM, allow], vec![]));
    let rules = [rule("ERRNO", "socket", "")];
    let allow_all = "\"defaultAction\": \"SCMP_ACT_ALLOW\"";
    assert_eq!(multiplexed(allow_all, &rules), ([EPERM, allow, EPERM], vec![]));
}

/// The only warning, about a call that another reading permits or refuses through the multiplexer.
fn multiplexer_warning(given: &[WarningKind]) -> (SeccompData, Action, Action) {
    match given {
        [
            WarningKind::Readings {
                cause: Cause::Multiplexer(Arch::X86), call, chosen, other, ..
            },
        ] => {
            assert_eq!((chosen.0, other.0), (Reading::Kernel, Reading::Runc));
            (*call, chosen.1, other.1)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rules_with_conditions_never_open_the_multiplexer() {
    let eperm = "\"defaultAction\": \"SCMP_ACT_ERRNO\"";
    let conditional = rule("ALLOW", "socket", &arg(0, "EQ", 40));
    let (decisions, given) = multiplexed(eperm, std::slice::from_ref(&conditional));
    assert_eq!(decisions, [EPERM, EPERM, Action::ALLOW]);
    let socketcall = call(Arch::X86, "socketcall", &[1]);
    assert_eq!(multiplexer_warning(&given), (socketcall, EPERM, Action::ALLOW));
    let rules = [conditional, rule("ALLOW", "socketcall", "")];
    let (decisions, given) = multiplexed(eperm, &rules);
    assert_eq!(decisions, [Action::ALLOW; 3], "what the profile says of socketcall itself");
    let name = Name::parse("socket").unwrap();
    let outcome = Action::ALLOW;
    assert_eq!(given, [WarningKind::Multiplexed { name, arch: Arch::X86, outcome }]);
}

#[test]
fn a_refusal_with_conditions_closes_the_multiplexer_for_that_call() {
    let allow_all = "\"defaultAction\": \"SCMP_ACT_ALLOW\"";
    let rules = [rule("ERRNO", "socket", &arg(1, "EQ", 40))];
    let (decisions, given) = multiplexed(allow_all, &rules);
    assert_eq!(decisions, [EPERM, Action::ALLOW, Action::ALLOW]);
    let (_, kernel, runc) = multiplexer_warning(&given);
    assert_eq!((kernel, runc), (EPERM, Action::ALLOW));
}

#[test]
fn runtimes_keep_conditions_on_other_arguments_of_the_multiplexer() {
    let fields = "\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86\"]";
    let both = [arg(0, "LT", 38), arg(1, "EQ", 7)].join(",");
    let profile = profile_with(fields, &rule("ALLOW", "socket", &both));
    for reading in [Reading::Runc, Reading::Crun, Reading::Docker] {
        let policy = profile.resolve(&options_as(reading)).unwrap().policy;
        let decide = |args: &[u64]| policy.decide(&call(Arch::X86, "socketcall", args));
        assert_eq!(decide(&[1, 7]), Action::ALLOW, "the first argument is the call");
        assert_eq!(decide(&[1, 8]), EPERM);
        assert_eq!(decide(&[2, 7]), EPERM);
    }
}

#[test]
fn a_refused_multiplexer_stays_refused() {
    let eperm = "\"defaultAction\": \"SCMP_ACT_ERRNO\"";
    let rules = [rule("ERRNO", "socketcall", ""), rule("ALLOW", "socket", "")];
    let (decisions, _) = multiplexed(eperm, &rules);
    assert_eq!(decisions, [EPERM, EPERM, Action::ALLOW]);
}

#[test]
fn the_version_in_an_ipc_call_is_no_way_around_a_rule() {
    let mut options = options();
    options.arches = Arches::Exactly(vec![Arch::X86]);
    let allow_all = "\"defaultAction\": \"SCMP_ACT_ALLOW\"";
    let resolved = profile_with(allow_all, &rule("ERRNO", "shmat", "")).resolve(&options).unwrap();
    for (number, action) in
        [(21, EPERM), (0x1_0015, EPERM), (HIGH | 21, EPERM), (22, Action::ALLOW)]
    {
        let decision = resolved.policy.decide(&call(Arch::X86, "ipc", &[number]));
        assert_eq!(decision, action, "{number:#x}");
    }
}

#[test]
fn newer_syscalls_are_unknown_to_old_profiles() {
    let rules = [rule("ALLOW", "read", ""), rule("ALLOW", "clone3", ""), rule("ALLOW", "dup", "")];
    let resolved = resolved(&rules);
    let (baseline, newest) = (KernelVersion::new(5, 3), Name::parse("clone3").unwrap());
    assert_eq!(resolved.notices, [Notice::BaselineInferred { baseline, newest }]);
    for (name, action) in
        [("mount", EPERM), ("pidfd_open", EPERM), ("openat2", ENOSYS), ("listns", ENOSYS)]
    {
        assert_eq!(decide(&resolved, name, &[]), action, "{name}");
    }
    assert_eq!(resolved.policy.decide(&call_nr(Arch::X86_64, 400, &[])), ENOSYS, "a gap");
    assert_eq!(resolved.policy.decide(&call_nr(Arch::X86_64, 5000, &[])), ENOSYS);
}

#[test]
fn the_author_knew_the_syscalls_of_rules_for_other_machines() {
    let riscv = "{\"names\": [\"riscv_hwprobe\"], \"action\": \"SCMP_ACT_ALLOW\", \
                 \"includes\": {\"arches\": [\"riscv64\"]}}";
    let resolved = resolved(&[rule("ALLOW", "read", ""), riscv.to_owned()]);
    assert_eq!(decide(&resolved, "openat2", &[]), EPERM, "5.6 is older than 6.4");
    assert_eq!(decide(&resolved, "fchmodat2", &[]), ENOSYS, "6.6 is newer");
}

#[test]
fn no_baseline_is_older_than_the_architecture() {
    let mut loongarch64 = options();
    loongarch64.native = Arch::Loongarch64;
    let policy = profile(&rule("ALLOW", "read", "")).resolve(&loongarch64).unwrap().policy;
    assert_eq!(policy.decide(&call(Arch::Loongarch64, "mount", &[])), EPERM);
    assert_eq!(policy.decide(&call(Arch::Loongarch64, "listns", &[])), ENOSYS);
}

/// The calls of warnings about bits that the kernel does not read, each with what becomes of it.
fn evasions(resolved: &callgate_formats::Resolved) -> Vec<(SeccompData, Action)> {
    let warnings = resolved.warnings.iter().map(|warning| match &warning.kind {
        WarningKind::HighBits { call, refused, .. } => (*call, *refused),
        other => panic!("{other:?}"),
    });
    warnings.collect()
}

#[test]
fn ignored_high_bits_that_get_around_a_rule_are_shown() {
    let rules =
        [rule("ALLOW", "socket", &arg(0, "LT", 38)), rule("ALLOW", "socket", &arg(0, "GT", 40))];
    let allow_list = resolved(&rules);
    let families = evasions(&allow_list);
    assert_eq!(families, [(call(Arch::X86_64, "socket", &[HIGH | 38]), EPERM)]);
    assert_eq!(allow_list.policy.decide(&families[0].0), Action::ALLOW);
    let tiocsti = rule("ERRNO", "ioctl", &arg(1, "EQ", 0x5412));
    let deny_list = profile_with("\"defaultAction\": \"SCMP_ACT_ALLOW\"", &tiocsti);
    let evasions = evasions(&deny_list.resolve(&options()).unwrap());
    assert_eq!(evasions, [(call(Arch::X86_64, "ioctl", &[0, HIGH | 0x5412]), EPERM)]);
}

/// Runtimes know no `width`: only the kernel's reading compares what it says.
#[test]
fn comparing_the_bits_that_the_kernel_reads_leaves_no_way_around() {
    let narrow = "{\"index\": 1, \"value\": 21522, \"op\": \"SCMP_CMP_EQ\", \"width\": 32}";
    let fields = "\"defaultAction\": \"SCMP_ACT_ALLOW\"";
    let profile = profile_with(fields, &rule("ERRNO", "ioctl", narrow));
    for reading in Reading::ALL {
        let resolved = profile.resolve(&options_as(reading)).unwrap();
        let is_known = reading == Reading::Kernel;
        let high = if is_known { EPERM } else { Action::ALLOW };
        assert_eq!(decide(&resolved, "ioctl", &[0, HIGH | 0x5412]), high, "{reading}");
        assert_eq!(decide(&resolved, "ioctl", &[0, 0x5412]), EPERM, "{reading}");
        assert_eq!(decide(&resolved, "ioctl", &[0, HIGH | 0x5413]), Action::ALLOW);
        let has = |wanted: fn(&WarningKind) -> bool| {
            resolved.warnings.iter().any(|warning| wanted(&warning.kind))
        };
        assert_eq!(has(|kind| matches!(kind, WarningKind::WidthSkipped { .. })), !is_known);
        assert_eq!(has(|kind| matches!(kind, WarningKind::HighBits { .. })), !is_known);
        assert!(has(|kind| matches!(kind, WarningKind::Readings { cause: Cause::Width, .. })));
    }
    // The kernel reads all of brk's argument, so high bits are part of the value.
    assert_eq!(warnings(&resolved(&[rule("ALLOW", "brk", &arg(0, "GT", 40))])), [""; 0]);
}

#[test]
fn a_baseline_can_be_given_or_switched_off() {
    let profile = profile(&rule("ALLOW", "read", ""));
    let unknown = |unknown| {
        let mut options = options();
        options.unknown = unknown;
        let resolved = profile.resolve(&options).unwrap();
        assert_eq!(resolved.notices, []);
        resolved.policy.arch(Arch::X86_64).unwrap().unknown_action()
    };
    let baseline = KernelVersion::new(5, 10);
    let given = unknown(UnknownSyscalls::Baseline(baseline));
    assert_eq!(given, Some(Unknown { known: Known::Kernel(baseline), action: ENOSYS }));
    assert_eq!(unknown(UnknownSyscalls::Off), None);
}

#[test]
fn defaults_that_let_through_or_say_enosys_need_no_baseline() {
    for (default, applies) in [
        ("\"SCMP_ACT_ERRNO\"", true),
        ("\"SCMP_ACT_KILL\"", true),
        ("\"SCMP_ACT_TRAP\"", true),
        ("\"SCMP_ACT_ALLOW\"", false),
        ("\"SCMP_ACT_LOG\"", false),
        ("\"SCMP_ACT_TRACE\"", false),
        ("\"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38", false),
    ] {
        let fields = format!("\"defaultAction\": {default}");
        let resolved =
            profile_with(&fields, &rule("ALLOW", "read", "")).resolve(&options()).unwrap();
        let unknown = resolved.policy.arch(Arch::X86_64).unwrap().unknown_action();
        assert_eq!(
            (unknown.is_some(), resolved.notices.len() == 1),
            (applies, applies),
            "{default}"
        );
    }
}

#[test]
fn enosys_has_the_number_of_the_architecture() {
    let profile = profile(&rule("ALLOW", "read", ""));
    let mut mips = options();
    mips.native = Arch::Mips64;
    let policy = profile.resolve(&mips).unwrap().policy;
    assert_eq!(policy.decide(&call_nr(Arch::Mips64, 9999, &[])), Action::errno(89).unwrap());
}

#[test]
fn flags_and_listener_are_handed_on() {
    let fields = "\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/run/l\", \
                  \"listenerMetadata\": \"m\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\", \
                  \"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]";
    let resolved = profile_with(fields, &rule("NOTIFY", "mkdir", "")).resolve(&options()).unwrap();
    assert_eq!(resolved.flags, [Flag::Log, Flag::WaitKillableRecv]);
    assert_eq!(resolved.listener_path.as_deref(), Some("/run/l"));
    assert_eq!(resolved.listener_metadata.as_deref(), Some("m"));
    assert_eq!(decide(&resolved, "mkdir", &[]), Action::USER_NOTIFY);
}

#[test]
fn the_number_of_rules_for_a_syscall_is_limited() {
    let max = callgate_formats::RULES_PER_SYSCALL_MAX;
    for (count, accepted) in [(max - 1, true), (max, true), (max + 1, false)] {
        let rules: Vec<String> =
            (0..count).map(|n| rule("ALLOW", "dup", &arg(0, "EQ", n as u64 * 2))).collect();
        let result = profile(&rules.join(",")).resolve(&options());
        match result {
            Ok(_) => assert!(accepted, "{count}"),
            Err(Error::TooManyRules { place, .. }) => {
                assert_eq!((accepted, place.path), (false, format!("syscalls[{max}]")));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn many_warnings_are_counted_not_shown() {
    let names: Vec<String> = (0..103).map(|n| format!("\"unheard_of_{n}\"")).collect();
    let rule = format!("{{\"names\": [{}], \"action\": \"SCMP_ACT_ALLOW\"}}", names.join(","));
    let resolved = profile(&rule).resolve(&options()).unwrap();
    assert_eq!(resolved.warnings.len(), 101);
    assert_eq!(resolved.warnings[100].kind, WarningKind::Omitted { count: 3 });
}
