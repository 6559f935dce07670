//! Every documented return code, and that a failing call changes nothing.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

mod support;

use callgate_policy::{Action, Arch};
use callgate_scmp::{
    ApiLevel, ArgCmp, Attribute, Capabilities, Context, Error, Exactness, Number, Token,
};
use support::{ALLOW, E1, IOCTL, KERNEL, KILL, TRAP, add, add_exact, cmp, context, eq, verdict};

fn kernel(level: u32) -> Capabilities {
    Capabilities::of_level(ApiLevel::new(level).unwrap())
}

fn code<T>(result: Result<T, Error>) -> i32 {
    result.err().map_or(0, |error| error.code())
}

fn token(arch: Arch) -> Token {
    Token::of(arch)
}

/// A context whose last architecture was removed.
fn empty() -> Context {
    let mut context = context(Arch::X86_64);
    context.arch_remove(Token::NATIVE).unwrap();
    context
}

#[test]
fn init_and_reset_check_the_action() {
    let bad = Action::from_raw(0x0005_0fff);
    assert_eq!(code(Context::new(Arch::X86_64, bad, &KERNEL)), -22);
    assert_eq!(code(Context::new(Arch::X86_64, Action::USER_NOTIFY, &kernel(4))), -22);
    let mut context = context(Arch::X86_64);
    add(&mut context, ALLOW, IOCTL, &[]).unwrap();
    let before = context.export_pfc().unwrap();
    assert_eq!(code(context.reset(bad, &KERNEL)), -22);
    assert_eq!(context.export_pfc().unwrap(), before);
    context.arch_add(token(Arch::X86)).unwrap();
    context.attr_set(Attribute::CtlLog, 1, &KERNEL).unwrap();
    context.reset(TRAP, &KERNEL).unwrap();
    assert_eq!(context.arches().collect::<Vec<_>>(), [Arch::X86_64]);
    assert_eq!(context.attr(Attribute::CtlLog), Ok(0));
    assert_eq!(verdict(&mut context, Arch::X86_64, 16, &[]), TRAP);
}

#[test]
fn a_context_without_architectures_refuses_all_but_a_new_one() {
    let mut context = empty();
    let number = Number::new(1);
    let results = [
        code(context.attr(Attribute::CtlNnp)),
        code(context.attr_set(Attribute::CtlNnp, 1, &KERNEL)),
        code(add(&mut context, ALLOW, 1, &[])),
        code(context.syscall_priority(number, 1)),
        code(context.transaction_start()),
        code(context.transaction_commit()),
        code(context.precompute().map(|_| ())),
        code(context.export_bpf()),
        code(context.export_bpf_mem(None)),
        code(context.export_pfc()),
        code(context.load_plan(&KERNEL, false)),
        code(context.merge(&mut support::context(Arch::X86))),
        code(support::context(Arch::X86).merge(&mut empty())),
    ];
    assert_eq!(results, [-22; 13]);
    assert_eq!(code(context.arch_exist(Token::NATIVE)), -17);
    // An empty context takes any byte order.
    assert_eq!(context.arch_add(token(Arch::S390x)), Ok(()));
    assert_eq!(code(context.arch_add(Token::NATIVE)), -33);
}

#[test]
fn architectures() {
    let mut context = context(Arch::X86_64);
    let unknown = Token::new(0x1234);
    for (result, expected) in [
        (context.arch_exist(Token::NATIVE), 0),
        (context.arch_exist(token(Arch::X86)), -17),
        (context.arch_exist(unknown), -22),
        (context.arch_add(unknown), -22),
        (context.arch_add(Token::NATIVE), -17),
        (context.arch_add(token(Arch::S390x)), -33),
        (context.arch_add(token(Arch::X32)), 0),
        (context.arch_remove(unknown), -22),
        (context.arch_remove(token(Arch::X86)), -17),
        (context.arch_remove(token(Arch::X32)), 0),
    ] {
        assert_eq!(code(result), expected);
    }
}

#[test]
fn merging() {
    let with = |default, attribute: Option<Attribute>| {
        let mut context = Context::new(Arch::X86_64, default, &KERNEL).unwrap();
        context.arch_add(token(Arch::X86)).unwrap();
        context.arch_remove(Token::NATIVE).unwrap();
        if let Some(attribute) = attribute {
            let value = u32::from(attribute != Attribute::CtlNnp);
            context.attr_set(attribute, value, &KERNEL).unwrap();
        }
        context
    };
    let mut target = context(Arch::X86_64);
    assert_eq!(code(target.merge(&mut with(TRAP, None))), -22);
    assert_eq!(code(target.merge(&mut with(KILL, Some(Attribute::CtlNnp)))), -22);
    assert_eq!(code(target.merge(&mut with(KILL, Some(Attribute::CtlTsync)))), -22);
    assert_eq!(code(target.merge(&mut context(Arch::S390x))), -33);
    assert_eq!(code(target.merge(&mut context(Arch::X86_64))), -17);
    let mut source = with(KILL, Some(Attribute::CtlLog));
    add(&mut source, Action::USER_NOTIFY, 1, &[]).unwrap();
    assert_eq!(target.merge(&mut source), Ok(()));
    assert_eq!(target.arches().collect::<Vec<_>>(), [Arch::X86_64, Arch::X86]);
    assert_eq!(target.attr(Attribute::CtlLog), Ok(0));
    assert_eq!(target.load_plan(&KERNEL, false).unwrap().flags, Some(8));
    assert_eq!(verdict(&mut target, Arch::X86, 4, &[]), Action::USER_NOTIFY);
    assert_eq!(code(source.export_bpf()), -22);
}

