//! Policies written as OCI profiles mean the same when read back, or are refused with the reason.

use crate::common::*;
use callgate_formats::{ActionName, Error, Exported, Inexpressible, Profile, Reading, builtin};
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
    let rules = Inexpressible::Rules { arch: Arch::X86_64, name };
    let equal = |value| Condition::compare(Comparison::new(Field::Arg0, Operator::Eq, value));
    let with = |condition: Condition| {
        let mut x86_64 = ArchPolicy::new(EPERM);
        x86_64.rule(nr("dup"), condition, ALLOW);
        x86_64
    };
    let below = Comparison::low32(Field::Arg0, u32::MAX, Operator::Lt, 5);
    assert_eq!(refused(with(below.into())), rules, "an order on half an argument");
    let caller = Comparison::new(Field::InstructionPointer, Operator::Eq, 5);
    assert_eq!(refused(with(caller.into())), rules, "the instruction pointer");
    let greater = Comparison::new(Field::Arg0, Operator::Gt, 5);
    let less = Comparison::new(Field::Arg0, Operator::Lt, 9);
    let range = Condition::all([greater.into(), less.into()]).unwrap();
    assert_eq!(refused(with(range)), rules, "a range");
    let mut ordered = with(equal(1));
    ordered.rule(nr("dup"), Condition::always(), Action::LOG);
    assert_eq!(refused(ordered), rules, "an exception");
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
    let foreign = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, ArchPolicy::new(EPERM));
    assert_eq!(
        Exported::new(&foreign.build().unwrap()),
        Err(Error::NotExpressible(Inexpressible::Foreign(Action::KILL_PROCESS)))
    );
}

#[test]
fn container_needs_words_that_the_format_lacks() {
    let policy = builtin("container").unwrap().resolve(&options()).unwrap().policy;
    let name = Name::parse("socket").unwrap();
    assert_eq!(
        Exported::new(&policy),
        Err(Error::NotExpressible(Inexpressible::Rules { arch: Arch::X86_64, name })),
        "an order on the half of an argument"
    );
}
