//! Policies written as OCI profiles mean the same when read back, or are refused with the reason.

use crate::common::*;
use callgate_formats::{ActionName, Error, Exported, Inexpressible, Profile, Reading};
use callgate_policy::{ArchPolicy, Comparison, Condition, Field, Operator, Policy};
use callgate_syscalls::{Action, Arch, Name, SyscallNr};

const ALLOW: Action = Action::ALLOW;

fn refused(x86_64: ArchPolicy) -> Inexpressible {
    let policy = Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64).build().unwrap();
    match Exported::new(&policy) {
        Err(Error::NotExpressible(what)) => what,
        other => panic!("{other:?}"),
    }
}

fn nr(name: &str) -> SyscallNr {
    call(Arch::X86_64, name, &[]).nr
}

#[test]
fn an_imported_profile_comes_back() {
    let rules = [
        rule("ALLOW", "read", ""),
        rule("ALLOW", "socket", &arg(0, "LT", 38)),
        rule("ALLOW", "socket", &arg(0, "GT", 40)),
        rule("LOG", "dup2", &[arg(0, "EQ", 1), arg(1, "NE", 2)].join(",")),
        rule("KILL_PROCESS", "clone3", ""),
    ];
    let fields = "\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"]";
    let runc = options_as(Reading::Runc);
    let policy = profile_with(fields, &rules.join(",")).resolve(&runc).unwrap().policy;
    let exported = Exported::new(&policy).unwrap();
    assert_eq!(exported.other_baseline, []);
    let text = serde_json::to_string_pretty(&exported.seccomp).unwrap();
    let read_back = Profile::parse(text.as_bytes(), "export").unwrap().resolve(&runc).unwrap();
    assert_eq!(read_back.policy.arch(Arch::X86_64), policy.arch(Arch::X86_64));
    assert_eq!(exported.seccomp.default_action, ActionName::Errno);
}

#[test]
fn half_arguments_are_written_as_masks_where_that_means_the_same() {
    let half = Comparison::low32(Field::Arg0, u32::MAX, Operator::Eq, 5);
    let mut x86_64 = ArchPolicy::new(ALLOW);
    x86_64.rule(nr("dup"), half.into(), EPERM);
    let policy = Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64).build().unwrap();
    let text = serde_json::to_string(&Exported::new(&policy).unwrap().seccomp).unwrap();
    let read_back = Profile::parse(text.as_bytes(), "export").unwrap().resolve(&options()).unwrap();
    for value in [5, 1 << 32 | 5, 6, 1 << 32] {
        let call = call(Arch::X86_64, "dup", &[value]);
        assert_eq!(read_back.policy.decide(&call), policy.decide(&call), "{value:#x}");
    }
}

#[test]
fn what_the_format_cannot_say_is_refused() {
    let name = Name::parse("dup").unwrap();
    let with = |condition: Condition| {
        let mut x86_64 = ArchPolicy::new(EPERM);
        x86_64.rule(nr("dup"), condition, ALLOW);
        x86_64
    };
    let caller = Comparison::new(Field::InstructionPointer, Operator::Eq, 5);
    let lost = "there are none for ALLOW where the instruction pointer == 0x5".to_owned();
    let rules = Inexpressible::Rules { arch: Arch::X86_64, name, lost };
    assert_eq!(refused(with(caller.into())), rules);
    let mut nameless = ArchPolicy::new(EPERM);
    nameless.rule(SyscallNr::new(400), Condition::always(), ALLOW);
    let nr = SyscallNr::new(400);
    assert_eq!(refused(nameless), Inexpressible::Number { arch: Arch::X86_64, nr });
    let unknown = Action::from_raw(0x1234_0000);
    assert_eq!(refused(ArchPolicy::new(unknown)), Inexpressible::Action(unknown));
}

#[test]
fn differences_between_architectures_are_refused() {
    let policy = |x86: Action| {
        let x86_64 = ArchPolicy::new(EPERM);
        let builder = Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64);
        Exported::new(&builder.arch(Arch::X86, ArchPolicy::new(x86)).build().unwrap())
    };
    assert_eq!(policy(ALLOW), Err(Error::NotExpressible(Inexpressible::Defaults)));
    let foreign = Policy::builder(ALLOW).arch(Arch::X86_64, ArchPolicy::new(EPERM));
    assert_eq!(
        Exported::new(&foreign.build().unwrap()),
        Err(Error::NotExpressible(Inexpressible::Foreign(ALLOW)))
    );
}

/// The profile that a policy is written as, whose proof is part of writing it.
fn written(x86_64: ArchPolicy) -> Vec<(ActionName, usize)> {
    let policy = Policy::builder(Action::KILL_THREAD).arch(Arch::X86_64, x86_64).build().unwrap();
    let exported = Exported::new(&policy).unwrap().seccomp;
    let mut words: Vec<_> =
        exported.syscalls.iter().map(|syscall| (syscall.action, syscall.args.len())).collect();
    // Runtimes take what is newer than all names for unknown, so that the newest name is there.
    assert_eq!(words.pop(), Some((ActionName::Errno, 0)));
    words
}

#[test]
fn what_has_no_word_of_its_own_is_said_in_others() {
    let dup = |condition: Condition| {
        let mut x86_64 = ArchPolicy::new(EPERM);
        x86_64.rule(nr("dup"), condition, ALLOW);
        x86_64
    };
    let arg0 = |operator, value| Comparison::new(Field::Arg0, operator, value).into();
    let below = Comparison::low32(Field::Arg0, u32::MAX, Operator::Lt, 5);
    assert_eq!(written(dup(below.into())).len(), 2, "0 to 3, and 4");
    let range = Condition::all([arg0(Operator::Gt, 5), arg0(Operator::Lt, 9)]).unwrap();
    assert_eq!(written(dup(range)).len(), 2, "6 and 7, and 8");
    let mut ordered = dup(arg0(Operator::Eq, 1));
    ordered.rule(nr("dup"), Condition::always(), Action::LOG);
    let words = [(ActionName::Allow, 1), (ActionName::Log, 1)];
    assert_eq!(written(ordered), words, "an exception");
    let mut idle = dup(arg0(Operator::Eq, 38));
    idle.rule(nr("read"), Condition::always(), EPERM);
    assert_eq!(written(idle), [(ActionName::Allow, 1)], "no rule equal to the default");
}

#[test]
fn a_large_profile_can_be_written() {
    let policy = large("container").resolve(&options()).unwrap().policy;
    let exported = Exported::new(&policy).unwrap();
    assert!(exported.seccomp.syscalls.len() < 60, "{}", exported.seccomp.syscalls.len());
}