#[test]
fn attributes_have_their_gates() {
    use Attribute::{
        ActBadArch, ActDefault, ApiSysRawRc, ApiTskip, CtlLog, CtlNnp, CtlOptimize, CtlSsb,
        CtlTsync, CtlWaitKill,
    };
    let mut context = context(Arch::X86_64);
    let defaults = [ActDefault, ActBadArch, CtlNnp, CtlTsync, CtlOptimize, CtlWaitKill];
    let values = defaults.map(|attribute| context.attr(attribute).unwrap());
    assert_eq!(values, [0, 0, 1, 0, 1, 0]);
    for (attribute, value, level, expected) in [
        (ActDefault, 0, 7, -13),
        (ActBadArch, 0x0005_0fff, 7, -22),
        (ActBadArch, 0x8000_0000, 2, -22),
        (ActBadArch, 0x8000_0000, 3, 0),
        (CtlNnp, 7, 1, 0),
        (CtlTsync, 0, 1, -95),
        (CtlTsync, 1, 2, 0),
        (ApiTskip, 1, 1, 0),
        (CtlLog, 1, 2, -95),
        (CtlLog, 1, 3, 0),
        (CtlSsb, 1, 3, -95),
        (CtlSsb, 1, 4, 0),
        (CtlOptimize, 0, 7, -95),
        (CtlOptimize, 3, 7, -95),
        (CtlOptimize, 2, 1, 0),
        (ApiSysRawRc, 9, 1, 0),
        (CtlWaitKill, 1, 1, 0),
    ] {
        let before = context.attr(attribute).unwrap();
        let result = context.attr_set(attribute, value, &kernel(level));
        assert_eq!(code(result), expected, "{attribute} {value} at level {level}");
        let boolean = !matches!(attribute, ActBadArch | CtlOptimize);
        let stored = if boolean { u32::from(value != 0) } else { value };
        let after = if expected == 0 { stored } else { before };
        assert_eq!(context.attr(attribute), Ok(after), "{attribute}");
    }
    for raw in [0, 11] {
        assert_eq!(code(Attribute::from_raw(raw)), -22);
    }
}

#[test]
fn threads_and_notifications_need_level_six_together() {
    let mut context = context(Arch::X86_64);
    add(&mut context, Action::USER_NOTIFY, 1, &[]).unwrap();
    assert_eq!(code(context.attr_set(Attribute::CtlTsync, 1, &kernel(5))), -22);
    assert_eq!(code(context.attr_set(Attribute::CtlTsync, 0, &kernel(5))), 0);
    assert_eq!(code(context.attr_set(Attribute::CtlTsync, 1, &kernel(6))), 0);
    let notify = |context: &mut Context, kernel| {
        context.rule_add(Action::USER_NOTIFY, Number::new(2), &[], Exactness::Adapted, &kernel)
    };
    assert_eq!(code(notify(&mut context, kernel(5))), -22);
    assert_eq!(code(notify(&mut context, kernel(6))), 0);
}

#[test]
fn rules_are_checked_in_the_documented_order() {
    let bad = Action::from_raw(0x0005_0fff);
    let seven: [ArgCmp; 7] = [eq(0, 0); 7];
    let wrong = [cmp(6, 4, 0, 0)];
    let mut one = context(Arch::X86_64);
    let mut two = context(Arch::X86_64);
    two.arch_add(token(Arch::X86)).unwrap();
    assert_eq!(code(add(&mut empty(), bad, -1, &seven)), -22);
    assert!(matches!(add(&mut empty(), bad, -1, &seven), Err(Error::ArgumentCount { count: 7 })));
    assert_eq!(add(&mut empty(), bad, -1, &wrong), Err(Error::NoArchitecture));
    let number = Number::new(-2);
    assert_eq!(add(&mut one, bad, -2, &wrong), Err(Error::Syscall { number }));
    assert_eq!(add(&mut one, bad, 1, &wrong), Err(Error::Action { action: bad }));
    let is_default = Error::ActionIsDefault { action: KILL };
    assert_eq!(add_exact(&mut two, KILL, 1, &wrong), Err(is_default.clone()));
    assert_eq!(is_default.code(), -13);
    assert_eq!(add_exact(&mut two, ALLOW, 1, &wrong), Err(Error::ExactOnSeveral));
    assert_eq!(Error::ExactOnSeveral.code(), -95);
    for (comparisons, expected) in [
        (&wrong[..], Error::ArgumentIndex { index: 6 }),
        (&[eq(1, 1), eq(1, 2)], Error::ArgumentRepeated { index: 1 }),
        (&[cmp(0, 0, 0, 0)], Error::Operator { operator: 0 }),
        (&[cmp(0, 8, 0, 0)], Error::Operator { operator: 8 }),
    ] {
        assert_eq!(expected.code(), -22);
        assert_eq!(add(&mut one, ALLOW, 1, comparisons), Err(expected));
    }
    assert_eq!(one.export_pfc(), context(Arch::X86_64).export_pfc());
}

