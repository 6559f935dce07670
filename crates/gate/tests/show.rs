//! Policies shown in the language mean what they meant: proved, for thousands.

use callgate_gate::{NotShown, Style, show};
use callgate_policy::{
    Action, ArchPolicy, Comparison, Condition, Field, Known, Operator, Policy, Unknown,
};
use callgate_syscalls::{Arch, SyscallNr};

/// How many random policies have to be shown.
const SHOWN: u32 = 2_000;

#[test]
fn random_policies_are_shown_and_proved_or_inexpressible_for_a_known_reason() {
    let (mut shown, mut seed) = (0, 0);
    while shown < SHOWN {
        let mut rng = callgate_testkit::Rng::with_seed(seed);
        let mut policy = callgate_testkit::policy::policy(&mut rng);
        // Most policies for several architectures have several defaults, which one text cannot say.
        if seed % 4 != 0 {
            policy = policy.with_default([Action::ALLOW, Action::LOG][usize::from(rng.bool())]);
        }
        // What is returned was proved equal.
        match show(&policy, Style::Folded) {
            Ok(_) => shown += 1,
            Err(NotShown::Inexpressible { what }) => {
                let known = ["different", "instruction pointer", "does not have"];
                let is_known = known.iter().any(|known| what.contains(known));
                assert!(is_known, "seed {seed}: {what}\n{policy:?}");
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
        seed += 1;
        assert!(seed < 20 * u64::from(SHOWN), "only {shown} of {seed} were shown");
    }
}

/// Masks of the low half, as container profiles have them for arguments of 32 bits, of every width
/// that the kernel reads. What is returned was proved equal.
#[test]
fn masks_of_every_argument_are_shown() {
    for arch in [Arch::X86_64, Arch::X86] {
        for (mask, value) in [
            (0xffff_ffe0, 0),
            (0xffff_fffc, 32),
            (0x7fff_ffff, 0),
            (0xffff_ffff, 7),
            (0x1_ffff, 0),
            (0x8000_0000, 0x8000_0000),
        ] {
            for operator in [Operator::Eq, Operator::Ne] {
                let mut rules = ArchPolicy::new(Action::ALLOW);
                for (place, syscall) in arch.syscalls().enumerate() {
                    let count = arch.signature(syscall.name).map(|own| own.arguments().count());
                    let Some(count) = count.filter(|count| *count > 0) else { continue };
                    let field = Field::ARGS[place % count];
                    let test = Comparison::masked(field, mask, operator, value);
                    rules.rule(syscall.nr, test.into(), Action::LOG);
                }
                let policy = Policy::builder(Action::KILL_PROCESS).arch(arch, rules);
                let shown = show(&policy.build().unwrap(), Style::Expanded);
                assert!(shown.is_ok(), "{arch} {mask:#x} {operator} {value}: {shown:?}");
            }
        }
    }
}

#[test]
fn a_baseline_by_numbers_is_shown_as_one_number_or_one_for_each_architecture() {
    let numbers = |of: &[(Arch, Option<u32>)]| {
        let builder =
            of.iter().fold(Policy::builder(Action::KILL_PROCESS), |builder, (arch, last)| {
                let mut rules = ArchPolicy::new(Action::errno(1).unwrap());
                if let Some(last) = last {
                    let known = Known::UpTo(SyscallNr::new(*last));
                    rules.unknown(Unknown { known, action: Action::errno(38).unwrap() });
                }
                builder.arch(*arch, rules)
            });
        let text = show(&builder.build().unwrap(), Style::Folded).unwrap().text;
        text.split(['\n', ';'])
            .map(str::trim)
            .find(|part| part.starts_with("baseline"))
            .map(str::to_owned)
    };
    let (first, second) = (Arch::X86_64, Arch::Aarch64);
    let same = "baseline nr 462 else enosys";
    assert_eq!(numbers(&[(first, Some(462)), (second, Some(462))]).as_deref(), Some(same));
    let each = "baseline x86_64 nr 462, aarch64 nr 450 else enosys";
    assert_eq!(numbers(&[(first, Some(462)), (second, Some(450))]).as_deref(), Some(each));
    let one = "baseline x86_64 nr 462 else enosys";
    assert_eq!(numbers(&[(first, Some(462)), (second, None)]).as_deref(), Some(one));
    assert_eq!(numbers(&[(first, None)]), None);
}

/// Pairs of arguments, each a rule of its own or all an alternative of one: reading them back stays
/// within the prover's limits.
#[test]
fn a_thousand_pairs_of_arguments_are_shown() {
    let is = |field, value| Condition::from(Comparison::new(field, Operator::Eq, value));
    let pair = |at: u64| Condition::all([is(Field::Arg1, 7919 * at), is(Field::Arg2, 13 * at)]);
    let pairs = || (0..1000).map(|at| pair(at).unwrap());
    let nr = SyscallNr::new(16);
    let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
    for condition in pairs() {
        rules.rule(nr, condition, Action::ALLOW);
    }
    let mut alternatives = ArchPolicy::new(Action::KILL_PROCESS);
    alternatives.rule(nr, Condition::any(pairs()).unwrap(), Action::ALLOW);
    let [text, same] = [rules, alternatives].map(|rules| {
        let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build();
        show(&policy.unwrap(), Style::Folded).unwrap().text
    });
    assert_eq!(text, same);
    assert_eq!(text.matches("and arg ==").count(), 1000);
}