#[test]
fn a_rule_has_up_to_six_comparisons() {
    let all: Vec<ArgCmp> = (0..6).map(|arg| eq(arg, u64::from(arg))).collect();
    let mut context = context(Arch::X86_64);
    assert_eq!(add(&mut context, ALLOW, 1, &all[..5]), Ok(()));
    assert_eq!(add(&mut context, ALLOW, 2, &all), Ok(()));
    assert_eq!(verdict(&mut context, Arch::X86_64, 2, &[0, 1, 2, 3, 4, 5]), ALLOW);
    assert_eq!(verdict(&mut context, Arch::X86_64, 2, &[0, 1, 2, 3, 4, 6]), KILL);
    let seven = [&all[..], &all[..1]].concat();
    let count = Err(Error::ArgumentCount { count: 7 });
    assert_eq!(add(&mut context, ALLOW, 3, &seven), count);
}

#[test]
fn numbers_are_classed_before_they_are_translated() {
    for (number, native, with_x86) in [
        (-1, -22, -22),
        (-2, -22, -22),
        (-99, -22, -22),
        (-100, 0, -14),
        (-10_001, 0, -14),
        (5_000, 0, -14),
        (i32::MAX, 0, -14),
        (-109, 0, 0),
    ] {
        let mut context = context(Arch::X86_64);
        assert_eq!(code(add(&mut context, ALLOW, number, &[])), native, "{number}");
        context.arch_add(token(Arch::X86)).unwrap();
        let before = context.export_pfc();
        assert_eq!(code(add(&mut context, E1, number, &[])), with_x86, "{number}");
        assert!(with_x86 == 0 || context.export_pfc() == before, "{number}");
    }
    let mut context = context(Arch::X86_64);
    context.attr_set(Attribute::ApiTskip, 1, &KERNEL).unwrap();
    assert_eq!(code(add(&mut context, ALLOW, -1, &[])), 0);
    assert_eq!(code(add(&mut context, ALLOW, -2, &[])), -22);
}

#[test]
fn exact_rules_refuse_what_they_cannot_express() {
    let mut x86_64 = context(Arch::X86_64);
    assert_eq!(code(add_exact(&mut x86_64, ALLOW, -109, &[])), -33);
    let mut x86 = context(Arch::X86);
    assert_eq!(code(add_exact(&mut x86, ALLOW, 41, &[eq(0, 1)])), -22);
    assert_eq!(code(add_exact(&mut x86, ALLOW, -10_207, &[])), -33);
    assert_eq!(code(add_exact(&mut x86, ALLOW, 41, &[])), 0);
    assert_eq!(verdict(&mut x86, Arch::X86, 102, &[1]), ALLOW);
    assert_eq!(verdict(&mut x86, Arch::X86, 102, &[2]), KILL);
}

#[test]
fn a_conflict_on_one_architecture_undoes_the_rule_on_all() {
    let mut context = context(Arch::X86_64);
    context.arch_add(token(Arch::X86)).unwrap();
    add(&mut context, ALLOW, IOCTL, &[eq(0, 5)]).unwrap();
    let before = context.export_pfc();
    // Cut to 32 bits the values are equal.
    assert_eq!(code(add(&mut context, TRAP, IOCTL, &[eq(0, (1 << 32) + 5)])), -17);
    assert_eq!(context.export_pfc(), before);
}

#[test]
fn buffers_are_filled_or_left_alone() {
    let mut context = context(Arch::X86_64);
    let bytes = context.export_bpf().unwrap();
    let len = bytes.len();
    assert_eq!(context.export_bpf_mem(None), Ok(len));
    for (size, expected) in [(len - 1, -34), (len, 0), (len + 1, 0)] {
        let mut buffer = vec![0xee; size];
        assert_eq!(code(context.export_bpf_mem(Some(&mut buffer))), expected, "{size}");
        let filled = if expected == 0 { len } else { 0 };
        assert_eq!(buffer[..filled], bytes[..filled]);
        assert!(buffer[filled..].iter().all(|&byte| byte == 0xee));
    }
}

#[test]
fn programs_have_the_byte_order_of_the_architectures() {
    let load = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
    for (arch, expected) in [(Arch::S390x, 0x0020), (Arch::X86_64, 0x2000)] {
        let mut context = context(arch);
        add(&mut context, ALLOW, IOCTL, &[]).unwrap();
        assert_eq!(load(&context.export_bpf().unwrap()), expected);
    }
}
